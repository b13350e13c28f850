//! What is asked of the tables that were added: which, on which condition, and what they are afterwards.

use std::fmt;

use serde_json::Value;

use super::Refusal;
use crate::config::{Additions, Config, Kind};

/// A change of what was added. All of it happens, or nothing.
#[derive(Clone, Debug)]
pub struct Change {
    /// What is to be different.
    pub wish: Wish,
    /// On which condition.
    pub condition: Condition,
    /// Only find out how it would end.
    pub dry_run: bool,
    /// It may be forgotten when the process ends: whoever asks will ask again. Otherwise it has to be on the disk first.
    pub volatile: bool,
}

/// What is to be different.
#[derive(Clone, Debug)]
pub enum Wish {
    /// Some tables, in this order.
    Edits(Vec<Edit>),
    /// Everything.
    All(Additions),
    /// As it was in this version.
    Version(u64),
}

/// What is to happen to one table.
#[derive(Clone, Debug)]
pub struct Edit {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What is to happen.
    pub action: Action,
}

/// What is to happen to a table.
#[derive(Clone, Debug)]
pub enum Action {
    /// It is to be this.
    Put(Value),
    /// These keys are to be these; null removes one (JSON Merge Patch, RFC 7396).
    Merge(Value),
    /// It is to be gone.
    Delete,
}

/// `If-Match` and `If-None-Match` (RFC 9110 section 13.1), of the table where one is changed, else of everything.
#[derive(Clone, Debug, Default)]
pub struct Condition {
    /// One of these has to be the tag.
    pub matches: Option<Tags>,
    /// None of these may be it.
    pub differs: Option<Tags>,
}

/// What a condition names.
#[derive(Clone, Debug)]
pub enum Tags {
    /// Whatever there is.
    Any,
    /// One of these, as [`tag`] makes them.
    These(Vec<String>),
}

impl Condition {
    fn holds(&self, tag: Option<&str>) -> bool {
        let fits = |tags: &Tags| match (tags, tag) {
            (_, None) => false,
            (Tags::Any, Some(_)) => true,
            (Tags::These(tags), Some(tag)) => tags.iter().any(|it| it == tag),
        };
        self.matches.as_ref().is_none_or(fits) && !self.differs.as_ref().is_some_and(fits)
    }
}

/// Names what a table or everything says: 16 hex digits.
pub fn tag(value: &impl serde::Serialize) -> String {
    // Maps of strings and JSON values: there is nothing in them that JSON could not say.
    let text = serde_json::to_vec(value).unwrap_or_default();
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&text))
}

impl Change {
    /// What was added afterwards.
    ///
    /// # Errors
    ///
    /// Why it is not even tried.
    pub(super) fn apply(
        &self,
        now: &Additions,
        version: impl Fn(u64) -> Option<Additions>,
        config: &Config,
    ) -> Result<Additions, Refusal> {
        let edits = match &self.wish {
            Wish::Edits(edits) => edits,
            Wish::All(_) | Wish::Version(_) if !self.condition.holds(Some(&tag(now))) => {
                return Err(Refusal::Precondition);
            }
            Wish::All(additions) => return Ok(additions.clone()),
            Wish::Version(number) => return version(*number).ok_or(Refusal::NoVersion),
        };
        let mut next = now.clone();
        for edit in edits {
            edit.apply(&mut next, &self.condition, config)?;
        }
        Ok(next)
    }

    /// Whether it is about this table.
    pub(super) fn names(&self, kind: Kind, name: &str) -> bool {
        match &self.wish {
            Wish::Edits(edits) => edits.iter().any(|edit| edit.kind == kind && edit.name == name),
            Wish::All(_) | Wish::Version(_) => true,
        }
    }
}

impl Edit {
    fn apply(&self, tables: &mut Additions, condition: &Condition, config: &Config) -> Result<(), Refusal> {
        let (kind, name) = (self.kind, self.name.as_str());
        let now = tables.find(kind, name);
        if now.is_none() && is_in_file(config, kind, name) {
            return Err(Refusal::InFile);
        }
        if !condition.holds(now.map(tag).as_deref()) {
            return Err(Refusal::Precondition);
        }
        match &self.action {
            Action::Put(table) => tables.put(kind, name, table.clone()),
            Action::Merge(patch) => {
                let mut table = now.ok_or(Refusal::NoTable)?.clone();
                merge(&mut table, patch);
                tables.put(kind, name, table);
            }
            Action::Delete => {
                tables.remove(kind, name).ok_or(Refusal::NoTable)?;
            }
        }
        Ok(())
    }
}

