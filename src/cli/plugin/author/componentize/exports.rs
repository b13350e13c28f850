//! What a module has to export for its world, and under which names it may.
//!
//! The component model knows the hook by `gatewit:plugin/request-hook@0.1.0#on-request`. Where exports can only be called
//! by identifiers, as in AssemblyScript, it is exported as `request_hook_on_request`, and renamed here; what frees its
//! result, as `cabi_post_request_hook_on_request`.

use std::collections::BTreeSet;

use wasm_encoder::{ExportKind, ExportSection, Module, RawSection};
use wasmparser::{Parser, Payload};
use wit_parser::{Function, LiftLowerAbi, ManglingAndAbi, WasmExport, WasmExportKind, WorldItem, WorldKey};

use super::super::world::World;

/// A function that a module exports.
pub(super) struct Expected {
    /// The names that it may have; the first is what it is renamed to.
    names: [String; 2],
    /// The same as an identifier.
    identifier: String,
    /// Whether it has to be there.
    required: bool,
}

/// What a module exports for a world: the functions of its interfaces, and for each one that frees its result.
pub(super) fn expected(world: &World) -> Vec<Expected> {
    let mut all = Vec::new();
    for (key, item) in &world.resolve.worlds[world.id].exports {
        match item {
            WorldItem::Function(function) => add(world, None, function, &mut all),
            WorldItem::Interface { id, .. } => {
                for function in world.resolve.interfaces[*id].functions.values() {
                    add(world, Some(key), function, &mut all);
                }
            }
            WorldItem::Type { .. } => {}
        }
    }
    all
}

fn add(world: &World, interface: Option<&WorldKey>, function: &Function, all: &mut Vec<Expected>) {
    let of = |mangling, kind| {
        let export = WasmExport::Func {
            interface,
            func: function,
            kind,
        };
        world.resolve.wasm_export_name(mangling, export)
    };
    let names = |kind: fn() -> WasmExportKind| {
        [
            of(ManglingAndAbi::Legacy(LiftLowerAbi::Sync), kind()),
            of(ManglingAndAbi::Standard32, kind()),
        ]
    };
    let prefix = interface.map_or(String::new(), |key| format!("{}_", name(world, key)));
    let identifier = identifier(&format!("{prefix}{}", function.name));
    all.push(Expected {
        names: names(|| WasmExportKind::PostReturn),
        identifier: format!("cabi_post_{identifier}"),
        required: false,
    });
    all.push(Expected {
        names: names(|| WasmExportKind::Normal),
        identifier,
        required: true,
    });
}

/// What the interface is called within its package.
fn name(world: &World, key: &WorldKey) -> String {
    match key {
        WorldKey::Name(name) => name.clone(),
        WorldKey::Interface(id) => world.resolve.interfaces[*id].name.clone().unwrap_or_default(),
    }
}

fn identifier(name: &str) -> String {
    name.replace(|char: char| !char.is_ascii_alphanumeric(), "_")
}

/// The module with its exports renamed where that is needed, and what is missing. It has been validated.
pub(super) fn renamed(module: &[u8], expected: &[Expected]) -> (Vec<u8>, Vec<String>) {
    let exported: BTreeSet<&str> = exports(module).map(|export| export.name).collect();
    let absent = |expected: &&Expected| !expected.names.iter().any(|name| exported.contains(name.as_str()));
    let (found, missing): (Vec<&Expected>, Vec<_>) = expected
        .iter()
        .filter(absent)
        .partition(|expected| exported.contains(expected.identifier.as_str()));
    let missing = missing.iter().filter(|missing| missing.required);
    let missing = missing
        .map(
            |Expected {
                 names, identifier, ..
             }| format!("`{}`, or `{identifier}`", names[0]),
        )
        .collect();
    if found.is_empty() {
        return (module.to_vec(), missing);
    }
    let rename = |name| {
        let new = found.iter().find(|expected| expected.identifier == name);
        new.map_or(name, |expected| expected.names[0].as_str())
    };
    (rewritten(module, rename), missing)
}

/// The same module, with other names for its exports.
fn rewritten<'a>(module: &'a [u8], rename: impl Fn(&'a str) -> &'a str) -> Vec<u8> {
    let mut out = Module::new();
    for payload in Parser::new(0).parse_all(module).flatten() {
        if let Payload::ExportSection(_) = payload {
            let mut section = ExportSection::new();
            for export in exports(module) {
                section.export(rename(export.name), ExportKind::from(export.kind), export.index);
            }
            out.section(&section);
        } else if let Some((id, range)) = payload.as_section() {
            out.section(&RawSection {
                id,
                data: &module[range],
            });
        }
    }
    out.finish()
}

fn exports(module: &[u8]) -> impl Iterator<Item = wasmparser::Export<'_>> {
    let sections = Parser::new(0)
        .parse_all(module)
        .filter_map(|payload| match payload {
            Ok(Payload::ExportSection(section)) => Some(section),
            _ => None,
        });
    sections.flatten().flatten()
}
