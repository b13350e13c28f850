//! Problems as data, and how they are shown to people and to programs.
//!
//! Finding them is the work of the reader; choosing an exit code or a status is the caller's.

use std::collections::HashSet;
use std::fmt;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::Serialize;
use serde::ser::SerializeMap;

use super::excerpt::Text;

/// How bad it is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can be used, but probably does not do what was meant.
    Warning,
}

/// What kind of problem it is: stable, for programs that read `--format json`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// Not TOML.
    Syntax,
    /// A key that nothing reads.
    UnknownKey,
    /// A required key is not there.
    MissingKey,
    /// A value of another type than the key takes.
    WrongType,
    /// The right type, but not a value that makes sense.
    InvalidValue,
    /// Two things that exclude each other.
    Conflict,
    /// The same thing said twice.
    Duplicate,
    /// A name that nothing defines.
    UnknownName,
    /// A file that cannot be read.
    File,
    /// An environment variable that is not set.
    Environment,
    /// A route that can never match.
    Unreachable,
    /// Something that nothing uses.
    Unused,
    /// A secret in plain sight.
    Exposed,
}

/// One problem. Its texts never hold a secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What kind of problem it is.
    pub code: Code,
    /// What is wrong, without a full stop.
    pub message: String,
    /// Where; `None` when it has no place (the command line, a missing file).
    pub place: Option<Location>,
    /// What to do.
    pub help: Option<String>,
    /// What the caret says.
    pub label: Option<String>,
}

/// A range in a text, in the units that people and editors count in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Location {
    /// As it was opened, or `<default>`, `<stdin>`.
    pub file: String,
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// Just behind the range.
    pub end: End,
    at: At,
}

/// Just behind a range.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct End {
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
}

/// A range of bytes in one of the texts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct At {
    /// Index of the text, in the order of [`Diagnostics::open`].
    pub(super) text: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// All problems of one configuration, errors first, then by place.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    texts: Vec<Text>,
    /// Whether what the machine lacks, but another may have, is only warned about.
    lenient: bool,
}

/// Said of a table whose header has no end; the parser goes astray behind it.
pub(super) const BROKEN_HEADER: &str = "the header of this table is not closed";

impl Diagnostics {
    /// One error without a place, for what came from the command line.
    pub fn from_message(code: Code, message: impl Into<String>) -> Self {
        let mut this = Self::default();
        this.error(code, None, message);
        this
    }

