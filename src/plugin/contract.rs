//! Whether a component keeps the contract: what it is, what it imports, what it exports. What is wrong is said in our
//! words, with what to do about it, and all of it at once.

use std::fmt;

use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use super::engine::Engine;
use super::hooks::Hooks;
use crate::config::{self, Grants};

/// Version of the contract.
pub const VERSION: &str = "0.1.0";

/// Components of 0.1.x load: below 1.0 the second number says what is compatible.
const COMPATIBLE: &str = "0.1.";

const PACKAGE: &str = "gatewit:plugin/";

/// What may be imported, and the grant it needs.
const IMPORTS: [(&str, Option<&str>); 14] = [
    ("types", None),
    ("request", None),
    ("response", None),
    ("body", None),
    ("context", None),
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

/// Something that is no component at all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shape {
    /// Nothing.
    Empty,
    /// A core module.
    Module,
    /// WebAssembly text.
    Text,
    /// Machine code: compiled already.
    Compiled,
    /// WebAssembly, but of a version that is not known.
    Unknown,
    /// Nothing of WebAssembly.
    Other,
}

/// One thing that is wrong with a component.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Mismatch {
    /// Built for another version of the contract.
    Version {
        /// The interface.
        name: String,
    },
    /// An interface of ours that is not in this version.
    UnknownInterface {
        /// Its name.
        name: String,
    },
    /// An interface of somebody else.
    Foreign {
        /// Its name.
        name: String,
    },
    /// A grant is missing.
    Grant {
        /// The interface.
        name: String,
        /// The key under `grants`.
        grant: &'static str,
        /// The plugin.
        plugin: String,
    },
    /// A function is missing or of another type.
    Function {
        /// The interface.
        interface: String,
        /// The function, if that much is known.
        function: Option<String>,
        /// How it differs.
        why: String,
    },
    /// It does not export `lifecycle`.
    NoLifecycle,
    /// It exports no hook.
    NoHook,
    /// It exports a hook that this version does not have.
    UnknownHook {
        /// Its name.
        name: String,
    },
}

impl Shape {
    /// What these bytes are, unless a component.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [] => Some(Self::Empty),
            [b'\0', b'a', b's', b'm', version, 0, layer, 0, ..] => match (version, layer) {
                (_, 1) => None,
                (1, 0) => Some(Self::Module),
                _ => Some(Self::Unknown),
            },
            [0x7f, b'E', b'L', b'F', ..] => Some(Self::Compiled),
            _ if bytes.trim_ascii_start().starts_with(b"(") => Some(Self::Text),
            _ => Some(Self::Other),
        }
    }
}

/// Everything that is wrong with the imports and exports of a component.
pub(super) fn check(
    engine: &Engine,
    component: &Component,
    plugin: &config::Plugin,
) -> Result<Hooks, Vec<Mismatch>> {
    let mut wrong = Vec::new();
    let kind = component.component_type();
    // A bundled one imports what some of its uses need: where nothing of that kind is declared, there is none to find.
    let bundled = matches!(plugin.source, config::Component::Bundled(_));
    for (name, item) in kind.imports(&engine.wasm) {
        let functions = functions(engine, &item.ty);
        let mismatch = import(name, &functions, &plugin.grants, &plugin.name);
        wrong.extend(mismatch.filter(|mismatch| !(bundled && matches!(mismatch, Mismatch::Grant { .. }))));
    }
    // The linker looks at types, and stops at the first that differs.
    if wrong.is_empty()
        && let Err(error) = engine.linker.instantiate_pre(component)
    {
        wrong.push(mislinked(&error));
    }
    let mut hooks = Hooks::default();
    let mut lifecycle = false;
    for (name, _) in kind.exports(&engine.wasm) {
        match ours(name) {
            Some(Ok(LIFECYCLE)) => lifecycle = true,
            Some(Ok("types")) => {}
            Some(Ok(hook)) if hooks.insert(hook) => {}
            Some(Ok(hook)) if hook.ends_with("-hook") => {
                wrong.push(Mismatch::UnknownHook {
                    name: hook.to_owned(),
                });
            }
            Some(Err(_)) => wrong.push(Mismatch::Version {
                name: name.to_owned(),
            }),
            Some(Ok(_)) | None => {}
        }
    }
    if !wrong
        .iter()
        .any(|wrong| matches!(wrong, Mismatch::Version { .. }))
    {
        if !lifecycle {
            wrong.push(Mismatch::NoLifecycle);
        }
        if hooks.is_empty()
            && !wrong
                .iter()
                .any(|wrong| matches!(wrong, Mismatch::UnknownHook { .. }))
        {
            wrong.push(Mismatch::NoHook);
        }
    }
    if wrong.is_empty() { Ok(hooks) } else { Err(wrong) }
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
        None => Some(Mismatch::Foreign { name: name() }),
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

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty",
            Self::Module => {
                "it is a core WebAssembly module, not a component: build it for `wasm32-wasip2`, or wrap it with \
                 `wasm-tools component new`"
            }
            Self::Text => "it is WebAssembly text: translate it with `wasm-tools parse`",
            Self::Compiled => "it is compiled code: plugins are loaded from the component (`.wasm`) only",
            Self::Unknown => "it is WebAssembly of a version that this gateway does not know",
            Self::Other => "it is not WebAssembly",
        })
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { name } => {
                let (name, version) = name.split_once('@').unwrap_or((name, ""));
                write!(
                    f,
                    "it was built for version {version} of the contract (`{name}`), this gateway has {VERSION}"
                )
            }
            Self::UnknownInterface { name } => {
                write!(
                    f,
                    "it imports `{name}`, which version {VERSION} of the contract does not have"
                )
            }
            Self::Foreign { name } if name.starts_with("wasi:http/") => write!(
                f,
                "it imports `{name}`: to call HTTP services use `gatewit:plugin/http-client` with the grant `http`"
            ),
            Self::Foreign { name } if name.starts_with("wasi:") => {
                write!(
                    f,
                    "it imports `{name}`: there is WASI 0.2 without HTTP; build it for `wasm32-wasip2`"
                )
            }
            Self::Foreign { name } => write!(
                f,
                "it imports `{name}`, which nobody offers here: there is `gatewit:plugin@{VERSION}`, and WASI 0.2"
            ),
            Self::Grant { name, grant, plugin } => write!(
                f,
                "it imports `{name}`, which it is not granted: add `grants = {{ {grant} = [\"…\"] }}` under \
                 `[plugin.{plugin}]`"
            ),
            Self::Function {
                interface,
                function: Some(function),
                why,
            } => {
                write!(
                    f,
                    "`{function}` of `{interface}` is not as this gateway knows it: {why}"
                )
            }
            Self::Function {
                interface,
                function: None,
                why,
            } => {
                write!(f, "`{interface}` is not as this gateway knows it: {why}")
            }
            Self::NoLifecycle => {
                f.write_str("it does not export `gatewit:plugin/lifecycle`, as every plugin must")
            }
            Self::NoHook => write!(
                f,
                "it exports no hook: one of {} is needed",
                Hooks::NAMES.join(", ")
            ),
            Self::UnknownHook { name } => {
                write!(
                    f,
                    "it exports `{name}`, which version {VERSION} of the contract does not have"
                )
            }
        }
    }
}
