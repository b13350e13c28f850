//! Routes that can never be taken, because another one takes everything that they could.

use std::collections::HashMap;
use std::sync::Arc;

use super::Entry;
use super::path::Shape;
use super::precedence::{Rank, order};
use crate::config::{HostPattern, Route, ValuePattern};

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
    let mut earlier: HashMap<Option<HostPattern>, Vec<usize>> = HashMap::new();
    // For each route: alive, or who takes the place of it.
    let mut fate: Vec<Option<Result<usize, ()>>> = vec![None; entries.len()];
    for Rank { index, host } in order(&entries) {
        // A wider host pattern comes later and so takes nothing away.
        let rivals = earlier.entry(host).or_default();
        let covering = rivals
            .iter()
            .copied()
            .find(|rival| covers(&entries[*rival], &entries[index]));
        match (covering, &mut fate[index]) {
            (Some(by), unknown @ None) => *unknown = Some(Ok(by)),
            (Some(_), Some(_)) => {}
            (None, fate) => {
                *fate = Some(Err(()));
                rivals.push(index);
            }
        }
    }
    let dead = fate
        .into_iter()
        .enumerate()
        .filter_map(|(dead, fate)| match fate {
            Some(Ok(by)) => Some(Shadow { dead, by }),
            _ => None,
        });
    dead.collect()
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
    let inner = expression.strip_prefix('^').unwrap_or(expression);
    let inner = inner.strip_prefix("(?:").unwrap_or(inner);
    if expression.contains(['|', '\\'])
        || !expression.starts_with('^')
        || inner.contains("(?") && inner.contains("(?i")
    {
        return "";
    }
    let end = inner
        .find(|c: char| !c.is_ascii_alphanumeric() && !"-_/~%".contains(c))
        .unwrap_or(inner.len());
    let optional = inner[end..].starts_with(['?', '*', '{']);
    &inner[..end - usize::from(optional && end > 0)]
}
