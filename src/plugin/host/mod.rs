//! The functions that plugins import, one file per interface of `wit/`: each implements the interface's `Host` trait
//! for [`Guest`](super::guest::Guest), and is linked in [`link`].

use wasmtime::component::{HasSelf, Linker};

use super::bindings::gatewit::plugin as interfaces;
use super::guest::Guest;

/// Links every interface of the contract.
///
/// # Errors
///
/// When a function is there twice.
pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    interfaces::types::add_to_linker::<Guest, HasSelf<Guest>>(linker, |guest| guest)?;
    Ok(())
}
