//! What components are linked with: the interfaces of the contract, and WASI 0.2 without files and sockets.
//!
//! The interfaces of files and sockets are there, because the standard libraries of most languages import them whether
//! they are used or not; but no folder is open, no address may be connected to, and no name is resolved.

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, InstancePre, Linker, LinkerInstance, ResourceType};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, IoError};

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

/// Links a component, with a stub for each of these interfaces, which nobody offers: to call one is a trap that names it.
///
/// # Errors
///
/// Something that is offered is of another type, or cannot be a stub.
pub(super) fn stubbed(
    linker: &Linker<Guest>,
    component: &Component,
    foreign: &[&str],
) -> wasmtime::Result<InstancePre<Guest>> {
    if foreign.is_empty() {
        return linker.instantiate_pre(component);
    }
    let mut linker = linker.clone();
    let engine = component.engine();
    let lent = lent(component);
    for (name, item) in component.component_type().imports(engine) {
        if !foreign.contains(&name) {
            continue;
        }
        match item.ty {
            ComponentItem::ComponentInstance(instance) => {
                let mut stub = linker.instance(name)?;
                for (inner, item) in instance.exports(engine) {
                    stub_item(&mut stub, inner, &item.ty, &format!("{name}#{inner}"), &lent)?;
                }
            }
            item => stub_item(&mut linker.root(), name, &item, name, &lent)?,
        }
    }
    linker.instantiate_pre(component)
}

/// A resource as a component knows it, and as the host does.
type Lent = (ResourceType, ResourceType);

/// The resources of WASI that foreign interfaces speak of, too: streams, what is waited for, errors. There they have to be
/// the same.
fn lent(component: &Component) -> Vec<Lent> {
    let engine = component.engine();
    let mut lent = Vec::new();
    for (name, item) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(instance) = item.ty else {
            continue;
        };
        for (inner, item) in instance.exports(engine) {
            if let ComponentItem::Resource(own) = item.ty
                && let Some(host) = resource(name, inner)
            {
                lent.push((own, host));
            }
        }
    }
    lent
}

fn resource(interface: &str, name: &str) -> Option<ResourceType> {
    let interface = interface
        .split_once('@')
        .map_or(interface, |(interface, _)| interface);
    Some(match (interface, name) {
        ("wasi:io/error", "error") => ResourceType::host::<IoError>(),
        ("wasi:io/poll", "pollable") => ResourceType::host::<DynPollable>(),
        ("wasi:io/streams", "input-stream") => ResourceType::host::<DynInputStream>(),
        ("wasi:io/streams", "output-stream") => ResourceType::host::<DynOutputStream>(),
        _ => return None,
    })
}

fn stub_item(
    place: &mut LinkerInstance<'_, Guest>,
    name: &str,
    item: &ComponentItem,
    whole: &str,
    lent: &[Lent],
) -> wasmtime::Result<()> {
    match item {
        ComponentItem::ComponentFunc(_) => {
            let missing = format!("unknown import: `{whole}` has not been defined");
            place.func_new(name, move |_, _, _, _| Err(wasmtime::Error::msg(missing.clone())))
        }
        ComponentItem::Resource(own) => {
            let known = lent.iter().find(|(known, _)| known == own);
            let resource = known.map_or_else(ResourceType::host::<()>, |(_, host)| *host);
            place.resource(name, resource, |_, _| Ok(()))
        }
        _ => Ok(()),
    }
}
