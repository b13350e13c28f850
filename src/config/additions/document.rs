//! What was added as one more document of the configuration, in which everything is called by its JSON Pointer
//! (RFC 6901).

use std::ops::Range;

use serde_json::Value as Said;

use super::{Additions, Kind};
use crate::config::diagnostics::{At, Code};
use crate::config::json::escaped;
use crate::config::reading::Reading;
use crate::config::section::Section;
use crate::config::tree::{Key, Node, Text, Value};
use crate::config::variables::sensitive;
use crate::config::{MASK, excerpt, fit, keys};

/// Which table a JSON Pointer leads into.
pub(in crate::config) fn table_of(pointer: &str) -> Option<(Kind, String)> {
    let mut parts = pointer.strip_prefix('/')?.splitn(3, '/');
    let kind = parts.next()?;
    let kinds = [Kind::Route, Kind::Upstream, Kind::Budget, Kind::Flow];
    let kind = kinds.into_iter().find(|known| known.key() == kind)?;
    let name = parts.next()?.replace("~1", "/").replace("~0", "~");
    Some((kind, name))
}

/// The document that the additions are.
pub(in crate::config) fn document(additions: &Additions, reading: &mut Reading<'_>) -> Section {
    let mut writer = Writer::new(reading.problems.texts().len());
    let root = writer.root(additions);
    let mut text = excerpt::Text::new("api".to_owned(), &writer.text).pointed(writer.pointers);
    writer.hidden.into_iter().for_each(|range| text.hide(range));
    reading.open_added(text);
    for (at, message, help) in writer.wrong {
        reading.problems.error(Code::InvalidValue, at, message).help(help);
    }
    fit::document(root, &keys::INCLUDED, &mut reading.problems)
}

/// Writes JSON, and remembers where everything stands in it.
struct Writer {
    index: usize,
    text: String,
    pointers: Vec<(Range<usize>, String)>,
    /// What usually is a secret.
    hidden: Vec<Range<usize>>,
    wrong: Vec<(At, &'static str, &'static str)>,
}

impl Writer {
    fn new(index: usize) -> Self {
        Self {
            index,
            text: String::new(),
            pointers: Vec::new(),
            hidden: Vec::new(),
            wrong: Vec::new(),
        }
    }

    fn root(&mut self, additions: &Additions) -> Node {
        let mut kinds = Vec::new();
        for (kind, tables) in &additions.0 {
            if *kind == Kind::Flow {
                continue;
            }
            let key = self.key(kind.key(), &format!("/{kind}"));
            self.text.push_str("{\n");
            let tables = tables.iter().map(|(name, table)| self.named(*kind, name, table));
            let tables: Vec<_> = tables.collect();
            self.text.push_str("}\n");
            let value = match kind {
                Kind::Route => Value::List(tables.into_iter().map(|(_, table)| table).collect()),
                _ => Value::Table(tables),
            };
            kinds.push((key.clone(), Node { at: key.at, value }));
        }
        Node {
            at: self.at(0..0),
            value: Value::Table(kinds),
        }
    }

    fn named(&mut self, kind: Kind, name: &str, table: &Said) -> (Key, Node) {
        let pointer = format!("/{kind}/{}", escaped(name));
        let key = self.key(name, &pointer);
        let mut node = self.node(table, &pointer, 1, false);
        self.text.push('\n');
        match &mut node.value {
            Value::Table(entries) if kind == Kind::Route => {
                let same = |(entry, node): &(Key, Node)| {
                    entry.name == "name" && matches!(&node.value, Value::Text(text) if text.value == name)
                };
                if let Some((entry, _)) = entries.iter().find(|it| it.0.name == "name" && !same(it)) {
                    let help = "leave it out: the name stands in the path";
                    self.wrong
                        .push((entry.at, "the name is another one than in the path", help));
                }
                entries.retain(|(entry, _)| entry.name != "name");
                let value = Value::Text(Text::made(name, key.at));
                let at = key.at;
                let name = Key {
                    at,
                    name: "name".to_owned(),
                };
                entries.insert(0, (name, Node { at, value }));
            }
            _ => {}
        }
        (key, node)
    }

    fn at(&self, range: Range<usize>) -> At {
        At {
            text: self.index,
            start: range.start,
            end: range.end,
        }
    }

    /// Remembers that what was written since `start` is at `pointer`.
    fn stand(&mut self, start: usize, pointer: &str) -> At {
        let range = start..self.text.len();
        self.pointers.push((range.clone(), pointer.to_owned()));
        self.at(range)
    }

    fn key(&mut self, name: &str, pointer: &str) -> Key {
        let start = self.text.len();
        self.text.push_str(&Said::from(name).to_string());
        let at = self.stand(start, pointer);
        self.text.push_str(": ");
        let name = name.to_owned();
        Key { at, name }
    }

    fn node(&mut self, value: &Said, pointer: &str, depth: usize, hidden: bool) -> Node {
        let start = self.text.len();
        let value = match value {
            Said::Object(entries) => {
                self.text.push_str("{\n");
                let entries = entries.iter().filter_map(|(key, value)| {
                    let pointer = format!("{pointer}/{}", escaped(key));
                    self.indent(depth);
                    let named = self.key(key, &pointer);
                    let node = self.some(value, &pointer, depth + 1, hidden || sensitive(key));
                    self.text.push('\n');
                    Some((named, node?))
                });
                let entries = entries.collect();
                self.indent(depth - 1);
                self.text.push('}');
                Value::Table(entries)
            }
            Said::Array(items) => {
                self.text.push('[');
                let items = items.iter().enumerate().filter_map(|(index, item)| {
                    if index > 0 {
                        self.text.push_str(", ");
                    }
                    self.some(item, &format!("{pointer}/{index}"), depth + 1, hidden)
                });
                let items = items.collect();
                self.text.push(']');
                Value::List(items)
            }
            plain => {
                self.text.push_str(&plain.to_string());
                if hidden {
                    self.hidden.push(start..self.text.len());
                }
                self.plain(plain, start)
            }
        };
        let at = self.stand(start, pointer);
        Node { at, value }
    }

    /// What is not null, which TOML does not have, and no mask, which was shown in place of a secret.
    fn some(&mut self, value: &Said, pointer: &str, depth: usize, hidden: bool) -> Option<Node> {
        let node = self.node(value, pointer, depth, hidden);
        if value.is_null() {
            let help = "leave it out for the default";
            self.wrong.push((node.at, "null means nothing here", help));
            return None;
        }
        if value.as_str() == Some(MASK) {
            let help = "write the secret itself; what is left as it is can be changed around by PATCH";
            self.wrong
                .push((node.at, "this is shown in place of a secret", help));
            return None;
        }
        Some(node)
    }

    fn plain(&self, value: &Said, start: usize) -> Value {
        let at = self.at(start..self.text.len());
        match value {
            Said::Bool(flag) => Value::Flag(*flag),
            Said::Number(number) if number.is_f64() => Value::Fraction(number.as_f64().unwrap_or(f64::NAN)),
            Said::Number(number) => Value::Whole(number.as_i64()),
            // Null is told, and left out.
            other => Value::Text(Text::said(other.as_str().unwrap_or_default(), at, &self.text)),
        }
    }

    fn indent(&mut self, depth: usize) {
        self.text.extend(std::iter::repeat_n("  ", depth));
    }
}
