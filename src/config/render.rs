//! A [`Config`] as a value that can be shown: in the keys of the file, with every default, without secrets.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use super::{
    AccessLogFormat, Action, Admin, Config, Forward, Guard, HashKey, HeaderEdits, Listener, PathPattern,
    Policy, Probe, ProbeKind, Redirect, Rewrite, Route, Tasks, Upstream, ValuePattern,
};

use super::units::{sized, timed};

mod flow_proxy;
mod masks;
mod plugin;
mod toml;
mod writer;

pub use toml::render_toml;

/// Stands for every secret.
pub const MASK: &str = "********";

/// Everything that a configuration means, defaults included, as the file would say it. Secrets are masked:
/// tokens, and header values that are credentials or come from variables and files.
pub fn render(config: &Config) -> Value {
    let mut shown = json!({
        "listener": config.listeners.iter().map(listener).collect::<Vec<_>>(),
        "admin": config.admin.as_ref().map_or_else(|| json!("off"), admin),
        "route": config.routes.iter().map(|it| route(it)).collect::<Vec<_>>(),
        "upstream": config.upstreams.iter().map(|it| (it.name.clone(), upstream(it))).collect::<Map<_, _>>(),
        "dns": {
            "servers": config.dns.servers.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "refresh": time(config.dns.refresh),
            "timeout": time(config.dns.timeout),
            "backoff": time(config.dns.backoff),
            "tasks": match config.dns.tasks { Tasks::Auto => "auto", Tasks::Always => "always", Tasks::Never => "never" },
            "guard": match config.dns.guard { Guard::Auto => "auto", Guard::On => "on", Guard::Off => "off" },
        },
        "trusted_proxies": config.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "timeouts": timeouts(config),
        "limits": limits(config),
        "access_log": access_log(config),
    });
    if let Value::Object(shown) = &mut shown {
        let flow = config.flow_proxy.as_ref().map(flow_proxy::table);
        shown.extend(flow.map(|table| ("flow_proxy".to_owned(), table)));
        shown.extend(plugin::tables(config));
    }
    shown
}

/// 16 hex digits over everything that a configuration means.
///
/// Of a secret only 16 bits go in: enough to see that it changed, too few to find it.
pub(super) fn hash(config: &Config) -> String {
    let mut text = render(config).to_string();
    let mut secret = |secret: &[u8]| {
        let digest = xxhash_rust::xxh3::xxh3_64(secret) & 0xffff;
        text.push_str(&format!("\n{digest:04x}"));
    };
    let admin = config.admin.as_ref().and_then(|admin| admin.token.as_ref());
    let flow = config.flow_proxy.as_ref().and_then(|flow| flow.token.as_ref());
    for token in admin.into_iter().chain(flow) {
        secret(token.0.as_bytes());
    }
    for edits in config
        .routes
        .iter()
        .flat_map(|route| [&route.request_headers, &route.response_headers])
    {
        for (_, value) in edits
            .set
            .iter()
            .chain(&edits.add)
            .filter(|(_, value)| value.is_sensitive())
        {
            secret(value.as_bytes());
        }
    }
    plugin::secrets(config).for_each(&mut secret);
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()))
}

fn listener(listener: &Listener) -> Value {
    json!({ "address": listener.address.to_string(), "name": listener.name })
}

fn admin(admin: &Admin) -> Value {
    let mut value = json!({ "address": admin.address.to_string() });
    if admin.token.is_some() {
        value["token"] = json!(MASK);
    }
    value
}

fn route(route: &Route) -> Value {
    let mut table = Map::new();
    table.insert("name".into(), json!(route.name));
    if !route.hosts.is_empty() {
        table.insert(
            "host".into(),
            route.hosts.iter().map(ToString::to_string).collect(),
        );
    }
    let (key, path) = match &route.path {
        PathPattern::Exact(path) => ("path_exact", path.clone()),
        PathPattern::Regex(regex) => ("path_regex", said(regex).to_owned()),
        path => ("path", path.to_string()),
    };
    table.insert(key.into(), json!(path));
    if !route.path_except.is_empty() {
        let except = route.path_except.iter().map(|pattern| match pattern {
            PathPattern::Regex(regex) => json!({ "regex": said(regex) }),
            path => json!(path.to_string()),
        });
        table.insert("path_except".into(), except.collect());
    }
    if !route.methods.is_empty() {
        table.insert(
            "method".into(),
            route.methods.iter().map(|method| method.as_str()).collect(),
        );
    }
    let headers: Map<_, _> = route
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), condition(value)))
        .collect();
    let query: Map<_, _> = route
        .query
        .iter()
        .map(|(name, value)| (name.clone(), condition(value)))
        .collect();
    for (key, conditions) in [("header", headers), ("query", query)] {
        if !conditions.is_empty() {
            table.insert(key.into(), json!(conditions));
        }
    }
    if !route.chain.is_empty() {
        let chain = route.chain.iter().map(|used| plugin::used(used));
        table.insert("plugins".into(), chain.collect());
    }
    match &route.action {
        Action::Forward(action) => forward(action, route, &mut table),
        Action::Redirect(action) => {
            table.insert("redirect".into(), redirect(action));
        }
    }
    table.extend(edits(&route.response_headers).map(|edits| ("response_headers".into(), edits)));
    Value::Object(table)
}

