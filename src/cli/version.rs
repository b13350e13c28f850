//! `gatewit version`.

use serde_json::json;

use super::{Exit, print};
use crate::telemetry::metrics::{REVISION, VERSION};

/// What `version` takes.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Prints version and commit.
pub(super) fn run(args: &Args) -> Exit {
    if args.json {
        print(&format!(
            "{}\n",
            json!({"version": VERSION, "revision": REVISION})
        ));
    } else {
        print(&format!("gatewit {VERSION} ({REVISION})\n"));
    }
    Exit::Ok
}
