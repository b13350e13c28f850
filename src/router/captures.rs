//! What stood in the places of a route's captures.

use std::sync::Arc;

use crate::config::{Element, PathPattern};

/// Capture names of a route, in the order of the pattern.
pub(super) type Names = Box<[Arc<str>]>;

/// Names and canonical (still percent-encoded) values. Allocates nothing when there are none.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Captures(Vec<(Arc<str>, Box<str>)>);

impl Captures {
    /// The value captured under `name`; empty for a group that took no part in the match.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// All of them, in the order of the pattern.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// `path` matched `pattern`, whose names are `names`.
    pub(super) fn of(names: &Names, pattern: &PathPattern, path: &str) -> Self {
        if names.is_empty() {
            return Self::default();
        }
        let owned = |(name, value): (&Arc<str>, &str)| (Arc::clone(name), value.into());
        match pattern {
            PathPattern::Template(elements) => {
                let places = elements.iter().zip(path.split('/').skip(1));
                let values = places
                    .filter(|(e, _)| matches!(e, Element::Capture(_)))
                    .map(|(_, value)| value);
                Self(names.iter().zip(values).map(owned).collect())
            }
            PathPattern::Regex(regex) => {
                let Some(groups) = regex.captures(path) else {
                    return Self::default();
                };
                let value = |name: &str| groups.name(name).map_or("", |group| group.as_str());
                Self(names.iter().map(|name| owned((name, value(name)))).collect())
            }
            PathPattern::Prefix(_) | PathPattern::Exact(_) => Self::default(),
        }
    }
}

pub(super) fn names(pattern: &PathPattern) -> Names {
    match pattern {
        PathPattern::Prefix(_) | PathPattern::Exact(_) => Names::default(),
        PathPattern::Template(elements) => elements
            .iter()
            .filter_map(|element| match element {
                Element::Capture(name) => Some(name.as_str().into()),
                Element::Literal(_) => None,
            })
            .collect(),
        PathPattern::Regex(regex) => regex.capture_names().flatten().map(Arc::from).collect(),
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Captures {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}
