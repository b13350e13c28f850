//! The command line: one file per command, and here what they share.
//!
//! Data goes to standard output, everything else to standard error. Commands return an [`Exit`]; nothing
//! here ends the process.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{self, Loaded, Source};
use crate::jwt;
use crate::router;

mod ask;
mod check;
mod demo;
mod explain;
mod healthcheck;
mod logs;
mod plugin;
mod proxy;
mod reload;
mod report;
mod routes;
mod run;
mod schema;
mod signals;
mod version;
mod watch;

/// Where a configuration is looked for, in this order, before the embedded one is taken.
const PLACES: [&str; 2] = ["./gatewit.toml", "/etc/gatewit/gatewit.toml"];

const AFTER_HELP: &str = "\
Exit codes:
  0  done; for run: stopped, and every exchange came to its end
  1  failed while running, or exchanges were cut when stopping
  2  the command line is wrong
  3  the configuration is wrong

Every option can be given as an environment variable; its name stands beside it.";

/// An API gateway for services found by DNS, Docker Swarm first.
#[derive(Debug, Parser)]
#[command(name = "gatewit", version, after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    run: run::Args,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a gateway (this is what happens without a command)
    Run(run::Args),
    /// Run a gateway that sends everything to one place, without a configuration file
    Proxy(proxy::Args),
    /// See it work: services, DNS and gateway on this machine alone
    Demo(demo::Args),
    /// Check a configuration, without starting anything
    Check(check::Args),
    /// Print the JSON Schema of the configuration, for editors
    Schema(schema::Args),
    /// Print the routes in the order in which they are tried
    Routes(routes::Args),
    /// Say which route a request would take, and why the others lost
    Explain(explain::Args),
    /// Have the running gateway read its configuration again
    Reload(reload::Args),
    /// Ask the running gateway whether it is ready; exit code 0 or 1
    Healthcheck(healthcheck::Args),
    /// Make, build, check, inspect, test and measure plugins
    Plugin(plugin::Args),
    /// Print version and commit
    Version(version::Args),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// All was well.
    Ok = 0,
    /// It failed while running, or cut exchanges when stopping.
    Failed = 1,
    /// The command line was wrong.
    Usage = 2,
    /// The configuration was wrong.
    Config = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Which configuration a command is about.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ConfigArgs {
    /// Configuration file; - for standard input [default: ./gatewit.toml, then /etc/gatewit/gatewit.toml,
    /// then the built-in one]
    #[arg(short, long, env = "GATEWIT_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigArgs {
    /// What was asked for, or what is found.
    pub(crate) fn source(&self) -> Source {
        match &self.config {
            Some(path) if path == Path::new("-") => Source::Stdin,
            Some(path) => Source::File(path.clone()),
            None => PLACES
                .iter()
                .map(PathBuf::from)
                .find(|path| path.exists())
                .map_or(Source::Embedded, Source::File),
        }
    }

    /// Reads it. Problems and warnings are printed.
    pub(crate) fn load(&self) -> Result<Loaded, Exit> {
        match config::load(self.source()).and_then(jwt::accept) {
            Ok(mut loaded) => {
                router::warn_of_unreachable(&mut loaded);
                complain(&loaded.warnings.render(colour(&io::stderr())));
                Ok(loaded)
            }
            Err(problems) => {
                complain(&problems.render(colour(&io::stderr())));
                Err(Exit::Config)
            }
        }
    }
}

/// Reads the arguments of this process and does what they say.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are "errors" that go to standard output. A closed one is not our problem.
            let _ = error.print();
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Ok };
            return exit.into();
        }
    };
    let exit = match cli.command.unwrap_or(Command::Run(cli.run)) {
        Command::Run(args) => run::run(&args),
        Command::Proxy(args) => proxy::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Routes(args) => routes::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Reload(args) => reload::run(&args),
        Command::Healthcheck(args) => healthcheck::run(&args),
        Command::Plugin(args) => plugin::run(&args),
        Command::Version(args) => version::run(&args),
    };
    exit.into()
}

/// Writes to standard output. A reader that has left (`| head`) is not an error.
pub(crate) fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Writes to standard error, which may be closed.
pub(crate) fn complain(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Whether colours are wanted there (<https://no-color.org>, <https://bixense.com/clicolors>).
pub(crate) fn colour(stream: &impl IsTerminal) -> bool {
    let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
    !set("NO_COLOR") && (set("CLICOLOR_FORCE") || stream.is_terminal())
}
