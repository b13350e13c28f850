//! `gatewit reload`: have the running gateway read its configuration again.

use std::time::Duration;

use http::{Method, StatusCode};

use super::ask::{self, AdminArgs};
use super::{Exit, complain, print};

/// Reading secrets and includes may take a while on a slow disk.
const PATIENCE: Duration = Duration::from_secs(30);

/// What `reload` takes.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    admin: AdminArgs,
}

/// Prints what the gateway says: what changed, or what is wrong.
pub(super) fn run(args: &Args) -> Exit {
    let target = match args.admin.target() {
        Ok(target) => target,
        Err(exit) => return exit,
    };
    match ask::once(&target, Method::POST, "/api/v1/reload", PATIENCE) {
        Ok(answer) if answer.status.is_success() => {
            print(&answer.body);
            Exit::Ok
        }
        Ok(answer) => {
            complain(&answer.body);
            if answer.status == StatusCode::UNPROCESSABLE_ENTITY {
                Exit::Config
            } else {
                Exit::Failed
            }
        }
        Err(error) => {
            complain(&format!("{error}\n"));
            Exit::Failed
        }
    }
}
