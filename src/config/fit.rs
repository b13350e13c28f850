//! Does the tree fit the grammar? Unknown keys, wrong types and missing keys are told here, all of them.
//!
//! What comes out has the right types; what the values mean together is found out in `meaning/`.

use std::time::Duration;

use super::diagnostics::{At, Code, Diagnostics};
use super::keys;
use super::parse::{self, Malformed};
use super::shape::{Shape, Table, Zero};
use super::suggest;
use super::tree::{self, Node, Text, Value};
use super::types::Size;
use super::units;

/// A value of the right type.
#[derive(Debug)]
pub(super) enum What {
    Text(Text),
    Flag(bool),
    Whole(u64),
    Fraction(f64),
    Time(Duration),
    Size(u64),
    List(Vec<Self>),
    Table(Section),
}

/// A table whose keys are known.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) at: At,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    key: tree::Key,
    /// False when it was there but wrong: told already.
    right: bool,
    value: Option<What>,
}

impl Section {
    /// Whether the key was there and its value was right; it may have been taken since.
    pub(super) fn right(&self, key: &str) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.key.name == key && entry.right)
    }

    /// Takes a value out, by key.
    pub(super) fn take(&mut self, key: &str) -> Option<What> {
        self.entries
            .iter_mut()
            .find(|entry| entry.key.name == key)?
            .value
            .take()
    }

    /// Whether the key was there, right or wrong.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key.name == key)
    }

    /// Where the key stands.
    pub(super) fn key_at(&self, key: &str) -> Option<At> {
        self.entries
            .iter()
            .find(|entry| entry.key.name == key)
            .map(|entry| entry.key.at)
    }

    /// Every right value with its key, in the order of the file.
    pub(super) fn into_entries(self) -> impl Iterator<Item = (tree::Key, What)> {
        self.entries
            .into_iter()
            .filter_map(|entry| Some((entry.key, entry.value?)))
    }

    pub(super) fn text(&mut self, key: &str) -> Option<Text> {
        match self.take(key) {
            Some(What::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        match self.take(key) {
            Some(What::Flag(flag)) => Some(flag),
            _ => None,
        }
    }

    pub(super) fn whole(&mut self, key: &str) -> Option<u64> {
        match self.take(key) {
            Some(What::Whole(number)) => Some(number),
            _ => None,
        }
    }

    pub(super) fn fraction(&mut self, key: &str) -> Option<f64> {
        match self.take(key) {
            Some(What::Fraction(number)) => Some(number),
            _ => None,
        }
    }

    pub(super) fn time(&mut self, key: &str) -> Option<Duration> {
        match self.take(key) {
            Some(What::Time(time)) => Some(time),
            _ => None,
        }
    }

    pub(super) fn size(&mut self, key: &str) -> Option<u64> {
        match self.take(key) {
            Some(What::Size(size)) => Some(size),
            _ => None,
        }
    }

    pub(super) fn section(&mut self, key: &str) -> Option<Self> {
        match self.take(key) {
            Some(What::Table(section)) => Some(section),
            _ => None,
        }
    }

    /// The items of a list, or the one value that may stand for it.
    pub(super) fn list(&mut self, key: &str) -> Vec<What> {
        match self.take(key) {
            Some(What::List(list)) => list,
            Some(one) => vec![one],
            None => Vec::new(),
        }
    }

    pub(super) fn texts(&mut self, key: &str) -> Vec<Text> {
        let text = |what| {
            if let What::Text(text) = what {
                Some(text)
            } else {
                None
            }
        };
        self.list(key).into_iter().filter_map(text).collect()
    }
}

/// Fits a document to the grammar of a main or an included file.
pub(super) fn document(root: Node, table: &'static Table, problems: &mut Diagnostics) -> Section {
    let Value::Table(entries) = root.value else {
        return Section {
            at: root.at,
            entries: Vec::new(),
        };
    };
    Fitting { problems }.table(root.at, entries, table, "")
}

struct Fitting<'a> {
    problems: &'a mut Diagnostics,
}

