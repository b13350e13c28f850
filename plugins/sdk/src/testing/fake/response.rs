//! `response`: the response of the exchange, and its edits.

use super::{EditError, with};
use crate::bindings::imports::gatewit::plugin::types::Field;

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

pub(crate) fn set_status(status: u16) -> Result<(), EditError> {
    edit(|exchange| {
        if !(200..600).contains(&status) {
            return Err(EditError::InvalidSyntax);
        }
        exchange.status = status;
        Ok(())
    })
}

pub(crate) fn set_header(name: &str, value: &[u8]) -> Result<(), EditError> {
    edit(|exchange| super::set(&mut exchange.received, name, value))
}

pub(crate) fn append_header(name: &str, value: &[u8]) -> Result<(), EditError> {
    edit(|exchange| super::append(&mut exchange.received, name, value))
}

pub(crate) fn remove_header(name: &str) -> Result<(), EditError> {
    edit(|exchange| super::remove(&mut exchange.received, name))
}

/// Only once there is a response.
fn edit(
    edit: impl FnOnce(&mut crate::testing::state::Exchange) -> Result<(), EditError>,
) -> Result<(), EditError> {
    with(|host| match host.exchange.status {
        0 => Err(EditError::WrongPhase),
        _ => edit(&mut host.exchange),
    })
}
