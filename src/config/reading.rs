//! What is at hand while a configuration is read: its files, the environment, the problems so far.

use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::diagnostics::{At, Code, Diagnostics};
use super::disk::Disk;
use super::excerpt::{self, Texts};
use super::parse::Malformed;
use super::section::Section;
use super::tree::Text;
use super::variables::Environment;
use super::{Place, Secret};

/// No token is larger; something else was named.
const LARGEST_SECRET: u64 = 64 << 10;

/// A key set has a handful of keys of at most a few KiB each.
const LARGEST_KEYS: u64 = 1 << 20;

/// What is at hand while a configuration is read.
pub(super) struct Reading<'a> {
    pub(super) problems: Diagnostics,
    pub(super) environment: Environment<'a>,
    /// Becomes [`super::Config::files`].
    pub(super) files: Vec<PathBuf>,
    /// Becomes [`super::Config::folders`].
    pub(super) folders: Vec<PathBuf>,
    /// Where files come from.
    pub(super) disk: Disk,
    /// One for each text of `problems`.
    origins: Vec<Origin>,
}

struct Origin {
    file: Option<usize>,
    added: bool,
    folder: PathBuf,
}

impl<'a> Reading<'a> {
    pub(super) fn new(problems: Diagnostics, environment: Environment<'a>) -> Self {
        Self {
            problems,
            environment,
            files: Vec::new(),
            folders: Vec::new(),
            disk: Disk::default(),
            origins: Vec::new(),
        }
    }

    /// Keeps a text that came from no file; names in it are relative to the working folder.
    pub(super) fn open_text(&mut self, name: &str, text: &str) -> usize {
        self.origins.push(Origin {
            file: None,
            added: false,
            folder: PathBuf::new(),
        });
        self.problems.open(name, text)
    }

    /// Keeps what the API added.
    pub(super) fn open_added(&mut self, text: excerpt::Text) -> usize {
        self.origins.push(Origin {
            file: None,
            added: true,
            folder: PathBuf::new(),
        });
        self.problems.open_text(text)
    }

    /// Keeps the text of a file.
    pub(super) fn open_file(&mut self, path: &Path, text: &str) -> usize {
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        self.origins.push(Origin {
            file: Some(self.files.len()),
            added: false,
            folder,
        });
        self.files.push(path.to_owned());
        self.problems.open(path.display().to_string(), text)
    }

    /// All texts so far.
    pub(super) fn texts(&self) -> Texts {
        let origins = self.origins.iter().map(|origin| (origin.file, origin.added));
        Texts::new(origins.zip(self.problems.texts().iter().cloned()))
    }

    /// A file name in the configuration, relative to the file that names it.
    pub(super) fn path(&self, name: &Text) -> PathBuf {
        self.origins
            .get(name.at.text)
            .map_or_else(PathBuf::new, |origin| origin.folder.clone())
            .join(&name.value)
    }

    pub(super) fn place(&self, at: At) -> Place {
        let location = self.problems.locate(at);
        let origin = self.origins.get(at.text);
        Place {
            file: origin.and_then(|origin| origin.file),
            added: origin.is_some_and(|origin| origin.added),
            span: at.start..at.end,
            line: location.line,
            column: location.column,
        }
    }

    /// Parses a text, or tells why not; `what` names what was expected.
    pub(super) fn parse<T: FromStr<Err = Malformed>>(&mut self, text: &Text, what: &str) -> Option<T> {
        self.parsed(text, text.value.parse(), what)
    }

    /// The value, or nothing after its problem was told.
    pub(super) fn parsed<T>(&mut self, text: &Text, result: Result<T, Malformed>, what: &str) -> Option<T> {
        result
            .map_err(|wrong| self.problems.malformed(text, wrong, what))
            .ok()
    }

    /// Tells that a value makes no sense; texts made of variables are not to be quoted in `message`.
    pub(super) fn invalid<T>(
        &mut self,
        at: At,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Option<T> {
        self.problems.error(Code::InvalidValue, at, message).help(help);
        None
    }

    /// Tells that two keys of a table exclude each other; the second is marked.
    pub(super) fn conflict(&mut self, section: &Section, keys: [&str; 2], help: &str) -> bool {
        let (true, Some(at)) = (section.has(keys[0]), section.key_at(keys[1])) else {
            return false;
        };
        let message = format!("`{}` and `{}` exclude each other", keys[0], keys[1]);
        self.problems.error(Code::Conflict, at, message).help(help);
        true
    }

    /// What a secret file holds, without the newline at its end.
    pub(super) fn secret_file(&mut self, name: &Text) -> Option<Secret> {
        let text = self.other_file(name, "secret file", LARGEST_SECRET)?;
        Some(Secret(text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// What a file of public keys holds.
    pub(super) fn key_file(&mut self, name: &Text) -> Option<String> {
        self.other_file(name, "key file", LARGEST_KEYS)
    }

    /// A file that is not TOML; it is watched like those that are.
    fn other_file(&mut self, name: &Text, what: &str, limit: u64) -> Option<String> {
        let path = self.path(name);
        let shown = path.display().to_string();
        let (message, help) = match self.disk.read(&path, limit) {
            Ok(text) if text.trim().is_empty() => (
                format!("the {what} {shown} is empty"),
                match what {
                    "secret file" => "the file holds the secret alone, as UTF-8 text",
                    _ => "the file holds the keys alone",
                },
            ),
            Ok(text) => {
                if !self.files.contains(&path) {
                    self.files.push(path);
                }
                return Some((*text).to_owned());
            }
            Err(error) => {
                let message = format!("cannot read the {what} {shown}: {}", reason(&error));
                (message, "names are relative to the file that they stand in")
            }
        };
        self.problems.missing(Code::File, name.at, message).help(help);
        None
    }
}

/// The operating system's words without its number.
pub(super) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    }
}
