//! `gatewit plugin componentize`: a module that a compiler made, wrapped into a component of the plugin's world.

use std::error::Error as StdError;
use std::{fs, io};

use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding};

use super::ComponentizeArgs;
use super::world::{self, World};
use crate::cli::plugin::{place, told};
use crate::cli::{Exit, complain, print};

mod adapter;
mod exports;

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot read {path}: {source}")]
    Read { path: String, source: io::Error },
    #[error("cannot write {path}: {source}")]
    Write { path: String, source: io::Error },
    #[error("{0} is a component already")]
    Component(String),
    #[error("{0} is not a WebAssembly module")]
    NoModule(String),
    #[error("{path} is damaged: {why}")]
    Damaged { path: String, why: String },
    #[error(transparent)]
    World(#[from] world::Error),
    #[error(
        "{path} does not export what the world `{world}` asks for:\n{}\nThe compiler may have left out what nobody \
         calls: functions have to be marked as exported", bullets(.missing)
    )]
    Exports {
        path: String,
        world: String,
        missing: Vec<String>,
    },
    #[error("{path} does not fit to the world `{world}`:\n{}", bullets(.why))]
    Misfit {
        path: String,
        world: String,
        why: Vec<String>,
    },
}

/// A module on its way.
struct Module {
    /// As it was named.
    path: String,
    bytes: Vec<u8>,
    world: World,
}

/// Runs the command.
pub(super) fn run(args: &ComponentizeArgs) -> Exit {
    match write(args) {
        Ok(text) => {
            print(&text);
            Exit::Ok
        }
        Err(error) => {
            complain(&format!("error: {error}\n"));
            Exit::Failed
        }
    }
}

fn write(args: &ComponentizeArgs) -> Result<String, Error> {
    let component = Module::read(args)?.componentize()?;
    place(&args.output, &component).map_err(|source| Error::Write {
        path: args.output.display().to_string(),
        source,
    })?;
    Ok(told(&args.output, &component))
}

impl Module {
    fn read(args: &ComponentizeArgs) -> Result<Self, Error> {
        let path = args.module.display().to_string();
        let bytes = fs::read(&args.module).map_err(|source| Error::Read {
            path: path.clone(),
            source,
        })?;
        let carries_world = look(&path, &bytes)?;
        let (bare, found) = wit_component::metadata::decode(&bytes).map_err(|why| Error::Damaged {
            path: path.clone(),
            why: format!("{why:#}"),
        })?;
        if carries_world && args.world.wit.is_none() && args.world.world.is_none() {
            let world = World {
                resolve: found.resolve,
                id: found.world,
            };
            return Ok(Self { path, bytes, world });
        }
        let world = World::read(&args.world)?;
        let mut bytes = bare.unwrap_or(bytes);
        let (resolve, id) = (&world.resolve, world.id);
        match wit_component::embed_component_metadata(&mut bytes, resolve, id, StringEncoding::UTF8) {
            Ok(()) => Ok(Self { path, bytes, world }),
            Err(why) => Err(misfit(path, &world, why.into_boxed_dyn_error().as_ref())),
        }
    }

    fn componentize(self) -> Result<Vec<u8>, Error> {
        let expected = exports::expected(&self.world);
        let (bytes, missing) = exports::renamed(&self.bytes, &expected);
        if !missing.is_empty() {
            return Err(Error::Exports {
                path: self.path,
                world: self.world.name().to_owned(),
                missing,
            });
        }
        encode(&bytes).map_err(|why| misfit(self.path, &self.world, why.as_ref()))
    }
}

fn encode(module: &[u8]) -> Result<Vec<u8>, Box<dyn StdError + Send + Sync>> {
    let mut encoder = ComponentEncoder::default().validate(true).module(module)?;
    if adapter::is_needed(module) {
        encoder = encoder.adapter(adapter::MODULE, &adapter::module()?)?;
    }
    Ok(encoder.encode()?)
}

fn misfit(path: String, world: &World, why: &(dyn StdError + 'static)) -> Error {
    let mut chain = vec![why.to_string()];
    let mut cause = why.source();
    while let Some(why) = cause {
        chain.push(why.to_string());
        cause = why.source();
    }
    Error::Misfit {
        path,
        world: world.name().to_owned(),
        why: chain,
    }
}

/// Whether a module carries its world. What is no module, or a broken one, is told.
fn look(path: &str, bytes: &[u8]) -> Result<bool, Error> {
    if !bytes.starts_with(b"\0asm") {
        return Err(Error::NoModule(path.to_owned()));
    }
    let damaged = |why: wasmparser::BinaryReaderError| Error::Damaged {
        path: path.to_owned(),
        why: why.to_string(),
    };
    if Parser::is_component(bytes) {
        return Err(Error::Component(path.to_owned()));
    }
    wasmparser::validate(bytes).map_err(damaged)?;
    let mut carries_world = false;
    for payload in Parser::new(0).parse_all(bytes) {
        if let Payload::CustomSection(section) = payload.map_err(damaged)? {
            carries_world |= section.name().starts_with("component-type");
        }
    }
    Ok(carries_world)
}

fn bullets(all: &[String]) -> String {
    let lines: Vec<_> = all.iter().map(|one| format!("  - {one}")).collect();
    lines.join("\n")
}
