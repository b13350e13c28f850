//! The configuration: from JSON to a plugin, and what is wrong with it.

use serde_path_to_error::{Path, Segment};

use crate::Plugin;

/// Something that is wrong with a configuration. The gateway shows it at its line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// Where: a JSON Pointer (RFC 6901) into the configuration; empty for all of it.
    pub pointer: String,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl Problem {
    /// A problem at a JSON Pointer, such as `/rules/0/upstream`.
    pub fn at(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            message: message.into(),
        }
    }
}

/// Makes a plugin from its configuration.
///
/// # Errors
/// Every problem: the first one that keeps it from being read, or those that [`Plugin::check`] finds.
pub fn read<P: Plugin>(config: &str) -> Result<P, Vec<Problem>> {
    let json = &mut serde_json::Deserializer::from_str(config);
    let plugin: P = serde_path_to_error::deserialize(json).map_err(|error| vec![problem(&error)])?;
    let problems = plugin.check();
    if problems.is_empty() {
        Ok(plugin)
    } else {
        Err(problems)
    }
}

/// What is wrong with the name of a header that a plugin is to set or remove, if anything is: the name is not one
/// (RFC 9110 section 5.1), or the header is the gateway's own.
pub fn header_problem(name: &str) -> Option<String> {
    const OWNED: [&str; 18] = [
        "connection",
        "content-length",
        "expect",
        "forwarded",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-request-id",
    ];
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        return Some(format!("`{name}` is not the name of a header"));
    }
    let read_as = name.to_ascii_lowercase().replace(['_', '.'], "-");
    OWNED
        .contains(&read_as.as_str())
        .then(|| format!("`{name}` belongs to the gateway; no plugin can change it"))
}

/// What was probably meant by a name that is not there: `; did you mean ...?`, or nothing.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let meant = nearest(word, candidates.into_iter());
    meant
        .map(|meant| format!("; did you mean `{meant}`?"))
        .unwrap_or_default()
}

fn problem(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let mut message = error.inner().to_string();
    // The position in a JSON text that nobody wrote helps nobody.
    if let Some(at) = message.rfind(" at line ") {
        message.truncate(at);
    }
    let mut pointer = pointer(error.path());
    if let Some((unknown, candidates)) = unknown(&message.clone()) {
        let own = format!("/{}", escaped(unknown));
        if message.starts_with("unknown field") && !pointer.ends_with(&own) {
            pointer.push_str(&own);
        }
        message.push_str(&did_you_mean(unknown, candidates));
    }
    Problem { pointer, message }
}

/// The words in backticks of ``unknown field `a`, expected one of `b`, `c` ``.
fn unknown(message: &str) -> Option<(&str, impl Iterator<Item = &str>)> {
    if !message.starts_with("unknown ") {
        return None;
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    Some((quoted.next()?, quoted))
}

fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let tolerance = 1 + word.len() / 4;
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path.iter() {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            // What stands within a variant stands under its name: `{ "header": ... }`.
            Segment::Map { key } | Segment::Enum { variant: key } => {
                pointer.push_str(&format!("/{}", escaped(key)))
            }
            Segment::Unknown => {}
        }
    }
    pointer
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::configured;

    /// A configuration with a bit of everything.
    #[crate::config]
    struct Sample {
        /// How many.
        #[serde(default)]
        count: u8,
        /// More of it.
        #[serde(default)]
        rules: Vec<Rule>,
    }

    /// A rule.
    #[crate::config]
    #[serde(rename_all = "kebab-case")]
    enum Rule {
        /// By a header.
        Header(String),
        /// Always.
        Always,
    }

    impl Plugin for Sample {
        fn check(&self) -> Vec<Problem> {
            let rules = self.rules.iter().enumerate();
            rules
                .filter(|(_, rule)| matches!(rule, Rule::Header(name) if name.is_empty()))
                .map(|(at, _)| Problem::at(format!("/rules/{at}/header"), "a header needs a name"))
                .collect()
        }
    }

    #[test]
    fn problems_point_to_their_place() {
        for (config, pointer, message) in [
            (
                json!({ "cuont": 1 }),
                "/cuont",
                "unknown field `cuont`, expected `count` or `rules`; did you mean `count`?",
            ),
            (
                json!({ "count": 300 }),
                "/count",
                "invalid value: integer `300`, expected u8",
            ),
            (
                json!({ "rules": ["always", "alway"] }),
                "/rules/1",
                "unknown variant `alway`, expected `header` or `always`; did you mean `always`?",
            ),
            (
                json!({ "rules": [{ "header": 5 }] }),
                "/rules/0/header",
                "invalid type: integer `5`, expected a string",
            ),
            (
                json!({ "rules": [{ "header": "" }] }),
                "/rules/0/header",
                "a header needs a name",
            ),
            (
                json!({ "a/b~": 1 }),
                "/a~1b~0",
                "unknown field `a/b~`, expected `count` or `rules`",
            ),
        ] {
            let problems = configured::<Sample>(config.clone()).unwrap_err();
            assert_eq!(problems, [Problem::at(pointer, message)], "{config}");
        }
        let plugin: Sample = configured(json!({ "count": 3, "rules": ["always"] })).unwrap();
        assert_eq!(plugin.count, 3);
    }

    #[test]
    fn headers_of_the_gateway_are_told_from_others() {
        for (name, fine) in [
            ("x-user", true),
            ("X_User", true),
            ("Host", false),
            ("content_length", false),
            ("a b", false),
            ("", false),
        ] {
            assert_eq!(header_problem(name).is_none(), fine, "{name}");
        }
    }
}
