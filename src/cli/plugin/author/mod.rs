//! `gatewit plugin bindgen` and `componentize`: what an author needs beside the compiler of a language, so that nobody
//! has to install tools of WebAssembly for it.
//!
//! What does the work is behind the cargo feature `author`: a gateway that only runs plugins is smaller without.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::cli::Exit;
#[cfg(not(feature = "author"))]
use crate::cli::complain;

#[cfg(feature = "author")]
mod bindgen;
#[cfg(feature = "author")]
mod componentize;
#[cfg(feature = "author")]
mod world;

/// What `bindgen` takes.
#[derive(clap::Args, Debug)]
pub(super) struct BindgenArgs {
    /// The language
    #[arg(long)]
    lang: Language,
    #[command(flatten)]
    world: WorldArgs,
    /// Where the files go; the folder is made when it is not there
    dir: PathBuf,
}

/// A language that code is written for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Language {
    /// C; C++, Zig, Nim and others that know how to call C use it, too
    C,
    /// Go
    Go,
}

/// What `componentize` takes.
#[derive(clap::Args, Debug)]
pub(super) struct ComponentizeArgs {
    /// The module (.wasm) that a compiler made
    module: PathBuf,
    #[command(flatten)]
    world: WorldArgs,
    /// Where the component goes
    #[arg(short, long, value_name = "FILE", default_value = "plugin.wasm")]
    output: PathBuf,
}

/// Which world a plugin is made for.
#[derive(clap::Args, Debug)]
struct WorldArgs {
    /// The folder (or file) with the plugin's world [default: wit]
    #[arg(long, value_name = "DIR")]
    wit: Option<PathBuf>,
    /// The world [default: the only one, or the one that is called `plugin`]
    #[arg(long, value_name = "NAME")]
    world: Option<String>,
}

/// Writes what a language calls the contract by.
#[cfg(feature = "author")]
pub(super) fn bindgen(args: &BindgenArgs) -> Exit {
    bindgen::run(args)
}

/// Makes a component of a module.
#[cfg(feature = "author")]
pub(super) fn componentize(args: &ComponentizeArgs) -> Exit {
    componentize::run(args)
}

/// See [`missing`].
#[cfg(not(feature = "author"))]
pub(super) fn bindgen(_: &BindgenArgs) -> Exit {
    missing()
}

/// See [`missing`].
#[cfg(not(feature = "author"))]
pub(super) fn componentize(_: &ComponentizeArgs) -> Exit {
    missing()
}

/// It was built without.
#[cfg(not(feature = "author"))]
fn missing() -> Exit {
    complain(
        "error: this gatewit was built without the tools for authors of plugins (the cargo feature `author`): use a \
         released binary, or build it with `--features author`\n",
    );
    Exit::Failed
}