fn forward(forward: &Forward, route: &Route, table: &mut Map<String, Value>) {
    let targets = forward
        .targets
        .iter()
        .map(|target| json!({ "to": target.upstream, "weight": target.weight }));
    table.insert("to".into(), targets.collect());
    let rewrite = match &forward.rewrite {
        Rewrite::Keep => None,
        Rewrite::StripPrefix(prefix) => Some(("strip_prefix", json!(prefix))),
        Rewrite::ReplacePrefix { from, to } => Some((
            "rewrite",
            json!({ "prefix": rooted(from), "replace_prefix": rooted(to) }),
        )),
        Rewrite::Path(template) => Some(("rewrite", json!(template))),
    };
    table.extend(rewrite.map(|(key, value)| (key.to_owned(), value)));
    if let Some(host) = &forward.host {
        table.insert("host_header".into(), shown(host));
    }
    table.extend(edits(&route.request_headers).map(|edits| ("request_headers".into(), edits)));
    table.insert("timeout".into(), time(route.timeout));
    table.insert("retries".into(), json!(route.retries));
    table.insert("request_body".into(), bound(route.request_body));
}

fn redirect(redirect: &Redirect) -> Value {
    let mut table = Map::new();
    table.insert("status".into(), json!(redirect.status.as_u16()));
    if let Some(to) = &redirect.to {
        table.insert("to".into(), json!(to.to_string()));
        return Value::Object(table);
    }
    table.extend(
        redirect
            .scheme
            .as_ref()
            .map(|scheme| ("scheme".into(), json!(scheme))),
    );
    table.extend(redirect.host.as_ref().map(|host| ("host".into(), json!(host))));
    table.extend(redirect.port.map(|port| ("port".into(), json!(port))));
    table.extend(redirect.path.as_ref().map(|path| ("path".into(), json!(path))));
    table.insert("keep_query".into(), json!(redirect.keep_query));
    Value::Object(table)
}

fn condition(pattern: &ValuePattern) -> Value {
    match pattern {
        ValuePattern::Present => json!(true),
        ValuePattern::Absent => json!(false),
        ValuePattern::Exact(text) => json!(text),
        ValuePattern::Regex(regex) => json!({ "regex": said(regex) }),
    }
}

fn edits(edits: &HeaderEdits) -> Option<Value> {
    let mut table = Map::new();
    if !edits.remove.is_empty() {
        table.insert(
            "remove".into(),
            edits.remove.iter().map(HeaderName::as_str).collect(),
        );
    }
    if !edits.set.is_empty() {
        let set: Map<_, _> = edits
            .set
            .iter()
            .map(|(name, value)| (name.to_string(), shown(value)))
            .collect();
        table.insert("set".into(), json!(set));
    }
    if !edits.add.is_empty() {
        let mut add: Map<String, Value> = Map::new();
        for (name, value) in &edits.add {
            let lines = add.entry(name.as_str()).or_insert_with(|| json!([]));
            if let Value::Array(lines) = lines {
                lines.push(shown(value));
            }
        }
        table.insert("add".into(), json!(add));
    }
    (!table.is_empty()).then_some(Value::Object(table))
}

fn shown(value: &HeaderValue) -> Value {
    if value.is_sensitive() {
        json!(MASK)
    } else {
        json!(String::from_utf8_lossy(value.as_bytes()))
    }
}

fn upstream(upstream: &Upstream) -> Value {
    let sources = upstream
        .sources
        .iter()
        .map(|(authority, weight)| json!({ "to": authority.to_string(), "weight": weight }));
    json!({
        "to": sources.collect::<Vec<_>>(),
        "policy": policy(&upstream.policy),
        "connect_timeout": time(upstream.connect_timeout),
        "idle_timeout": time(upstream.idle_timeout),
        "idle_connections": upstream.idle_connections,
        "max_in_flight": upstream.max_in_flight,
        "tcp_keepalive": time(upstream.tcp_keepalive),
        "hedge": if upstream.hedge.enabled {
            json!({ "floor": time(upstream.hedge.floor), "factor": upstream.hedge.factor })
        } else {
            json!(false)
        },
        "budget": { "floor": upstream.budget.floor, "ratio": upstream.budget.ratio },
        "replay_body": size(upstream.replay_body),
        "ejection": {
            "failures": upstream.ejection.failures,
            "errors": upstream.ejection.errors,
            "time": time(upstream.ejection.time),
            "panic": upstream.ejection.panic,
        },
        "probe": upstream.probe.as_ref().map_or_else(|| json!(false), probe),
        "slow_start": time(upstream.slow_start),
        "hold": time(upstream.hold),
    })
}

