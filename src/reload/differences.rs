//! What is different between two configurations, in words.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::{Config, Place, Plugin, Route, Use};

/// One sentence for each thing that was added, changed or removed, sorted.
pub(super) fn differences(old: &Config, new: &Config) -> Vec<String> {
    let mut changed = Vec::new();
    let names = |config: &Config| -> HashMap<String, String> {
        config
            .routes
            .iter()
            .map(|route| (route.name.clone(), format!("{:?}", placeless(route))))
            .collect()
    };
    compare("route", &names(old), &names(new), &mut changed);
    let names = |config: &Config| -> HashMap<String, String> {
        config
            .upstreams
            .iter()
            .map(|upstream| (upstream.name.clone(), format!("{upstream:?}")))
            .collect()
    };
    compare("upstream", &names(old), &names(new), &mut changed);
    let names = |config: &Config| -> HashMap<String, String> {
        config
            .listeners
            .iter()
            .map(|listener| (listener.name.clone(), listener.address.to_string()))
            .collect()
    };
    compare("listener", &names(old), &names(new), &mut changed);
    let names = |config: &Config| -> HashMap<String, String> {
        config
            .plugins
            .iter()
            .map(|plugin| {
                let place = Place::default();
                let meant = Plugin {
                    place,
                    ..Plugin::clone(plugin)
                };
                (plugin.name.clone(), format!("{meant:?}"))
            })
            .collect()
    };
    compare("plugin", &names(old), &names(new), &mut changed);
    if old.state != new.state {
        changed.push("state: takes effect at the next start".to_owned());
    }
    if old.admin != new.admin {
        changed.push("admin: takes effect at the next start".to_owned());
    }
    if old.flow_proxy != new.flow_proxy {
        changed.push(
            "flow_proxy: who may call and what calls mean changes now, addresses at the next start"
                .to_owned(),
        );
    }
    changed.sort_unstable();
    changed
}

/// What a route means: where it stands is no difference.
fn placeless(route: &Route) -> Route {
    let chain = route.chain.iter().map(|used| {
        let place = Place::default();
        Arc::new(Use {
            place,
            ..Use::clone(used)
        })
    });
    Route {
        chain: chain.collect(),
        place: Place::default(),
        ..Route::clone(route)
    }
}

fn compare(
    kind: &str,
    old: &HashMap<String, String>,
    new: &HashMap<String, String>,
    changed: &mut Vec<String>,
) {
    for (name, meaning) in new {
        match old.get(name) {
            None => changed.push(format!("{kind} {name}: added")),
            Some(before) if before != meaning => changed.push(format!("{kind} {name}: changed")),
            Some(_) => {}
        }
    }
    changed.extend(
        old.keys()
            .filter(|name| !new.contains_key(*name))
            .map(|name| format!("{kind} {name}: removed")),
    );
}
