//! How TOML 1.0 is written: values that fit on a line in the line, larger tables under headers of their own.
//!
//! Writes whatever JSON can say but `null`, which is left out. What the values mean is not known here.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// Longer lines are broken where TOML allows it.
const WIDTH: usize = 100;

/// A whole document.
pub(super) fn document(table: &Map<String, Value>) -> String {
    let mut text = String::new();
    body(table, "", &mut text);
    text
}

/// The values of a table, then the tables in it, each under its header. `path` is that of its own header.
fn body(table: &Map<String, Value>, path: &str, text: &mut String) {
    let said = table.iter().filter(|(_, value)| !value.is_null());
    let (tables, lines): (Vec<_>, Vec<_>) = said.partition(|(key, value)| has_header(key, value, path));
    for (key, value) in lines {
        let key = key_text(key);
        // Writing to a string cannot fail, here and below.
        let _ = match value {
            Value::String(value) if value.contains('\n') => writeln!(text, "{key} = {}", long_text(value)),
            Value::Array(items) if width(&key, value) > WIDTH => {
                writeln!(text, "{key} = {}", long_list(items))
            }
            value => writeln!(text, "{key} = {}", inline(value)),
        };
    }
    for (key, value) in tables {
        let path = match path {
            "" => key_text(key),
            path => format!("{path}.{}", key_text(key)),
        };
        match value {
            Value::Object(table) => {
                // A header with nothing but headers below it says nothing.
                if table.is_empty() || table.iter().any(|(key, value)| !has_header(key, value, &path)) {
                    let _ = writeln!(text, "\n[{path}]");
                }
                body(table, &path, text);
            }
            Value::Array(items) => {
                for table in items.iter().filter_map(Value::as_object) {
                    let _ = writeln!(text, "\n[[{path}]]");
                    body(table, &path, text);
                }
            }
            _ => {}
        }
    }
}

/// Whether a value is written under a header: a table that has no place on a line, or a list of such.
fn has_header(key: &str, value: &Value, path: &str) -> bool {
    let top = path.is_empty();
    match value {
        Value::Object(table) => top || many_lines(table) || width(key, value) > WIDTH,
        Value::Array(items) => {
            let tables = !items.is_empty() && items.iter().all(Value::is_object);
            let long = |item: &Value| inline(item).chars().count() + INDENT.len() > WIDTH;
            tables && (top || items.iter().any(long))
        }
        _ => false,
    }
}

fn many_lines(table: &Map<String, Value>) -> bool {
    let long = |value: &Value| matches!(value, Value::String(text) if text.contains('\n'));
    table.values().any(long)
}

fn width(key: &str, value: &Value) -> usize {
    key.chars().count() + " = ".len() + inline(value).chars().count()
}

const INDENT: &str = "    ";

fn long_list(items: &[Value]) -> String {
    let mut text = String::from("[\n");
    for item in items.iter().filter(|item| !item.is_null()) {
        let _ = writeln!(text, "{INDENT}{},", inline(item));
    }
    text.push(']');
    text
}

/// On one line.
fn inline(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(value) => short_text(value),
        Value::Array(items) => {
            let items = items.iter().filter(|item| !item.is_null()).map(inline);
            format!("[{}]", items.collect::<Vec<_>>().join(", "))
        }
        Value::Object(table) => {
            let said = table.iter().filter(|(_, value)| !value.is_null());
            let entries: Vec<_> = said
                .map(|(key, value)| format!("{} = {}", key_text(key), inline(value)))
                .collect();
            match entries.as_slice() {
                [] => "{}".to_owned(),
                entries => format!("{{ {} }}", entries.join(", ")),
            }
        }
    }
}

/// Bare where it may be.
fn key_text(key: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !key.is_empty() && key.bytes().all(bare) {
        key.to_owned()
    } else {
        format!("\"{}\"", escaped(key, false))
    }
}

/// Between `'` when it would need escapes and can do without.
fn short_text(text: &str) -> String {
    let literal =
        text.contains(['"', '\\']) && !text.contains(|char: char| char == '\'' || char.is_control());
    if literal {
        format!("'{text}'")
    } else {
        format!("\"{}\"", escaped(text, false))
    }
}

/// Over several lines. The first newline is not part of it.
fn long_text(text: &str) -> String {
    format!("\"\"\"\n{}\"\"\"", escaped(text, true))
}

