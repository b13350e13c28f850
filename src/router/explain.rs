//! Why a request takes the route it takes: the slow, talkative twin of [`Router::find`].

use std::sync::Arc;

use http::HeaderName;

use super::precedence::{Rank, compare};
use super::predicate::{Failed, failed};
use super::{Request, Router, path};
use crate::config::{HostPattern, Route};

/// What became of one route.
#[derive(Clone, Debug)]
pub struct Verdict<'r> {
    /// Into the slice given to [`Router::new`].
    pub index: usize,
    /// The route itself.
    pub route: &'r Arc<Route>,
    /// Wins, or lost, and why.
    pub outcome: Outcome,
}

/// Why a route won or lost.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The request takes this route.
    Wins,
    /// It matches on every count, but so does the winner.
    Outranked {
        /// The winner's index.
        by: usize,
        /// The rule by which the winner comes first.
        rule: Rule,
    },
    /// It would win, but without `;parameters` the path takes another route: nobody wins.
    Ambiguous {
        /// That route, `None` for none.
        otherwise: Option<usize>,
    },
    /// None of its hosts.
    Host,
    /// Its host, not its path.
    Path,
    /// Its host and its path, which is one of those that it leaves to others.
    Excepted,
    /// Host and path, none of its methods.
    Method,
    /// The first of its header conditions that does not hold.
    Header(HeaderName),
    /// The first of its query conditions that does not hold.
    Query(String),
}

/// A rule of precedence, as numbered in the module's documentation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rule {
    /// The more specific host.
    Host,
    /// The more specific path.
    Path,
    /// Methods are named.
    Method,
    /// More header conditions.
    Headers,
    /// More query conditions.
    Query,
    /// Earlier in the file.
    File,
}

impl Router {
    /// Every route once, in winning order (that of its most specific host that matches, or else of
    /// its most specific host), with what became of it.
    #[must_use]
    pub fn explain(&self, request: &Request<'_>) -> Vec<Verdict<'_>> {
        let winner = self.first(request);
        let otherwise = path::without_parameters(request.path)
            .map(|path| {
                self.first(&Request {
                    path: &path,
                    ..*request
                })
                .map(|rank| rank.index)
            })
            .filter(|bare| *bare != winner.map(|rank| rank.index));
        let mut verdicts = Vec::new();
        for rank in self.representatives(request) {
            let outcome = match (self.reason(rank, request), winner) {
                (Some(reason), _) => reason,
                (None, Some(winner)) if winner.index != rank.index => {
                    let rule = compare(&self.routes, winner, rank).1;
                    Outcome::Outranked {
                        by: winner.index,
                        rule,
                    }
                }
                (None, _) => otherwise.map_or(Outcome::Wins, |otherwise| Outcome::Ambiguous { otherwise }),
            };
            verdicts.push(Verdict {
                index: rank.index,
                route: &self.routes[rank.index].route,
                outcome,
            });
        }
        verdicts
    }

    fn first(&self, request: &Request<'_>) -> Option<&Rank> {
        self.order
            .iter()
            .find(|rank| self.reason(rank, request).is_none())
    }

    /// One place in the order for every route.
    fn representatives(&self, request: &Request<'_>) -> Vec<&Rank> {
        let mut places: Vec<Option<usize>> = vec![None; self.routes.len()];
        for (at, rank) in self.order.iter().enumerate() {
            let better = match places[rank.index] {
                None => true,
                Some(known) => {
                    !host_matches(&self.order[known], request.host) && host_matches(rank, request.host)
                }
            };
            if better {
                places[rank.index] = Some(at);
            }
        }
        let mut places: Vec<usize> = places.into_iter().flatten().collect();
        places.sort_unstable();
        places.into_iter().map(|at| &self.order[at]).collect()
    }

    /// Why the route at this rank does not match; `None` if it does.
    fn reason(&self, rank: &Rank, request: &Request<'_>) -> Option<Outcome> {
        let entry = &self.routes[rank.index];
        if !host_matches(rank, request.host) {
            return Some(Outcome::Host);
        }
        if !entry.shape.matches(request.path) {
            return Some(Outcome::Path);
        }
        if entry.excepts(request.path) {
            return Some(Outcome::Excepted);
        }
        failed(&entry.route, request).map(|failed| match failed {
            Failed::Method => Outcome::Method,
            Failed::Header(name) => Outcome::Header(name.clone()),
            Failed::Query(name) => Outcome::Query(name.to_owned()),
        })
    }
}

fn host_matches(rank: &Rank, host: &str) -> bool {
    match &rank.host {
        Some(HostPattern::Exact(name)) => name == host,
        Some(HostPattern::Suffix(suffix)) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
        None => true,
    }
}
