//! Whether a component keeps the contract: what it is, what it imports, what it exports. What is wrong is said in our
//! words, with what to do about it, and all of it at once.

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, InstancePre};

use super::engine::Engine;
use super::guest::Guest;
use super::hooks::Hooks;
use super::link;
use crate::config::{self, Grants};

mod mismatch;

pub use mismatch::{Mismatch, Shape};

/// Version of the contract.
pub const VERSION: &str = "0.1.0";

/// Components of 0.1.x load: below 1.0 the second number says what is compatible.
const COMPATIBLE: &str = "0.1.";

const PACKAGE: &str = "gatewit:plugin/";

/// What may be imported, and the grant it needs.
const IMPORTS: [(&str, Option<&str>); 15] = [
    ("types", None),
    ("request", None),
    ("response", None),
    ("body", None),
    ("context", None),
    ("configuration", None),
    ("log", None),
    ("metrics", None),
    ("limits", Some("budgets")),
    ("jwt", Some("verifiers")),
    ("crypto", None),
    ("kv", Some("stores")),
    ("secrets", Some("secrets")),
    ("http-client", Some("http")),
    ("upstreams", None),
];

/// What may be exported beside the hooks.
const LIFECYCLE: &str = "lifecycle";

/// Functions of `crypto` that need keys.
const KEYED: [&str; 2] = ["hmac", "verify"];

/// A component that keeps the contract.
pub(super) struct Checked {
    pub(super) pre: InstancePre<Guest>,
    pub(super) hooks: Hooks,
    /// Interfaces that it imports in vain.
    pub(super) stubs: Vec<String>,
}

/// Checks the imports and exports of a component.
///
/// # Errors
///
/// Everything that is wrong with them.
pub(super) fn check(
    engine: &Engine,
    component: &Component,
    plugin: &config::Plugin,
) -> Result<Checked, Vec<Mismatch>> {
    let (stubs, mut wrong) = imports(engine, component, plugin);
    // The linker looks at types, and stops at the first that differs.
    // What needs a grant is offered without it, too, and finds nothing.
    let foreign: Vec<_> = stubs
        .iter()
        .map(String::as_str)
        .filter(|name| ours(name).is_none())
        .collect();
    let linked = link::stubbed(&engine.linker, component, &foreign);
    if wrong.is_empty()
        && let Err(error) = &linked
    {
        wrong.push(mislinked(error));
    }
    let hooks = hooks(engine, component, &mut wrong);
    match linked {
        Ok(pre) if wrong.is_empty() => Ok(Checked { pre, hooks, stubs }),
        _ => Err(wrong),
    }
}

/// What it imports in vain, where that is allowed; and what is wrong with its imports.
fn imports(engine: &Engine, component: &Component, plugin: &config::Plugin) -> (Vec<String>, Vec<Mismatch>) {
    // A bundled one imports what some of its uses need: where nothing of that kind is declared, there is none to find.
    let bundled = matches!(plugin.source, config::Component::Bundled(_));
    let (mut stubs, mut wrong) = (Vec::new(), Vec::new());
    for (name, item) in component.component_type().imports(&engine.wasm) {
        match import(name, &functions(engine, &item.ty), &plugin.grants, &plugin.name) {
            Some(Mismatch::Grant { .. }) if bundled => {}
            Some(Mismatch::Grant { .. } | Mismatch::Foreign { .. }) if plugin.stub_ungranted => {
                stubs.push(name.to_owned());
            }
            mismatch => wrong.extend(mismatch),
        }
    }
    (stubs, wrong)
}

fn hooks(engine: &Engine, component: &Component, wrong: &mut Vec<Mismatch>) -> Hooks {
    let mut hooks = Hooks::default();
    let mut lifecycle = false;
    let of_other_version = |wrong: &Mismatch| matches!(wrong, Mismatch::Version { .. });
    let (mut other_version, mut unknown) = (wrong.iter().any(of_other_version), false);
    for (name, _) in component.component_type().exports(&engine.wasm) {
        match ours(name) {
            Some(Ok(LIFECYCLE)) => lifecycle = true,
            Some(Ok("types")) => {}
            Some(Ok(hook)) if hooks.insert(hook) => {}
            Some(Ok(hook)) if hook.ends_with("-hook") => {
                unknown = true;
                wrong.push(Mismatch::UnknownHook {
                    name: name.to_owned(),
                });
            }
            Some(Err(_)) => {
                other_version = true;
                wrong.push(Mismatch::Version {
                    name: name.to_owned(),
                });
            }
            Some(Ok(_)) | None => {}
        }
    }
    if !lifecycle && !other_version {
        wrong.push(Mismatch::NoLifecycle);
    }
    if hooks.is_empty() && !other_version && !unknown {
        wrong.push(Mismatch::NoHook);
    }
    hooks
}

