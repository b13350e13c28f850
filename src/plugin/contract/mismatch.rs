//! What can be wrong with a component, in words for people.

use std::cmp::Ordering;
use std::fmt;

use super::{PACKAGE, VERSION};
use crate::plugin::hooks::Hooks;

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
        /// The plugin.
        plugin: String,
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
    pub(in crate::plugin) fn of(bytes: &[u8]) -> Option<Self> {
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

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty",
            Self::Module => {
                "it is a core WebAssembly module, not a component: wrap it with `gatewit plugin componentize` (Rust: build \
                 it for `wasm32-wasip2`)"
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
                let (interface, version) = name.split_once('@').unwrap_or((name, ""));
                if is_newer(version) {
                    write!(
                        f,
                        "it needs version {version} of the contract (`{interface}`), and this gateway has {VERSION}: \
                         run a newer gateway, or build it with the contract of this one"
                    )
                } else {
                    write!(
                        f,
                        "it was built for version {version} of the contract (`{interface}`), and this gateway has \
                         {VERSION}: build it again"
                    )
                }
            }
            Self::UnknownInterface { name } => write!(f, "it imports `{name}`{}", lacked(name)),
            Self::Foreign { name, plugin } => write!(
                f,
                "it imports `{name}`{}; or `stub_ungranted = true` under `[plugin.{plugin}]`, if it never calls it",
                offered(name)
            ),
            Self::Grant { name, grant, plugin } => write!(
                f,
                "it imports `{name}`, which it is not granted: add `grants = {{ {grant} = [\"…\"] }}` under \
                 `[plugin.{plugin}]`, or `stub_ungranted = true` if it never calls it"
            ),
            Self::Function {
                interface,
                function: Some(function),
                why,
            } if interface.starts_with(PACKAGE) && is_newer(version(interface)) => write!(
                f,
                "`{function}` of `{interface}` is not as this gateway knows it: {why}. It may need version {} of the \
                 contract; this gateway has {VERSION}",
                version(interface)
            ),
            Self::Function {
                interface,
                function: Some(function),
                why,
            } => write!(
                f,
                "`{function}` of `{interface}` is not as this gateway knows it: {why}"
            ),
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
            Self::UnknownHook { name } => write!(f, "it exports `{name}`{}", lacked(name)),
        }
    }
}

/// What there is instead of a foreign interface.
fn offered(name: &str) -> String {
    if name.starts_with("wasi:http/") {
        ": to call HTTP services use `gatewit:plugin/http-client` with the grant `http`".to_owned()
    } else if name.starts_with("wasi:") {
        ": there is WASI 0.2 without HTTP; build it for `wasm32-wasip2`".to_owned()
    } else {
        format!(", which nobody offers here: there is `gatewit:plugin@{VERSION}`, and WASI 0.2")
    }
}

/// Why the contract does not have an interface.
fn lacked(name: &str) -> String {
    let version = version(name);
    if is_newer(version) {
        format!(": it needs version {version} of the contract, and this gateway has {VERSION}")
    } else {
        format!(", which version {VERSION} of the contract does not have")
    }
}

/// The version of an interface; empty when it has none.
fn version(name: &str) -> &str {
    name.split_once('@').map_or("", |(_, version)| version)
}

/// Whether a version is a later one than this gateway's.
fn is_newer(version: &str) -> bool {
    let numbers = |version: &str| -> Option<Vec<u32>> {
        // What stands behind `-` makes it no later.
        let version = version.split(['-', '+']).next()?;
        version.split('.').map(|number| number.parse().ok()).collect()
    };
    let versions = numbers(version).zip(numbers(VERSION));
    versions.is_some_and(|(version, own)| version.cmp(&own) == Ordering::Greater)
}
