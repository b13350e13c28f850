//! A plugin's configuration against the JSON Schema that the plugin gave: every complaint at once, in our words.
//!
//! What schemas of configurations use (draft 2020-12) is checked: types, properties, bounds, patterns, alternatives and
//! references within the schema. Other keywords are passed over: the plugin's own `configure` has the last word.

use std::cell::Cell;

use regex::Regex;
use serde_json::{Map, Value};

/// Schemas in schemas; one that goes on for ever says nothing.
const DEPTH: usize = 32;

/// Schemas that are looked at: references to references may be many on a few lines.
const VISITS: u32 = 100_000;

/// A complaint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Complaint {
    /// JSON Pointer (RFC 6901) of what is wrong.
    pub pointer: String,
    /// What is wrong with it.
    pub message: String,
}

/// What `schema` says against `value`; nothing when all is well.
pub fn check(schema: &Value, value: &Value) -> Vec<Complaint> {
    let visits = Cell::new(VISITS);
    let mut check = Check {
        root: schema,
        visits: &visits,
        complaints: Vec::new(),
    };
    check.any(schema, value, "", 0);
    check.complaints
}

struct Check<'s> {
    root: &'s Value,
    /// Left.
    visits: &'s Cell<u32>,
    complaints: Vec<Complaint>,
}