impl Fitting<'_> {
    /// `key` names the value in messages and in the examples of help.
    fn value(&mut self, node: Node, shape: &'static Shape, key: &str, path: &str) -> Option<What> {
        let Node { at, value } = node;
        let what = match (shape, value) {
            (Shape::Any(shapes), value) => {
                let Some(shape) = shapes.iter().find(|shape| takes(shape, &value)) else {
                    return self.mismatch(at, &value, shape, key, path);
                };
                return self.value(Node { at, value }, shape, key, path);
            }
            (Shape::Text(_), Value::Text(text)) => What::Text(self.said(text)?),
            (Shape::Word(words), Value::Text(text)) => What::Text(self.word(text, words)?),
            (Shape::Flag, Value::Flag(flag)) => What::Flag(flag),
            (Shape::Whole { min, max }, Value::Whole(number)) => {
                What::Whole(self.whole(at, number, *min, *max)?)
            }
            (Shape::Number(numbers), Value::Whole(number)) => {
                let known = number
                    .and_then(|number| numbers.iter().find(|known| i64::try_from(**known) == Ok(number)));
                match known {
                    Some(known) => What::Whole(*known),
                    None => return self.invalid(at, format!("`{key}` takes one of {}", shape.what()), None),
                }
            }
            (Shape::Fraction { min, max }, Value::Fraction(number)) => {
                What::Fraction(self.fraction(at, number, *min, *max)?)
            }
            #[expect(clippy::cast_precision_loss, reason = "the bounds are far below 2^53")]
            (Shape::Fraction { min, max }, Value::Whole(Some(number))) => {
                What::Fraction(self.fraction(at, number as f64, *min, *max)?)
            }
            (Shape::Time { zero }, Value::Text(text)) => What::Time(self.time(&text, *zero)?),
            (Shape::Size(zero), Value::Text(text)) => What::Size(self.size(&text, *zero)?),
            (Shape::List(of), Value::List(items)) => What::List(self.list(items, of, key, path)),
            (Shape::Table(table), Value::Table(entries)) => What::Table(self.table(at, entries, table, path)),
            (Shape::Map { of, .. }, Value::Table(entries)) => What::Table(self.map(at, entries, of, path)),
            (shape, value) => return self.mismatch(at, &value, shape, key, path),
        };
        Some(what)
    }

    fn list(&mut self, items: Vec<Node>, of: &'static Shape, key: &str, path: &str) -> Vec<What> {
        let whole = items.len();
        let mut fitted = Vec::with_capacity(whole);
        for (index, item) in items.into_iter().enumerate() {
            let path = match named(&item.value) {
                Some(name) => format!("{path} \"{name}\""),
                None if matches!(item.value, Value::Table(_)) && whole > 1 => format!("{path} {}", index + 1),
                None => path.to_owned(),
            };
            fitted.extend(self.value(item, of, key, &path));
        }
        fitted
    }

    fn table(
        &mut self,
        at: At,
        entries: Vec<(tree::Key, Node)>,
        table: &'static Table,
        path: &str,
    ) -> Section {
        let mut section = Section {
            at,
            entries: Vec::with_capacity(entries.len()),
        };
        for (key, node) in entries {
            match table.key(&key.name) {
                Some(known) => {
                    let path = if path.is_empty() {
                        key.name.clone()
                    } else {
                        format!("{path}.{}", key.name)
                    };
                    let value = self.value(node, &known.shape, known.name, &path);
                    section.entries.push(Entry {
                        key,
                        right: value.is_some(),
                        value,
                    });
                }
                None => self.unknown(&key, &node.value, table, path),
            }
        }
        for missing in table.keys().filter(|key| key.required && !section.has(key.name)) {
            let example = format!("add `{} = …`: {}", missing.name, missing.shape.what());
            self.problems
                .error(
                    Code::MissingKey,
                    at,
                    format!("`{}` is missing{}", missing.name, within(path)),
                )
                .help(example);
        }
        section
    }

    fn map(&mut self, at: At, entries: Vec<(tree::Key, Node)>, of: &'static Shape, path: &str) -> Section {
        let fitted = entries.into_iter().map(|(key, node)| {
            let value = self.value(node, of, &key.name, &format!("{path}.{}", key.name));
            Entry {
                key,
                right: value.is_some(),
                value,
            }
        });
        Section {
            at,
            entries: fitted.collect(),
        }
    }

    fn unknown(&mut self, key: &tree::Key, value: &Value, table: &'static Table, path: &str) {
        let message = format!("unknown key `{}`{}", key.name, within(path));
        let problem = self.problems.error(Code::UnknownKey, key.at, message);
        let alias = table
            .aliases
            .iter()
            .find(|(other, _)| *other == key.name)
            .and_then(|(_, ours)| table.key(ours));
        let fitting = table
            .keys()
            .filter(|key| takes(&key.shape, value))
            .map(|key| key.name);
        let homes = keys::homes().into_iter().find_map(|(home, table)| {
            let keys = table
                .keys()
                .filter(|key| takes(&key.shape, value))
                .map(|key| key.name);
            suggest::nearest(&key.name, keys).map(|key| (home, key))
        });
        if let Some(ours) = alias {
            problem.label(format!("here it is called `{}`", ours.name));
        } else if let Some(near) = suggest::nearest(&key.name, fitting) {
            problem.label(format!("did you mean `{near}`?"));
        } else if keys::ROOT.key(&key.name).is_some() {
            problem.help(if path.is_empty() {
                format!(
                    "an included file holds only routes and upstreams: write `{}` into the main file",
                    key.name
                )
            } else {
                format!(
                    "`{}` belongs to the top level: move it above the first `[table]`",
                    key.name
                )
            });
        } else if let Some((home, near)) = homes {
            problem.help(if near == key.name {
                format!("`{near}` belongs into {home}")
            } else {
                format!("did you mean `{near}`? It belongs into {home}")
            });
        } else if let Some(near) = suggest::nearest(&key.name, table.keys().map(|key| key.name)) {
            problem.label(format!("did you mean `{near}`?"));
        } else {
            let known: Vec<_> = table.keys().map(|key| key.name).collect();
            problem.help(format!("known keys: {}", suggest::listed(&known)));
        }
    }

    fn mismatch(
        &mut self,
        at: At,
        value: &Value,
        shape: &'static Shape,
        key: &str,
        path: &str,
    ) -> Option<What> {
        // A list of tables spans pages; its header is told instead.
        let message = format!(
            "`{key}` takes {}, not {}{}",
            shape.what(),
            value.kind(),
            outside(path, key)
        );
        let problem = self.problems.error(Code::WrongType, at, message);
        if let Some(help) = remedy(value, shape, key, path) {
            problem.help(help);
        }
        None
    }

    fn invalid<T>(&mut self, at: At, message: String, help: Option<String>) -> Option<T> {
        self.problems.error(Code::InvalidValue, at, message).help = help;
        None
    }

    /// Texts that cannot be anything: no value of a configuration holds a control character.
    fn said(&mut self, text: Text) -> Option<Text> {
        match text
            .value
            .char_indices()
            .find(|(_, char)| char.is_control() && *char != '\t')
        {
            Some((at, char)) => {
                let message = format!("a text must not hold {}", parse::shown(char));
                self.invalid(text.part(Some(at..at + char.len_utf8())), message, None)
            }
            None => Some(text),
        }
    }

    fn word(&mut self, text: Text, words: &[(&'static str, &'static str)]) -> Option<Text> {
        if words.iter().any(|(word, _)| *word == text.value) {
            return Some(text);
        }
        let list: Vec<_> = words
            .iter()
            .map(|(word, about)| format!("`\"{word}\"` ({about})"))
            .collect();
        let near = suggest::nearest(&text.value, words.iter().map(|(word, _)| *word));
        let message = if text.variables.is_empty() {
            format!("`\"{}\"` is not one of the words that may stand here", text.value)
        } else {
            "the variable does not hold one of the words that may stand here".to_owned()
        };
        let problem = self.problems.error(Code::InvalidValue, text.at, message);
        problem.help(format!("one of {}", list.join(", ")));
        if let Some(near) = near {
            problem.label(format!("did you mean `\"{near}\"`?"));
        }
        None
    }

    fn whole(&mut self, at: At, number: Option<i64>, min: u64, max: u64) -> Option<u64> {
        match number
            .and_then(|number| u64::try_from(number).ok())
            .filter(|number| (min..=max).contains(number))
        {
            Some(number) => Some(number),
            None => self.invalid(
                at,
                format!("out of range: the number goes from {min} to {max}"),
                None,
            ),
        }
    }

    fn fraction(&mut self, at: At, number: f64, min: f64, max: f64) -> Option<f64> {
        if (min..=max).contains(&number) {
            return Some(number);
        }
        self.invalid(
            at,
            format!("out of range: the number goes from {min} to {max}"),
            None,
        )
    }

    fn time(&mut self, text: &Text, zero: bool) -> Option<Duration> {
        let time = self.parsed(text, units::duration(&text.value), "a duration")?;
        if time.is_zero() && !zero {
            let help = "there is no way to switch this off; write a long time instead".to_owned();
            return self.invalid(text.at, "must be longer than nothing".to_owned(), Some(help));
        }
        if !time.is_zero() && time < Duration::from_millis(1) {
            return self.invalid(text.at, "shorter than a millisecond".to_owned(), None);
        }
        Some(time)
    }

    fn size(&mut self, text: &Text, zero: Zero) -> Option<u64> {
        if text.value == "unlimited" && zero == Zero::Unlimited {
            return Some(0);
        }
        let size = self.parsed(text, text.value.parse::<Size>(), "a size")?.0;
        if size == 0 && zero != Zero::Nothing {
            let help = (zero == Zero::Unlimited).then(|| "write `\"unlimited\"` for no bound".to_owned());
            return self.invalid(text.at, "must be more than nothing".to_owned(), help);
        }
        Some(size)
    }

    fn parsed<T>(&mut self, text: &Text, result: Result<T, Malformed>, what: &str) -> Option<T> {
        result
            .map_err(|wrong| self.problems.malformed(text, wrong, what))
            .ok()
    }
}

