//! What to tell people who wrote something else than the grammar has.

use std::fmt;

use super::diagnostics::Diagnostic;
use super::keys;
use super::shape::{Shape, Table};
use super::suggest;
use super::tree::Value;
use super::units;
use super::variables::sensitive;

/// Where in a file something stands, in words.
#[derive(Clone, Debug, Default)]
pub(super) struct Path(Vec<String>);

impl Path {
    pub(super) fn is_top(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn child(&self, key: &str) -> Self {
        let bare = key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        let mut path = self.clone();
        path.0.push(if bare && !key.is_empty() {
            key.to_owned()
        } else {
            format!("{key:?}")
        });
        path
    }

    /// A table in a list: by its name, or by its number when there are several.
    pub(super) fn item(&self, item: &Value, number: usize, of: usize) -> Self {
        let mut path = self.clone();
        let [only] = path.0.as_mut_slice() else {
            return path;
        };
        match named(item) {
            Some(name) => only.push_str(&format!(" {name:?}")),
            None if of > 1 && matches!(item, Value::Table(_)) => only.push_str(&format!(" {number}")),
            None => {}
        }
        path
    }

    pub(super) fn parent(&self) -> Self {
        Self(
            self.0
                .split_last()
                .map(|(_, rest)| rest.to_vec())
                .unwrap_or_default(),
        )
    }

    /// Whether everything here is a secret, whatever its key.
    pub(super) fn is_secret(&self) -> bool {
        self.0.first().is_some_and(|first| first == "secret")
    }

    /// As between the brackets of a header.
    fn header(&self) -> String {
        self.0.join(".")
    }

    /// For the end of a sentence.
    pub(super) fn within(&self) -> String {
        if self.is_top() {
            " at the top level".to_owned()
        } else {
            format!(" in {self}")
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_first() {
            Some((first, [])) if first.contains(' ') => f.write_str(first),
            Some((first, rest)) if first.contains(' ') => write!(f, "`{}` of {first}", rest.join(".")),
            Some((first, [])) if first == "route" || first == "listener" => write!(f, "[[{first}]]"),
            _ => write!(f, "[{}]", self.header()),
        }
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

/// Whether a shape takes values of this TOML type, right or wrong.
pub(super) fn takes(shape: &Shape, value: &Value) -> bool {
    match shape {
        Shape::Text(_) | Shape::Lines(_) | Shape::Word(_) | Shape::Time { .. } | Shape::Size(_) => {
            matches!(value, Value::Text(_))
        }
        Shape::Flag => matches!(value, Value::Flag(_)),
        Shape::Whole { .. } | Shape::Number(_) => matches!(value, Value::Whole(_)),
        Shape::Fraction { .. } => matches!(value, Value::Whole(_) | Value::Fraction(_)),
        Shape::List(_) => matches!(value, Value::List(_)),
        Shape::Table(_) | Shape::Open(_) | Shape::Free(_) | Shape::Map { .. } => {
            matches!(value, Value::Table(_))
        }
        Shape::Any(shapes) => shapes.iter().any(|shape| takes(shape, value)),
    }
}

/// The key that was probably meant, and whether it may hold a secret.
pub(super) fn unknown(
    problem: &mut Diagnostic,
    key: &str,
    value: &Value,
    table: &Table,
    path: &Path,
) -> bool {
    let alias = table
        .aliases
        .iter()
        .find(|(other, _)| *other == key)
        .and_then(|(_, ours)| table.key(ours));
    let fitting = table
        .keys()
        .filter(|key| takes(&key.shape, value))
        .map(|key| key.name);
    let mut meant = key;
    if let Some(ours) = alias.filter(|ours| takes(&ours.shape, value)) {
        meant = ours.name;
        problem.label(format!("here it is called `{meant}`"));
    } else if let Some(near) = suggest::nearest(key, fitting) {
        meant = near;
        problem.label(format!("did you mean `{near}`?"));
    } else if keys::ROOT.key(key).is_some() {
        let named = keys::ROOT
            .key(key)
            .is_some_and(|key| matches!(key.shape, Shape::Map { .. }));
        problem.help(if path.is_top() {
            format!(
                "an included file holds only routes, upstreams and plugins: write `{key}` into the main file"
            )
        } else if named {
            format!("`{key}` is a table of its own: `[{key}.NAME]`")
        } else {
            format!("`{key}` belongs to the top level: move it above the first `[table]`")
        });
    } else if let Some((home, ours)) = home(key, value) {
        meant = ours;
        problem.help(if meant == key {
            format!("`{key}` belongs into {home}")
        } else {
            format!("`{ours}` in {home} may be what is meant")
        });
    } else if let Some(ours) = alias {
        problem.label(format!(
            "here it is called `{}`: {}",
            ours.name,
            ours.shape.what()
        ));
    } else if let Some(near) = suggest::nearest(key, table.keys().map(|key| key.name)) {
        meant = near;
        problem.label(format!("did you mean `{near}`?"));
    } else {
        let known: Vec<_> = table.keys().map(|key| key.name).collect();
        problem.help(format!("known keys: {}", suggest::listed(&known)));
    }
    sensitive(key) || sensitive(meant)
}

/// A table elsewhere that has such a key: under this name, a similar or another one.
fn home(key: &str, value: &Value) -> Option<(&'static str, &'static str)> {
    let fits = |table: &Table, key: &str| table.key(key).is_some_and(|key| takes(&key.shape, value));
    let same = keys::homes().find_map(|(home, table)| {
        let known = table.keys().find(|known| known.name == key)?;
        fits(table, key).then_some((home, known.name))
    });
    let other = || {
        keys::homes().find_map(|(home, table)| {
            let alias = table
                .aliases
                .iter()
                .find(|(other, _)| *other == key)
                .map(|(_, ours)| *ours);
            let ours = suggest::nearest(key, table.keys().map(|key| key.name)).or(alias)?;
            fits(table, ours).then_some((home, ours))
        })
    };
    same.or_else(other)
}

/// What to write instead, when it can be guessed.
pub(super) fn remedy(value: &Value, shape: &Shape, key: &str, path: &Path) -> Option<String> {
    let any = |wanted: &dyn Fn(&Shape) -> bool| match shape {
        Shape::Any(shapes) => shapes.iter().any(wanted),
        shape => wanted(shape),
    };
    // A key of a named table, without the name.
    if let Shape::Table(table) = shape
        && table.key(key).is_some_and(|key| takes(&key.shape, value))
    {
        return Some(format!("give it a name: `[{}.NAME]`", path.parent().header()));
    }
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
            let example = match key {
                "listen" | "address" => format!(":{number}"),
                "admin" => format!("127.0.0.1:{number}"),
                "rate" => format!("{number}/s"),
                _ => number.to_string(),
            };
            Some(format!("write `\"{example}\"`"))
        }
        Value::Text(text) if text.variables.is_empty() && !sensitive(key) => {
            let number = any(&|shape: &Shape| {
                matches!(
                    shape,
                    Shape::Whole { .. } | Shape::Number(_) | Shape::Fraction { .. }
                )
            });
            let flag = any(&|shape: &Shape| matches!(shape, Shape::Flag))
                && ["true", "false"].contains(&text.value.as_str());
            let switch = any(&|shape: &Shape| matches!(shape, Shape::Flag))
                .then(|| switch(&text.value))
                .flatten();
            if let Some(switch) = switch {
                Some(format!("write `{key} = {switch}`"))
            } else if (number && text.value.parse::<f64>().is_ok()) || flag {
                Some(format!("write it without quotes: `{key} = {}`", text.value))
            } else {
                any(&|shape: &Shape| matches!(shape, Shape::List(of) if takes(of, value)))
                    .then(|| format!("write `{key} = [\"{}\"]`", text.value))
            }
        }
        Value::Flag(flag) => {
            let word = if *flag { "on" } else { "off" };
            let has = |shape: &Shape| matches!(shape, Shape::Word(words) if words.iter().any(|(it, _)| *it == word));
            any(&has).then(|| format!("write `{key} = \"{word}\"`"))
        }
        Value::Table(_) if any(&|shape: &Shape| matches!(shape, Shape::List(of) if takes(of, value))) => {
            Some(format!(
                "write the header with two brackets: `[[{}]]`",
                path.header()
            ))
        }
        Value::List(_) if any(&|shape: &Shape| matches!(shape, Shape::Table(_) | Shape::Map { .. })) => Some(
            format!("write the header with single brackets: `[{}]`", path.header()),
        ),
        _ => None,
    }
}

/// Words that people write for `true` and `false`.
fn switch(word: &str) -> Option<bool> {
    match word {
        "on" | "yes" => Some(true),
        "off" | "no" | "none" => Some(false),
        _ => None,
    }
}