/// Whether the configuration without its additions has it. An upstream that nobody declared is nobody's.
fn is_in_file(config: &Config, kind: Kind, name: &str) -> bool {
    match kind {
        Kind::Route => {
            let named = |route: &&std::sync::Arc<crate::config::Route>| route.name == name;
            config
                .routes
                .iter()
                .find(named)
                .is_some_and(|route| !route.place.added)
        }
        Kind::Upstream => !name.contains(':') && config.upstreams.iter().any(|it| it.name == name),
        Kind::Budget => config.budgets.iter().any(|it| it.name == name),
        Kind::Flow => false,
    }
}

/// JSON Merge Patch (RFC 7396 section 2).
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(table) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            table.shift_remove(key);
        } else {
            merge(table.entry(key.as_str()).or_insert(Value::Null), value);
        }
    }
}

/// For the history.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.wish {
            Wish::Edits(edits) => {
                let mut parts: Vec<String> = edits.iter().take(3).map(ToString::to_string).collect();
                if edits.len() > 3 {
                    parts.push(format!("and {} more", edits.len() - 3));
                }
                f.write_str(&parts.join(", "))
            }
            Wish::All(_) => f.write_str("everything replaced"),
            Wish::Version(number) => write!(f, "back to version {number}"),
        }
    }
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.action {
            Action::Put(_) => "put",
            Action::Merge(_) => "patched",
            Action::Delete => "deleted",
        };
        write!(f, "{} {} {verb}", self.kind, self.name)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_merges_as_rfc_7396_says() {
        // Appendix A.
        for (before, patch, after) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a": "b"}), json!(["c"]), json!(["c"])),
            (json!({"a": "foo"}), json!(null), json!(null)),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
        ] {
            let mut target = before.clone();
            merge(&mut target, &patch);
            assert_eq!(target, after, "{before} {patch}");
        }
    }

    #[test]
    fn conditions_hold_as_rfc_9110_says() {
        let these = |tag: &str| Some(Tags::These(vec![tag.to_owned()]));
        for (matches, differs, tag, holds) in [
            (None, None, None, true),
            (Some(Tags::Any), None, None, false),
            (Some(Tags::Any), None, Some("a"), true),
            (these("a"), None, Some("a"), true),
            (these("b"), None, Some("a"), false),
            (these("b"), None, None, false),
            (None, Some(Tags::Any), None, true),
            (None, Some(Tags::Any), Some("a"), false),
            (None, these("a"), Some("a"), false),
            (None, these("b"), Some("a"), true),
        ] {
            let condition = Condition { matches, differs };
            assert_eq!(condition.holds(tag), holds, "{condition:?} {tag:?}");
        }
    }

    #[test]
    fn a_change_happens_whole_or_not_at_all() {
        let config = crate::config::load(crate::config::Source::Embedded)
            .unwrap()
            .config;
        let edit = |name: &str, action| Edit {
            kind: Kind::Route,
            name: name.to_owned(),
            action,
        };
        let change = |edits| Change {
            wish: Wish::Edits(edits),
            condition: Condition::default(),
            dry_run: false,
            volatile: false,
        };
        let mut now = Additions::default();
        now.put(Kind::Route, "a", json!({"path": "/a", "to": "a:1"}));
        let apply = |edits| change(edits).apply(&now, |_| None, &config);
        let good = apply(vec![
            edit("a", Action::Merge(json!({"to": "b:1"}))),
            edit("b", Action::Put(json!({"path": "/b"}))),
        ]);
        let good = good.unwrap();
        assert_eq!(good.find(Kind::Route, "a").unwrap()["to"], "b:1");
        assert_eq!(good.all(Kind::Route).count(), 2);
        for (edits, refusal) in [
            (
                vec![edit("a", Action::Delete), edit("a", Action::Delete)],
                Refusal::NoTable,
            ),
            (vec![edit("b", Action::Merge(json!({})))], Refusal::NoTable),
            (vec![edit("/", Action::Put(json!({})))], Refusal::InFile),
        ] {
            assert_eq!(apply(edits).unwrap_err(), refusal);
        }
        let text = change(["a", "b", "c", "d"].map(|it| edit(it, Action::Delete)).to_vec()).to_string();
        assert_eq!(
            text,
            "route a deleted, route b deleted, route c deleted, and 1 more"
        );
    }
}
