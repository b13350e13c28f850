//! What a token allows.

use gatewit_plugin::serde_json::Value;
use gatewit_plugin::{config, jwt};

/// What a claim must be.
#[config]
#[serde(
    untagged,
    expecting = "expected a string, a whole number, true, false, or a list of them"
)]
pub(crate) enum Allowed {
    /// One of these.
    Any(Vec<Scalar>),
    /// This.
    One(Scalar),
}

/// A value that claims are compared with.
#[config]
#[serde(untagged)]
pub(crate) enum Scalar {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A string.
    Text(String),
}

impl Allowed {
    /// Whether a claim is, or a list contains, what is allowed.
    pub(crate) fn holds(&self, claim: &Value) -> bool {
        let is_allowed = |value: &Value| match self {
            Self::Any(many) => many.iter().any(|one| one.is(value)),
            Self::One(one) => one.is(value),
        };
        match claim {
            Value::Array(values) => values.iter().any(is_allowed),
            value => is_allowed(value),
        }
    }
}

impl Scalar {
    fn is(&self, value: &Value) -> bool {
        match self {
            Self::Boolean(boolean) => value.as_bool() == Some(*boolean),
            Self::Integer(integer) => value.as_i64() == Some(*integer),
            Self::Text(text) => value.as_str() == Some(text),
        }
    }
}

/// Whether the token has every scope: in `scope` (RFC 8693 section 4.2) or in `scp`, as one string or as a list.
pub(crate) fn has_scopes(needed: &[String]) -> bool {
    if needed.is_empty() {
        return true;
    }
    let claims = [jwt::claim("scope"), jwt::claim("scp")];
    let granted: Vec<&str> = claims.iter().flatten().flat_map(words).collect();
    needed.iter().all(|scope| granted.contains(&scope.as_str()))
}

fn words(claim: &Value) -> Vec<&str> {
    match claim {
        Value::String(text) => text.split(' ').collect(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}