fn policy(policy: &Policy) -> Value {
    match policy {
        Policy::LeastRequest => json!("least-request"),
        Policy::RoundRobin => json!("round-robin"),
        Policy::Random => json!("random"),
        Policy::Hash(HashKey::ClientIp) => json!({ "hash": "client-ip" }),
        Policy::Hash(HashKey::Path) => json!({ "hash": "path" }),
        Policy::Hash(HashKey::Header(name)) => json!({ "hash": { "header": name.as_str() } }),
        Policy::Hash(HashKey::Cookie(name)) => json!({ "hash": { "cookie": name } }),
        Policy::Sticky { cookie, ttl } => json!({ "sticky": { "cookie": cookie, "ttl": time(*ttl) } }),
    }
}

fn probe(probe: &Probe) -> Value {
    let mut table = json!({
        "interval": time(probe.interval),
        "timeout": time(probe.timeout),
        "unhealthy_after": probe.unhealthy_after,
        "healthy_after": probe.healthy_after,
    });
    if let ProbeKind::Http {
        path,
        host,
        status: (from, to),
    } = &probe.kind
    {
        table["path"] = json!(path);
        table["status"] = json!(format!("{from}-{to}"));
        if let Some(host) = host {
            table["host"] = json!(host);
        }
    }
    table
}

fn timeouts(config: &Config) -> Value {
    let timeouts = &config.timeouts;
    json!({
        "request_head": time(timeouts.request_head),
        "keep_alive": time(timeouts.keep_alive),
        "request_body_idle": time(timeouts.request_body_idle),
        "response_write_idle": time(timeouts.response_write_idle),
        "response_body_idle": time(timeouts.response_body_idle),
        "tunnel_idle": time(timeouts.tunnel_idle),
        "stop_delay": time(timeouts.stop_delay),
        "stop_grace": time(timeouts.stop_grace),
    })
}

fn limits(config: &Config) -> Value {
    let limits = &config.limits;
    let mut table = json!({
        "connections": limits.connections,
        "request_head": size(limits.request_head as u64),
        "request_headers": limits.request_headers,
        "request_body": bound(limits.request_body),
        "requests_per_connection": limits.requests_per_connection,
    });
    if let Some(memory) = limits.memory {
        table["memory"] = size(memory);
    }
    table
}

fn access_log(config: &Config) -> Value {
    let log = &config.access_log;
    let mut table = json!({
        "format": match log.format {
            AccessLogFormat::Json => "json",
            AccessLogFormat::Clf => "clf",
            AccessLogFormat::Off => "off",
        },
        "headers": log.headers.iter().map(HeaderName::as_str).collect::<Vec<_>>(),
        "query": log.query,
    });
    if let Some(path) = &log.path {
        table["path"] = json!(path.display().to_string());
    }
    table
}

fn time(time: Duration) -> Value {
    json!(timed(time))
}

fn size(bytes: u64) -> Value {
    json!(sized(bytes))
}

fn bound(bytes: u64) -> Value {
    if bytes == 0 {
        json!("unlimited")
    } else {
        size(bytes)
    }
}

fn rooted(path: &str) -> &str {
    if path.is_empty() { "/" } else { path }
}

/// The expression as it was written, without the anchors put around it.
fn said(regex: &regex::Regex) -> &str {
    regex
        .as_str()
        .strip_prefix("^(?:")
        .and_then(|rest| rest.strip_suffix(")$"))
        .unwrap_or(regex.as_str())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

    use super::super::load::{DEFAULT, Source, load};
    use super::*;

    fn config(text: &str) -> Config {
        let source = Source::Text {
            name: "test.toml".to_owned(),
            text: text.to_owned(),
        };
        load(source)
            .unwrap_or_else(|problems| panic!("{problems}"))
            .config
    }

    #[test]
    fn everything_that_is_said_is_shown() {
        let file = Source::File("tests/data/config/good/everything.toml".into());
        let shown = format!("{:#}\n", render(&load(file).unwrap().config));
        let expectation = "tests/data/config/good/everything.json";
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(expectation, &shown).unwrap();
        }
        assert_eq!(shown, std::fs::read_to_string(expectation).unwrap());
    }

    #[test]
    fn the_hash_sees_secrets_and_meaning_but_not_spelling() {
        let with = |token: &str| format!("{DEFAULT}[admin]\ntoken = \"{token}\"\n");
        let hash = |text: &str| config(text).hash;
        assert_eq!(hash(DEFAULT).len(), 16);
        assert_eq!(hash(DEFAULT), hash(&DEFAULT.replace("\n\n", "\n# a comment\n")));
        assert_ne!(hash(DEFAULT), hash(&DEFAULT.replace("12345", "12346")));
        assert_ne!(hash(&with("one")), hash(&with("two")));
        assert_eq!(render(&config(&with("one"))), render(&config(&with("two"))));
    }

    #[test]
    fn values_from_variables_and_credentials_are_masked() {
        let text = "[[route]]\nto = 'a:1'\n[route.request_headers]\n\
                    set = { x-a = 'seen', x-b = '${GATEWIT_TEST_UNSET:-hidden}', authorization = 'hidden' }\n";
        let shown = render(&config(text)).to_string();
        assert!(shown.contains("seen") && !shown.contains("hidden"), "{shown}");
    }
}
