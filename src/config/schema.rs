//! The grammar as JSON Schema (draft 2020-12), for editors.

use serde_json::{Map, Value, json};

use super::keys;
use super::shape::{Key, Shape, Table, Zero};

/// The schema of a main configuration file.
pub fn schema() -> Value {
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Gatewit configuration",
    });
    if let (Value::Object(schema), Value::Object(root)) = (&mut schema, table(&keys::ROOT)) {
        schema.extend(root);
    }
    schema
}

/// A table, and everything in it.
pub(super) fn table(table: &Table) -> Value {
    let properties: Map<String, Value> = table
        .keys()
        .map(|key| (key.name.to_owned(), property(key)))
        .collect();
    let required: Vec<_> = table
        .keys()
        .filter(|key| key.required)
        .map(|key| key.name)
        .collect();
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn property(key: &Key) -> Value {
    let mut schema = value(&key.shape);
    schema["description"] = json!(key.about);
    if let Some(default) = key
        .default
        .and_then(|json| serde_json::from_str::<Value>(json).ok())
    {
        schema["default"] = default;
    }
    schema
}

fn value(shape: &Shape) -> Value {
    match shape {
        Shape::Text(_) | Shape::Lines(_) => json!({ "type": "string" }),
        Shape::Word(words) => {
            let words: Vec<_> = words
                .iter()
                .map(|(word, about)| json!({ "const": word, "description": about }))
                .collect();
            let mut any = words;
            any.push(json!({ "type": "string", "pattern": VARIABLE }));
            json!({ "anyOf": any })
        }
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Whole { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Shape::Number(numbers) => json!({ "enum": numbers }),
        Shape::Fraction { min, max } => json!({ "type": "number", "minimum": min, "maximum": max }),
        Shape::Time { .. } => pattern(r"([0-9]+(\.[0-9]+)? *(us|µs|ms|s|m|h|d) *)+"),
        Shape::Size(Zero::Unlimited) => pattern(r"[0-9]+ *(B|KiB|MiB|GiB|KB|kB|MB|GB)|unlimited"),
        Shape::Size(_) => pattern(r"[0-9]+ *(B|KiB|MiB|GiB|KB|kB|MB|GB)"),
        Shape::List(of) => json!({ "type": "array", "items": value(of) }),
        Shape::Table(known) => table(known),
        Shape::Open(known) => {
            let mut schema = table(known);
            schema["additionalProperties"] = json!({});
            schema
        }
        Shape::Free(_) => json!({ "type": "object" }),
        Shape::Map { of, .. } => json!({ "type": "object", "additionalProperties": value(of) }),
        Shape::Any(shapes) => json!({ "anyOf": shapes.iter().map(value).collect::<Vec<_>>() }),
    }
}

/// A text that holds a variable may become anything.
const VARIABLE: &str = r"\$\{|\$\$";

fn pattern(text: &str) -> Value {
    json!({ "type": "string", "pattern": format!("^({text})$|{VARIABLE}") })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

    use std::collections::BTreeSet;

    use super::super::diagnostics::Diagnostics;
    use super::super::load::{DEFAULT, Source, load};
    use super::super::{keys, render, tree};
    use super::*;

    /// A document as JSON, before anything is known about its keys.
    fn json_of(text: &str) -> Value {
        fn json(node: &tree::Node) -> Value {
            match &node.value {
                tree::Value::Text(text) => json!(text.value),
                tree::Value::Whole(number) => json!(number.unwrap()),
                tree::Value::Fraction(number) => json!(number),
                tree::Value::Flag(flag) => json!(flag),
                tree::Value::Date(date) => json!(date),
                tree::Value::List(list) => list.iter().map(json).collect(),
                tree::Value::Table(entries) => Value::Object(
                    entries
                        .iter()
                        .map(|(key, node)| (key.name.clone(), json(node)))
                        .collect(),
                ),
            }
        }
        let mut problems = Diagnostics::default();
        let index = problems.open("test", text);
        let root = tree::parse(text, index, &|_| None, &mut problems);
        assert!(problems.is_empty(), "{problems}");
        json(&root)
    }

    /// The part of JSON Schema that is used here.
    fn valid(value: &Value, schema: &Value) -> bool {
        schema
            .as_object()
            .unwrap()
            .iter()
            .all(|(keyword, rule)| match keyword.as_str() {
                "type" => match rule.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "integer" => value.is_i64(),
                    "number" => value.is_number(),
                    other => panic!("{other}"),
                },
                "properties" => value.as_object().is_none_or(|table| {
                    table
                        .iter()
                        .all(|(key, value)| rule.get(key).is_none_or(|schema| valid(value, schema)))
                }),
                "additionalProperties" => value.as_object().is_none_or(|table| {
                    let known = schema.get("properties");
                    let mut others = table
                        .iter()
                        .filter(|(key, _)| known.is_none_or(|known| known.get(key).is_none()));
                    others.all(|(_, value)| rule != &json!(false) && valid(value, rule))
                }),
                "required" => rule
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|key| value.get(key.as_str().unwrap()).is_some()),
                "items" => value
                    .as_array()
                    .is_none_or(|list| list.iter().all(|item| valid(item, rule))),
                "anyOf" => rule.as_array().unwrap().iter().any(|schema| valid(value, schema)),
                "const" => value == rule,
                "enum" => rule.as_array().unwrap().contains(value),
                "pattern" => {
                    let pattern = regex::Regex::new(rule.as_str().unwrap()).unwrap();
                    value.as_str().is_none_or(|text| pattern.is_match(text))
                }
                "minimum" => value
                    .as_f64()
                    .is_none_or(|number| number >= rule.as_f64().unwrap()),
                "maximum" => value
                    .as_f64()
                    .is_none_or(|number| number <= rule.as_f64().unwrap()),
                "$schema" | "title" | "description" | "default" => true,
                other => panic!("the test does not know `{other}`"),
            })
    }

    fn good() -> Vec<(String, String)> {
        let folder = std::path::Path::new("tests/data/config/good");
        let files = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let files = files.filter(|file| file.extension().is_some_and(|extension| extension == "toml"));
        files
            .map(|file| (file.display().to_string(), std::fs::read_to_string(file).unwrap()))
            .collect()
    }

    #[test]
    fn what_the_reader_accepts_is_valid() {
        let schema = schema();
        assert!(valid(&json_of(DEFAULT), &schema));
        for (name, text) in good() {
            assert!(valid(&json_of(&text), &schema), "{name}");
        }
    }

    #[test]
    fn unknown_keys_and_bare_numbers_are_not_valid() {
        for text in [
            "colour = 1",
            "route = [{ to = 'a:1', colour = 1 }]",
            "route = [{ to = [{ to = 'a:1', colour = 1 }] }]",
            "upstream = { a = { probe = { colour = 1 } } }",
            "timeouts = { keep_alive = 5 }",
            "timeouts = { keep_alive = '5' }",
            "limits = { request_head = '5' }",
            "dns = { tasks = 'sometimes' }",
            "route = [{ redirect = { status = 304 } }]",
            "listener = [{ name = 'a' }]",
        ] {
            assert!(!valid(&json_of(text), &schema()), "{text}");
        }
    }

    /// Names of all keys below a table, with the names of those that lead there.
    fn paths(table: &Table, prefix: &str, into: &mut BTreeSet<String>) {
        for key in table.keys() {
            let path = format!("{prefix}.{}", key.name);
            shape_paths(&key.shape, &path, into);
            into.insert(path);
        }
    }

    fn shape_paths(shape: &Shape, path: &str, into: &mut BTreeSet<String>) {
        match shape {
            Shape::Table(table) | Shape::Open(table) => paths(table, path, into),
            Shape::List(of) => shape_paths(of, path, into),
            Shape::Map { of, .. } => shape_paths(of, &format!("{path}.*"), into),
            Shape::Any(shapes) => shapes.iter().for_each(|shape| shape_paths(shape, path, into)),
            _ => {}
        }
    }

    #[test]
    fn every_key_is_in_a_sample_that_loads() {
        fn said(value: &Value, path: &str, into: &mut BTreeSet<String>) {
            match value {
                Value::Object(table) => {
                    for (key, value) in table {
                        // A key of the user's choice is a star in the grammar.
                        for path in [format!("{path}.{key}"), format!("{path}.*")] {
                            said(value, &path, into);
                            into.insert(path);
                        }
                    }
                }
                Value::Array(list) => list.iter().for_each(|item| said(item, path, into)),
                _ => {}
            }
        }
        let (mut known, mut used) = (BTreeSet::new(), BTreeSet::new());
        paths(&keys::ROOT, "", &mut known);
        for (_, text) in good() {
            said(&json_of(&text), "", &mut used);
        }
        // Both mean the same, and only one of them may be said.
        for key in [".admin.token_file", ".admin.token", ".flow_proxy.token_file"] {
            used.insert(key.to_owned());
        }
        let missing: Vec<_> = known.difference(&used).collect();
        assert!(missing.is_empty(), "{missing:#?}");
    }

    #[test]
    fn saying_the_defaults_changes_nothing() {
        fn defaults(table: &'static Table) -> String {
            table
                .keys()
                .filter_map(|key| Some(format!("{} = {}\n", key.name, key.default?)))
                .collect()
        }
        let mut text = String::from("[[route]]\nto = 'app:80'\n[upstream.\"app:80\"]\n");
        // A table that switches something on.
        let silent = format!("{text}[flow_proxy]\n");
        for key in keys::ROOT.keys() {
            match &key.shape {
                Shape::Table(table) if key.name == "defaults" => {
                    // The bound of requests is said in `[limits]`.
                    let said = defaults(table).replace("request_body = \"1GiB\"\n", "");
                    text.push_str(&format!("[defaults]\n{said}"));
                }
                Shape::Table(table) => text.push_str(&format!("[{}]\n{}", key.name, defaults(table))),
                Shape::Any(shapes) => {
                    for shape in *shapes {
                        if let Shape::Table(table) = shape {
                            text.push_str(&format!("[{}]\n{}", key.name, defaults(table)));
                        }
                    }
                }
                _ => {}
            }
        }
        let loaded = |text: String| {
            let loaded = load(Source::Text {
                name: "defaults.toml".to_owned(),
                text,
            });
            render(&loaded.unwrap_or_else(|problems| panic!("{problems}")).config)
        };
        assert_eq!(loaded(text), loaded(silent));
    }
}