/// The grants that a component needs, each with the interface that needs it.
pub(super) fn needs(engine: &Engine, component: &Component) -> Vec<(String, &'static str)> {
    let kind = component.component_type();
    let imports = kind.imports(&engine.wasm);
    let needed = imports.filter_map(|(name, item)| {
        match import(name, &functions(engine, &item.ty), &Grants::default(), "") {
            Some(Mismatch::Grant { name, grant, .. }) => Some((name, grant)),
            _ => None,
        }
    });
    needed.collect()
}

fn functions(engine: &Engine, item: &ComponentItem) -> Vec<String> {
    match item {
        ComponentItem::ComponentInstance(instance) => instance
            .exports(&engine.wasm)
            .map(|(name, _)| name.to_owned())
            .collect(),
        _ => Vec::new(),
    }
}

fn import(name: &str, functions: &[String], grants: &Grants, plugin: &str) -> Option<Mismatch> {
    let name = || name.to_owned();
    match ours(&name()) {
        None if is_wasi(&name()) => None,
        None => Some(Mismatch::Foreign {
            name: name(),
            plugin: plugin.to_owned(),
        }),
        Some(Err(_)) => Some(Mismatch::Version { name: name() }),
        Some(Ok(interface)) => {
            let Some((_, grant)) = IMPORTS.iter().find(|(known, _)| *known == interface) else {
                return Some(Mismatch::UnknownInterface { name: name() });
            };
            let keyed = interface == "crypto" && functions.iter().any(|name| KEYED.contains(&name.as_str()));
            let grant = if keyed { Some("keys") } else { *grant }?;
            (!is_granted(grant, grants)).then(|| Mismatch::Grant {
                name: interface.to_owned(),
                grant,
                plugin: plugin.to_owned(),
            })
        }
    }
}

/// The interface, if it is one of ours: of a compatible version, or of which.
fn ours(name: &str) -> Option<Result<&str, &str>> {
    let (interface, version) = name.strip_prefix(PACKAGE)?.split_once('@')?;
    let compatible = version
        .strip_prefix(COMPATIBLE)
        .is_some_and(|patch| patch.parse::<u32>().is_ok());
    Some(if compatible { Ok(interface) } else { Err(version) })
}

/// WASI 0.2, without HTTP: those interfaces that the linker has, and their types.
fn is_wasi(name: &str) -> bool {
    const PACKAGES: [&str; 6] = ["cli", "clocks", "filesystem", "io", "random", "sockets"];
    let Some((package, rest)) = name.strip_prefix("wasi:").and_then(|name| name.split_once('/')) else {
        return false;
    };
    let version = rest.split_once('@').map(|(_, version)| version);
    PACKAGES.contains(&package) && version.is_some_and(|version| version.starts_with("0.2."))
}

fn is_granted(grant: &str, grants: &Grants) -> bool {
    let names = match grant {
        "budgets" => &grants.budgets,
        "verifiers" => &grants.verifiers,
        "stores" => &grants.stores,
        "keys" => &grants.keys,
        "secrets" => &grants.secrets,
        "http" if grants.everything => return true,
        "http" => &grants.http,
        _ => return false,
    };
    !names.is_empty()
}

/// What the linker complains of, taken apart: the interface, the function, and how it differs.
fn mislinked(error: &wasmtime::Error) -> Mismatch {
    let said: Vec<String> = error.chain().map(ToString::to_string).collect();
    let quoted = |text: &str| text.split('`').nth(1).map(str::to_owned);
    let function = said
        .iter()
        .find(|text| text.starts_with("instance export"))
        .and_then(|text| quoted(text));
    let why = match said.last().map(String::as_str) {
        Some("function implementation is missing") => "there is no such function".to_owned(),
        Some("resource implementation is missing") => "there is no such resource".to_owned(),
        Some(why) => why.to_owned(),
        None => String::new(),
    };
    Mismatch::Function {
        interface: said.first().and_then(|text| quoted(text)).unwrap_or_default(),
        function,
        why,
    }
}
