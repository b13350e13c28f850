//! What hooks remember from one to the next within an exchange: private bytes of each plugin, attributes that the
//! plugins of a chain share, and the token that was verified. Held here, so that no instance is tied to an exchange.

use std::sync::Arc;

use bytes::Bytes;

use super::overlay::EditError;
use crate::jwt::Verified;

/// Bytes of private state.
const PRIVATE: usize = 64 << 10;

/// Attributes of an exchange.
const ATTRIBUTES: usize = 64;

/// Bytes of an attribute's key.
const KEY: usize = 128;

/// Bytes of an attribute's value.
const VALUE: usize = 4 << 10;

/// A value that the plugins of a chain share.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// UTF-8.
    Text(String),
    /// Whole.
    Integer(i64),
    /// Any.
    Number(f64),
    /// Yes or no.
    Boolean(bool),
    /// Anything.
    Bytes(Vec<u8>),
}

/// Committed, or (in an overlay) what the hook that runs has set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// By plugin name.
    private: Vec<(Box<str>, Bytes)>,
    /// In the order of their first setting.
    attributes: Vec<(Box<str>, Attribute)>,
    /// The last one.
    verified: Option<Arc<Verified>>,
}

impl Memory {
    /// A plugin's own bytes.
    pub fn private(&self, plugin: &str) -> Option<&Bytes> {
        find(&self.private, plugin)
    }

    /// An attribute.
    pub fn attribute(&self, key: &str) -> Option<&Attribute> {
        find(&self.attributes, key)
    }

    /// All attributes, in the order in which they were first set.
    pub fn attributes(&self) -> &[(Box<str>, Attribute)] {
        &self.attributes
    }

    /// Whether nothing was ever set.
    pub fn is_empty(&self) -> bool {
        self.private.is_empty() && self.attributes.is_empty() && self.verified.is_none()
    }

    /// The token that was last verified.
    pub fn verified(&self) -> Option<&Verified> {
        self.verified.as_deref()
    }

    pub(super) fn set_verified(&mut self, verified: Arc<Verified>) {
        self.verified = Some(verified);
    }

    pub(super) fn set_private(&mut self, plugin: &str, state: Vec<u8>) -> Result<(), EditError> {
        if state.len() > PRIVATE {
            return Err(EditError::TooLarge);
        }
        put(&mut self.private, plugin, Bytes::from(state));
        Ok(())
    }

    /// Sets an attribute on top of those that are there already.
    pub(super) fn set_attribute(
        &mut self,
        below: &Self,
        key: &str,
        value: Attribute,
    ) -> Result<(), EditError> {
        let size = match &value {
            Attribute::Text(text) => text.len(),
            Attribute::Bytes(bytes) => bytes.len(),
            Attribute::Integer(_) | Attribute::Number(_) | Attribute::Boolean(_) => 0,
        };
        if size > VALUE || key.len() > KEY {
            return Err(EditError::TooLarge);
        }
        if key.is_empty() || key.chars().any(char::is_control) {
            return Err(EditError::InvalidSyntax);
        }
        let is_new = self.attribute(key).is_none() && below.attribute(key).is_none();
        let fresh = self
            .attributes
            .iter()
            .filter(|(key, _)| below.attribute(key).is_none());
        if is_new && below.attributes.len() + fresh.count() >= ATTRIBUTES {
            return Err(EditError::TooLarge);
        }
        put(&mut self.attributes, key, value);
        Ok(())
    }

    /// Takes over what a hook has set.
    pub(super) fn absorb(&mut self, overlay: &mut Self) {
        for (plugin, state) in overlay.private.drain(..) {
            put(&mut self.private, plugin, state);
        }
        for (key, value) in overlay.attributes.drain(..) {
            put(&mut self.attributes, key, value);
        }
        if let Some(verified) = overlay.verified.take() {
            self.verified = Some(verified);
        }
    }

    pub(super) fn clear(&mut self) {
        self.private.clear();
        self.attributes.clear();
        self.verified = None;
    }
}

/// There are a handful of them: looking at each is cheaper than hashing.
fn find<'a, T>(list: &'a [(Box<str>, T)], key: &str) -> Option<&'a T> {
    list.iter()
        .find(|(name, _)| &**name == key)
        .map(|(_, value)| value)
}

fn put<T>(list: &mut Vec<(Box<str>, T)>, key: impl AsRef<str> + Into<Box<str>>, value: T) {
    match list.iter_mut().find(|(name, _)| **name == *key.as_ref()) {
        Some((_, old)) => *old = value,
        None => list.push((key.into(), value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_over_what_is_committed_and_what_is_not() {
        let mut below = Memory::default();
        for index in 0..60 {
            let key = format!("k{index}");
            below
                .set_attribute(&Memory::default(), &key, Attribute::Integer(index))
                .unwrap();
        }
        let mut overlay = Memory::default();
        for index in 58..64 {
            let key = format!("k{index}");
            overlay
                .set_attribute(&below, &key, Attribute::Boolean(true))
                .unwrap();
        }
        let full = overlay.set_attribute(&below, "one more", Attribute::Boolean(true));
        assert_eq!(full, Err(EditError::TooLarge));
        overlay
            .set_attribute(&below, "k0", Attribute::Text("again".to_owned()))
            .unwrap();
        below.absorb(&mut overlay);
        assert_eq!(below.attributes().len(), 64);
        assert_eq!(below.attribute("k59"), Some(&Attribute::Boolean(true)));
        assert_eq!(below.attribute("k0"), Some(&Attribute::Text("again".to_owned())));
    }

    #[test]
    fn keys_and_values_have_a_largest_size_and_no_control_characters() {
        let mut memory = Memory::default();
        let mut set = |key: &str, value| memory.set_attribute(&Memory::default(), key, value);
        assert_eq!(set(&"k".repeat(128), Attribute::Bytes(vec![0; 4096])), Ok(()));
        assert_eq!(
            set(&"k".repeat(129), Attribute::Boolean(true)),
            Err(EditError::TooLarge)
        );
        assert_eq!(
            set("k", Attribute::Text("v".repeat(4097))),
            Err(EditError::TooLarge)
        );
        assert_eq!(
            set("k\n", Attribute::Boolean(true)),
            Err(EditError::InvalidSyntax)
        );
        assert_eq!(set("", Attribute::Boolean(true)), Err(EditError::InvalidSyntax));
        assert_eq!(memory.set_private("p", vec![0; 64 << 10]), Ok(()));
        assert_eq!(
            memory.set_private("p", vec![0; (64 << 10) + 1]),
            Err(EditError::TooLarge)
        );
        assert_eq!(memory.private("p").unwrap().len(), 64 << 10);
        assert_eq!(memory.private("q"), None);
    }
}
