//! Edits of a response that hooks of the request make: kept until the response comes back to their plugin.

use http::HeaderMap;

use super::fields::{Lines, Side};

/// What plugins that have seen the request want of its response.
#[derive(Debug, Default)]
pub struct Advance {
    /// Of the plugin that the request is at.
    own: Lines,
    /// Of those that it has passed, with their places in the chain, in the order of these.
    kept: Vec<(usize, Lines)>,
}

impl Advance {
    /// Takes over what a hook wants that returned ok.
    pub(super) fn absorb(&mut self, lines: &mut Lines) {
        self.own.append(lines);
    }

    /// The request has passed the plugin at this place: what it wants of the response counts.
    pub fn keep(&mut self, place: usize) {
        if self.own.len() > 0 {
            self.kept.push((place, std::mem::take(&mut self.own)));
        }
    }

    /// Whether any plugin wants something.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The response has come back to this place. What plugins behind it wanted is forgotten: they do not see it.
    pub(super) fn amend(&mut self, place: usize, headers: &mut HeaderMap) {
        while let Some((at, mut lines)) = self.kept.pop_if(|(at, _)| *at >= place) {
            if at == place {
                lines.apply(headers, Side::Response);
            }
        }
    }
}
