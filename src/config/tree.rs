//! TOML as a tree in which everything knows its place, with `${VARIABLES}` replaced.
//!
//! The only file that names `toml`. What keys mean is not known here.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::diagnostics::{At, BROKEN_HEADER, Code, Diagnostics};
use super::variables::{self, Environment};

/// A value and where it stands.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: At,
    pub(super) value: Value,
}

/// A value as TOML knows it.
#[derive(Debug)]
pub(super) enum Value {
    Text(Text),
    /// `None` when it does not fit 64 bits.
    Whole(Option<i64>),
    Fraction(f64),
    Flag(bool),
    /// In the form of RFC 3339.
    Date(String),
    List(Vec<Node>),
    /// In the order of the file.
    Table(Vec<(Key, Node)>),
}

/// A key and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) at: At,
    pub(super) name: String,
}

/// A string.
#[derive(Clone, Debug)]
pub(super) struct Text {
    /// With its quotes.
    pub(super) at: At,
    /// What it says, variables replaced.
    pub(super) value: String,
    /// Where the value begins in the file when it stands there byte for byte.
    verbatim: Option<usize>,
    /// Names of the variables in it. Their contents may be secret: such a value is never shown.
    pub(super) variables: Vec<String>,
    /// False when a variable is missing: told already, and nothing more can be said about the value.
    pub(super) known: bool,
}

impl Text {
    /// One that stands in no file; `at` is where its reason stands.
    pub(super) fn made(value: &str, at: At) -> Self {
        Self {
            at,
            value: value.to_owned(),
            verbatim: None,
            variables: Vec::new(),
            known: true,
        }
    }

    /// One that stands in `text` as JSON writes it.
    pub(super) fn said(value: &str, at: At, text: &str) -> Self {
        let verbatim = text.get(at.start + 1..at.end.saturating_sub(1)) == Some(value);
        Self {
            verbatim: verbatim.then_some(at.start + 1),
            ..Self::made(value, at)
        }
    }

    /// The place of a part of the value, or of all of it when that cannot be told.
    pub(super) fn part(&self, range: Option<Range<usize>>) -> At {
        match (self.verbatim, range) {
            (Some(from), Some(range)) => At {
                start: from + range.start,
                end: from + range.end,
                ..self.at
            },
            _ => self.at,
        }
    }
}

impl Value {
    /// What a table holds; nothing for what is none.
    pub(super) fn into_entries(self) -> Vec<(Key, Node)> {
        if let Self::Table(entries) = self {
            entries
        } else {
            Vec::new()
        }
    }

    /// For "expected …, found …".
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Whole(_) => "a whole number",
            Self::Fraction(_) => "a fraction",
            Self::Flag(_) => "a boolean",
            Self::Date(_) => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// More syntax errors than this in one file say nothing new.
const SYNTAX_ERRORS: usize = 20;

/// The tree of a text, as far as it can be understood; what cannot is told to `problems`.
pub(super) fn parse(
    text: &str,
    index: usize,
    environment: Environment<'_>,
    problems: &mut Diagnostics,
) -> Node {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut lines = Vec::new();
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        let at = At {
            text: index,
            start: span.start,
            end: span.end,
        };
        let line = problems.locate(at).line;
        // What follows an error on its line is mostly the same error again.
        if lines.last() == Some(&line) || lines.len() == SYNTAX_ERRORS {
            continue;
        }
        lines.push(line);
        let (message, help) = explained(error.message(), text, span.start);
        problems.error(Code::Syntax, at, message).help = help;
    }
    let mut builder = Builder {
        source: text,
        index,
        environment,
        problems,
    };
    let at = builder.at(0..0);
    Node {
        at,
        value: builder.table(table.get_ref()),
    }
}

