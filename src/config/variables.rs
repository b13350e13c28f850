//! `${NAME}` and `${NAME:-default}` in texts; `$$` is a dollar sign.

use std::ffi::OsString;
use std::ops::Range;

use super::diagnostics::Code;
use super::parse::Malformed;

/// Where variables come from; the process's own in production, anything in tests.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// A text whose variables were replaced.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Replaced {
    pub(super) value: String,
    /// The variables that were asked for.
    pub(super) names: Vec<String>,
}

/// Replaces every variable; `None` when there is nothing to replace.
///
/// A `$` before anything but `{` and `$` is itself: regular expressions end with one.
pub(super) fn replace(
    text: &str,
    environment: Environment<'_>,
) -> Result<Option<Replaced>, Vec<(Code, Malformed)>> {
    if !text.contains("$$") && !text.contains("${") {
        return Ok(None);
    }
    let (mut value, mut names, mut wrongs) = (String::with_capacity(text.len()), Vec::new(), Vec::new());
    let mut rest = 0;
    while let Some(dollar) = text[rest..].find('$').map(|found| rest + found) {
        value.push_str(&text[rest..dollar]);
        let behind = &text[dollar + 1..];
        if behind.starts_with('$') {
            value.push('$');
            rest = dollar + 2;
        } else if let Some(inner) = behind.strip_prefix('{') {
            let Some(length) = inner.find('}') else {
                wrongs.push((Code::InvalidValue, unclosed(dollar..text.len())));
                return Err(wrongs);
            };
            rest = dollar + 2 + length + 1;
            match look_up(&inner[..length], environment) {
                Ok(found) => value.push_str(&found),
                Err((code, mut wrong)) => {
                    wrong.range = Some(dollar..rest);
                    wrongs.push((code, wrong));
                }
            }
            names.push(inner[..length].split(":-").next().unwrap_or_default().to_owned());
        } else {
            value.push('$');
            rest = dollar + 1;
        }
    }
    value.push_str(&text[rest..]);
    if wrongs.is_empty() {
        Ok(Some(Replaced { value, names }))
    } else {
        Err(wrongs)
    }
}

fn unclosed(range: Range<usize>) -> Malformed {
    Malformed {
        message: "`${` has no `}`".to_owned(),
        help: Some("write `${NAME}`, or `$$` for a dollar sign".to_owned()),
        range: Some(range),
    }
}

/// As in a shell, an empty variable takes its default too.
fn look_up(inner: &str, environment: Environment<'_>) -> Result<String, (Code, Malformed)> {
    let (name, default) = inner
        .split_once(":-")
        .map_or((inner, None), |(name, default)| (name, Some(default)));
    let wrong = |message: String, help: String| Malformed {
        message,
        help: Some(help),
        range: None,
    };
    let valid = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !valid {
        let help = "write `${NAME}` or `${NAME:-default}`; `$$` is a dollar sign".to_owned();
        return Err((
            Code::InvalidValue,
            wrong("not the name of an environment variable".to_owned(), help),
        ));
    }
    match (environment(name).map(OsString::into_string), default) {
        (Some(Ok(found)), None) => Ok(found),
        (Some(Ok(found)), Some(_)) if !found.is_empty() => Ok(found),
        (Some(Ok(_)) | None, Some(default)) => Ok(default.to_owned()),
        (None, None) => {
            let help = format!("set it, or give it a default: `${{{name}:-value}}`");
            Err((
                Code::Environment,
                wrong(format!("the environment variable `{name}` is not set"), help),
            ))
        }
        (Some(Err(_)), _) => {
            let help = "set it to plain UTF-8 text".to_owned();
            Err((
                Code::Environment,
                wrong(format!("the environment variable `{name}` is not UTF-8"), help),
            ))
        }
    }
}

/// Whether a key or header of this name usually holds a secret.
pub(crate) fn sensitive(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [
        "token",
        "secret",
        "password",
        "authorization",
        "cookie",
        "api-key",
        "api_key",
        "apikey",
    ]
    .iter()
    .any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<OsString> {
        match name {
            "HOST" => Some("app".into()),
            "EMPTY" => Some("".into()),
            _ => None,
        }
    }

    #[test]
    fn variables_are_replaced_as_in_a_shell() {
        for (text, value) in [
            ("${HOST}:80", "app:80"),
            ("${HOST}${HOST}", "appapp"),
            ("${NONE:-x}", "x"),
            ("${NONE:-}", ""),
            ("${EMPTY}", ""),
            ("${EMPTY:-x}", "x"),
            ("$$", "$"),
            ("$${HOST}", "${HOST}"),
            ("a$$b$", "a$b$"),
        ] {
            let replaced = replace(text, &environment);
            assert_eq!(
                replaced.map(|found| found.map(|it| it.value)),
                Ok(Some(value.to_owned())),
                "{text}"
            );
        }
    }

    #[test]
    fn a_single_dollar_is_itself() {
        assert_eq!(replace("^/a$|$b", &environment), Ok(None));
    }

    #[test]
    fn every_wrong_variable_is_told_with_its_range() {
        let wrongs = replace("${NONE}-${2}-${HOST", &environment)
            .map(|_| ())
            .map_err(|wrongs| {
                wrongs
                    .into_iter()
                    .map(|(code, wrong)| (code, wrong.range))
                    .collect::<Vec<_>>()
            });
        let expected = vec![
            (Code::Environment, Some(0..7)),
            (Code::InvalidValue, Some(8..12)),
            (Code::InvalidValue, Some(13..19)),
        ];
        assert_eq!(wrongs, Err(expected));
    }
}
