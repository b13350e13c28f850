//! `gatewit reload`: have the running gateway read its configuration again.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::Value;

use super::ask::AdminArgs;
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
    match args.admin.ask(Method::POST, "/api/v1/reload", PATIENCE) {
        Ok(answer) if answer.status.is_success() => {
            print(&answer.body);
            Exit::Ok
        }
        Ok(answer) if answer.status == StatusCode::UNPROCESSABLE_ENTITY => {
            let value: Value = serde_json::from_str(&answer.body).unwrap_or_default();
            complain(value["text"].as_str().unwrap_or(&answer.body));
            complain("The gateway runs on with the configuration that it had.\n");
            Exit::Config
        }
        Ok(answer) => {
            complain(&answer.body);
            Exit::Failed
        }
        Err(exit) => exit,
    }
}
