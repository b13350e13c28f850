//! `context`: what the exchange remembers.

use super::{EditError, with};
use crate::context::Attribute;

pub(crate) fn private() -> Vec<u8> {
    with(|host| host.exchange.private.clone())
}

pub(crate) fn set_private(state: &[u8]) -> Result<(), EditError> {
    if state.len() > 64 << 10 {
        return Err(EditError::TooLarge);
    }
    with(|host| host.exchange.private = state.to_vec());
    Ok(())
}

pub(crate) fn get(key: &str) -> Option<Attribute> {
    with(|host| host.exchange.attributes.get(key).cloned())
}

pub(crate) fn set(key: &str, value: &Attribute) -> Result<(), EditError> {
    if key.len() > 128 {
        return Err(EditError::TooLarge);
    }
    with(|host| host.exchange.attributes.insert(key.to_owned(), value.clone()));
    Ok(())
}
