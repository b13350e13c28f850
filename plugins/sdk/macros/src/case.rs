//! `rename_all`, as serde understands it.

use proc_macro2::Span;
use syn::{Error, LitStr};

/// How names are written.
#[derive(Clone, Copy)]
pub(crate) enum Case {
    Lower,
    Upper,
    Pascal,
    Camel,
    Snake,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

impl Case {
    pub(crate) fn parse(name: &LitStr) -> Result<Self, Error> {
        Ok(match name.value().as_str() {
            "lowercase" => Self::Lower,
            "UPPERCASE" => Self::Upper,
            "PascalCase" => Self::Pascal,
            "camelCase" => Self::Camel,
            "snake_case" => Self::Snake,
            "SCREAMING_SNAKE_CASE" => Self::ScreamingSnake,
            "kebab-case" => Self::Kebab,
            "SCREAMING-KEBAB-CASE" => Self::ScreamingKebab,
            _ => return Err(Error::new(Span::call_site(), "unknown case")),
        })
    }

    /// The name of a field or a variant.
    pub(crate) fn apply(self, name: &str) -> String {
        let words = words(name);
        let lower = words.iter().map(|word| word.to_lowercase());
        match self {
            Self::Lower => lower.collect(),
            Self::Upper => lower.collect::<String>().to_uppercase(),
            Self::Pascal => words.iter().map(|word| capital(word)).collect(),
            Self::Camel => {
                let pascal: String = words.iter().map(|word| capital(word)).collect();
                let mut chars = pascal.chars();
                chars
                    .next()
                    .map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
            }
            Self::Snake => lower.collect::<Vec<_>>().join("_"),
            Self::ScreamingSnake => lower.collect::<Vec<_>>().join("_").to_uppercase(),
            Self::Kebab => lower.collect::<Vec<_>>().join("-"),
            Self::ScreamingKebab => lower.collect::<Vec<_>>().join("-").to_uppercase(),
        }
    }
}

/// Of `some_field` and of `SomeVariant`.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for part in name.split('_') {
        let mut fresh = true;
        for char in part.chars() {
            if fresh || char.is_uppercase() {
                words.push(String::new());
            }
            fresh = false;
            if let Some(word) = words.last_mut() {
                word.push(char);
            }
        }
    }
    words
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_serde_writes_them() {
        for (case, field, variant) in [
            (Case::Snake, "read_timeout", "read_timeout"),
            (Case::Kebab, "read-timeout", "read-timeout"),
            (Case::Camel, "readTimeout", "readTimeout"),
            (Case::Pascal, "ReadTimeout", "ReadTimeout"),
            (Case::ScreamingSnake, "READ_TIMEOUT", "READ_TIMEOUT"),
            (Case::ScreamingKebab, "READ-TIMEOUT", "READ-TIMEOUT"),
        ] {
            assert_eq!(case.apply("read_timeout"), field);
            assert_eq!(case.apply("ReadTimeout"), variant);
        }
        assert_eq!(Case::Lower.apply("ReadTimeout"), "readtimeout");
        assert_eq!(Case::Upper.apply("ReadTimeout"), "READTIMEOUT");
    }
}
