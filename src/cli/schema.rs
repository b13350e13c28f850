//! `gatewit schema`: the JSON Schema of the configuration.

use super::Exit;

/// What `schema` takes.
#[derive(clap::Args, Debug)]
pub(super) struct Args {}

/// Runs the command.
pub(super) fn run(_args: &Args) -> Exit {
    Exit::Failed
}
