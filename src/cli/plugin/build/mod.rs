//! `gatewit plugin build`: the tools of the plugin's language, and what came out of them. A folder with a `build.sh` is
//! built by that, any other by cargo; either way the component comes to stand in the folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{COMPONENT, place, told};
use crate::cli::{Exit, complain, print};

mod cargo;
mod script;

/// What `build` takes.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The plugin's folder, with its build.sh or Cargo.toml
    #[arg(default_value = ".")]
    dir: PathBuf,
}

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(
        "there is no build.sh and no Cargo.toml in {0}: name the plugin's folder (`gatewit plugin new NAME` makes one)"
    )]
    NoProject(String),
    #[error("{tool} is not there: {remedy}")]
    NoTool {
        tool: &'static str,
        remedy: &'static str,
    },
    #[error("{tool} does not start: {source}")]
    Start { tool: &'static str, source: io::Error },
    #[error(transparent)]
    Cargo(#[from] cargo::CargoError),
    #[error(transparent)]
    Script(#[from] script::ScriptError),
    #[error("cannot read {path}: {source}")]
    Unreadable { path: String, source: io::Error },
    #[error("cannot write {path}: {source}")]
    Unwritable { path: String, source: io::Error },
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Exit {
    match build(&args.dir) {
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

/// Whether a folder is a plugin's.
pub(in crate::cli) fn is_project(dir: &Path) -> bool {
    script::builds(dir) || dir.join("Cargo.toml").is_file()
}

fn build(dir: &Path) -> Result<String, Error> {
    if !is_project(dir) {
        return Err(Error::NoProject(dir.display().to_string()));
    }
    if script::builds(dir) {
        return seen(&script::build(dir)?);
    }
    match cargo::build(dir)?.as_slice() {
        [one] => placed(one, &dir.join(COMPONENT)),
        several => several.iter().map(|path| seen(path)).collect(),
    }
}

/// Copies the component out of cargo's folder, which is wherever an environment or a workspace says, to where a
/// configuration can name it.
fn placed(made: &Path, path: &Path) -> Result<String, Error> {
    let component = read(made)?;
    place(path, &component).map_err(|source| Error::Unwritable {
        path: path.display().to_string(),
        source,
    })?;
    Ok(told(path, &component))
}

fn seen(path: &Path) -> Result<String, Error> {
    read(path).map(|component| told(path, &component))
}

fn unstarted(tool: &'static str, source: io::Error) -> Error {
    if source.kind() == io::ErrorKind::NotFound {
        let remedy = match tool {
            "sh" => "build.sh needs a shell",
            _ => {
                "plugins in Rust need Rust's own tools, from https://rustup.rs (or set PATH to where they are)"
            }
        };
        Error::NoTool { tool, remedy }
    } else {
        Error::Start { tool, source }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::Unreadable {
        path: path.display().to_string(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_no_plugin_is_told() {
        let error = build(Path::new("/nowhere")).unwrap_err().to_string();
        assert!(
            error.contains("no build.sh and no Cargo.toml in /nowhere"),
            "{error}"
        );
    }
}
