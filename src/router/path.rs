//! Path patterns, compiled: one pattern as a [`Shape`], all patterns of one host as a [`Table`].
//! Paths are canonical on both sides.

use std::borrow::Cow;
use std::collections::HashMap;

use regex::Regex;

use super::canonical;
use crate::config::{Element, PathPattern};

/// One pattern.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    Exact(Box<str>),
    /// Prefixes and templates; empty for `/`.
    Prefix(Vec<Part>),
    Regex(Regex),
}

/// One element of a prefix.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Part {
    Literal(Box<str>),
    Capture,
}

impl Shape {
    pub(super) fn new(pattern: &PathPattern) -> Self {
        match pattern {
            PathPattern::Exact(text) => Self::Exact(spelled(text).into()),
            PathPattern::Prefix(text) => Self::Prefix(parts(&spelled(text)).map(literal).collect()),
            PathPattern::Template(elements) => Self::Prefix(
                elements
                    .iter()
                    .map(|element| match element {
                        Element::Literal(text) => {
                            literal(spelled(&format!("/{text}")).trim_start_matches('/'))
                        }
                        Element::Capture(_) => Part::Capture,
                    })
                    .collect(),
            ),
            PathPattern::Regex(regex) => Self::Regex(regex.clone()),
        }
    }

    pub(super) fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exact(exact) => **exact == *path,
            Self::Prefix(prefix) => {
                let mut elements = path.split('/').skip(1);
                path.starts_with('/')
                    && prefix.iter().all(|part| match (part, elements.next()) {
                        (Part::Literal(text), Some(element)) => **text == *element,
                        (Part::Capture, Some(element)) => !element.is_empty(),
                        (_, None) => false,
                    })
            }
            Self::Regex(regex) => path.starts_with('/') && regex.is_match(path),
        }
    }
}

/// Patterns are written by people and meant as they would arrive: `/%7euser` means `/~user`.
/// What has no canonical form matches nothing, and stays as it is.
fn spelled(text: &str) -> Cow<'_, str> {
    canonical::path(text).unwrap_or(Cow::Borrowed(text))
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

fn literal(text: &str) -> Part {
    Part::Literal(text.into())
}

/// `path` as a server reads it that cuts every element at its first `;`; `None` if there is nothing to cut.
pub(super) fn without_parameters(path: &str) -> Option<String> {
    if !path.contains(';') {
        return None;
    }
    let bare = path
        .split('/')
        .map(|element| element.split(';').next().unwrap_or(element));
    let joined = bare.collect::<Vec<_>>().join("/");
    // Canonical paths have no dots to be laid bare; if they had, the empty path would match nothing.
    Some(canonical::path(&joined).map(Cow::into_owned).unwrap_or_default())
}

/// The routes of one host pattern. Routes are given by their index and in winning order.
#[derive(Debug, Default)]
pub(super) struct Table {
    exact: HashMap<Box<str>, Vec<usize>>,
    prefixes: Node,
    regexes: Vec<(Regex, usize)>,
    root: Vec<usize>,
}

#[derive(Debug, Default)]
struct Node {
    /// Sorted by name.
    literals: Vec<(Box<str>, Self)>,
    capture: Option<Box<Self>>,
    routes: Vec<usize>,
}

impl Table {
    /// To be called in winning order.
    pub(super) fn insert(&mut self, shape: &Shape, index: usize) {
        match shape {
            Shape::Exact(path) => self.exact.entry(path.clone()).or_default().push(index),
            Shape::Prefix(parts) if parts.is_empty() => self.root.push(index),
            Shape::Prefix(parts) => {
                let leaf = parts.iter().fold(&mut self.prefixes, Node::child);
                leaf.routes.push(index);
            }
            Shape::Regex(regex) => self.regexes.push((regex.clone(), index)),
        }
    }

    /// The first route for `path` that `admits` lets pass.
    pub(super) fn find(&self, path: &str, admits: impl Fn(usize) -> bool) -> Option<usize> {
        let first = |routes: &[usize]| routes.iter().copied().find(|index| admits(*index));
        if let Some(found) = self.exact.get(path).and_then(|routes| first(routes)) {
            return Some(found);
        }
        let below_root = path.strip_prefix('/')?;
        if let Some(found) = self.prefixes.find(Some(below_root), &first) {
            return Some(found);
        }
        let regex = self
            .regexes
            .iter()
            .find(|(regex, index)| regex.is_match(path) && admits(*index));
        regex.map(|(_, index)| *index).or_else(|| first(&self.root))
    }
}

impl Node {
    fn child(&mut self, part: &Part) -> &mut Self {
        match part {
            Part::Capture => self.capture.get_or_insert_default(),
            Part::Literal(text) => {
                let at = match self.place(text) {
                    Ok(at) => at,
                    Err(at) => {
                        self.literals.insert(at, (text.clone(), Self::default()));
                        at
                    }
                };
                &mut self.literals[at].1
            }
        }
    }

    fn place(&self, text: &str) -> Result<usize, usize> {
        self.literals.binary_search_by(|(name, _)| (**name).cmp(text))
    }

    /// Depth first, literals first: the order of precedence. Visits no node twice, and is as deep
    /// as the longest pattern, not the path. `rest` begins with an element; `None` at the end.
    fn find(&self, rest: Option<&str>, first: &impl Fn(&[usize]) -> Option<usize>) -> Option<usize> {
        self.find_below(rest, first).or_else(|| first(&self.routes))
    }

    fn find_below(&self, rest: Option<&str>, first: &impl Fn(&[usize]) -> Option<usize>) -> Option<usize> {
        if self.literals.is_empty() && self.capture.is_none() {
            return None;
        }
        let rest = rest?;
        let (element, rest) = match rest.split_once('/') {
            Some((element, rest)) => (element, Some(rest)),
            None => (rest, None),
        };
        let literal = self
            .place(element)
            .ok()
            .and_then(|at| self.literals[at].1.find(rest, first));
        literal.or_else(|| {
            self.capture
                .as_ref()
                .filter(|_| !element.is_empty())?
                .find(rest, first)
        })
    }
}
