//! `gatewit check`: everything that is wrong with a configuration.

use super::Exit;

/// What `check` takes.
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