impl Diagnostics {
    /// Tells why a text is not a value. What a variable stood for is not shown: it may be a secret.
    pub(super) fn malformed(&mut self, text: &Text, wrong: Malformed, what: &str) {
        match text.variables.first() {
            None => {
                self.error(Code::InvalidValue, text.part(wrong.range), wrong.message)
                    .help = wrong.help;
            }
            // The variable itself is what is wrong, and told already.
            Some(name) if name.is_empty() => {}
            Some(name) => {
                let message = format!("with the value of `{name}` this is not {what}");
                self.error(Code::InvalidValue, text.at, message)
                    .help("the value is not shown: it may be a secret");
            }
        }
    }
}

/// Whether a shape takes values of this TOML type, right or wrong.
fn takes(shape: &Shape, value: &Value) -> bool {
    match shape {
        Shape::Text(_) | Shape::Word(_) | Shape::Time { .. } | Shape::Size(_) => {
            matches!(value, Value::Text(_))
        }
        Shape::Flag => matches!(value, Value::Flag(_)),
        Shape::Whole { .. } | Shape::Number(_) => matches!(value, Value::Whole(_)),
        Shape::Fraction { .. } => matches!(value, Value::Whole(_) | Value::Fraction(_)),
        Shape::List(_) => matches!(value, Value::List(_)),
        Shape::Table(_) | Shape::Map { .. } => matches!(value, Value::Table(_)),
        Shape::Any(shapes) => shapes.iter().any(|shape| takes(shape, value)),
    }
}

