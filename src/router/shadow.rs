//! Routes that can never be taken, because another one takes everything that they could.

use std::collections::HashMap;
use std::sync::Arc;

use super::Entry;
use super::path::Shape;
use super::precedence::{Rank, order};
use crate::config::{HostPattern, Loaded, Route, ValuePattern};

/// A route that can never be taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Shadow {
    /// Its index.
    pub dead: usize,
    /// The index of the route that takes its place (for its first host).
    pub by: usize,
}

/// Routes that can never be taken, in file order. Says so only when it is certain: for every host
/// of the route there is one other that comes first and asks for nothing more.
#[must_use]
pub fn unreachable(routes: &[Arc<Route>]) -> Vec<Shadow> {
    let entries: Vec<Entry> = routes.iter().map(Entry::new).collect();
    let mut rivals: HashMap<Option<HostPattern>, Vec<usize>> = HashMap::new();
    let mut alive = vec![false; entries.len()];
    let mut shadows = vec![None; entries.len()];
    for Rank { index, host } in order(&entries) {
        // Only of the same host pattern: a wider one comes later and takes nothing away.
        let earlier = rivals.entry(host).or_default();
        match earlier
            .iter()
            .find(|rival| covers(&entries[**rival], &entries[index]))
        {
            Some(by) => {
                shadows[index].get_or_insert(Shadow { dead: index, by: *by });
            }
            None => {
                alive[index] = true;
                earlier.push(index);
            }
        }
    }
    shadows
        .into_iter()
        .flatten()
        .filter(|shadow| !alive[shadow.dead])
        .collect()
}

/// Adds a warning to a configuration for each of its [`unreachable()`] routes.
pub fn warn_of_unreachable(loaded: &mut Loaded) {
    let shadows = unreachable(&loaded.config.routes);
    loaded.warn_unreachable(shadows.into_iter().map(|Shadow { dead, by }| (dead, by)));
}

/// Whether every request that matches `dead` matches `by`, hosts aside.
fn covers(by: &Entry, dead: &Entry) -> bool {
    let methods = by.route.methods.is_empty()
        || (!dead.route.methods.is_empty()
            && dead
                .route
                .methods
                .iter()
                .all(|method| by.route.methods.contains(method)));
    methods
        && by.except.is_empty()
        && contains_all(&dead.route.headers, &by.route.headers)
        && contains_all(&dead.route.query, &by.route.query)
        && path_covers(&by.shape, &dead.shape)
}

/// Whether every condition in `wanted` is one of `conditions`, or weaker than one of them.
fn contains_all<N: PartialEq>(conditions: &[(N, ValuePattern)], wanted: &[(N, ValuePattern)]) -> bool {
    wanted.iter().all(|(name, weak)| {
        conditions
            .iter()
            .any(|(known, strong)| known == name && implies(strong, weak))
    })
}

fn implies(strong: &ValuePattern, weak: &ValuePattern) -> bool {
    match (strong, weak) {
        (ValuePattern::Absent, ValuePattern::Absent)
        | (ValuePattern::Present | ValuePattern::Exact(_) | ValuePattern::Regex(_), ValuePattern::Present) => {
            true
        }
        (ValuePattern::Exact(a), ValuePattern::Exact(b)) => a == b,
        (ValuePattern::Exact(text), ValuePattern::Regex(regex)) => regex.is_match(text),
        (ValuePattern::Regex(a), ValuePattern::Regex(b)) => a.as_str() == b.as_str(),
        _ => false,
    }
}

fn path_covers(by: &Shape, dead: &Shape) -> bool {
    match (by, dead) {
        (Shape::Exact(by), Shape::Exact(dead)) => by == dead,
        (Shape::Prefix(by), Shape::Prefix(dead)) => by == dead,
        (Shape::Regex(by), Shape::Regex(dead)) => by.as_str() == dead.as_str(),
        // What matches the expression begins with its literal text, of which the last element may go on.
        (Shape::Prefix(_), Shape::Regex(dead)) => {
            let text = literal_start(dead.as_str());
            text.rfind('/')
                .is_some_and(|end| end > 0 && by.matches(&text[..end]))
        }
        _ => false,
    }
}

