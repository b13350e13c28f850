//! From a source to a [`Config`] or to everything that is wrong with it.

use std::io;
use std::path::PathBuf;

use super::diagnostics::{At, Code, Diagnostics};
use super::reading::{Reading, read_file, reason};
use super::variables::Environment;
use super::{Config, include, meaning};

/// The configuration that is used when there is no file.
pub const DEFAULT: &str = include_str!("default.toml");

/// Where a configuration comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Source {
    /// A file; its includes and secret files are relative to its folder.
    File(PathBuf),
    /// [`DEFAULT`].
    Embedded,
    /// A text in memory; `name` stands for the file in messages.
    Text {
        /// Stands for the file in messages.
        name: String,
        /// TOML.
        text: String,
    },
    /// Standard input.
    Stdin,
}

/// A configuration that can be used, and what is odd about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it means.
    pub config: Config,
    /// Only warnings.
    pub warnings: Diagnostics,
    /// Where each route stands.
    routes: Vec<At>,
}

impl Loaded {
    /// Adds a warning for every route that can never match: pairs of its index and that of the route which
    /// always wins, as [`Config::routes`] counts them.
    pub fn warn_unreachable(&mut self, pairs: &[(usize, usize)]) {
        for (dead, because) in pairs {
            let (Some(at), Some(route), Some(winner)) = (
                self.routes.get(*dead),
                self.config.routes.get(*dead),
                self.config.routes.get(*because),
            ) else {
                continue;
            };
            let message = format!("route \"{}\" can never match", route.name);
            let help = format!(
                "route \"{}\" (line {}) takes all of its requests",
                winner.name, winner.place.line
            );
            self.warnings.warning(Code::Unreachable, *at, message).help(help);
        }
        self.warnings.sort();
    }
}

/// Reads a configuration with everything that it includes, and reports every problem at once.
///
/// # Errors
/// All errors (and warnings) when there is at least one error.
pub fn load(source: Source) -> Result<Loaded, Diagnostics> {
    load_with(source, &|name| std::env::var_os(name))
}

/// [`load`] with another environment than the process's.
pub(super) fn load_with(source: Source, environment: Environment<'_>) -> Result<Loaded, Diagnostics> {
    let mut reading = Reading::new(environment);
    let text = match &source {
        Source::Embedded => Ok(DEFAULT.to_owned()),
        Source::Text { text, .. } => Ok(text.clone()),
        Source::Stdin => io::read_to_string(io::stdin()),
        Source::File(path) => read_file(path),
    };
    let text = text.map_err(|error| unreadable(&source, &error))?;
    let main = match &source {
        Source::Embedded => reading.open_text("<default>", &text),
        Source::Text { name, .. } => reading.open_text(name, &text),
        Source::Stdin => reading.open_text("<stdin>", &text),
        Source::File(path) => reading.open_file(path, &text),
    };
    let documents = include::documents(main, &text, &mut reading);
    let (config, routes) = meaning::config(documents, &mut reading);
    let mut problems = reading.problems;
    problems.settle();
    if problems.has_errors() {
        Err(problems)
    } else {
        Ok(Loaded {
            config,
            warnings: problems,
            routes,
        })
    }
}

fn unreadable(source: &Source, error: &io::Error) -> Diagnostics {
    let name = match source {
        Source::File(path) => path.display().to_string(),
        _ => "standard input".to_owned(),
    };
    Diagnostics::from_message(Code::File, format!("cannot read {name}: {}", reason(error)))
}

/// The configuration of `gatewit proxy`: everything to one upstream, no file.
///
/// # Errors
/// When an address is malformed.
pub fn for_proxy(to: &str, listen: &str) -> Result<Config, Diagnostics> {
    meaning::for_proxy(to, listen)
}
