//! From a source to a [`Config`] or to everything that is wrong with it.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::additions::{self, Additions, Kind};
use super::diagnostics::{At, Code, Diagnostic, Diagnostics, Severity};
use super::disk::Disk;
use super::reading::{Reading, reason};
use super::{Authority, Config, Listener, include, meaning};

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
    /// What was added and had to be left out.
    pub inactive: Vec<Inactive>,
    /// Where each route stands.
    routes: Vec<At>,
}

impl Loaded {
    /// Adds a warning for every route that can never match: pairs of its index and that of the route which
    /// always wins, as [`Config::routes`] counts them.
    pub fn warn_unreachable(&mut self, pairs: impl IntoIterator<Item = (usize, usize)>) {
        for (dead, because) in pairs {
            let (Some(at), Some(route), Some(winner)) = (
                self.routes.get(dead),
                self.config.routes.get(dead),
                self.config.routes.get(because),
            ) else {
                continue;
            };
            let line = winner.place.line;
            let file = winner.place.file.filter(|file| Some(*file) != route.place.file);
            let place = match file.and_then(|file| self.config.files.get(file)) {
                Some(file) => format!("{}:{line}", file.display()),
                None if winner.place.added => "added by API".to_owned(),
                None => format!("line {line}"),
            };
            let message = format!("the route \"{}\" can never match", route.name);
            let help = format!(
                "\"{}\" ({place}) takes all of its requests: remove one, or tell them apart",
                winner.name
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
#[expect(
    clippy::needless_pass_by_value,
    reason = "a source is used up: standard input can be read once"
)]
pub fn load(source: Source) -> Result<Loaded, Diagnostics> {
    load_with(&source, Diagnostics::default())
}

/// [`load`] where secrets are not at hand: environment variables and secret files that are missing are only
/// warned about. For checking; what it returns is not complete.
///
/// # Errors
/// All other errors (and all warnings) when there is at least one error.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a source is used up: standard input can be read once"
)]
pub fn load_without_secrets(source: Source) -> Result<Loaded, Diagnostics> {
    load_with(&source, Diagnostics::lenient())
}

fn load_with(source: &Source, problems: Diagnostics) -> Result<Loaded, Diagnostics> {
    let mut disk = Disk::default();
    let text = match source {
        Source::Embedded => Ok(DEFAULT.into()),
        Source::Text { text, .. } => Ok(text.as_str().into()),
        Source::Stdin => io::read_to_string(io::stdin()).map(Arc::from),
        Source::File(path) => disk.configuration(path),
    };
    let text = text.map_err(|error| unreadable(source, &error))?;
    let source = source.clone();
    Read { source, text, disk }.understand(&Additions::default(), problems)
}

/// What was read of a configuration.
pub(super) struct Read {
    source: Source,
    /// The main file.
    text: Arc<str>,
    disk: Disk,
}

/// Secrets may stand in it.
impl fmt::Debug for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.disk.fmt(f)
    }
}

impl Default for Read {
    fn default() -> Self {
        Self {
            source: Source::Embedded,
            text: DEFAULT.into(),
            disk: Disk::default(),
        }
    }
}

impl Read {
    fn understand(&self, additions: &Additions, problems: Diagnostics) -> Result<Loaded, Diagnostics> {
        let mut reading = Reading::new(problems, &|name| std::env::var_os(name));
        reading.disk = self.disk.clone();
        let main = match &self.source {
            Source::Embedded => reading.open_text("<default>", &self.text),
            Source::Text { name, .. } => reading.open_text(name, &self.text),
            Source::Stdin => reading.open_text("<stdin>", &self.text),
            Source::File(path) => reading.open_file(path, &self.text),
        };
        let mut documents = include::documents(main, &self.text, &mut reading);
        if !additions.is_empty() {
            documents.push(additions::document(additions, &mut reading));
        }
        let (mut config, routes) = meaning::config(documents, &mut reading);
        config.read = Arc::new(Self {
            source: self.source.clone(),
            text: Arc::clone(&self.text),
            disk: reading.disk,
        });
        let mut problems = reading.problems;
        problems.settle();
        if problems.has_errors() {
            return Err(problems);
        }
        Ok(Loaded {
            config,
            warnings: problems,
            inactive: Vec::new(),
            routes,
        })
    }
}