/// Text that everything which the expression matches begins with; empty when that is not plain to see.
fn literal_start(expression: &str) -> &str {
    let anchored = expression
        .strip_prefix("^(?:")
        .and_then(|rest| rest.strip_suffix(")$"));
    let Some(text) = anchored.filter(|text| !text.contains(['|', '\\']) && !text.contains("(?")) else {
        return "";
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_/~%".contains(c);
    let end = text.find(|c| !plain(c)).unwrap_or(text.len());
    // A quantifier that allows for none takes the last character back.
    let optional = text[end..].starts_with(['?', '*', '{']);
    &text[..end.saturating_sub(usize::from(optional))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::tests::routes;

    #[test]
    fn a_route_behind_one_that_takes_everything_is_dead() {
        for (by, dead) in [
            ("/a", "/a"),
            ("/", "/"),
            ("=/a", "=/a"),
            ("/a", "/a/"),
            ("/~a", "/%7ea"),
            ("~/a.*", "~/a.*"),
            ("/u/{id}", "/u/{name}"),
            ("@h /", "@h /"),
            ("@*.h @h /a", "@h /a"),
            ("GET POST /a", "GET /a"),
            ("/a k:v", "/a k:v"),
            ("/a k:", "/a k:v"),
            ("/a k:~v.*", "/a k:vw"),
            ("/a ?q=1", "/a ?q=1"),
            ("/api", "~/api/v[0-9]+"),
            ("/api", "~/api/vv?"),
            ("/{x}", "~/api/.*"),
        ] {
            assert_eq!(
                unreachable(&routes(&[by, dead])),
                [Shadow { dead: 1, by: 0 }],
                "{by} | {dead}"
            );
        }
    }

    #[test]
    fn a_route_that_can_win_is_never_called_dead() {
        for (first, second) in [
            ("/", "/a"),
            ("/a", "=/a"),
            ("/a", "/a/b"),
            ("/a", "/b"),
            ("/", "~/.*"),
            ("/", "@h /"),
            ("@h /", "/"),
            ("@h /", "@h @i /"),
            ("@*.h /", "@*.a.h /"),
            ("GET /a", "/a"),
            ("GET /a", "GET POST /a"),
            ("/a k:v", "/a"),
            ("/a k:v", "/a k:w"),
            ("/a k:v", "/a k:"),
            ("/a k:!", "/a k:v"),
            ("/a k:v", "/a j:v"),
            ("/a ?q=1", "/a ?q=2"),
            ("/a", "/a k:v"),
            ("/u/{id}", "/u/me"),
            ("~/a", "~/b"),
            ("~/a", "~/a.*"),
            ("/api", "~/api.*"),
            ("/api", "~/ap.*"),
            ("/api/v1", "~/api/v[0-9]/x"),
            ("/api", "~/api/x|/y"),
            ("/api", "~(/api/x)?/y"),
            ("/api/v1", "~/api/v1?/x"),
            ("/api/v1", "~/api/v1/*x"),
            ("/api", "~(?s)/api/x"),
            // It cannot win, but that is not plain to see.
            ("/api", "~/api/(?<x>.*)"),
            ("/{x}/{y}", "~/a/.*"),
            ("GET /api", "~/api/x.*"),
            ("/a !/a/b", "/a"),
        ] {
            assert_eq!(unreachable(&routes(&[first, second])), [], "{first} | {second}");
        }
    }

    #[test]
    fn a_route_is_dead_when_all_its_hosts_are() {
        let shadows = unreachable(&routes(&["@b /", "@a /", "@a @b /", "@a @b @c /", "@c /"]));
        assert_eq!(shadows, [Shadow { dead: 2, by: 1 }, Shadow { dead: 4, by: 3 }]);
    }
}
