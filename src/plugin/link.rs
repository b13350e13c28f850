//! What components are linked with: the interfaces of the contract, and WASI 0.2 without files and sockets.
//!
//! The interfaces of files and sockets are there, because the standard libraries of most languages import them whether
//! they are used or not; but no folder is open, no address may be connected to, and no name is resolved.

use wasmtime::component::{Component, InstancePre, Linker};

use super::guest::Guest;
use super::host;

/// The linker for every component.
///
/// # Errors
///
/// When a function is there twice.
pub(super) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    host::link(&mut linker)?;
    Ok(linker)
}

/// Links a component, with a stub for whatever nobody offers: to call one is a trap that names it.
///
/// # Errors
///
/// Something that is offered is of another type, or cannot be a stub.
pub(super) fn stubbed(linker: &Linker<Guest>, component: &Component) -> wasmtime::Result<InstancePre<Guest>> {
    let mut linker = linker.clone();
    linker.define_unknown_imports_as_traps(component)?;
    linker.instantiate_pre(component)
}
