//! How a command that runs something logs: options, and the terminal as their default.

use std::env;
use std::io;
use std::io::IsTerminal;

use clap::ValueEnum;

use super::{Exit, colour, complain};
use crate::telemetry::logs::{self, Logs};

/// How to log, and what.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct LogArgs {
    /// How log lines on standard error look [default: compact on a terminal, json otherwise]
    #[arg(long, env = "GATEWIT_LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<LogFormat>,

    /// What is logged: a level, or target=level,…; RUST_LOG is heard too [default: info]
    #[arg(long, env = "GATEWIT_LOG", value_name = "FILTER")]
    log: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    /// One line for people
    Compact,
    /// Several lines for people
    Pretty,
    /// One JSON object a line
    Json,
}

impl LogArgs {
    /// Starts logging; the result must be stopped before the process ends. `quiet` is for when nobody says more.
    pub(super) fn start(&self, default: &str) -> Result<Logs, Exit> {
        let format = match self.log_format {
            Some(LogFormat::Compact) => logs::Format::Compact,
            Some(LogFormat::Pretty) => logs::Format::Pretty,
            Some(LogFormat::Json) => logs::Format::Json,
            None if io::stderr().is_terminal() => logs::Format::Compact,
            None => logs::Format::Json,
        };
        let said = self
            .log
            .clone()
            .or_else(|| env::var("RUST_LOG").ok())
            .filter(|filter| !filter.is_empty());
        let filter = said.as_deref().unwrap_or(default);
        Logs::start(format, filter, colour(&io::stderr())).map_err(|error| {
            complain(&format!("{error}\n"));
            match error {
                logs::Error::Filter { .. } => Exit::Usage,
                logs::Error::Io(_) => Exit::Failed,
            }
        })
    }
}
