//! Which route a request takes, and what path goes on from there. Pure: no I/O, no locks, no `async`.
//! What is done with the route (forwarding, redirects, errors) is the proxy's.
//!
//! # Precedence
//!
//! That of the Kubernetes Gateway API, made complete. Of all routes that match a request on
//! every count, the first by these rules wins:
//!
//! 1. **Host**: an exact name, then the longest wildcard (`*.a.example.com` before
//!    `*.example.com`), then routes without host.
//! 2. **Path**: exact; then element prefixes, compared element by element from the left, where a
//!    literal comes before a capture and a capture before the end (for prefixes without captures
//!    this is "longest first"); then regular expressions in file order; then `/`, which says
//!    nothing about the path, so that a catch-all does not hide the regular expressions.
//! 3. **Method**: a route that names methods before one that does not.
//! 4. **Headers**: the most conditions first.
//! 5. **Query**: the most conditions first.
//! 6. **File order**: the first.
//!
//! What a route leaves to others (`path_except`) it does not match; for the order it says nothing.
//!
//! Among regular expressions only file order counts. A route that fails on a later count never
//! hides a less specific one: when no route of `api.example.com` matches, those of
//! `*.example.com` and then those without host are asked.
//!
//! The order is the same for every request, so that [`Router::order`] can print it; [`Router::find`]
//! gets there by maps and a tree of elements, [`Router::explain`] by walking the order.

use std::collections::HashMap;
use std::sync::Arc;

use http::{HeaderMap, Method};

use crate::config::{HostPattern, Route};

pub use captures::Captures;
pub use explain::{Outcome, Rule, Verdict};
pub use shadow::{Shadow, unreachable, warn_of_unreachable};

mod authority;
pub mod canonical;
mod captures;
mod explain;
mod path;
mod precedence;
mod predicate;
pub mod rewrite;
mod shadow;
#[cfg(test)]
mod tests;

use path::{Shape, Table};
use precedence::Rank;

/// All routes of one configuration, ready to be asked.
#[derive(Debug)]
pub struct Router {
    routes: Vec<Entry>,
    /// Every route once for each of its hosts, the winner first.
    order: Vec<Rank>,
    exact: HashMap<Box<str>, Table>,
    /// Keyed by what stands behind the star, with its leading dot.
    suffixes: HashMap<Box<str>, Table>,
    any: Table,
}

/// What the router looks at.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// As [`canonical::host`] gives it: lower case, no port, no trailing dot; empty if there is none.
    pub host: &'a str,
    /// As [`canonical::path`] gives it.
    pub path: &'a str,
    /// Behind the `?`, raw.
    pub query: Option<&'a str>,
    /// Case-sensitive.
    pub method: &'a Method,
    /// As received.
    pub headers: &'a HeaderMap,
}

/// The route that a request takes.
#[derive(Clone, Debug)]
pub struct Match<'r> {
    /// Into the slice given to [`Router::new`].
    pub index: usize,
    /// The route itself.
    pub route: &'r Arc<Route>,
    /// What stood in the places of the path's captures.
    pub captures: Captures,
}

/// A route, compiled.
#[derive(Debug)]
struct Entry {
    route: Arc<Route>,
    shape: Shape,
    /// What it leaves to others.
    except: Vec<Shape>,
    names: captures::Names,
}

impl Router {
    /// Compiles `routes`, which are in file order.
    #[must_use]
    pub fn new(routes: &[Arc<Route>]) -> Self {
        let routes: Vec<Entry> = routes.iter().map(Entry::new).collect();
        let order = precedence::order(&routes);
        let mut router = Self {
            exact: HashMap::new(),
            suffixes: HashMap::new(),
            any: Table::default(),
            order: Vec::new(),
            routes,
        };
        for rank in &order {
            let shape = &router.routes[rank.index].shape;
            let table = match &rank.host {
                Some(HostPattern::Exact(name)) => router.exact.entry(name.as_str().into()).or_default(),
                Some(HostPattern::Suffix(suffix)) => {
                    router.suffixes.entry(suffix.as_str().into()).or_default()
                }
                None => &mut router.any,
            };
            table.insert(shape, rank.index);
        }
        router.order = order;
        router
    }

    /// The most specific route that matches on every count, with its captures.
    ///
    /// Servers differ in whether `;parameters` belong to an element's name. Where that would lead
    /// to another route (`/admin;x` with routes for `/admin` and `/`), none is found: a request
    /// must not be in one tree for us and in another for the backend.
    #[must_use]
    pub fn find<'r>(&'r self, request: &Request<'_>) -> Option<Match<'r>> {
        let index = self.winner(request)?;
        if let Some(path) = path::without_parameters(request.path)
            && self.winner(&Request {
                path: &path,
                ..*request
            }) != Some(index)
        {
            return None;
        }
        let entry = &self.routes[index];
        let captures = Captures::of(&entry.names, &entry.route.path, request.path);
        Some(Match {
            index,
            route: &entry.route,
            captures,
        })
    }

    /// Every route and host in winning order: the index of the route and the host, `None` for any.
    pub fn order(&self) -> impl Iterator<Item = (usize, Option<&HostPattern>)> {
        self.order.iter().map(|rank| (rank.index, rank.host.as_ref()))
    }

    fn winner(&self, request: &Request<'_>) -> Option<usize> {
        let admits = |index: usize| {
            let entry = &self.routes[index];
            !entry.excepts(request.path) && predicate::failed(&entry.route, request).is_none()
        };
        let ask = |table: &Table| table.find(request.path, admits);
        let exact = self.exact.get(request.host).and_then(ask);
        let wild = if self.suffixes.is_empty() {
            ""
        } else {
            request.host
        };
        exact
            .or_else(|| suffixes(wild).find_map(|suffix| self.suffixes.get(suffix).and_then(ask)))
            .or_else(|| ask(&self.any))
    }
}

impl Entry {
    /// Whether a path that it matches is left to others.
    fn excepts(&self, path: &str) -> bool {
        self.except.iter().any(|except| except.matches(path))
    }

    fn new(route: &Arc<Route>) -> Self {
        Self {
            route: Arc::clone(route),
            shape: Shape::new(&route.path),
            except: route.path_except.iter().map(Shape::new).collect(),
            names: captures::names(&route.path),
        }
    }
}

/// `.b.c`, `.c` of `a.b.c`: everything that may stand behind a star, the longest first.
fn suffixes(host: &str) -> impl Iterator<Item = &str> {
    host.match_indices('.')
        .map(|(dot, _)| &host[dot..])
        .filter(|suffix| suffix.len() < host.len())
}
