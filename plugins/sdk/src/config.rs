//! The configuration: from JSON to a plugin, and what is wrong with it.

use schemars::generate::SchemaSettings;
use serde_path_to_error::{Path, Segment};

use crate::Plugin;

/// Something that is wrong with a configuration. The gateway shows it at its line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// Where: a JSON Pointer (RFC 6901) into the configuration; empty for all of it.
    pub pointer: String,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl Problem {
    /// A problem at a JSON Pointer, such as `/rules/0/upstream`.
    pub fn at(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            message: message.into(),
        }
    }
}

/// Makes a plugin from its configuration.
///
/// # Errors
/// Every problem: the first one that keeps it from being read, or those that [`Plugin::check`] finds.
pub fn read<P: Plugin>(config: &str) -> Result<P, Vec<Problem>> {
    let json = &mut serde_json::Deserializer::from_str(config);
    let plugin: P = serde_path_to_error::deserialize(json).map_err(|error| vec![problem(&error)])?;
    let problems = plugin.check();
    if problems.is_empty() {
        Ok(plugin)
    } else {
        Err(problems)
    }
}

/// The JSON Schema (draft 2020-12) of a plugin's configuration.
pub fn schema<P: Plugin>() -> String {
    let schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<P>();
    schema.as_value().to_string()
}

fn problem(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let mut message = error.inner().to_string();
    // The position in a JSON text that nobody wrote helps nobody.
    if let Some(at) = message.rfind(" at line ") {
        message.truncate(at);
    }
    let mut pointer = pointer(error.path());
    if let Some((unknown, candidates)) = unknown(&message.clone()) {
        let own = format!("/{}", escaped(unknown));
        if message.starts_with("unknown field") && !pointer.ends_with(&own) {
            pointer.push_str(&own);
        }
        let hint = nearest(unknown, candidates).map(|meant| format!("; did you mean `{meant}`?"));
        message.push_str(&hint.unwrap_or_default());
    }
    Problem { pointer, message }
}

/// The words in backticks of ``unknown field `a`, expected one of `b`, `c` ``.
fn unknown(message: &str) -> Option<(&str, impl Iterator<Item = &str>)> {
    if !message.starts_with("unknown ") {
        return None;
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    Some((quoted.next()?, quoted))
}

fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let tolerance = 1 + word.len() / 4;
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path.iter() {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", escaped(key))),
            // A variant is not a part of its own, or is one that serde has named as a key.
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
