//! The one order of all routes, as the module's documentation states it.

use std::cmp::{Ordering, Reverse};

use super::Entry;
use super::explain::Rule;
use super::path::{Part, Shape};
use crate::config::{HostPattern, Route};

/// A route in its place, once for each of its hosts.
#[derive(Clone, Debug)]
pub(super) struct Rank {
    pub(super) index: usize,
    /// `None`: any host.
    pub(super) host: Option<HostPattern>,
}

/// Every route once for each of its hosts, the winner first.
pub(super) fn order(routes: &[Entry]) -> Vec<Rank> {
    let ranks = routes.iter().enumerate().flat_map(|(index, entry)| {
        let named = entry.route.hosts.iter().cloned().map(Some);
        let any = entry.route.hosts.is_empty().then_some(None);
        named.chain(any).map(move |host| Rank { index, host })
    });
    let mut ranks: Vec<Rank> = ranks.collect();
    ranks.sort_by(|a, b| compare(routes, a, b).0);
    ranks
}

/// Which of two comes first, and by which rule.
pub(super) fn compare(routes: &[Entry], a: &Rank, b: &Rank) -> (Ordering, Rule) {
    let [first, second] = [&routes[a.index], &routes[b.index]];
    let host = host_key(a.host.as_ref()).cmp(&host_key(b.host.as_ref()));
    let path = compare_paths(&first.shape, &second.shape);
    let mut decisions = vec![(host, Rule::Host), (path, Rule::Path)];
    if !matches!(first.shape, Shape::Regex(_)) {
        let [first, second] = [first, second].map(|entry| conditions(&entry.route));
        let rules = [Rule::Method, Rule::Headers, Rule::Query];
        decisions.extend(
            rules
                .into_iter()
                .enumerate()
                .map(|(at, rule)| (second[at].cmp(&first[at]), rule)),
        );
    }
    let decided = decisions.into_iter().find(|(ordering, _)| ordering.is_ne());
    decided.unwrap_or_else(|| (a.index.cmp(&b.index), Rule::File))
}

/// How much a route asks for: methods at all, headers, query parameters.
fn conditions(route: &Route) -> [usize; 3] {
    [
        usize::from(!route.methods.is_empty()),
        route.headers.len(),
        route.query.len(),
    ]
}

/// Names break ties between hosts that never compete, to make the order complete.
fn host_key(host: Option<&HostPattern>) -> (u8, Reverse<usize>, &str) {
    match host {
        Some(HostPattern::Exact(name)) => (0, Reverse(0), name),
        Some(HostPattern::Suffix(suffix)) => (1, Reverse(suffix.len()), suffix),
        None => (2, Reverse(0), ""),
    }
}

fn compare_paths(a: &Shape, b: &Shape) -> Ordering {
    let kind = |shape: &Shape| match shape {
        Shape::Exact(_) => 0,
        Shape::Prefix(parts) if !parts.is_empty() => 1,
        Shape::Regex(_) => 2,
        Shape::Prefix(_) => 3,
    };
    kind(a).cmp(&kind(b)).then_with(|| match (a, b) {
        (Shape::Exact(a), Shape::Exact(b)) => a.cmp(b),
        (Shape::Prefix(a), Shape::Prefix(b)) => steps(a).cmp(steps(b)),
        _ => Ordering::Equal,
    })
}

/// A literal before a capture, a capture before the end.
fn steps(parts: &[Part]) -> impl Iterator<Item = (u8, &str)> {
    let steps = parts.iter().map(|part| match part {
        Part::Literal(text) => (0, text.as_ref()),
        Part::Capture => (1, ""),
    });
    steps.chain(std::iter::once((2, "")))
}
