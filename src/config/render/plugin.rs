//! Plugins, their uses, and what they may be granted, in the keys of the file and without secrets.

use serde_json::{Map, Value, json};

use super::{MASK, size, time};
use crate::config::rate::Rate;
use crate::config::{
    Bounds, Component, Config, Failure, Grants, Isolation, Key, KeyMaterial, Plugin, RateBudget, Reaction,
    Store, Use, Verifier, VerifierKeys,
};

/// The keys of the top level that are about plugins.
pub(super) fn tables(config: &Config) -> Map<String, Value> {
    let mut tables = Map::new();
    let mut insert = |key: &str, table: Map<String, Value>| {
        tables.insert(key.to_owned(), Value::Object(table));
    };
    insert("plugin", named(&config.plugins, |it| (&it.name, plugin(it))));
    insert("budget", named(&config.budgets, |it| (&it.name, budget(it))));
    insert(
        "verifier",
        named(&config.verifiers, |it| (&it.name, verifier(it))),
    );
    insert("store", named(&config.stores, |it| (&it.name, store(it))));
    insert("key", named(&config.keys, |it| (&it.name, key(it))));
    insert(
        "secret",
        named(&config.secrets, |it| (&it.name, json!({ "value": MASK }))),
    );
    if let Some(state) = &config.state {
        tables.insert("state".to_owned(), json!(state.display().to_string()));
    }
    if let Some(authorities) = &config.authorities {
        let file = authorities.file.display().to_string();
        tables.insert("ca_file".to_owned(), json!(file));
    }
    tables.insert("server_timing".to_owned(), json!(config.server_timing));
    tables
}

/// Everything that is masked here or left out, for telling whether it has changed.
pub(super) fn secrets(config: &Config) -> impl Iterator<Item = &[u8]> {
    let environment = config
        .plugins
        .iter()
        .flat_map(|plugin| plugin.env.iter().map(|(_, value)| value.0.as_str()));
    let uses = config.routes.iter().flat_map(|route| &route.chain);
    let settings = uses.flat_map(|used| {
        let pointers = used.config.secrets.iter();
        pointers.filter_map(|pointer| used.config.value.pointer(pointer)?.as_str())
    });
    let verifiers = config
        .verifiers
        .iter()
        .filter_map(|verifier| match &verifier.keys {
            VerifierKeys::Secret(secret) => Some(secret.0.as_str()),
            VerifierKeys::Jwks(set) => Some(set.as_str()),
            _ => None,
        });
    let keys = config.keys.iter().filter_map(|key| match &key.material {
        KeyMaterial::Secret(secret) => Some(secret.0.as_str()),
        KeyMaterial::Public(_) => None,
    });
    let secrets = config.secrets.iter().map(|secret| secret.secret.0.as_str());
    environment
        .chain(settings)
        .chain(verifiers)
        .chain(keys)
        .chain(secrets)
        .chain(config.authorities.iter().map(|it| it.pem.as_str()))
        .map(str::as_bytes)
}

/// A key set with nothing in it but what is public: one may hold shared secrets, or private keys by mistake.
fn public(set: &str) -> Value {
    const PUBLIC: [&str; 10] = ["kty", "use", "key_ops", "alg", "kid", "n", "e", "crv", "x", "y"];
    let Ok(Value::Object(mut set)) = serde_json::from_str(set) else {
        return json!(MASK);
    };
    set.retain(|name, _| name == "keys");
    for key in set.values_mut().filter_map(Value::as_array_mut).flatten() {
        match key {
            Value::Object(key) => key
                .iter_mut()
                .filter(|(name, _)| !PUBLIC.contains(&name.as_str()))
                .for_each(|(_, value)| *value = json!(MASK)),
            other => *other = json!(MASK),
        }
    }
    json!(Value::Object(set).to_string())
}

fn named<'a, T>(list: &'a [T], show: impl Fn(&'a T) -> (&'a String, Value)) -> Map<String, Value> {
    list.iter()
        .map(|it| {
            let (name, value) = show(it);
            (name.clone(), value)
        })
        .collect()
}

