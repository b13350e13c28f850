//! From what a service is to become, and what is kept of it, to the edits that lead there. Pure.
//!
//! Beside its routes and upstreams, a record of each service is kept: what was said of it, who said it, and the names
//! of what was made for it. No password is in it.

use serde_json::{Map, Value, json};

use super::translate::Tables;
use crate::config::{Additions, Kind};
use crate::reload::change::{Action, Edit};

/// Who named a service.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Origin {
    /// Somebody who called, and whose word counts until they call again.
    Call,
    /// A swarm listener: what none names any more goes with the next question to all of them.
    Listener,
    /// The environment: what is not there at the next start goes.
    Environment,
}

impl Origin {
    fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Listener => "listener",
            Self::Environment => "environment",
        }
    }
}

/// The record of a service and all that it needs.
pub(super) fn put(
    now: &Additions,
    name: &str,
    shown: &Map<String, Value>,
    origin: Origin,
    tables: &Tables,
) -> Vec<Edit> {
    let names = |tables: &[(String, Value)]| tables.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let (routes, upstreams) = (names(&tables.routes), names(&tables.upstreams));
    let record = json!({
        "origin": origin.name(),
        "routes": routes,
        "upstreams": upstreams,
        "service": shown,
    });
    let mut edits = Vec::new();
    for (kind, tables, kept) in [
        (Kind::Upstream, &tables.upstreams, &upstreams),
        (Kind::Route, &tables.routes, &routes),
    ] {
        edits.extend(
            made(now, name, kind)
                .filter(|old| !kept.contains(old))
                .map(|old| delete(kind, old)),
        );
        edits.extend(tables.iter().map(|(name, table)| put_one(kind, name, table)));
    }
    edits.push(put_one(Kind::Flow, name, &record));
    edits
}

/// The end of a service; nothing when it is not known.
pub(super) fn remove(now: &Additions, name: &str) -> Vec<Edit> {
    if now.find(Kind::Flow, name).is_none() {
        return Vec::new();
    }
    let routes = made(now, name, Kind::Route).map(|route| delete(Kind::Route, route));
    let upstreams = made(now, name, Kind::Upstream).map(|upstream| delete(Kind::Upstream, upstream));
    let record = std::iter::once(delete(Kind::Flow, name.to_owned()));
    routes.chain(upstreams).chain(record).collect()
}

/// Services that somebody named.
pub(super) fn named_by(now: &Additions, origin: Origin) -> Vec<String> {
    let by = |(_, record): &(&str, &Value)| record["origin"] == origin.name();
    now.all(Kind::Flow)
        .filter(by)
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// Whether something else is kept of a service.
pub(super) fn differs(now: &Additions, before: &Additions, name: &str) -> bool {
    now.find(Kind::Flow, name) != before.find(Kind::Flow, name)
}

/// Every service in the words of Docker Flow Proxy.
pub(super) fn services(now: &Additions) -> Value {
    let services = now
        .all(Kind::Flow)
        .map(|(name, record)| (name.to_owned(), record["service"].clone()));
    Value::Object(services.collect())
}

/// Lines `NAME:HASH` of the users of a service.
pub(super) fn users(now: &Additions, name: &str) -> Vec<String> {
    let routes = made(now, name, Kind::Route).filter_map(|route| now.find(Kind::Route, &route));
    let plugins = routes.filter_map(|route| route["plugins"].as_array()).flatten();
    let users = plugins.filter_map(|plugin| plugin["users"].as_array()).flatten();
    let mut lines: Vec<String> = users
        .filter_map(|line| line.as_str().map(str::to_owned))
        .collect();
    lines.sort();
    lines.dedup();
    lines
}

/// Names of what was made for a service and is still there.
fn made<'a>(now: &'a Additions, name: &str, kind: Kind) -> impl Iterator<Item = String> + use<'a> {
    let key = match kind {
        Kind::Upstream => "upstreams",
        _ => "routes",
    };
    let names = now
        .find(Kind::Flow, name)
        .and_then(|record| record[key].as_array());
    let names = names.into_iter().flatten().filter_map(|name| name.as_str());
    names
        .filter(move |name| now.find(kind, name).is_some())
        .map(str::to_owned)
}

fn put_one(kind: Kind, name: &str, table: &Value) -> Edit {
    Edit {
        kind,
        name: name.to_owned(),
        action: Action::Put(table.clone()),
    }
}

fn delete(kind: Kind, name: String) -> Edit {
    Edit {
        kind,
        name,
        action: Action::Delete,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(now: &mut Additions, edits: Vec<Edit>) {
        for edit in edits {
            match edit.action {
                Action::Put(table) => now.put(edit.kind, &edit.name, table),
                _ => assert!(now.remove(edit.kind, &edit.name).is_some(), "{edit}"),
            }
        }
    }

    fn tables(routes: &[&str], upstreams: &[&str]) -> Tables {
        let users = json!({"plugins": [{"use": "basic-auth", "users": ["me:HASH"]}]});
        let named = |names: &[&str]| {
            names
                .iter()
                .map(|name| ((*name).to_owned(), users.clone()))
                .collect()
        };
        Tables {
            routes: named(routes),
            upstreams: named(upstreams),
        }
    }

    #[test]
    fn what_a_service_does_not_need_any_more_goes() {
        let (mut now, shown) = (Additions::default(), Map::new());
        let names =
            |now: &Additions, kind| now.all(kind).map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
        let edits = put(&now, "a", &shown, Origin::Call, &tables(&["r1", "r2"], &["u"]));
        done(&mut now, edits);
        let edits = put(&now, "b", &shown, Origin::Listener, &tables(&["s"], &[]));
        done(&mut now, edits);
        assert_eq!(users(&now, "a"), ["me:HASH"]);
        let edits = put(&now, "a", &shown, Origin::Call, &tables(&["r1"], &[]));
        done(&mut now, edits);
        assert_eq!(names(&now, Kind::Route), ["r1", "s"]);
        assert!(names(&now, Kind::Upstream).is_empty());
        assert_eq!(named_by(&now, Origin::Listener), ["b"]);
        // Somebody else has removed a route meanwhile.
        now.remove(Kind::Route, "r1");
        let edits = remove(&now, "a");
        done(&mut now, edits);
        assert_eq!(names(&now, Kind::Flow), ["b"]);
        assert!(remove(&now, "a").is_empty());
    }
}
