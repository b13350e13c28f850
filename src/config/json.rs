//! Tables of somebody else's keys: TOML becomes JSON, and every part remembers where it stood.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Number, Value as Said};

use super::reading::Reading;
use super::tree::{Key, Node, Value};
use super::variables::sensitive;
use super::{Json, Place};

/// An object that is put together from several tables.
#[derive(Clone, Debug, Default)]
pub(super) struct Object {
    entries: Map<String, Said>,
    places: BTreeMap<String, Place>,
    secrets: BTreeSet<String>,
}

impl Object {
    /// The value; all of it stands at `place`.
    pub(super) fn finish(self, place: Place) -> Json {
        let mut places = self.places;
        places.insert(String::new(), place);
        Json {
            value: Said::Object(self.entries),
            places: Arc::new(places),
            secrets: Arc::new(self.secrets),
        }
    }

    /// Takes a key in, in place of one of the same name.
    pub(super) fn insert(&mut self, key: &Key, node: Node, reading: &mut Reading<'_>) {
        let pointer = format!("/{}", escaped(&key.name));
        self.forget(&pointer);
        let hidden = sensitive(&key.name);
        if let Some(value) = self.value(node, &pointer, hidden, reading) {
            self.entries.insert(key.name.clone(), value);
        }
    }

    /// Takes all keys of a table in.
    pub(super) fn extend(&mut self, table: Node, reading: &mut Reading<'_>) {
        for (key, node) in table.value.into_entries() {
            self.insert(&key, node, reading);
        }
    }

    fn forget(&mut self, pointer: &str) {
        let elsewhere = |known: &str| {
            known
                .strip_prefix(pointer)
                .is_none_or(|rest| !rest.is_empty() && !rest.starts_with('/'))
        };
        self.places.retain(|known, _| elsewhere(known));
        self.secrets.retain(|known| elsewhere(known));
    }

    /// `hidden` when a key around it sounds like a secret's.
    fn value(&mut self, node: Node, pointer: &str, hidden: bool, reading: &mut Reading<'_>) -> Option<Said> {
        let Node { at, value } = node;
        self.places.insert(pointer.to_owned(), reading.place(at));
        Some(match value {
            Value::Text(text) => {
                if hidden && text.variables.is_empty() {
                    reading.problems.hide(at);
                }
                if hidden || !text.variables.is_empty() {
                    self.secrets.insert(pointer.to_owned());
                }
                Said::String(text.value)
            }
            Value::Whole(Some(number)) => Said::from(number),
            Value::Whole(None) => {
                return reading.invalid(
                    at,
                    "out of range: a number has at most 64 bits",
                    "write it as a text",
                );
            }
            Value::Fraction(number) => match Number::from_f64(number) {
                Some(number) => Said::Number(number),
                None => return reading.invalid(at, "plugins know no such number", "write it as a text"),
            },
            Value::Flag(flag) => Said::Bool(flag),
            Value::Date(date) => Said::String(date),
            Value::List(items) => items
                .into_iter()
                .enumerate()
                .filter_map(|(index, item)| self.value(item, &format!("{pointer}/{index}"), hidden, reading))
                .collect(),
            Value::Table(entries) => entries
                .into_iter()
                .filter_map(|(key, node)| {
                    let pointer = format!("{pointer}/{}", escaped(&key.name));
                    let hidden = hidden || sensitive(&key.name);
                    Some((key.name, self.value(node, &pointer, hidden, reading)?))
                })
                .collect(),
        })
    }
}

/// A key within a JSON Pointer (RFC 6901 section 3).
pub(super) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

    use serde_json::json;

    use super::super::diagnostics::Diagnostics;
    use super::super::tree;
    use super::*;

    fn object(text: &str) -> (Json, Diagnostics) {
        let environment = |name: &str| (name == "PEPPER").then(|| "hot".into());
        let mut reading = Reading::new(Diagnostics::default(), &environment);
        let index = reading.open_text("test", text);
        let root = tree::parse(text, index, &environment, &mut reading.problems);
        let mut object = Object::default();
        object.extend(root, &mut reading);
        (object.finish(Place::default()), reading.problems)
    }

    #[test]
    fn toml_becomes_json() {
        let (json, problems) = object(
            "text = 'a'\nwhole = -7\nfraction = 1.5\nflag = true\nlist = [1, [2], { a = 'b' }]\n\
             date = 1979-05-27 07:32:00Z\nlocal = 1979-05-27\n[table.\"a/b~c\"]\nd = 1\n",
        );
        assert!(problems.is_empty(), "{problems}");
        assert_eq!(
            json.value,
            json!({
                "text": "a", "whole": -7, "fraction": 1.5, "flag": true, "list": [1, [2], { "a": "b" }],
                "date": "1979-05-27T07:32:00Z", "local": "1979-05-27", "table": { "a/b~c": { "d": 1 } },
            })
        );
    }

    #[test]
    fn every_part_knows_its_place() {
        let (json, _) = object("a = [1,\n { b = 'c' }]\n[t]\n\"x/y~z\" = 1\n");
        for (pointer, place) in [
            ("", (0, 0)),
            ("/a", (1, 5)),
            ("/a/0", (1, 6)),
            ("/a/1", (2, 2)),
            ("/a/1/b", (2, 8)),
            ("/t", (3, 1)),
            ("/t/x~1y~0z", (4, 11)),
            // What does not stand there is where it would stand.
            ("/a/1/colour", (2, 2)),
            ("/t/none/at/all", (3, 1)),
            ("/colour", (0, 0)),
        ] {
            let at = json.place(pointer).unwrap();
            assert_eq!((at.line, at.column), place, "{pointer}");
        }
    }

    #[test]
    fn a_key_that_is_said_again_is_replaced_with_all_its_parts() {
        let (first, _) = object("a = { b = { token = '${PEPPER}' } }\nab = 1\n");
        assert!(first.places.contains_key("/a/b") && first.secrets.contains("/a/b/token"));
        let mut reading = Reading::new(Diagnostics::default(), &|_| None);
        let index = reading.open_text("test", "\n\na = { c = 2 }\n");
        let root = tree::parse("\n\na = { c = 2 }\n", index, &|_| None, &mut reading.problems);
        let mut object = Object {
            entries: first.value.as_object().unwrap().clone(),
            places: (*first.places).clone(),
            secrets: (*first.secrets).clone(),
        };
        object.extend(root, &mut reading);
        let second = object.finish(Place::default());
        assert_eq!(second.value, json!({ "a": { "c": 2 }, "ab": 1 }));
        let pointers: Vec<_> = second.places.keys().map(String::as_str).collect();
        assert_eq!(pointers, ["", "/a", "/a/c", "/ab"]);
        assert!(second.secrets.is_empty());
    }

    #[test]
    fn what_may_be_secret_is_never_shown() {
        let (json, _) = object("plain = 'seen'\nset = { x = '${PEPPER}', authorization = ['hunter2'] }\n");
        let shown = format!("{json:?}");
        assert!(
            shown.contains("seen") && !shown.contains("hot") && !shown.contains("hunter2"),
            "{shown}"
        );
        assert_eq!(json.value["set"]["x"], "hot");
    }

    #[test]
    fn numbers_that_json_does_not_have_are_refused() {
        let (_, problems) = object("a = nan\nb = [inf]\nc = 99999999999999999999\n");
        let lines: Vec<_> = problems
            .iter()
            .map(|problem| problem.place.as_ref().unwrap().line)
            .collect();
        assert_eq!(lines, [1, 2, 3]);
    }
}
