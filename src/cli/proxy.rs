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

    /// Where health, metrics and the API are, or off
    #[arg(
        long,
        env = "GATEWIT_ADMIN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:9901"
    )]
    admin: String,

    #[command(flatten)]
    serving: ServingArgs,
}

/// Runs until a signal ends it.
pub(super) fn run(args: &Args) -> Exit {
    let source = source(args);
    // Asked first because it names the options in what it says.
    let valid = config::for_proxy(&args.to, &args.listen);
    match valid.and_then(|_| config::load(source.clone())) {
        Ok(loaded) => run::forever(loaded.config, source, &args.serving, false),
        Err(problems) => {
            complain(&problems.render(colour(&io::stderr())));
            Exit::Usage
        }
    }
}

/// As a text, so that a reload reads the same again. What JSON writes as a string is one in TOML too.
fn source(args: &Args) -> Source {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let (to, listen, admin) = (quoted(&args.to), quoted(&args.listen), quoted(&args.admin));
    Source::Text {
        name: "<command line>".to_owned(),
        text: format!("listen = [{listen}]\nadmin = {admin}\n\n[[route]]\nto = {to}\n"),
    }
}
