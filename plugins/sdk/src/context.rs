//! What an exchange remembers from hook to hook: bytes of the plugin's own, and attributes that the plugins of a chain
//! share and that access log lines carry.

use crate::host::context;

pub use crate::bindings::imports::gatewit::plugin::types::{Attribute, EditError};

/// This plugin's own bytes, as its last hook of this exchange left them; empty at first.
pub fn private() -> Vec<u8> {
    context::private()
}

/// Replaces them.
///
/// # Errors
/// More than 64 KiB.
pub fn set_private(state: impl AsRef<[u8]>) -> Result<(), EditError> {
    context::set_private(state.as_ref())
}

/// An attribute that a plugin of the chain has set.
pub fn get(key: &str) -> Option<Attribute> {
    context::get(key)
}

/// Sets an attribute: seen by the hooks that come after, and written to the access log.
///
/// # Errors
/// More than 64 of them, a key of more than 128 bytes, a value of more than 4 KiB.
pub fn set(key: &str, value: impl Into<Attribute>) -> Result<(), EditError> {
    context::set(key, &value.into())
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Attribute {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Attribute {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

impl From<f64> for Attribute {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Attribute {
    fn from(boolean: bool) -> Self {
        Self::Boolean(boolean)
    }
}

impl From<Vec<u8>> for Attribute {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}
