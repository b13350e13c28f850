//! `response`: the response of the exchange, and its edits.

use super::{EditError, Lines, with};
use crate::bindings::imports::gatewit::plugin::types::Field;
use crate::testing::state::LineEdit;

pub(crate) fn status() -> u16 {
    with(|host| host.exchange.status)
}

pub(crate) fn endpoint() -> Option<String> {
    with(|host| host.exchange.endpoint.clone())
}

pub(crate) fn header(name: &str) -> Option<Vec<u8>> {
    with(|host| super::joined(&host.exchange.received, name))
}

pub(crate) fn header_values(name: &str) -> Vec<Vec<u8>> {
    with(|host| super::values(&host.exchange.received, name))
}

pub(crate) fn headers() -> Vec<Field> {
    with(|host| {
        let lines = host.exchange.received.iter();
        lines
            .map(|(name, value)| Field {
                name: name.clone(),
                value: value.clone(),
            })
            .collect()
    })
}

/// Only once there is a response.
pub(crate) fn set_status(status: u16) -> Result<(), EditError> {
    with(|host| match host.exchange.status {
        0 => Err(EditError::WrongPhase),
        _ if !(200..600).contains(&status) => Err(EditError::InvalidSyntax),
        _ => {
            host.exchange.status = status;
            Ok(())
        }
    })
}

pub(crate) fn set_header(name: &str, value: &[u8]) -> Result<(), EditError> {
    edit(super::set, name, value)
}

pub(crate) fn append_header(name: &str, value: &[u8]) -> Result<(), EditError> {
    edit(super::append, name, value)
}

pub(crate) fn remove_header(name: &str) -> Result<(), EditError> {
    edit(|lines, name, _| super::remove(lines, name), name, b"")
}

/// Kept until there is a response, but refused at once.
fn edit(edit: LineEdit, name: &str, value: &[u8]) -> Result<(), EditError> {
    with(|host| {
        let exchange = &mut host.exchange;
        if exchange.status > 0 {
            return edit(&mut exchange.received, name, value);
        }
        edit(&mut Lines::new(), name, value)?;
        exchange.advance.push((edit, name.to_owned(), value.to_owned()));
        Ok(())
    })
}