impl<'s> Check<'s> {
    fn any(&mut self, schema: &'s Value, value: &Value, at: &str, depth: usize) {
        let schema = match schema {
            Value::Bool(false) => return self.complain(at, "nothing may stand here"),
            Value::Object(schema) if depth < DEPTH && self.visits.get() > 0 => schema,
            _ => return,
        };
        self.visits.set(self.visits.get() - 1);
        if let Some(target) = schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|to| self.find(to))
        {
            self.any(target, value, at, depth + 1);
        }
        if !self.has_type(schema, value, at) {
            return;
        }
        self.constants(schema, value, at);
        match value {
            Value::Object(object) => self.object(schema, object, at, depth),
            Value::Array(items) => self.array(schema, items, at, depth),
            Value::String(text) => self.text(schema, text, at),
            Value::Number(number) => self.number(schema, number.as_f64().unwrap_or_default(), at),
            Value::Null | Value::Bool(_) => {}
        }
        self.combined(schema, value, at, depth);
    }

    fn has_type(&mut self, schema: &Map<String, Value>, value: &Value, at: &str) -> bool {
        let wanted: Vec<&str> = match schema.get("type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(any)) => any.iter().filter_map(Value::as_str).collect(),
            _ => return true,
        };
        let right = wanted.iter().any(|name| is(value, name));
        if !right {
            let wanted: Vec<_> = wanted.iter().map(|name| named(name)).collect();
            let wanted = wanted.join(" or ");
            self.complain(at, format!("expected {wanted}, found {}", named(kind(value))));
        }
        right
    }

    fn constants(&mut self, schema: &Map<String, Value>, value: &Value, at: &str) {
        if let Some(constant) = schema.get("const")
            && !equal(constant, value)
        {
            self.complain(at, format!("expected {constant}"));
        }
        if let Some(Value::Array(choices)) = schema.get("enum")
            && !choices.iter().any(|choice| equal(choice, value))
        {
            let close = value
                .as_str()
                .and_then(|said| nearest(said, choices.iter().filter_map(Value::as_str)));
            let choices: Vec<_> = choices.iter().map(ToString::to_string).collect();
            let hint = close.map_or_else(String::new, |close| format!("; did you mean \"{close}\"?"));
            self.complain(at, format!("expected one of {}{hint}", choices.join(", ")));
        }
    }

    fn object(
        &mut self,
        schema: &'s Map<String, Value>,
        object: &Map<String, Value>,
        at: &str,
        depth: usize,
    ) {
        let properties = schema.get("properties").and_then(Value::as_object);
        for name in texts(schema.get("required")) {
            if !object.contains_key(name) {
                self.complain(at, format!("\"{name}\" is missing"));
            }
        }
        let patterns: Vec<_> = schema
            .get("patternProperties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(pattern, schema)| Some((Regex::new(pattern).ok()?, schema)))
            .collect();
        for (name, value) in object {
            let place = below(at, name);
            let mut known = false;
            let own = properties.and_then(|properties| properties.get(name));
            let matching = patterns.iter().filter(|(pattern, _)| pattern.is_match(name));
            for schema in own.into_iter().chain(matching.map(|(_, schema)| *schema)) {
                known = true;
                self.any(schema, value, &place, depth + 1);
            }
            match schema.get("additionalProperties") {
                Some(Value::Bool(false)) if !known => {
                    let names = properties.into_iter().flatten().map(|(name, _)| name.as_str());
                    self.unknown(name, names, &place);
                }
                Some(other) if !known => self.any(other, value, &place, depth + 1),
                _ => {}
            }
        }
        self.count(
            schema,
            object.len(),
            ["minProperties", "maxProperties"],
            "entries",
            at,
        );
    }

    fn unknown<'n>(&mut self, name: &str, known: impl Iterator<Item = &'n str> + Clone, at: &str) {
        let hint = match nearest(name, known.clone()) {
            Some(close) => format!("did you mean \"{close}\"?"),
            None => format!("it takes {}", known.collect::<Vec<_>>().join(", ")),
        };
        self.complain(at, format!("the plugin does not know \"{name}\"; {hint}"));
    }

    fn array(&mut self, schema: &'s Map<String, Value>, items: &[Value], at: &str, depth: usize) {
        let first = schema.get("prefixItems").and_then(Value::as_array);
        for (index, item) in items.iter().enumerate() {
            let own = first
                .and_then(|first| first.get(index))
                .or_else(|| schema.get("items"));
            if let Some(own) = own {
                self.any(own, item, &below(at, &index.to_string()), depth + 1);
            }
            if schema.get("uniqueItems") == Some(&Value::Bool(true))
                && items[..index].iter().any(|other| equal(other, item))
            {
                self.complain(&below(at, &index.to_string()), "the same stands here twice");
            }
        }
        self.count(schema, items.len(), ["minItems", "maxItems"], "items", at);
    }

    fn text(&mut self, schema: &Map<String, Value>, text: &str, at: &str) {
        self.count(
            schema,
            text.chars().count(),
            ["minLength", "maxLength"],
            "characters",
            at,
        );
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str)
            && Regex::new(pattern).is_ok_and(|regex| !regex.is_match(text))
        {
            self.complain(at, format!("it does not match {pattern}"));
        }
    }

    fn number(&mut self, schema: &Map<String, Value>, number: f64, at: &str) {
        type Holds = fn(f64, f64) -> bool;
        let bounds: [(&str, Holds, &str); 4] = [
            ("minimum", |number, bound| number >= bound, "at least"),
            ("maximum", |number, bound| number <= bound, "at most"),
            ("exclusiveMinimum", |number, bound| number > bound, "more than"),
            ("exclusiveMaximum", |number, bound| number < bound, "less than"),
        ];
        for (keyword, holds, words) in bounds {
            if let Some(bound) = schema.get(keyword)
                && bound.as_f64().is_some_and(|bound| !holds(number, bound))
            {
                self.complain(at, format!("it must be {words} {bound}"));
            }
        }
    }

    fn count(
        &mut self,
        schema: &Map<String, Value>,
        count: usize,
        [least, most]: [&str; 2],
        what: &str,
        at: &str,
    ) {
        let bound = |keyword| schema.get(keyword).and_then(Value::as_u64);
        if let Some(least) = bound(least).filter(|least| (count as u64) < *least) {
            self.complain(at, format!("it needs at least {least} {what}"));
        }
        if let Some(most) = bound(most).filter(|most| count as u64 > *most) {
            self.complain(at, format!("it takes at most {most} {what}"));
        }
    }

    fn combined(&mut self, schema: &'s Map<String, Value>, value: &Value, at: &str, depth: usize) {
        let list = |keyword| schema.get(keyword).and_then(Value::as_array).map(Vec::as_slice);
        for part in list("allOf").unwrap_or_default() {
            self.any(part, value, at, depth + 1);
        }
        for keyword in ["anyOf", "oneOf"] {
            let Some(choices) = list(keyword) else { continue };
            let mut tried: Vec<_> = choices
                .iter()
                .map(|choice| self.alone(choice, value, at, depth))
                .collect();
            let fitting = tried.iter().filter(|complaints| complaints.is_empty()).count();
            if keyword == "oneOf" && fitting > 1 {
                self.complain(at, "it can be read in more than one way");
            }
            if fitting == 0 {
                // The complaints of the choice that was meant: the one whose complaints are deepest, then fewest.
                tried.sort_by_key(|complaints| {
                    let deepest = complaints.iter().map(|it| it.pointer.len()).max();
                    (std::cmp::Reverse(deepest), complaints.len())
                });
                self.complaints
                    .extend(tried.into_iter().next().unwrap_or_default());
            }
        }
        if let Some(not) = schema.get("not")
            && self.alone(not, value, at, depth).is_empty()
        {
            self.complain(at, "just this is not allowed");
        }
    }

    fn alone(&self, schema: &'s Value, value: &Value, at: &str, depth: usize) -> Vec<Complaint> {
        let mut check = Check {
            root: self.root,
            visits: self.visits,
            complaints: Vec::new(),
        };
        check.any(schema, value, at, depth + 1);
        check.complaints
    }

    /// Only within the schema.
    fn find(&self, reference: &str) -> Option<&'s Value> {
        self.root.pointer(reference.strip_prefix('#')?)
    }

    fn complain(&mut self, at: &str, message: impl Into<String>) {
        self.complaints.push(Complaint {
            pointer: at.to_owned(),
            message: message.into(),
        });
    }
}

