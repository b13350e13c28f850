//! What was added while the gateway ran: tables of the same keys as in the file, by name.
//!
//! Keeping them, and deciding who may change what, is the work of `reload/`.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value as Said;

use super::MASK;
use super::variables::sensitive;

mod document;

pub(super) use document::{document, table_of};

/// What can be added.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `[[route]]`, without its name.
    Route,
    /// `[upstream.NAME]`.
    Upstream,
    /// `[budget.NAME]`.
    Budget,
    /// A service as Docker Flow Proxy knew it: kept here, but not part of the configuration.
    Flow,
}

impl Kind {
    /// The key of the file.
    pub fn key(self) -> &'static str {
        match self {
            Self::Route => "route",
            Self::Upstream => "upstream",
            Self::Budget => "budget",
            Self::Flow => "flow",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// Everything that was added.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Additions(BTreeMap<Kind, BTreeMap<String, Said>>);

impl Additions {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.values().all(BTreeMap::is_empty)
    }

    /// One table.
    pub fn find(&self, kind: Kind, name: &str) -> Option<&Said> {
        self.0.get(&kind)?.get(name)
    }

    /// All tables of a kind, by name.
    pub fn all(&self, kind: Kind) -> impl Iterator<Item = (&str, &Said)> {
        let tables = self.0.get(&kind).into_iter().flatten();
        tables.map(|(name, table)| (name.as_str(), table))
    }

    /// Adds a table, or takes another in its place.
    pub fn put(&mut self, kind: Kind, name: &str, table: Said) {
        self.0.entry(kind).or_default().insert(name.to_owned(), table);
    }

    /// Removes a table; `None` when there was none.
    pub fn remove(&mut self, kind: Kind, name: &str) -> Option<Said> {
        let tables = self.0.get_mut(&kind)?;
        let removed = tables.remove(name);
        if tables.is_empty() {
            self.0.remove(&kind);
        }
        removed
    }

    /// The same with stars in place of what usually is a secret: for showing.
    pub fn masked(&self) -> Said {
        let kinds = self.0.iter().map(|(kind, tables)| {
            let tables = tables.iter().map(|(name, table)| (name.clone(), masked(table)));
            (kind.key().to_owned(), Said::Object(tables.collect()))
        });
        kinds.collect()
    }
}

/// A table with stars in place of what usually is a secret.
pub fn masked(table: &Said) -> Said {
    let hide = |key: &str, value: &Said| match value {
        Said::Object(_) | Said::Array(_) if !sensitive(key) => masked(value),
        _ if sensitive(key) && !value.is_boolean() => Said::from(MASK),
        value => value.clone(),
    };
    match table {
        Said::Object(entries) => entries
            .iter()
            .map(|(key, value)| (key.clone(), hide(key, value)))
            .collect(),
        Said::Array(items) => items.iter().map(masked).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

    use serde_json::json;

    use super::super::{Config, Inactive, Loaded, Source, load};
    use super::*;

    const FILE: &str = "[[route]]\nname = 'all'\nto = 'app:1'\n[upstream.shop]\nto = 'shop:1'\n\
                        [[route]]\npath = '/shop'\nto = 'shop'\n";

    fn file(text: &str) -> Config {
        let (name, text) = ("gatewit.toml".to_owned(), text.to_owned());
        load(Source::Text { name, text }).unwrap().config
    }

    fn additions(said: Said) -> Additions {
        serde_json::from_value(said).unwrap()
    }

    fn with(said: Said) -> Loaded {
        file(FILE).with(&additions(said)).unwrap()
    }

    /// Every inactive table with its problems, as programs see them.
    fn refused(said: Said) -> Vec<(String, Vec<String>)> {
        let problems = |it: &Inactive| {
            let problems = it.problems.iter().map(|problem| {
                let pointer = problem.place.as_ref().and_then(|place| place.pointer.clone());
                format!("{}: {}", pointer.unwrap_or_default(), problem.message)
            });
            (format!("{} {}", it.kind, it.name), problems.collect())
        };
        with(said).inactive.iter().map(problems).collect()
    }

    #[test]
    fn what_is_added_means_what_it_would_mean_in_the_file() {
        let loaded = with(json!({
            "route": {"cart": {"path": "/cart", "to": "cart", "timeout": "3s", "plugins": ["request-id"]}},
            "upstream": {"cart": {"to": ["cart:80"], "policy": "random"}},
            "budget": {"default": {"rate": "10/s"}},
        }));
        let text = format!(
            "{FILE}[[route]]\nname = 'cart'\npath = '/cart'\nto = 'cart'\ntimeout = '3s'\n\
             plugins = ['request-id']\n[upstream.cart]\nto = ['cart:80']\npolicy = 'random'\n\
             [budget.default]\nrate = '10/s'\n"
        );
        assert!(loaded.inactive.is_empty(), "{:?}", loaded.inactive);
        assert_eq!(loaded.config.hash, file(&text).hash);
        let route = loaded
            .config
            .routes
            .iter()
            .find(|route| route.name == "cart")
            .unwrap();
        assert!(route.place.added && !loaded.config.routes[0].place.added);
    }

    #[test]
    fn what_is_wrong_is_called_by_its_pointer_and_left_out_alone() {
        let route = |said: Said| json!({"route": {"a/b": {"path": "/a", "to": "a:1"}, "x": said}});
        for (said, pointer) in [
            (json!({"path": "/x"}), ""),
            (json!({"path": 1, "to": "a:1"}), "/path"),
            (json!({"pathh": "/", "to": "a:1"}), "/pathh"),
            (json!({"path": "x", "to": "a:1"}), "/path"),
            (json!({"to": ["a:1", "a:99999"]}), "/to/1"),
            (json!({"to": "shopp"}), "/to"),
            (json!({"to": "a:1", "timeout": null}), "/timeout"),
            (json!({"to": "a:1", "name": "y"}), "/name"),
            (json!({"to": "a:1", "host_header": MASK}), "/host_header"),
            (json!("a:1"), ""),
            (json!({"to": "a:1", "header": {"a~b/c": 1}}), "/header/a~0b~1c"),
        ] {
            let refused = refused(route(said.clone()));
            assert_eq!(refused.len(), 1, "{said} {refused:?}");
            assert_eq!(refused[0].0, "route x");
            let start = format!("/route/x{pointer}: ");
            assert!(refused[0].1[0].starts_with(&start), "{said} {refused:?}");
        }
    }

    #[test]
    fn the_file_owns_its_names() {
        let refused = refused(json!({
            "route": {"all": {"path": "/a", "to": "a:1"}},
            "upstream": {"shop": {"to": "a:1"}},
        }));
        let names: Vec<_> = refused.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["route all", "upstream shop"], "{refused:?}");
    }

    #[test]
    fn what_leans_on_something_that_is_left_out_is_left_out_too() {
        let refused = refused(json!({
            "route": {"a": {"path": "/a", "to": "broken"}, "b": {"path": "/b", "to": "fine"}},
            "upstream": {"broken": {"to": 1}, "fine": {"to": "f:1"}},
        }));
        let names: Vec<_> = refused.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["upstream broken", "route a"], "{refused:?}");
    }

