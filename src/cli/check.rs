//! `gatewit check`: everything that is wrong with a configuration, and what is odd about it. Plugins are loaded and tried
//! with what is configured of them. Nothing is started, nothing is kept, and no name is looked up but those of
//! components that have to be downloaded.

use std::io;

use serde_json::json;

use super::{Exit, colour, complain, print};
use crate::config::{self, Code, Config, Diagnostics, Severity};
use crate::{jwt, router, snapshot};

/// What `check` takes.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    config: super::ConfigArgs,
    /// Only warn about environment variables and secret files that are missing here
    #[arg(long, env = "GATEWIT_CHECK_WITHOUT_SECRETS")]
    without_secrets: bool,
    /// Do not load plugins: their components may not be here
    #[arg(long, env = "GATEWIT_CHECK_NO_PLUGINS")]
    no_plugins: bool,
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
            let mut problems = loaded.warnings;
            if !args.no_plugins {
                problems.extend(plugins(&loaded.config));
            }
            ((!problems.has_errors()).then_some(loaded.config), problems)
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

/// What is wrong with them.
fn plugins(config: &Config) -> Diagnostics {
    if config.plugins.is_empty() {
        return Diagnostics::default();
    }
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime
            .block_on(snapshot::try_plugins(config))
            .diagnostics(config),
        Err(error) => Diagnostics::from_message(Code::Plugin, format!("plugins can not be tried: {error}")),
    }
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
                counted(config.plugins.len(), "plugin"),
            ];
            let parts = &parts[..if config.plugins.is_empty() { 3 } else { 4 }];
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
