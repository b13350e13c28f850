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

fn table(table: &Table) -> Value {
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
        Shape::Text(_) => json!({ "type": "string" }),
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
        Shape::Map { of, .. } => json!({ "type": "object", "additionalProperties": value(of) }),
        Shape::Any(shapes) => json!({ "anyOf": shapes.iter().map(value).collect::<Vec<_>>() }),
    }
}

/// A text that holds a variable may become anything.
const VARIABLE: &str = r"\$\{|\$\$";

fn pattern(text: &str) -> Value {
    json!({ "type": "string", "pattern": format!("^({text})$|{VARIABLE}") })
}
