//! When a rule holds.

use std::borrow::Cow;

use gatewit_plugin::jwt;
use gatewit_plugin::prelude::*;

/// One condition, or several that must all hold.
#[config]
#[serde(
    untagged,
    expecting = "expected a condition, such as { header = \"x-version\", is = \"2\" }, or a list of them"
)]
pub(crate) enum Conditions {
    /// All of these; none always hold.
    All(Vec<Condition>),
    /// One.
    One(Box<Condition>),
}

/// Something that holds for a request or does not. It asks for exactly one of header, cookie, query, claim, path and
/// method.
#[config]
#[serde(default)]
#[derive(Default)]
pub(crate) struct Condition {
    /// A header's name.
    header: Option<String>,
    /// A cookie's name.
    cookie: Option<String>,
    /// A query parameter's name.
    query: Option<String>,
    /// A claim of the token that a plugin in front has verified. `/` in front makes it a JSON Pointer.
    claim: Option<String>,
    /// The canonical path: one or several. `/a/*` is all that begins with `/a/`.
    path: Option<Patterns>,
    /// The method: one or several.
    method: Option<Patterns>,
    /// What the value of header, cookie, query parameter or claim must be: one or several; `2.*` is all that begins with
    /// `2.`. Without it any value will do. A claim that is a list must contain it.
    is: Option<Patterns>,
    /// Turns it around: holds when it would not.
    not: bool,
}

/// One pattern or several; one that ends with `*` stands for all that begins so.
#[config]
#[serde(untagged, expecting = "expected a string or a list of strings")]
pub(crate) enum Patterns {
    /// One.
    One(String),
    /// Any of these.
    Any(Vec<String>),
}

impl Default for Conditions {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

impl Conditions {
    pub(crate) fn hold(&self, request: &Request) -> bool {
        match self {
            Self::One(condition) => condition.holds(request),
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds(request)),
        }
    }

    pub(crate) fn problems(&self, at: &str) -> Vec<Problem> {
        match self {
            Self::One(condition) => condition.problem(at).into_iter().collect(),
            Self::All(conditions) => {
                let each = conditions.iter().enumerate();
                each.filter_map(|(number, condition)| condition.problem(&format!("{at}/{number}")))
                    .collect()
            }
        }
    }
}

impl Condition {
    fn holds(&self, request: &Request) -> bool {
        self.is_met(request) != self.not
    }

    fn is_met(&self, request: &Request) -> bool {
        if let Some(path) = &self.path {
            return path.match_any(&request.path());
        }
        if let Some(method) = &self.method {
            return method.match_any(&request.method());
        }
        if let Some(name) = &self.header {
            return self.matches(request.header_values(name).iter().map(|value| lossy(value)));
        }
        let values: Vec<String> = if let Some(name) = &self.cookie {
            request.cookie_text(name).into_iter().collect()
        } else if let Some(name) = &self.query {
            request.query_param(name).into_iter().collect()
        } else {
            self.claim.as_deref().map(claims).unwrap_or_default()
        };
        self.matches(values.into_iter().map(Cow::Owned))
    }

    fn matches<'v>(&self, mut values: impl Iterator<Item = Cow<'v, str>>) -> bool {
        match &self.is {
            None => values.next().is_some(),
            Some(patterns) => values.any(|value| patterns.match_any(&value)),
        }
    }

    fn problem(&self, at: &str) -> Option<Problem> {
        let named = [&self.header, &self.cookie, &self.query, &self.claim]
            .into_iter()
            .flatten()
            .count();
        let direct = [&self.path, &self.method].into_iter().flatten().count();
        match (named, direct) {
            (1, 0) => None,
            (0, 1) if self.is.is_some() => Some(Problem::at(
                format!("{at}/is"),
                "`path` and `method` hold what they must be themselves",
            )),
            (0, 1) => None,
            _ => Some(Problem::at(
                at,
                "exactly one of `header`, `cookie`, `query`, `claim`, `path`, `method`",
            )),
        }
    }
}

impl Patterns {
    fn match_any(&self, value: &str) -> bool {
        let patterns = match self {
            Self::One(pattern) => std::slice::from_ref(pattern),
            Self::Any(patterns) => patterns,
        };
        patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) => value.starts_with(beginning),
            None => value == pattern,
        })
    }
}

fn lossy(value: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(value) {
        Ok(text) => Cow::Borrowed(text.trim()),
        Err(_) => Cow::Owned(String::from_utf8_lossy(value).trim().to_owned()),
    }
}

/// A claim's values as text: those of a list one by one.
fn claims(name: &str) -> Vec<String> {
    use gatewit_plugin::serde_json::Value;

    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match jwt::claim(name) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(values)) => values.iter().map(text).collect(),
        Some(value) => vec![text(&value)],
    }
}