    #[test]
    fn variables_and_files_of_the_gateway_are_not_to_be_had_by_adding() {
        let loaded = with(json!({"route": {"x": {
            "path": "/x", "to": "a:1", "request_headers": {"set": {"x-path": "${PATH}"}},
        }}}));
        let route = loaded
            .config
            .routes
            .iter()
            .find(|route| route.name == "x")
            .unwrap();
        assert_eq!(route.request_headers.set[0].1, "${PATH}");
    }

    #[test]
    fn what_usually_is_a_secret_is_not_shown() {
        let shown = additions(json!({"route": {"x": {"to": "a:1", "request_headers": {
            "set": {"authorization": "Bearer x", "x-a": "b"}}, "plugins": [{"use": "p", "password": ["p"]}],
        }}}));
        let expected = json!({"route": {"x": {"to": "a:1", "request_headers": {
            "set": {"authorization": MASK, "x-a": "b"}}, "plugins": [{"use": "p", "password": MASK}],
        }}});
        assert_eq!(shown.masked(), expected);
    }

    #[test]
    fn a_configuration_is_understood_again_whatever_happened_to_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let main = folder.path().join("gatewit.toml");
        let other = folder.path().join("a.toml");
        let secret = folder.path().join("token");
        std::fs::write(&main, "include = ['a*.toml']\n[admin]\ntoken_file = 'token'\n").unwrap();
        std::fs::write(&other, FILE).unwrap();
        std::fs::write(&secret, "hunter2hunter2").unwrap();
        let config = load(Source::File(main.clone())).unwrap().config;
        for file in [&main, &other, &secret] {
            std::fs::remove_file(file).unwrap();
        }
        let loaded = config.with(&Additions::default()).unwrap();
        assert_eq!(loaded.config.hash, config.hash);
    }
}
