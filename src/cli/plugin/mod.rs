//! `gatewit plugin …`: what authors of plugins do with one, and what operators want to know of one.

use std::fs;
use std::io;
use std::path::Path;

use clap::Subcommand;

use super::Exit;
use crate::plugin::Digest;

mod author;
mod bench;
mod build;
mod check;
mod component;
mod inspect;
mod list;
mod new;
mod test;

pub(super) use build::is_project;

/// What `plugin` takes.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a folder with a new plugin, and all that it needs to be built
    New(new::Args),
    /// Build the plugin in a folder, and say where the component is
    Build(build::Args),
    /// Write the code by which a language calls the contract
    Bindgen(author::BindgenArgs),
    /// Make a component of the module that a compiler made
    Componentize(author::ComponentizeArgs),
    /// Check a component as loading does, and try a configuration on it
    Check(check::Args),
    /// Say what is in a component, what it asks for, and what an instance of it costs
    Inspect(inspect::Args),
    /// Play cases on a component, and tell what is not as it should be
    Test(test::Args),
    /// Say what a call of each hook costs
    Bench(bench::Args),
    /// Print the plugins of the running gateway
    List(list::Args),
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Exit {
    match &args.command {
        Command::New(args) => new::run(args),
        Command::Build(args) => build::run(args),
        Command::Bindgen(args) => author::bindgen(args),
        Command::Componentize(args) => author::componentize(args),
        Command::Check(args) => check::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Test(args) => test::run(args),
        Command::Bench(args) => bench::run(args),
        Command::List(args) => list::run(args),
    }
}

/// What a finished component is called in its plugin's folder, whatever it was built with.
const COMPONENT: &str = "plugin.wasm";

/// Puts a component in its place, in one step: a gateway may be looking at the file.
fn place(path: &Path, component: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    fs::write(&beside, component).and_then(|()| fs::rename(&beside, path))
}

/// Where a component is, how large it is, and its digest.
fn told(path: &Path, component: &[u8]) -> String {
    format!(
        "component  {}\nsize       {}\nsha256     {}\n",
        shown(path),
        size(u64::try_from(component.len()).unwrap_or(u64::MAX)),
        Digest::of(component)
    )
}

/// A number of bytes, for people.
#[expect(
    clippy::cast_precision_loss,
    reason = "three digits are shown, and a component is far below 2^53 bytes"
)]
fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

/// A path as it is said to people: relative to where they are, if it lies there.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    here.and_then(|here| path.strip_prefix(here).ok())
        .unwrap_or(path)
        .display()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_in_the_unit_that_fits() {
        for (bytes, said) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (3 << 20, "3.0 MiB"),
        ] {
            assert_eq!(size(bytes), said);
        }
    }
}