/// The parser's words, and for the most common mistakes what to do.
fn explained(said: &str, text: &str, at: usize) -> (String, Option<String>) {
    let help = |help: &str| Some(help.to_owned());
    match said {
        "string values must be quoted, expected literal string" => {
            ("a text needs quotes".to_owned(), quoted(text, at))
        }
        "invalid basic string, expected `\"`" => (
            "the text has no end".to_owned(),
            help("add the `\"` that closes it"),
        ),
        "invalid literal string, expected `'`" => (
            "the text has no end".to_owned(),
            help("add the `'` that closes it"),
        ),
        "unclosed table, expected `]`" => (BROKEN_HEADER.to_owned(), help("write `[name]`")),
        "unclosed array table, expected `]`" => (BROKEN_HEADER.to_owned(), help("write `[[name]]`")),
        "key with no value, expected `=`" => {
            ("this key has no value".to_owned(), help("write `key = value`"))
        }
        "duplicate key" => ("this key is there twice".to_owned(), help("remove one of them")),
        said => (said.to_owned(), None),
    }
}

/// `to = app:12345` with its quotes.
fn quoted(text: &str, at: usize) -> Option<String> {
    let at = text.floor_char_boundary(at);
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let (key, value) = text[start..].lines().next()?.split_once('=')?;
    let (key, value) = (key.trim(), value.split(" #").next()?.trim());
    let plain = !value.is_empty() && !value.contains(['"', '\'', '[', ']', '{', '}', ',', '\\', '=']);
    (plain && !variables::sensitive(key)).then(|| format!("write `{key} = \"{value}\"`"))
}

struct Builder<'a> {
    source: &'a str,
    index: usize,
    environment: Environment<'a>,
    problems: &'a mut Diagnostics,
}

impl Builder<'_> {
    fn at(&self, span: Range<usize>) -> At {
        At {
            text: self.index,
            start: span.start,
            end: span.end,
        }
    }

    fn table(&mut self, table: &DeTable<'_>) -> Value {
        let mut entries: Vec<_> = table
            .iter()
            .map(|(key, value)| {
                let key = Key {
                    at: self.at(key.span()),
                    name: key.get_ref().to_string(),
                };
                (key, self.node(value.get_ref(), value.span()))
            })
            .collect();
        entries.sort_by_key(|(key, _)| key.at.start);
        Value::Table(entries)
    }

    fn node(&mut self, value: &DeValue<'_>, span: Range<usize>) -> Node {
        let at = self.at(span);
        let value = match value {
            DeValue::String(text) => Value::Text(self.text(text, at)),
            DeValue::Integer(number) => {
                Value::Whole(i64::from_str_radix(number.as_str(), number.radix()).ok())
            }
            DeValue::Float(number) => Value::Fraction(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(flag) => Value::Flag(*flag),
            DeValue::Datetime(date) => Value::Date(date.to_string()),
            DeValue::Array(list) => Value::List(
                list.iter()
                    .map(|item| self.node(item.get_ref(), item.span()))
                    .collect(),
            ),
            DeValue::Table(table) => self.table(table),
        };
        Node { at, value }
    }

    fn text(&mut self, value: &str, at: At) -> Text {
        let raw = self.source.get(at.start..at.end).unwrap_or_default();
        let quotes = if raw.starts_with("\"\"\"") || raw.starts_with("'''") {
            3
        } else {
            1
        };
        let inner = raw.get(quotes..raw.len().saturating_sub(quotes));
        let verbatim = (inner == Some(value)).then_some(at.start + quotes);
        let mut text = Text {
            at,
            value: value.to_owned(),
            verbatim,
            variables: Vec::new(),
            known: true,
        };
        match variables::replace(value, self.environment) {
            Ok(None) => {}
            Ok(Some(replaced)) => {
                text.value = replaced.value;
                text.variables = replaced.names;
                text.verbatim = None;
            }
            Err(wrongs) => {
                for (code, wrong) in wrongs {
                    let place = text.part(wrong.range);
                    let problem = match code {
                        Code::Environment => self.problems.missing(code, place, wrong.message),
                        code => self.problems.error(code, place, wrong.message),
                    };
                    problem.help = wrong.help;
                }
                text.known = false;
            }
        }
        text
    }
}