/// What to write instead, when it can be guessed.
fn remedy(value: &Value, shape: &Shape, key: &str, path: &str) -> Option<String> {
    let any = |wanted: &dyn Fn(&Shape) -> bool| match shape {
        Shape::Any(shapes) => shapes.iter().any(wanted),
        shape => wanted(shape),
    };
    match value {
        Value::Whole(Some(number)) if any(&|shape: &Shape| matches!(shape, Shape::Time { .. })) => Some(
            format!("a duration has a unit: `{key} = \"{number}s\"`, or `\"{number}ms\"`"),
        ),
        Value::Fraction(number) if any(&|shape: &Shape| matches!(shape, Shape::Time { .. })) => {
            Some(format!("a duration has a unit: `{key} = \"{number}s\"`"))
        }
        Value::Whole(Some(number)) if any(&|shape: &Shape| matches!(shape, Shape::Size(_))) => Some(format!(
            "a size has a unit: `{key} = \"{}\"`",
            units::sized(number.unsigned_abs())
        )),
        Value::Whole(Some(number)) if any(&|shape: &Shape| matches!(shape, Shape::Text(_))) => {
            let example = if key == "listen" || key == "address" {
                format!(":{number}")
            } else {
                number.to_string()
            };
            Some(format!("write `{key} = \"{example}\"`"))
        }
        Value::Text(text) if text.variables.is_empty() && !super::variables::sensitive(key) => {
            let number = any(&|shape: &Shape| {
                matches!(
                    shape,
                    Shape::Whole { .. } | Shape::Number(_) | Shape::Fraction { .. }
                )
            });
            let flag = any(&|shape: &Shape| matches!(shape, Shape::Flag))
                && ["true", "false"].contains(&text.value.as_str());
            if (number && text.value.parse::<f64>().is_ok()) || flag {
                Some(format!("write it without quotes: `{key} = {}`", text.value))
            } else {
                any(&|shape: &Shape| matches!(shape, Shape::List(of) if takes(of, value)))
                    .then(|| format!("write `{key} = [\"{}\"]`", text.value))
            }
        }
        Value::Table(_) if any(&|shape: &Shape| matches!(shape, Shape::List(of) if takes(of, value))) => {
            Some(format!("write the header with two brackets: `[[{path}]]`"))
        }
        Value::List(_) if any(&|shape: &Shape| matches!(shape, Shape::Table(_) | Shape::Map { .. })) => {
            Some(format!("write the header with single brackets: `[{path}]`"))
        }
        _ => None,
    }
}

/// The name that a table gives itself.
fn named(value: &Value) -> Option<&str> {
    let Value::Table(entries) = value else { return None };
    entries.iter().find_map(|(key, node)| match &node.value {
        Value::Text(text) if key.name == "name" && text.variables.is_empty() => Some(text.value.as_str()),
        _ => None,
    })
}

fn within(path: &str) -> String {
    if path.is_empty() {
        " at the top level".to_owned()
    } else {
        format!(" in {}", titled(path))
    }
}

/// The path without its last key, which the message has named already.
fn outside(path: &str, key: &str) -> String {
    match path.strip_suffix(key).and_then(|path| path.strip_suffix('.')) {
        Some(path) if !path.is_empty() => format!(" in {}", titled(path)),
        _ => String::new(),
    }
}

/// `[dns]` as its header is written; routes by their names.
fn titled(path: &str) -> String {
    match path.split(['.', ' ']).next() {
        Some("route" | "listener") if path.contains(' ') => path.to_owned(),
        Some("route" | "listener") => format!("[[{path}]]"),
        _ => format!("[{path}]"),
    }
}
