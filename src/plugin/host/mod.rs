//! The functions that plugins import, one file per interface of `wit/`: each implements the interface's `Host` trait
//! for [`Guest`], and is linked in [`link`].
//!
//! Wherever a function is given a name, the grants decide: what was not granted does not exist.

use wasmtime::component::{HasSelf, Linker};

use super::bindings::gatewit::plugin as interfaces;
use super::bindings::gatewit::plugin::types::EditError;
use super::guest::Guest;
use super::overlay;
use super::scene::Scene;

mod body;
mod configuration;
mod context;
mod crypto;
mod http_client;
mod jwt;
mod kv;
mod limits;
mod log;
mod metrics;
mod request;
mod response;
mod secrets;
mod upstreams;

/// Links every interface of the contract.
///
/// # Errors
///
/// When a function is there twice.
pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    interfaces::types::add_to_linker::<Guest, HasSelf<Guest>>(linker, |guest| guest)?;
    interfaces::body::add_to_linker::<Guest, HasSelf<Guest>>(linker, |guest| guest)?;
    interfaces::configuration::add_to_linker::<Guest, HasSelf<Guest>>(linker, |guest| guest)?;
    interfaces::context::add_to_linker::<Guest, HasSelf<Guest>>(linker, |guest| guest)?;
    interfaces::crypto::add_to_linker::<Guest, HasSelf<Guest>>(linker, |guest| guest)?;
    interfaces::http_client::add_to_linker::<Guest, HasSelf<Guest>>(linker, |guest| guest)?;
    interfaces::jwt::add_to_linker::<Guest, HasSelf<Guest>>(linker, |guest| guest)?;
    interfaces::kv::add_to_linker::<Guest, HasSelf<Guest>>(linker, |guest| guest)?;
    interfaces::limits::add_to_linker::<Guest, HasSelf<Guest>>(linker, |guest| guest)?;
    interfaces::log::add_to_linker::<Guest, HasSelf<Guest>>(linker, |guest| guest)?;
    interfaces::metrics::add_to_linker::<Guest, HasSelf<Guest>>(linker, |guest| guest)?;
    interfaces::request::add_to_linker::<Guest, HasSelf<Guest>>(linker, |guest| guest)?;
    interfaces::response::add_to_linker::<Guest, HasSelf<Guest>>(linker, |guest| guest)?;
    interfaces::secrets::add_to_linker::<Guest, HasSelf<Guest>>(linker, |guest| guest)?;
    interfaces::upstreams::add_to_linker::<Guest, HasSelf<Guest>>(linker, |guest| guest)?;
    Ok(())
}

/// Whether a name is among those that a plugin may use.
fn is_granted(granted: &[String], name: &str) -> bool {
    granted.iter().any(|own| own == name)
}

/// Edits the exchange, where there is one.
fn edit(
    guest: &mut Guest,
    edit: impl FnOnce(&mut Scene) -> Result<(), overlay::EditError>,
) -> wasmtime::Result<Result<(), EditError>> {
    let edited = guest
        .scene
        .as_deref_mut()
        .ok_or(overlay::EditError::WrongPhase)
        .and_then(edit);
    Ok(edited.map_err(EditError::from))
}

impl From<overlay::EditError> for EditError {
    fn from(error: overlay::EditError) -> Self {
        match error {
            overlay::EditError::InvalidSyntax => Self::InvalidSyntax,
            overlay::EditError::Forbidden => Self::Forbidden,
            overlay::EditError::TooLarge => Self::TooLarge,
            overlay::EditError::WrongPhase => Self::WrongPhase,
        }
    }
}
