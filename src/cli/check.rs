//! `gatewit check`: everything that is wrong with a configuration, and what is odd about it. Nothing is started
//! and no name is looked up.

use std::io;

use serde_json::json;

use super::{Exit, colour, complain, print};
use crate::config::{self, Config, Diagnostics, Severity};
use crate::jwt;
use crate::router;

/// What `check` takes.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    config: super::ConfigArgs,
    /// Only warn about environment variables and secret files that are missing here
    #[arg(long, env = "GATEWIT_CHECK_WITHOUT_SECRETS")]
    without_secrets: bool,
    /// How problems are told
    #[arg(long, value_enum, default_value_t = Format::Human, env = "GATEWIT_CHECK_FORMAT")]
    format: Format,
    /// Warnings too make it fail
    #[arg(long, env = "GATEWIT_CHECK_DENY_WARNINGS")]
    deny_warnings: bool,
}

/// How problems are told.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Format {
    /// With the line, a caret and what to do.
    Human,
    /// One JSON object.
    Json,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Exit {
    let source = args.config.source();
    let loaded = if args.without_secrets {
        config::load_without_secrets(source)
    } else {
        config::load(source).and_then(jwt::accept)
    };
    let (config, problems) = match loaded {
        Ok(mut loaded) => {
            router::warn_of_unreachable(&mut loaded);
            (Some(loaded.config), loaded.warnings)
        }
        Err(problems) => (None, problems),
    };
    let good = config.is_some() && (problems.is_empty() || !args.deny_warnings);
    match args.format {
        Format::Human => tell(config.as_ref(), &problems),
        Format::Json => {
            let answer = json!({ "ok": good, "problems": &problems });
            print(&format!("{answer:#}\n"));
        }
    }
    if good { Exit::Ok } else { Exit::Config }
}

fn tell(config: Option<&Config>, problems: &Diagnostics) {
    complain(&problems.render(colour(&io::stderr())));
    let errors = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .count();
    let warnings = problems.len() - errors;
    let counted =
        |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    match config {
        Some(config) => {
            let parts = [
                counted(config.listeners.len(), "listener"),
                counted(config.routes.len(), "route"),
                counted(config.upstreams.len(), "upstream"),
            ];
            let odd = if warnings == 0 {
                String::new()
            } else {
                format!(" ({})", counted(warnings, "warning"))
            };
            print(&format!("The configuration is good: {}{odd}\n", parts.join(", ")));
        }
        None if warnings == 0 => complain(&format!("{}\n", counted(errors, "error"))),
        None => complain(&format!(
            "{}, {}\n",
            counted(errors, "error"),
            counted(warnings, "warning")
        )),
    }
}
