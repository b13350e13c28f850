//! `gatewit plugin bindgen`: what a language calls the contract by, for the world of one plugin.

use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::{fs, io};

use wit_bindgen_core::{Files, WorldGenerator};

use super::world::{self, World};
use super::{BindgenArgs, Language};
use crate::cli::plugin::shown;
use crate::cli::{Exit, complain, print};

mod go;

/// Why there are no bindings.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    World(#[from] world::Error),
    #[error("the world `{world}` cannot be said in this language: {why}")]
    Unsayable { world: String, why: String },
    #[error("cannot write {path}: {source}")]
    Write { path: String, source: io::Error },
}

/// Runs the command.
pub(super) fn run(args: &BindgenArgs) -> Exit {
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

fn write(args: &BindgenArgs) -> Result<String, Error> {
    let files = generate(World::read(&args.world)?, args.lang)?;
    let mut said = String::new();
    for (name, content) in files.iter() {
        let path = args.dir.join(name);
        if name == go::OWN && path.exists() {
            continue;
        }
        put(&path, content).map_err(|source| Error::Write {
            path: path.display().to_string(),
            source,
        })?;
        said.push_str(&shown(&path));
        said.push('\n');
    }
    Ok(said)
}

fn generate(mut world: World, language: Language) -> Result<Files, Error> {
    let mut generator: Box<dyn WorldGenerator> = match language {
        Language::C => wit_bindgen_c::Opts::default().build(),
        Language::Go => go::generator(),
    };
    let mut files = Files::default();
    let generated = unpanicked(|| {
        let done = generator.generate(&mut world.resolve, world.id, &mut files);
        done.map_err(|why| format!("{why:#}"))
    });
    if let Err(why) = generated {
        return Err(Error::Unsayable {
            world: world.name().to_owned(),
            why,
        });
    }
    Ok(match language {
        Language::C => files,
        Language::Go => go::complete(&files),
    })
}

/// The generators panic at types that they do not know yet.
fn unpanicked(work: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    panic::set_hook(hook);
    done.unwrap_or_else(|said| {
        let said = said.downcast::<String>().map(|text| *text);
        Err(said.unwrap_or_else(|_| "it names a type that the generator does not know".to_owned()))
    })
}

/// A file that is as it should be keeps its time: tools that look at times have nothing to do then.
fn put(path: &Path, content: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|there| there == content) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, content)
}
