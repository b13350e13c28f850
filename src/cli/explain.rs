//! `gatewit explain`: which route a request would take.

use super::Exit;

/// What `explain` takes.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    config: super::ConfigArgs,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Exit {
    if let Err(exit) = args.config.load() {
        return exit;
    }
    Exit::Failed
}
