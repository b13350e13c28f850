//! Does the tree fit the grammar? Unknown keys, wrong types and missing keys are told here, all of them.
//!
//! What comes out has the right types; what the values mean together is found out in `meaning/`.

use std::collections::HashSet;
use std::time::Duration;

use super::advice::{self, Path, takes};
use super::diagnostics::{At, Code, Diagnostics};
use super::parse::{self, Malformed};
use super::section::{Entry, Section, What};
use super::shape::{Shape, Table, Zero};
use super::suggest;
use super::tree::{self, Node, Text, Value};
use super::types::Size;
use super::units;
use super::variables::sensitive;

/// Fits a document to the grammar of a main or an included file.
pub(super) fn document(root: Node, table: &'static Table, problems: &mut Diagnostics) -> Section {
    let Value::Table(entries) = root.value else {
        return Section {
            at: root.at,
            entries: Vec::new(),
        };
    };
    Fitting { problems }.table(root.at, entries, table, false, &Path::default())
}

struct Fitting<'a> {
    problems: &'a mut Diagnostics,
}

impl Fitting<'_> {
    /// `key` names the value in messages and in the examples of help.
    fn value(&mut self, node: Node, shape: &'static Shape, key: &str, path: &Path) -> Option<What> {
        let Node { at, value } = node;
        if let Value::Text(text) = &value
            && !text.known
        {
            return None;
        }
        let what = match (shape, value) {
            (Shape::Any(shapes), value) => {
                let Some(shape) = shapes.iter().find(|shape| takes(shape, &value)) else {
                    return self.mismatch(at, &value, shape, key, path);
                };
                return self.value(Node { at, value }, shape, key, path);
            }
            (Shape::Text(_), Value::Text(text)) => What::Text(self.said(text)?),
            (Shape::Lines(_), Value::Text(text)) => What::Text(text),
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
                    None => return self.invalid(at, format!("`{key}` can only be {}", shape.what()), None),
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
            (Shape::List(of), Value::List(items)) => What::List(self.list(items, of, key, path)?),
            (Shape::Table(table), Value::Table(entries)) => {
                What::Table(self.table(at, entries, table, false, path))
            }
            (Shape::Open(table), Value::Table(entries)) => {
                What::Table(self.table(at, entries, table, true, path))
            }
            (Shape::Free(_), value @ Value::Table(_)) => What::Free(Node { at, value }),
            (Shape::Map { of, .. }, Value::Table(entries)) => What::Table(self.map(at, entries, of, path)),
            (shape, value) => return self.mismatch(at, &value, shape, key, path),
        };
        Some(what)
    }

    fn list(&mut self, items: Vec<Node>, of: &'static Shape, key: &str, path: &Path) -> Option<Vec<What>> {
        let whole = items.len();
        let mut fitted = Vec::with_capacity(whole);
        for (index, item) in items.into_iter().enumerate() {
            let path = path.item(&item.value, index + 1, whole);
            fitted.extend(self.value(item, of, key, &path));
        }
        // What is left of a list without its only item is not an empty list.
        (whole == 0 || !fitted.is_empty()).then_some(fitted)
    }

    /// An `open` one keeps keys that it does not know as they are.
    fn table(
        &mut self,
        at: At,
        entries: Vec<(tree::Key, Node)>,
        table: &'static Table,
        open: bool,
        path: &Path,
    ) -> Section {
        let mut section = Section {
            at,
            entries: Vec::with_capacity(entries.len()),
        };
        let mut misnamed = Vec::new();
        let said: HashSet<_> = entries.iter().map(|(key, _)| key.name.clone()).collect();
        for (key, node) in entries {
            let alias = table.aliases.iter().find(|(other, _)| *other == key.name);
            // What an open table does not know is its owner's, unless a key of ours is missed.
            let alias = alias.filter(|(_, ours)| !open || !said.contains(*ours));
            misnamed.extend(alias.map(|(_, ours)| *ours));
            match table.key(&key.name) {
                Some(known) => {
                    let path = path.child(&key.name);
                    let value = self.value(node, &known.shape, known.name, &path);
                    section.entries.push(Entry {
                        key,
                        right: value.is_some(),
                        value,
                    });
                }
                None if open && alias.is_none() => section.entries.push(Entry {
                    key,
                    right: true,
                    value: Some(What::Free(node)),
                }),
                None => self.unknown(&key, &node, table, path),
            }
        }
        let missing = table.keys().filter(|key| key.required && !section.has(key.name));
        for missing in missing.filter(|key| !misnamed.contains(&key.name)) {
            let example = format!("add `{} = …`: {}", missing.name, missing.shape.what());
            self.problems
                .error(
                    Code::MissingKey,
                    at,
                    format!("`{}` is missing{}", missing.name, path.within()),
                )
                .help(example);
        }
        section
    }

    fn map(&mut self, at: At, entries: Vec<(tree::Key, Node)>, of: &'static Shape, path: &Path) -> Section {
        let fitted = entries.into_iter().map(|(key, node)| {
            let value = self.value(node, of, &key.name, &path.child(&key.name));
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

    fn unknown(&mut self, key: &tree::Key, node: &Node, table: &'static Table, path: &Path) {
        let message = format!("unknown key `{}`{}", key.name, path.within());
        let problem = self.problems.error(Code::UnknownKey, key.at, message);
        if advice::unknown(problem, &key.name, &node.value, table, path) || path.is_secret() {
            self.problems.hide(node.at);
        }
    }

    fn mismatch(
        &mut self,
        at: At,
        value: &Value,
        shape: &'static Shape,
        key: &str,
        path: &Path,
    ) -> Option<What> {
        let parent = path.parent();
        let within = if parent.is_top() {
            String::new()
        } else {
            parent.within()
        };
        let message = format!("`{key}`{within} takes {}, not {}", shape.what(), value.kind());
        let problem = self.problems.error(Code::WrongType, at, message);
        if let Some(help) = advice::remedy(value, shape, key, path) {
            problem.help(help);
        }
        if sensitive(key) || path.is_secret() {
            self.problems.hide(at);
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
            Some(name) => {
                let message = format!("with the value of `{name}` this is not {what}");
                self.error(Code::InvalidValue, text.at, message)
                    .help("the value is not shown: it may be a secret");
            }
        }
    }
}