/// TOML 1.0, basic strings. `lines` for one that may have newlines.
fn escaped(text: &str, lines: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\n' if lines => escaped.push('\n'),
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            char if char.is_control() => {
                let _ = write!(escaped, "\\u{:04X}", u32::from(char));
            }
            char => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

    use serde_json::json;

    use super::*;
    use crate::config::diagnostics::Diagnostics;
    use crate::config::json::Object;
    use crate::config::reading::Reading;
    use crate::config::{Place, tree};

    fn written(value: &Value) -> String {
        document(value.as_object().unwrap())
    }

    #[test]
    fn values_are_written_so() {
        for (value, toml) in [
            (json!("plain"), r#""plain""#),
            (json!(""), r#""""#),
            (json!("it's"), r#""it's""#),
            (json!(r#"say "a\b""#), r#"'say "a\b"'"#),
            (json!(r#"it's "so""#), r#""it's \"so\"""#),
            (json!("tab\there"), r#""tab\there""#),
            (json!("\u{0}\u{7f}\u{85}\r"), r#""\u0000\u007F\u0085\r""#),
            (json!("é ✓"), r#""é ✓""#),
            (
                json!("two\nlines \"\"\"\\"),
                "\"\"\"\ntwo\nlines \\\"\\\"\\\"\\\\\"\"\"",
            ),
            (json!("\nfirst\n"), "\"\"\"\n\nfirst\n\"\"\""),
            (json!(7), "7"),
            (json!(-1.0), "-1.0"),
            (json!(1e300), "1e+300"),
            (json!(true), "true"),
            (json!([]), "[]"),
            (json!([1, [2, "\n"], {}]), r#"[1, [2, "\n"], {}]"#),
            (json!([{ "a b": 1, "": null }]), "[{ \"a b\" = 1 }]"),
        ] {
            let text = written(&json!({ "x": { "k": 1, "v": value } }));
            assert_eq!(text, format!("\n[x]\nk = 1\nv = {toml}\n"), "{value}");
        }
    }

    #[track_caller]
    fn assert_read_as_written(value: &Value) {
        let text = written(value);
        let mut reading = Reading::new(Diagnostics::default(), &|_| None);
        let index = reading.open_text("written", &text);
        let root = tree::parse(&text, index, &|_| None, &mut reading.problems);
        let mut read = Object::default();
        read.extend(root, &mut reading);
        assert!(reading.problems.is_empty(), "{}\n{text}", reading.problems);
        assert_eq!(&read.finish(Place::default()).value, value, "{text}");
    }

    #[test]
    fn everything_that_is_written_is_read_as_it_was() {
        let long = "x".repeat(WIDTH);
        assert_read_as_written(&json!({
            "b": { "c": { "text": "two\nlines \"\"\"\\ \r\n'", "d": { "long": long }, "e": [[], {}] } },
            "list": [{ "in": [{ "long": long, "t": { "u": [{ "v": long }] } }, {}], "after": 1 }, {}],
            "numbers": [0, -7, i64::MAX, i64::MIN, 0.1, -0.0, 1e300, 1e-7],
            "texts": ["\u{0}\u{1f}\u{7f}\u{85}\u{2028}\t", "''", "'\"\\", long, long],
            "": { "": "", "a.b\"c\\\n": "é", "tables": [{ "a": long }, { "a": 2 }] },
            "last": true,
        }));
    }

    #[test]
    fn whatever_is_written_is_read_as_it_was() {
        let mut random = fastrand::Rng::with_seed(2015);
        for _ in 0..500 {
            let table: Map<_, _> = (0..6)
                .map(|_| (words(&mut random), any(&mut random, 5)))
                .collect();
            assert_read_as_written(&Value::Object(table));
        }
    }

    fn any(random: &mut fastrand::Rng, depth: usize) -> Value {
        let size = random.usize(0..4);
        match random.u8(0..if depth == 0 { 4 } else { 9 }) {
            0 => json!(random.i64(..)),
            1 => json!(random.f64() * 1e9),
            2 => json!(random.bool()),
            3 | 4 => json!(words(random)),
            5 => (0..size).map(|_| any(random, depth - 1)).collect(),
            6 => {
                let table = |random: &mut fastrand::Rng| json!({ words(random): any(random, depth - 1) });
                (0..size).map(|_| table(random)).collect()
            }
            _ => (0..size)
                .map(|_| (words(random), any(random, depth - 1)))
                .collect(),
        }
    }

    fn words(random: &mut fastrand::Rng) -> String {
        let words = [
            "a", "b.c", "-", " ", "'", "\"", "\"\"\"", "\\", "\n", "\r", "\t", "\u{1}", "é", "#", "]",
            "longer",
        ];
        (0..random.usize(0..12))
            .map(|_| words[random.usize(0..words.len())])
            .collect()
    }

    #[test]
    fn what_is_long_is_broken() {
        let long = "x".repeat(WIDTH / 2);
        let text = written(&json!({
            "route": [{ "to": [long, long], "use": [{ "a": long, "b": long }], "short": { "a": 1 } }],
            "upstream": { "a:1": { "key": "a\nb" } },
            "empty": {},
            "nothing": null,
            "first": 1,
        }));
        let expected = format!(
            "first = 1\n\n[[route]]\nto = [\n    \"{long}\",\n    \"{long}\",\n]\nshort = {{ a = 1 }}\n\n\
             [[route.use]]\na = \"{long}\"\nb = \"{long}\"\n\n[upstream.\"a:1\"]\nkey = \"\"\"\na\nb\"\"\"\n\n[empty]\n"
        );
        assert_eq!(text, expected);
    }
}
