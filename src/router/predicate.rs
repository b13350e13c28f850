//! The conditions of a route besides host and path: method, headers, query.
//!
//! Several lines of one header are one value, joined by commas (RFC 9110, 5.3; cookies by `; `,
//! RFC 9113, 8.2.3): whoever reads only the first or only the last of them must not be able to
//! read something that the router did not see. Of several query parameters of one name the first
//! counts. Names and values of the query are percent-decoded, with `+` as a space.

use std::borrow::Cow;

use http::header::COOKIE;
use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode;

use super::Request;
use crate::config::{Route, ValuePattern};

/// A condition that does not hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Failed<'r> {
    Method,
    Header(&'r HeaderName),
    Query(&'r str),
}

/// The first condition that does not hold; `None` when all do.
pub(super) fn failed<'r>(route: &'r Route, request: &Request<'_>) -> Option<Failed<'r>> {
    if !route.methods.is_empty() && !route.methods.contains(request.method) {
        return Some(Failed::Method);
    }
    let header = route
        .headers
        .iter()
        .find(|(name, pattern)| !header_matches(request.headers, name, pattern));
    if let Some((name, _)) = header {
        return Some(Failed::Header(name));
    }
    let query = route
        .query
        .iter()
        .find(|(name, pattern)| !query_matches(request.query, name, pattern));
    query.map(|(name, _)| Failed::Query(name))
}

fn header_matches(headers: &HeaderMap, name: &HeaderName, pattern: &ValuePattern) -> bool {
    let mut lines = headers.get_all(name).iter();
    let value = match (lines.next(), lines.next()) {
        (None, _) => None,
        (Some(only), None) => Some(Cow::Borrowed(only.as_bytes())),
        (Some(_), Some(_)) => {
            let separator: &[u8] = if name == COOKIE { b"; " } else { b"," };
            let lines: Vec<&[u8]> = headers.get_all(name).iter().map(|line| line.as_bytes()).collect();
            Some(Cow::Owned(lines.join(separator)))
        }
    };
    value_matches(value.as_deref(), pattern)
}

fn query_matches(query: Option<&str>, name: &str, pattern: &ValuePattern) -> bool {
    let parameters = query
        .unwrap_or_default()
        .split('&')
        .filter(|parameter| !parameter.is_empty());
    let mut parameters = parameters.map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")));
    let value = parameters
        .find(|(key, _)| *decoded(key) == *name.as_bytes())
        .map(|(_, value)| decoded(value));
    value_matches(value.as_deref(), pattern)
}

fn value_matches(value: Option<&[u8]>, pattern: &ValuePattern) -> bool {
    match pattern {
        ValuePattern::Present => value.is_some(),
        ValuePattern::Absent => value.is_none(),
        ValuePattern::Exact(text) => value == Some(text.as_bytes()),
        ValuePattern::Regex(regex) => value
            .and_then(|value| std::str::from_utf8(value).ok())
            .is_some_and(|text| regex.is_match(text)),
    }
}

fn decoded(text: &str) -> Cow<'_, [u8]> {
    if !text.contains('+') {
        return percent_decode(text.as_bytes()).into();
    }
    let spaced = text.replace('+', " ");
    Cow::Owned(percent_decode(spaced.as_bytes()).collect())
}