    /// The problems in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many problems there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.list
            .iter()
            .any(|problem| problem.severity == Severity::Error)
    }

    /// All of them for people: the line, a caret, and what to do. Ends with a newline unless empty.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        self.list
            .iter()
            .map(|problem| self.render_one(problem, &renderer))
            .collect()
    }

    fn render_one(&self, problem: &Diagnostic, renderer: &Renderer) -> String {
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(&problem.message);
        let mut group = match &problem.place {
            None => annotate_snippets::Group::with_title(title),
            Some(location) => {
                let broken = problem.code == Code::Syntax;
                let (excerpt, span) = self.texts[location.at.text].excerpt(location.at, broken);
                let mark = AnnotationKind::Primary.span(span).label(problem.label.as_deref());
                title.element(
                    Snippet::source(excerpt)
                        .path(location.file.as_str())
                        .line_start(location.line)
                        .annotation(mark),
                )
            }
        };
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(help));
        }
        let mut text = renderer.render(&[group]);
        text.push_str("\n\n");
        text
    }

    /// Keeps a text; what it returns goes into [`At::text`].
    pub(super) fn open(&mut self, name: impl Into<String>, text: &str) -> usize {
        self.texts.push(Text::new(name.into(), text));
        self.texts.len() - 1
    }

    /// Never shows these bytes: a secret stands there.
    pub(super) fn hide(&mut self, at: At) {
        if let Some(text) = self.texts.get_mut(at.text) {
            text.hide(at.start..at.end);
        }
    }

    /// Adds an error; what it returns takes a help and a label.
    pub(super) fn error(
        &mut self,
        code: Code,
        at: impl Into<Option<At>>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.add(Severity::Error, code, at.into(), message.into())
    }

    /// An empty list that takes missing variables and secret files for warnings.
    pub(super) fn lenient() -> Self {
        Self {
            lenient: true,
            ..Self::default()
        }
    }

    /// Adds what this machine lacks: an error where the configuration is to be used.
    pub(super) fn missing(&mut self, code: Code, at: At, message: impl Into<String>) -> &mut Diagnostic {
        let severity = if self.lenient {
            Severity::Warning
        } else {
            Severity::Error
        };
        self.add(severity, code, Some(at), message.into())
    }

    /// Adds a warning.
    pub(super) fn warning(
        &mut self,
        code: Code,
        at: impl Into<Option<At>>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.add(Severity::Warning, code, at.into(), message.into())
    }

    fn add(&mut self, severity: Severity, code: Code, at: Option<At>, message: String) -> &mut Diagnostic {
        let place = at.map(|at| self.locate(at));
        self.list.push(Diagnostic {
            severity,
            code,
            message,
            place,
            help: None,
            label: None,
        });
        let last = self.list.len() - 1;
        &mut self.list[last]
    }

    /// Where a range is, for people.
    pub(super) fn locate(&self, at: At) -> Location {
        let text = &self.texts[at.text];
        let (line, column) = text.position(at.start);
        let (end_line, end_column) = text.position(at.end);
        Location {
            file: text.name.clone(),
            line,
            column,
            end: End {
                line: end_line,
                column: end_column,
            },
            at,
        }
    }

    /// Puts them in order and drops what only follows from another problem: half a file lacks half of its names.
    pub(super) fn settle(&mut self) {
        let at = |problem: &Diagnostic| problem.place.as_ref().map(|place| place.at);
        let syntax = || self.list.iter().filter(|problem| problem.code == Code::Syntax);
        let texts: HashSet<_> = syntax().filter_map(at).map(|at| at.text).collect();
        let line = |problem: &Diagnostic| problem.place.as_ref().map(|place| (place.at.text, place.line));
        let lines: HashSet<_> = syntax().map(line).collect();
        // Behind a broken header, keys seem to belong to the table before it.
        let headers: Vec<_> = syntax()
            .filter(|problem| problem.message == BROKEN_HEADER)
            .filter_map(at)
            .collect();
        let behind = |at: At| {
            headers
                .iter()
                .any(|header| header.text == at.text && header.start < at.start)
        };
        let lacking = |problem: &Diagnostic| matches!(problem.code, Code::Environment | Code::File);
        let wrong = self.has_errors() || self.list.iter().any(lacking);
        self.list.retain(|problem| match problem.code {
            Code::UnknownName => texts.is_empty(),
            Code::MissingKey => !at(problem).is_some_and(|at| texts.contains(&at.text)),
            Code::UnknownKey if at(problem).is_some_and(behind) => false,
            // What is left out for its problems uses nothing.
            Code::Unused => !wrong,
            Code::Syntax => true,
            _ => !lines.contains(&line(problem)),
        });
        self.sort();
    }

    /// Errors first, then in the order of the texts.
    pub(super) fn sort(&mut self) {
        self.list.sort_by_key(|problem| {
            let place = problem
                .place
                .as_ref()
                .map(|location| (location.at.text, location.at.start));
            (problem.severity, place)
        });
    }
}

impl Diagnostic {
    pub(super) fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = Some(label.into());
        self
    }
}

/// `severity`, `code`, `message`, `file`, `line`, `column`, `end`, `help`.
impl Serialize for Diagnostic {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("severity", &self.severity)?;
        map.serialize_entry("code", &self.code)?;
        map.serialize_entry("message", &self.message)?;
        if let Some(place) = &self.place {
            map.serialize_entry("file", &place.file)?;
            map.serialize_entry("line", &place.line)?;
            map.serialize_entry("column", &place.column)?;
            map.serialize_entry("end", &place.end)?;
        }
        // What the caret says is help too, to those who see no caret.
        let help: Vec<&str> = [&self.label, &self.help]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        if !help.is_empty() {
            map.serialize_entry("help", &help.join("; "))?;
        }
        map.end()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

impl Serialize for Diagnostics {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.list)
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
