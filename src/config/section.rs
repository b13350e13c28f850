//! Tables whose keys are known and whose values have the right types; the meaning takes them out by key.

use std::time::Duration;

use super::diagnostics::At;
use super::tree::{Key, Node, Text};

/// A value of the right type.
#[derive(Debug)]
pub(super) enum What {
    Text(Text),
    Flag(bool),
    Whole(u64),
    Fraction(f64),
    Time(Duration),
    Size(u64),
    List(Vec<Self>),
    Table(Section),
    /// Of any type: somebody else's to judge.
    Free(Node),
}

/// A table whose keys are known.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) at: At,
    pub(super) entries: Vec<Entry>,
}

/// One key of a table.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    /// False when it was there but wrong: told already.
    pub(super) right: bool,
    pub(super) value: Option<What>,
}

impl Section {
    /// Whether the key was there and its value was right; it may have been taken since.
    pub(super) fn right(&self, key: &str) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.key.name == key && entry.right)
    }

    /// A value that is not taken out.
    pub(super) fn see(&self, key: &str) -> Option<&What> {
        let entry = self.entries.iter().find(|entry| entry.key.name == key)?;
        entry.value.as_ref()
    }

    /// Takes a value out, by key.
    pub(super) fn take(&mut self, key: &str) -> Option<What> {
        self.entries
            .iter_mut()
            .find(|entry| entry.key.name == key)?
            .value
            .take()
    }

    /// Whether the key was there, right or wrong.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key.name == key)
    }

    /// Where the key stands.
    pub(super) fn key_at(&self, key: &str) -> Option<At> {
        self.entries
            .iter()
            .find(|entry| entry.key.name == key)
            .map(|entry| entry.key.at)
    }

    /// Every right value with its key, in the order of the file.
    pub(super) fn into_entries(self) -> impl Iterator<Item = (Key, What)> {
        self.entries
            .into_iter()
            .filter_map(|entry| Some((entry.key, entry.value?)))
    }

    pub(super) fn text(&mut self, key: &str) -> Option<Text> {
        match self.take(key) {
            Some(What::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        match self.take(key) {
            Some(What::Flag(flag)) => Some(flag),
            _ => None,
        }
    }

    pub(super) fn whole(&mut self, key: &str) -> Option<u64> {
        match self.take(key) {
            Some(What::Whole(number)) => Some(number),
            _ => None,
        }
    }

    pub(super) fn fraction(&mut self, key: &str) -> Option<f64> {
        match self.take(key) {
            Some(What::Fraction(number)) => Some(number),
            _ => None,
        }
    }

    pub(super) fn time(&mut self, key: &str) -> Option<Duration> {
        match self.take(key) {
            Some(What::Time(time)) => Some(time),
            _ => None,
        }
    }

    pub(super) fn size(&mut self, key: &str) -> Option<u64> {
        match self.take(key) {
            Some(What::Size(size)) => Some(size),
            _ => None,
        }
    }

    pub(super) fn section(&mut self, key: &str) -> Option<Self> {
        match self.take(key) {
            Some(What::Table(section)) => Some(section),
            _ => None,
        }
    }

    /// The items of a list, or the one value that may stand for it.
    pub(super) fn list(&mut self, key: &str) -> Vec<What> {
        match self.take(key) {
            Some(What::List(list)) => list,
            Some(one) => vec![one],
            None => Vec::new(),
        }
    }

    /// Takes out every value of a key that is not the grammar's, in the order of the file.
    pub(super) fn free(&mut self) -> Vec<(Key, Node)> {
        let free = self
            .entries
            .extract_if(.., |entry| matches!(entry.value, Some(What::Free(_))))
            .filter_map(|entry| match entry.value {
                Some(What::Free(node)) => Some((entry.key, node)),
                _ => None,
            });
        free.collect()
    }

    pub(super) fn texts(&mut self, key: &str) -> Vec<Text> {
        let text = |what| {
            if let What::Text(text) = what {
                Some(text)
            } else {
                None
            }
        };
        self.list(key).into_iter().filter_map(text).collect()
    }
}
