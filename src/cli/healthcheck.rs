//! `gatewit healthcheck`: is the gateway on this machine ready? For images without curl.

use std::time::Duration;

use http::Method;

use super::ask::AdminArgs;
use super::{Exit, complain};

/// Shorter than the two seconds that our image gives a check.
const PATIENCE: Duration = Duration::from_millis(1500);

/// What `healthcheck` takes.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    admin: AdminArgs,
}

/// Says nothing when all is well: it runs every few seconds.
pub(super) fn run(args: &Args) -> Exit {
    match args.admin.ask(Method::GET, "/readyz", PATIENCE) {
        Ok(answer) if answer.status.is_success() => Exit::Ok,
        Ok(answer) => {
            complain(&format!("{}: {}", answer.status, answer.body));
            Exit::Failed
        }
        Err(exit) => exit,
    }
}
