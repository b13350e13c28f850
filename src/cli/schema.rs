//! `gatewit schema`: the JSON Schema of the configuration.

use super::{Exit, print};
use crate::config;

/// What `schema` takes: nothing.
#[derive(clap::Args, Debug)]
pub(super) struct Args {}

/// Runs the command.
pub(super) fn run(_args: &Args) -> Exit {
    print(&format!("{:#}\n", config::schema()));
    Exit::Ok
}