fn texts(list: Option<&Value>) -> impl Iterator<Item = &str> {
    list.and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

fn below(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// 1 and 1.0 are the same number.
fn equal(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

fn is(value: &Value, kind_wanted: &str) -> bool {
    match kind_wanted {
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|it| it.fract() == 0.0),
        other => kind(value) == other,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// As TOML calls it.
fn named(kind: &str) -> &str {
    match kind {
        "null" => "nothing",
        "boolean" => "true or false",
        "number" => "a number",
        "integer" => "a whole number",
        "string" => "a text",
        "array" => "a list",
        "object" => "a table",
        other => other,
    }
}

fn nearest<'n>(said: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let distance = |name: &&str| strsim::damerau_levenshtein(said, name);
    known
        .min_by_key(distance)
        .filter(|name| distance(name) <= said.chars().count().max(3) / 3)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn says(schema: &Value, value: &Value, expected: &[(&str, &str)]) {
        let found = check(schema, value);
        let found: Vec<_> = found
            .iter()
            .map(|it| (it.pointer.as_str(), it.message.as_str()))
            .collect();
        assert_eq!(found, expected, "{value}");
    }

    #[test]
    fn a_configuration_is_checked_with_every_complaint_at_its_place() {
        let schema = json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["header"],
            "properties": {
                "header": {"type": "string", "minLength": 1},
                "mode": {"enum": ["strict", "lenient"]},
                "percent": {"type": "integer", "minimum": 0, "maximum": 100},
                "rules": {"type": "array", "items": {"$ref": "#/$defs/rule"}, "maxItems": 3},
            },
            "$defs": {"rule": {"type": "object", "required": ["to"], "properties": {"to": {"type": "string"}}}},
        });
        says(
            &schema,
            &json!({"header": "x-id", "mode": "strict", "percent": 3.0, "rules": [{"to": "a"}]}),
            &[],
        );
        says(
            &schema,
            &json!({"heder": "x", "mode": "stric", "percent": 101, "rules": [{"to": 1}, {}]}),
            &[
                ("", "\"header\" is missing"),
                (
                    "/heder",
                    "the plugin does not know \"heder\"; did you mean \"header\"?",
                ),
                (
                    "/mode",
                    "expected one of \"strict\", \"lenient\"; did you mean \"strict\"?",
                ),
                ("/percent", "it must be at most 100"),
                ("/rules/0/to", "expected a text, found a whole number"),
                ("/rules/1", "\"to\" is missing"),
            ],
        );
    }

    #[test]
    fn of_alternatives_the_one_that_was_meant_complains() {
        let schema = json!({"properties": {"key": {"oneOf": [
            {"const": "client-ip"},
            {"type": "object", "required": ["header"], "properties": {"header": {"type": "string"}}},
        ]}}});
        says(&schema, &json!({"key": "client-ip"}), &[]);
        says(&schema, &json!({"key": {"header": "a"}}), &[]);
        says(
            &schema,
            &json!({"key": {"header": 1}}),
            &[("/key/header", "expected a text, found a whole number")],
        );
        says(
            &schema,
            &json!({"key": "client"}),
            &[("/key", "expected \"client-ip\"")],
        );
    }

    #[test]
    fn bounds_and_patterns_hold() {
        let schema = json!({"properties": {
            "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 3},
            "list": {"minItems": 1, "uniqueItems": true},
            "rate": {"exclusiveMinimum": 0},
            "maybe": {"type": ["string", "null"]},
            "a~/b": {"type": "boolean"},
        }});
        let value = json!({"name": "ABCD", "list": [1, 1.0], "rate": 0, "maybe": 1, "a~/b": 1});
        says(
            &schema,
            &value,
            &[
                ("/name", "it takes at most 3 characters"),
                ("/name", "it does not match ^[a-z]+$"),
                ("/list/1", "the same stands here twice"),
                ("/rate", "it must be more than 0"),
                ("/maybe", "expected a text or nothing, found a whole number"),
                ("/a~0~1b", "expected true or false, found a whole number"),
            ],
        );
    }

    #[test]
    fn a_schema_that_makes_no_sense_refuses_nothing_and_ends() {
        for schema in [
            json!(1),
            json!({"$ref": "#"}),
            json!({"$ref": "https://elsewhere/schema"}),
            json!({"allOf": [{"$ref": "#"}, {"$ref": "#"}, {"$ref": "#"}]}),
            json!({"type": 1, "properties": [], "pattern": "(", "enum": "x", "allOf": [{"$ref": "#"}]}),
        ] {
            says(&schema, &json!({"a": "b"}), &[]);
        }
        says(&json!(false), &json!({}), &[("", "nothing may stand here")]);
    }
}
