//! Who is sent where.

use gatewit_plugin::prelude::*;

use crate::location::{encoded, host, rooted};

/// Who is sent where. What is not said matches everybody.
#[config]
pub(crate) struct Rule {
    /// The host of the request, without its port.
    host: Option<String>,
    /// The whole path.
    exact: Option<String>,
    /// What the path begins with, whole elements: `/old` also matches `/old/page`, not `/older`. What follows it is kept.
    prefix: Option<String>,
    /// Where to: a path such as `/new`, or `https://host/path`.
    to: String,
    /// 301, 302, 303, 307 or 308.
    status: Option<Status>,
    /// Whether the query is kept.
    #[serde(default = "yes")]
    keep_query: bool,
}

/// Status of a redirect (RFC 9110 section 15.4).
#[config]
#[serde(try_from = "u16")]
#[derive(Clone, Copy)]
pub(crate) struct Status(u16);

fn yes() -> bool {
    true
}

impl Rule {
    pub(crate) fn problems(&self, at: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut complain = |key: &str, why: String| problems.push(Problem::at(format!("{at}/{key}"), why));
        if self.host.as_deref().is_some_and(|name| host(name) != Some(name)) {
            complain("host", "a host without its port".to_owned());
        }
        if self.exact.is_some() && self.prefix.is_some() {
            complain("prefix", "either `exact` or `prefix`".to_owned());
        }
        for (key, path) in [("exact", &self.exact), ("prefix", &self.prefix)] {
            if path.as_ref().is_some_and(|path| !is_path(path)) {
                complain(key, "a path begins with one `/`, and has no query".to_owned());
            }
        }
        if let Some(why) = self.problem_of_target() {
            complain("to", why);
        }
        problems
    }

    fn problem_of_target(&self) -> Option<String> {
        let (path, query) = self.to.split_once('?').unwrap_or((&self.to, ""));
        let local = match split(path) {
            Some((authority, path)) if host(authority).is_some() => {
                if !path.is_empty() && !is_path(path) {
                    return Some("not an address to send anybody to".to_owned());
                }
                None
            }
            None if is_path(path) => Some(path),
            _ => return Some("a path such as `/new`, or `https://host/path`".to_owned()),
        };
        if encoded(query, "?") != query {
            return Some("not a query".to_owned());
        }
        if self.exact.is_none() && self.to.contains('?') {
            return Some(
                "only `exact` can lead to a query: the rest of the path could not follow it".to_owned(),
            );
        }
        let leads_back = local.is_some_and(|to| self.matches(self.host.as_deref(), to));
        leads_back.then(|| "leads back to where it comes from".to_owned())
    }

    pub(crate) fn matches(&self, host: Option<&str>, path: &str) -> bool {
        let is_host = |own: &String| host.is_some_and(|host| host.eq_ignore_ascii_case(own));
        self.host.as_ref().is_none_or(is_host)
            && match &self.exact {
                Some(exact) => exact == path,
                None => self.rest(path).is_some(),
            }
    }

    /// Where a path that matches leads.
    pub(crate) fn target(&self, path: &str) -> String {
        if self.exact.is_some() {
            return self.to.clone();
        }
        let rest = self.rest(path).unwrap_or_default();
        if rest.is_empty() {
            return self.to.clone();
        }
        self.to.trim_end_matches('/').to_owned() + &rooted(&encoded(rest, ""))
    }

    pub(crate) fn keeps_query(&self) -> bool {
        self.keep_query
    }

    pub(crate) fn status(&self) -> Option<Status> {
        self.status
    }

    /// What follows the prefix: nothing, or what begins with `/`.
    fn rest<'a>(&self, path: &'a str) -> Option<&'a str> {
        let prefix = self.prefix.as_deref().unwrap_or("/").trim_end_matches('/');
        let rest = path.strip_prefix(prefix)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }
}

/// Host, with its port, and path of an absolute target.
fn split(target: &str) -> Option<(&str, &str)> {
    let rest = target
        .strip_prefix("https://")
        .or_else(|| target.strip_prefix("http://"))?;
    Some(rest.split_at(rest.find('/').unwrap_or(rest.len())))
}

fn is_path(path: &str) -> bool {
    path.starts_with('/') && !path.starts_with("//") && encoded(path, "") == path
}

impl Status {
    pub(crate) fn code(self) -> u16 {
        self.0
    }
}

/// For good, and with the method kept (RFC 9110 section 15.4.9).
impl Default for Status {
    fn default() -> Self {
        Self(308)
    }
}

impl TryFrom<u16> for Status {
    type Error = String;

    fn try_from(code: u16) -> Result<Self, String> {
        if [301, 302, 303, 307, 308].contains(&code) {
            Ok(Self(code))
        } else {
            Err(format!("{code} redirects nobody: 301, 302, 303, 307 or 308"))
        }
    }
}