impl Config {
    /// The same configuration with what was added while it ran, in place of what had been added to it before. Its files
    /// are not read again: what happened to them since does not matter. What does not fit is left out.
    ///
    /// # Errors
    /// What is wrong with the configuration itself, which then does not go together with what was added.
    pub fn with(&self, additions: &Additions) -> Result<Loaded, Diagnostics> {
        let mut fitting = additions.clone();
        let mut inactive: Vec<Inactive> = Vec::new();
        loop {
            let problems = match self.read.understand(&fitting, Diagnostics::default()) {
                Ok(loaded) => return Ok(Loaded { inactive, ..loaded }),
                Err(problems) => problems,
            };
            let culprits = culprits(&problems).ok_or_else(|| problems.clone())?;
            for (kind, name) in culprits {
                let table = Some((kind, name.clone()));
                if fitting.remove(kind, &name).is_none() {
                    // It would be wrong for ever.
                    return Err(problems);
                }
                let problems = problems.only(|problem| table_of(problem) == table);
                inactive.push(Inactive { kind, name, problems });
            }
        }
    }
}

/// Something that was added, and does not go together with the rest.
#[derive(Clone, Debug)]
pub struct Inactive {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Why.
    pub problems: Diagnostics,
}

/// What was added with an error in it; `None` when an error is elsewhere.
fn culprits(problems: &Diagnostics) -> Option<BTreeSet<(Kind, String)>> {
    let errors = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error);
    errors.map(table_of).collect()
}

fn table_of(problem: &Diagnostic) -> Option<(Kind, String)> {
    additions::table_of(problem.place.as_ref()?.pointer.as_deref()?)
}

pub(super) fn unreadable(source: &Source, error: &io::Error) -> Diagnostics {
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
    let mut problems = Diagnostics::default();
    for (flag, wrong) in [
        ("--to", to.parse::<Authority>().err()),
        ("--listen", listen.parse::<Listener>().err()),
    ] {
        if let Some(wrong) = wrong {
            problems
                .error(Code::InvalidValue, None, format!("{flag}: {}", wrong.message))
                .help = wrong.help;
        }
    }
    if problems.has_errors() {
        return Err(problems);
    }
    // Both are plain addresses now, so they need no escapes.
    let text = format!("listen = [\"{listen}\"]\n[[route]]\npath = \"/\"\nto = \"{to}\"\n");
    let name = "<command line>".to_owned();
    load(Source::Text { name, text }).map(|loaded| loaded.config)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

    use super::*;

    #[test]
    fn the_embedded_default_forwards_everything_to_app() {
        let loaded = load(Source::Embedded).unwrap();
        assert!(loaded.warnings.is_empty());
        assert_eq!(loaded.config.listeners[0].name, ":2015");
        assert_eq!(loaded.config.upstreams[0].name, "app:12345");
        assert_eq!(loaded.config.routes[0].name, "/");
        assert!(loaded.config.files.is_empty());
    }

    #[test]
    fn a_proxy_needs_no_file() {
        let config = for_proxy("web:80", "127.0.0.1:8080").unwrap();
        assert_eq!(config.listeners[0].address.port(), 8080);
        assert_eq!(for_proxy("web", "0").unwrap_err().len(), 2);
    }

    #[test]
    fn a_file_that_is_not_there_is_a_problem_without_a_place() {
        let problems = load(Source::File(PathBuf::from("/nowhere.toml"))).unwrap_err();
        assert_eq!(
            problems.render(false),
            "error: cannot read /nowhere.toml: there is no such file\n\n"
        );
    }
}