fn plugin(plugin: &Plugin) -> Value {
    let mut table = match &plugin.source {
        Component::Bundled(name) => json!({ "bundled": name }),
        Component::File(path) => json!({ "file": path.display().to_string() }),
        Component::Url { url, sha256 } => {
            let digest: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
            json!({ "url": url, "sha256": digest })
        }
    };
    if !plugin.grants.everything {
        table["grants"] = grants(&plugin.grants);
    }
    table["env"] = plugin
        .env
        .iter()
        .map(|(name, _)| (name.clone(), json!(MASK)))
        .collect::<Map<_, _>>()
        .into();
    table["tick"] = time(plugin.tick);
    if plugin.stub_ungranted {
        table["stub_ungranted"] = json!(true);
    }
    table
}

fn grants(grants: &Grants) -> Value {
    json!({
        "upstreams": grants.upstreams,
        "http": grants.http,
        "budgets": grants.budgets,
        "verifiers": grants.verifiers,
        "stores": grants.stores,
        "keys": grants.keys,
        "secrets": grants.secrets,
    })
}

/// One entry of `plugins`, with all that its plugin's table says of its uses.
pub(super) fn used(used: &Use) -> Value {
    let mut table = json!({
        "use": used.plugin,
        "config": used.config.masked(),
        "limits": bounds(&used.bounds),
        "failure": failure(&used.failure),
        "isolation": match used.isolation { Isolation::Reused => "reused", Isolation::Fresh => "fresh" },
        "authentication": used.authentication,
    });
    if used.authentication && used.failure.opens() {
        table["authentication_may_fail_open"] = json!(true);
    }
    table
}

fn bounds(bounds: &Bounds) -> Value {
    json!({
        "cpu": time(bounds.cpu),
        "time": time(bounds.time),
        "memory": size(bounds.memory),
        "instances": bounds.instances,
        "calls": bounds.calls,
        "request_body": size(bounds.request_body),
        "response_body": size(bounds.response_body),
        "log_lines": bounds.log_lines,
    })
}

fn failure(failure: &Failure) -> Value {
    let shown = |reaction: Option<Reaction>| match reaction {
        None => json!("closed"),
        Some(Reaction::Open) => json!("open"),
        Some(Reaction::Status(status)) => json!(status.as_u16()),
    };
    json!({
        "load": shown(failure.load),
        "trap": shown(failure.trap),
        "timeout": shown(failure.timeout),
        "busy": shown(failure.busy),
        "outcome": shown(failure.outcome),
        "unavailable": shown(failure.unavailable),
        "internal": shown(failure.internal),
        "rejected": shown(failure.rejected),
    })
}

fn budget(budget: &RateBudget) -> Value {
    let rate = Rate {
        count: budget.count,
        period: budget.period,
    };
    let mut table = json!({ "rate": rate.to_string(), "keys": budget.keys });
    if budget.burst > 0 {
        table["burst"] = json!(budget.burst);
    }
    table
}

fn verifier(verifier: &Verifier) -> Value {
    let mut table = match &verifier.keys {
        VerifierKeys::Secret(_) => json!({ "secret": MASK }),
        VerifierKeys::Pem(pem) => json!({ "pem": pem }),
        VerifierKeys::Jwks(set) => json!({ "jwks": public(set) }),
        VerifierKeys::Url { url, refresh, grace } => {
            json!({ "jwks": url, "refresh": time(*refresh), "grace": time(*grace) })
        }
    };
    table["algorithms"] = json!(verifier.algorithms);
    table["issuer"] = json!(verifier.issuer);
    table["audience"] = json!(verifier.audience);
    table["required"] = json!(verifier.required);
    table["leeway"] = time(verifier.leeway);
    table["cache"] = json!(verifier.cache);
    table
}

fn store(store: &Store) -> Value {
    json!({ "entries": store.entries, "value": size(store.value) })
}

fn key(key: &Key) -> Value {
    match &key.material {
        KeyMaterial::Secret(_) => json!({ "secret": MASK }),
        KeyMaterial::Public(pem) => json!({ "pem": pem }),
    }
}
