//! A component that was named on the command line: its bytes, what it is called, and how it is loaded.

use std::fs::File;
use std::future::Future;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::runtime::{self, LocalOptions};

use super::super::{Exit, complain};
use crate::config::cases::Cases;
use crate::config::{self, Bounds, Failure, Grants, Isolation, Place, Plugin};
use crate::plugin::{Digest, Engine, EngineError, Generation, LoadError, bundled};

/// Nobody reads more than this to say that it is too large.
const LARGEST: u64 = 64 << 20;

/// Nothing can be called so.
const NOTHING: &str = "*";

/// Where a component is.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct FileArg {
    /// The component (.wasm), or the name of a bundled plugin
    file: PathBuf,
}

/// A component, not looked into yet.
#[derive(Clone, Debug)]
pub(super) struct Component {
    /// What the configuration would call it.
    pub(super) name: String,
    /// Where it comes from.
    pub(super) source: config::Component,
    /// All of it.
    pub(super) bytes: Bytes,
}

/// Why there is nothing to say about a component.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("cannot read {path}: {source}")]
    Read { path: String, source: io::Error },
    #[error("{path} is larger than a component may be ({} MiB)", LARGEST >> 20)]
    TooLarge { path: String },
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("there is no runtime to be had: {0}")]
    Runtime(io::Error),
    #[error("{path} cannot be loaded:\n{}", bullets(.why))]
    Load { path: String, why: LoadError },
}

impl FileArg {
    /// Reads it. A file that is there is meant before a bundled plugin of that name.
    pub(super) fn read(&self) -> Result<Component, Error> {
        let named = self.file.to_str().filter(|_| !self.file.exists());
        if let Some((name, bytes)) = named.and_then(|name| Some((name, bundled::find(name)?))) {
            return Ok(Component {
                name: name.to_owned(),
                source: config::Component::Bundled(name.to_owned()),
                bytes: Bytes::from_static(bytes),
            });
        }
        let path = self.file.display().to_string();
        let mut bytes = Vec::new();
        let read = File::open(&self.file).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
        match read {
            Err(source) => Err(Error::Read { path, source }),
            Ok(_) if bytes.len() as u64 > LARGEST => Err(Error::TooLarge { path }),
            Ok(_) => Ok(Component {
                name: name_of(&self.file),
                source: config::Component::File(self.file.clone()),
                bytes: bytes.into(),
            }),
        }
    }
}

impl Component {
    /// SHA-256.
    pub(super) fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// As it was named.
    pub(super) fn shown(&self) -> String {
        match &self.source {
            config::Component::Bundled(name) => format!("{name} (bundled)"),
            config::Component::File(path) => path.display().to_string(),
            config::Component::Url { url, .. } => url.clone(),
        }
    }

    /// As a configuration would declare it that grants everything: what is missing is not the component's fault.
    pub(super) fn plugin(&self) -> Plugin {
        let mut plugin = Plugin {
            name: self.name.clone(),
            source: self.source.clone(),
            grants: Grants::default(),
            env: Vec::new(),
            tick: config::defaults::TICK,
            stub_ungranted: true,
            place: Place::default(),
        };
        grant_nothing(&mut plugin.grants);
        plugin
    }

    /// Loads it, with everything that loading checks.
    pub(super) async fn load(&self, engine: &Arc<Engine>, plugin: &Plugin) -> Result<Arc<Generation>, Error> {
        Generation::load(engine, self.bytes.clone(), plugin, 1)
            .await
            .map_err(|why| Error::Load {
                path: self.shown(),
                why,
            })
    }
}

/// Lets a plugin that may use everything import what there is nothing of: it finds none.
pub(super) fn lend(cases: &mut Cases) {
    if !cases.granted {
        grant_nothing(&mut Arc::make_mut(&mut cases.plugin).grants);
    }
}

/// Grants something that is not there, of each kind of which nothing is granted.
fn grant_nothing(grants: &mut Grants) {
    let Grants {
        everything: _,
        upstreams: _,
        http,
        budgets,
        verifiers,
        stores,
        keys,
        secrets,
    } = grants;
    for names in [http, budgets, verifiers, stores, keys, secrets] {
        if names.is_empty() {
            names.push(NOTHING.to_owned());
        }
    }
}

/// A use with the usual bounds.
pub(super) fn used(plugin: &Plugin, configuration: Value) -> config::Use {
    config::Use {
        plugin: plugin.name.clone(),
        config: configuration.into(),
        bounds: Bounds::default(),
        failure: Failure::default(),
        authentication: false,
        isolation: Isolation::Reused,
        place: Place::default(),
    }
}

/// Runs what a gateway does on its control runtime, or a worker on its own: here one thread is both.
pub(super) fn run<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .map_err(Error::Runtime)?;
    runtime.block_on(work)
}

/// Tells an error, and ends so.
pub(super) fn failed(error: &Error) -> Exit {
    complain(&format!("error: {error}\n"));
    Exit::Failed
}

/// A configuration as JSON: the text itself, or the file behind an `@`.
pub(super) fn configuration(text: &str) -> Result<Map<String, Value>, String> {
    let read;
    let json = match text.strip_prefix('@') {
        Some(path) => {
            read = std::fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))?;
            read.as_str()
        }
        None => text,
    };
    match serde_json::from_str(json) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("a configuration is an object: { \"key\": … }".to_owned()),
        Err(error) => Err(format!("not JSON: {error}")),
    }
}

/// One thing that is wrong a line.
fn bullets(why: &LoadError) -> String {
    let one = |text: String| format!("  - {text}");
    match why {
        LoadError::Contract(all) => all
            .iter()
            .map(|wrong| one(wrong.to_string()))
            .collect::<Vec<_>>()
            .join("\n"),
        why => one(why.to_string()),
    }
}

/// `target/…/say_hello.wasm` is called `say-hello`.
fn name_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name: String = stem
        .chars()
        .map(|char| match char {
            'a'..='z' | '0'..='9' => char,
            'A'..='Z' => char.to_ascii_lowercase(),
            _ => '-',
        })
        .collect();
    let name = name.trim_matches('-');
    if name.starts_with(|first: char| first.is_ascii_lowercase()) {
        name.to_owned()
    } else {
        format!("plugin-{name}").trim_end_matches('-').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_files() {
        for (path, name) in [
            ("say_hello.wasm", "say-hello"),
            ("/a/B.wasm", "b"),
            ("1.wasm", "plugin-1"),
            ("_.wasm", "plugin"),
            ("", "plugin"),
        ] {
            assert_eq!(name_of(Path::new(path)), name, "{path}");
        }
    }

    #[test]
    fn a_configuration_is_an_object_from_the_line_or_a_file() {
        let object = configuration("{ \"a\": 1 }").unwrap();
        assert_eq!(object["a"], 1);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.json");
        std::fs::write(&path, "{ \"a\": 2 }").unwrap();
        assert_eq!(configuration(&format!("@{}", path.display())).unwrap()["a"], 2);
        for bad in ["", "[]", "{", "@/nowhere"] {
            assert!(configuration(bad).is_err(), "{bad}");
        }
    }
}
