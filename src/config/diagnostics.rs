//! Problems as data, collected, ordered and placed. How they are shown stands in `show.rs`.
//!
//! Finding them is the work of the reader; choosing an exit code or a status is the caller's.

use std::collections::HashSet;
use std::sync::Arc;

use serde::Serialize;

use super::excerpt::Text;
use super::{Config, Place};

mod show;

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
    /// A plugin that cannot be loaded, or that refuses its configuration.
    Plugin,
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
    /// The same as a JSON Pointer (RFC 6901), in what the API added.
    pub pointer: Option<String>,
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
    texts: Vec<Arc<Text>>,
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

    /// One error that was found when reading was over, shown at a place of the configuration as it was read: what has
    /// happened to the file since does not matter. Several are collected with [`Diagnostics::extend`].
    pub fn at(
        code: Code,
        place: &Place,
        config: &Config,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Self {
        let mut this = Self::default();
        let text = config.texts.of(place);
        let at = text.map(|text| {
            this.texts.push(text);
            At {
                text: 0,
                start: place.span.start,
                end: place.span.end,
            }
        });
        this.error(code, at, message).help = help;
        this
    }

    /// Adds all problems of another list, and puts them in order.
    pub fn extend(&mut self, other: Self) {
        let indices: Vec<_> = other.texts.into_iter().map(|text| self.keep(text)).collect();
        self.list.extend(other.list.into_iter().map(|mut problem| {
            if let Some(place) = &mut problem.place {
                place.at.text = indices[place.at.text];
            }
            problem
        }));
        self.sort();
    }

    /// The index of a text that may be known already.
    fn keep(&mut self, text: Arc<Text>) -> usize {
        let known = self.texts.iter().position(|known| Arc::ptr_eq(known, &text));
        known.unwrap_or_else(|| {
            self.texts.push(text);
            self.texts.len() - 1
        })
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

    /// Keeps a text; what it returns goes into [`At::text`].
    pub(super) fn open(&mut self, name: impl Into<String>, text: &str) -> usize {
        self.open_text(Text::new(name.into(), text))
    }

    /// The same for a text that is one already.
    pub(super) fn open_text(&mut self, text: Text) -> usize {
        self.texts.push(Arc::new(text));
        self.texts.len() - 1
    }

    /// Never shows these bytes: a secret stands there.
    pub(super) fn hide(&mut self, at: At) {
        if let Some(text) = self.texts.get_mut(at.text) {
            Arc::make_mut(text).hide(at.start..at.end);
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

    /// The same, none of them worse than a warning: for what can be left out.
    pub fn as_warnings(mut self) -> Self {
        for problem in &mut self.list {
            problem.severity = Severity::Warning;
        }
        self
    }

    /// Those that `which` picks.
    pub(super) fn only(&self, which: impl Fn(&Diagnostic) -> bool) -> Self {
        Self {
            list: self.list.iter().filter(|it| which(it)).cloned().collect(),
            texts: self.texts.clone(),
            lenient: self.lenient,
        }
    }

    /// All texts, in the order in which they were opened.
    pub(super) fn texts(&self) -> &[Arc<Text>] {
        &self.texts
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
            pointer: text.pointer(at).map(str::to_owned),
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
            Code::Duplicate if problem.severity == Severity::Warning => !wrong,
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

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

    use super::super::{Source, load};
    use super::*;

    const TEXT: &str = "[[route]]\nto = 'app:80'\n\
                        plugins = [{ use = 'cors', origins = ['*'], password = 'hunter2' }, 'router']\n";

    #[test]
    fn what_is_found_later_is_shown_where_it_stands() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gatewit.toml");
        std::fs::write(&file, TEXT).unwrap();
        let config = load(Source::File(file.clone())).unwrap().config;
        std::fs::write(&file, "something else").unwrap();
        let used = &config.routes[0].chain[0];
        let place = used.config.place("/origins/0").unwrap();
        let mut problems = Diagnostics::at(
            Code::Plugin,
            &config.routes[0].chain[1].place,
            &config,
            "no rules",
            None,
        );
        let help = Some("write `https://…`".to_owned());
        problems.extend(Diagnostics::at(
            Code::Plugin,
            place,
            &config,
            "not an origin",
            help,
        ));
        let column = TEXT.lines().last().unwrap().find("'*'").unwrap() + 1;
        let expected = format!(
            "error: not an origin\n --> {}:3:{column}\n  |\n\
             3 | plugins = [{{ use = 'cors', origins = ['*'], password = ********* }}, 'router']\n  \
             |                                       ^^^\n  |\n  = help: write `https://…`\n\n",
            file.display()
        );
        let shown = problems.render(false);
        assert!(shown.starts_with(&expected), "{shown}\nis not\n{expected}");
        assert!(
            shown.contains("error: no rules") && !shown.contains("hunter2"),
            "{shown}"
        );
        assert_eq!(problems.len(), 2);
    }

    #[test]
    fn what_has_no_place_is_told_without_one() {
        let config = load(Source::Embedded).unwrap().config;
        let problems = Diagnostics::at(Code::Plugin, &Place::default(), &config, "it is so", None);
        assert_eq!(problems.render(false), "error: it is so\n\n");
        let text = Source::Text {
            name: "memory".to_owned(),
            text: TEXT.to_owned(),
        };
        let config = load(text).unwrap().config;
        let place = &config.routes[0].chain[1].place;
        let problems = Diagnostics::at(Code::Plugin, place, &config, "it is so", None);
        assert!(problems.render(false).contains("memory:3:69"), "{problems}");
    }
}
