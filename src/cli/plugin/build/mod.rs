//! `gatewit plugin build`: the tools of the plugin's language, and what came out of them. A folder with a `build.sh` is
//! built by that, any other by cargo.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::told;
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
    let components = if script::builds(dir) {
        vec![script::build(dir)?]
    } else {
        cargo::build(dir)?
    };
    components.iter().map(|path| read(path)).collect()
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

fn read(path: &Path) -> Result<String, Error> {
    let component = fs::read(path).map_err(|source| Error::Unreadable {
        path: path.display().to_string(),
        source,
    })?;
    Ok(told(path, &component))
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
