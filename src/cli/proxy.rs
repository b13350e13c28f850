//! `gatewit proxy`: everything to one place, without a configuration file.

use std::io;

use super::run::{self, ServingArgs};
use super::{Exit, colour, complain};
use crate::config::{self, Source};

/// What `proxy` takes.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Where requests go: a name that DNS knows, or an IP address
    #[arg(long, env = "GATEWIT_TO", value_name = "HOST:PORT")]
    to: String,

    /// Where requests come in
    #[arg(long, env = "GATEWIT_LISTEN", value_name = "ADDRESS", default_value = ":2015")]
    listen: String,

    #[command(flatten)]
    serving: ServingArgs,
}

/// Runs until a signal ends it.
pub(super) fn run(args: &Args) -> Exit {
    match config::for_proxy(&args.to, &args.listen) {
        Ok(config) => run::forever(config, Source::Embedded, &args.serving),
        Err(problems) => {
            complain(&problems.render(colour(&io::stderr())));
            Exit::Usage
        }
    }
}
