//! Header edits as HAProxy's lines say them, `Name value`, in the order in which it would apply them.

use serde_json::{Map, Value, json};

use super::reader::Reader;
use crate::config::{MASK, sensitive};

/// Edits of one direction. No name stands in two of them: what a later step undoes is left out.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Edits {
    /// Further lines, in order.
    pub added: Vec<(String, String)>,
    /// The one line of a name.
    pub set: Vec<(String, String)>,
    /// Names.
    pub removed: Vec<String>,
}

impl Edits {
    /// Adds, then sets, then removes: the order in which Docker Flow Proxy wrote them.
    pub(super) fn read(reader: &mut Reader<'_>, [add, set, delete]: [&'static str; 3]) -> Self {
        let mut edits = Self::default();
        for line in lines(reader, add, "addHeader") {
            edits.added.push(line);
        }
        for (name, value) in lines(reader, set, "setHeader") {
            edits.set.retain(|(other, _)| *other != name);
            edits.added.retain(|(other, _)| *other != name);
            edits.set.push((name, value));
        }
        for name in reader.list(delete, 0) {
            let name = name.to_lowercase();
            edits.set.retain(|(other, _)| *other != name);
            edits.added.retain(|(other, _)| *other != name);
            if !edits.removed.contains(&name) {
                edits.removed.push(name);
            }
        }
        edits
    }

    /// As a route has them; `None` when there are none.
    pub(super) fn table(&self) -> Option<Value> {
        let mut table = Map::new();
        if !self.removed.is_empty() {
            table.insert("remove".into(), json!(self.removed));
        }
        if !self.set.is_empty() {
            let set = self.set.iter().map(|(name, value)| (name.clone(), json!(value)));
            table.insert("set".into(), Value::Object(set.collect()));
        }
        let mut added: Map<String, Value> = Map::new();
        for (name, value) in &self.added {
            if let Value::Array(lines) = added.entry(name.as_str()).or_insert_with(|| json!([])) {
                lines.push(json!(value));
            }
        }
        if !added.is_empty() {
            table.insert("add".into(), Value::Object(added));
        }
        (!table.is_empty()).then_some(Value::Object(table))
    }

    pub(super) fn shown_added(&self) -> Vec<String> {
        shown(&self.added)
    }

    pub(super) fn shown_set(&self) -> Vec<String> {
        shown(&self.set)
    }
}

fn shown(lines: &[(String, String)]) -> Vec<String> {
    let line = |(name, value): &(String, String)| {
        let value = if sensitive(name) { MASK } else { value };
        format!("{name} {value}")
    };
    lines.iter().map(line).collect()
}

/// The lines of a parameter, or of its old name where it has one.
fn lines(reader: &mut Reader<'_>, name: &'static str, old: &'static str) -> Vec<(String, String)> {
    let requests = name.contains("Req");
    let (name, said) = match reader.list(name, 0) {
        said if said.is_empty() && requests => (old, reader.list(old, 0)),
        said => (name, said),
    };
    let mut lines = Vec::new();
    for line in said {
        let Some((header, value)) = line.split_once(char::is_whitespace) else {
            reader.wrong(name, 0, format!("`{line}` has no value: write `Name value`"));
            continue;
        };
        match plain(value.trim()) {
            Ok(value) => lines.push((header.to_lowercase(), value)),
            Err(why) => reader.wrong(name, 0, format!("`{header}`: {why}")),
        }
    }
    lines
}

/// A value without what only HAProxy understands.
fn plain(value: &str) -> Result<String, &'static str> {
    if value
        .split_whitespace()
        .any(|word| matches!(word, "if" | "unless"))
    {
        return Err("conditions are not understood: write a `[[route]]` for them");
    }
    let bare = value.replace("%%", "");
    if bare.contains('%') {
        return Err(
            "`%` begins an expression of HAProxy; the plugin `headers` has places such as `{client_ip}`: use it in a `[[route]]`",
        );
    }
    let unquoted = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .or_else(|| value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')))
        .unwrap_or(value);
    Ok(unquoted.replace("%%", "%").replace("\\ ", " "))
}
