//! The configuration as JSON, in the words of its own keys. Secrets are never in it, nor the values of
//! headers that are set: they often are secrets.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::config::{
    AccessLogFormat, Action, Config, Forward, Guard, HashKey, HeaderEdits, HostPattern, PathPattern, Policy,
    Probe, ProbeKind, Redirect, Rewrite, Route, Tasks, Upstream, ValuePattern,
};

/// Everything but the routes, which have [`routes`].
pub(super) fn config(config: &Config) -> Value {
    let listeners = config.listeners.iter();
    json!({
        "hash": config.hash,
        "files": config.files,
        "listener": listeners
            .map(|listener| json!({"name": listener.name, "address": listener.address}))
            .collect::<Value>(),
        "admin": config.admin.as_ref().map_or_else(
            || json!("off"),
            |admin| json!({"address": admin.address, "token": admin.token.is_some()}),
        ),
        "route": config.routes.len(),
        "upstream": config.upstreams.iter().map(|it| upstream(it)).collect::<Value>(),
        "dns": dns(config),
        "trusted_proxies": config.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "timeouts": timeouts(config),
        "limits": limits(config),
        "access_log": access_log(config),
    })
}

/// The routes in the given order, one entry for each host.
pub(super) fn routes<'a>(
    config: &Config,
    order: impl Iterator<Item = (usize, Option<&'a HostPattern>)>,
) -> Value {
    order
        .filter_map(|(index, host)| Some(route(config, config.routes.get(index)?, host)))
        .collect()
}

fn route(config: &Config, route: &Route, host: Option<&HostPattern>) -> Value {
    let mut view = json!({
        "name": route.name,
        "host": host.map(ToString::to_string),
        "timeout": duration(route.timeout),
        "retries": route.retries,
        "request_body": route.request_body,
        "plugins": route.chain.iter().map(|used| used.plugin.as_str()).collect::<Vec<_>>(),
        "source": if route.place.added { "api" } else { "file" },
        "file": route.place.file.and_then(|index| config.files.get(index)),
        "line": (!route.place.added).then_some(route.place.line),
    });
    view[path_key(&route.path)] = route.path.to_string().into();
    if !route.methods.is_empty() {
        view["method"] = route.methods.iter().map(|method| method.as_str()).collect();
    }
    let header = route
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), condition(value)));
    insert(&mut view, "header", header.collect());
    let query = route
        .query
        .iter()
        .map(|(name, value)| (name.clone(), condition(value)));
    insert(&mut view, "query", query.collect());
    insert(&mut view, "request_headers", edits(&route.request_headers));
    insert(&mut view, "response_headers", edits(&route.response_headers));
    match &route.action {
        Action::Forward(action) => forward(&mut view, action),
        Action::Redirect(action) => view["redirect"] = redirect(action),
    }
    view
}

fn insert(view: &mut Value, key: &str, map: Map<String, Value>) {
    if !map.is_empty() {
        view[key] = map.into();
    }
}

fn forward(view: &mut Value, forward: &Forward) {
    let targets = forward.targets.iter();
    view["to"] = targets
        .map(|target| json!({"to": target.upstream, "weight": target.weight}))
        .collect();
    match &forward.rewrite {
        Rewrite::Keep => {}
        Rewrite::StripPrefix(prefix) => view["strip_prefix"] = json!(prefix),
        Rewrite::ReplacePrefix { from, to } => {
            view["rewrite"] = json!({"prefix": from, "replace_prefix": to});
        }
        Rewrite::Path(path) => view["rewrite"] = json!({"path": path}),
    }
    if let Some(host) = &forward.host {
        view["host_header"] = String::from_utf8_lossy(host.as_bytes()).into();
    }
}

fn redirect(redirect: &Redirect) -> Value {
    json!({
        "status": redirect.status.as_u16(),
        "scheme": redirect.scheme,
        "host": redirect.host,
        "port": redirect.port,
        "path": redirect.path,
        "keep_query": redirect.keep_query,
        "to": redirect.to.as_ref().map(ToString::to_string),
    })
}

/// Names only.
fn edits(edits: &HeaderEdits) -> Map<String, Value> {
    let lists = [
        (
            "remove",
            edits.remove.iter().map(|name| name.as_str()).collect::<Vec<_>>(),
        ),
        ("set", edits.set.iter().map(|(name, _)| name.as_str()).collect()),
        ("add", edits.add.iter().map(|(name, _)| name.as_str()).collect()),
    ];
    let lists = lists.into_iter().filter(|(_, names)| !names.is_empty());
    lists.map(|(key, names)| (key.to_owned(), json!(names))).collect()
}

/// The key that says how.
fn path_key(path: &PathPattern) -> &'static str {
    match path {
        PathPattern::Prefix(_) | PathPattern::Template(_) => "path",
        PathPattern::Exact(_) => "path_exact",
        PathPattern::Regex(_) => "path_regex",
    }
}

fn condition(pattern: &ValuePattern) -> Value {
    match pattern {
        ValuePattern::Present => json!(true),
        ValuePattern::Absent => json!(false),
        ValuePattern::Exact(value) => json!(value),
        ValuePattern::Regex(_) => json!({"regex": pattern.to_string().trim_start_matches("~ ")}),
    }
}

fn upstream(upstream: &Upstream) -> Value {
    let sources = upstream.sources.iter();
    json!({
        "name": upstream.name,
        "to": sources
            .map(|(authority, weight)| json!({"to": authority.to_string(), "weight": weight}))
            .collect::<Value>(),
        "policy": policy(&upstream.policy),
        "connect_timeout": duration(upstream.connect_timeout),
        "idle_timeout": duration(upstream.idle_timeout),
        "idle_connections": upstream.idle_connections,
        "max_in_flight": upstream.max_in_flight,
        "tcp_keepalive": duration(upstream.tcp_keepalive),
        "hedge": {
            "enabled": upstream.hedge.enabled,
            "floor": duration(upstream.hedge.floor),
            "factor": upstream.hedge.factor,
        },
        "budget": {"floor": upstream.budget.floor, "ratio": upstream.budget.ratio},
        "replay_body": upstream.replay_body,
        "ejection": {
            "failures": upstream.ejection.failures,
            "errors": upstream.ejection.errors,
            "time": duration(upstream.ejection.time),
            "panic": upstream.ejection.panic,
        },
        "probe": upstream.probe.as_ref().map(probe),
        "slow_start": duration(upstream.slow_start),
        "hold": duration(upstream.hold),
    })
}

fn policy(policy: &Policy) -> Value {
    match policy {
        Policy::LeastRequest => json!("least-request"),
        Policy::RoundRobin => json!("round-robin"),
        Policy::Random => json!("random"),
        Policy::Hash(HashKey::Header(name)) => json!({"hash": {"header": name.as_str()}}),
        Policy::Hash(HashKey::Cookie(name)) => json!({"hash": {"cookie": name}}),
        Policy::Hash(HashKey::ClientIp) => json!({"hash": "client-ip"}),
        Policy::Hash(HashKey::Path) => json!({"hash": "path"}),
        Policy::Sticky { cookie, ttl } => json!({"sticky": {"cookie": cookie, "ttl": duration(*ttl)}}),
    }
}

fn probe(probe: &Probe) -> Value {
    let mut view = json!({
        "interval": duration(probe.interval),
        "timeout": duration(probe.timeout),
        "unhealthy_after": probe.unhealthy_after,
        "healthy_after": probe.healthy_after,
    });
    if let ProbeKind::Http { path, host, status } = &probe.kind {
        view["path"] = json!(path);
        view["host"] = json!(host);
        view["status"] = json!([status.0, status.1]);
    }
    view
}

fn dns(config: &Config) -> Value {
    let dns = &config.dns;
    json!({
        "servers": dns.servers,
        "refresh": duration(dns.refresh),
        "timeout": duration(dns.timeout),
        "backoff": duration(dns.backoff),
        "tasks": match dns.tasks {
            Tasks::Auto => "auto",
            Tasks::Always => "always",
            Tasks::Never => "never",
        },
        "guard": match dns.guard {
            Guard::Auto => "auto",
            Guard::On => "on",
            Guard::Off => "off",
        },
    })
}

fn timeouts(config: &Config) -> Value {
    let timeouts = &config.timeouts;
    json!({
        "request_head": duration(timeouts.request_head),
        "keep_alive": duration(timeouts.keep_alive),
        "request_body_idle": duration(timeouts.request_body_idle),
        "response_write_idle": duration(timeouts.response_write_idle),
        "response_body_idle": duration(timeouts.response_body_idle),
        "tunnel_idle": duration(timeouts.tunnel_idle),
        "stop_delay": duration(timeouts.stop_delay),
        "stop_grace": duration(timeouts.stop_grace),
    })
}

fn limits(config: &Config) -> Value {
    let limits = &config.limits;
    json!({
        "connections": limits.connections,
        "request_head": limits.request_head,
        "request_headers": limits.request_headers,
        "request_body": limits.request_body,
        "requests_per_connection": limits.requests_per_connection,
        "memory": limits.memory,
    })
}

fn access_log(config: &Config) -> Value {
    let log = &config.access_log;
    json!({
        "format": match log.format {
            AccessLogFormat::Json => "json",
            AccessLogFormat::Clf => "clf",
            AccessLogFormat::Off => "off",
        },
        "path": log.path,
        "headers": log.headers.iter().map(|name| name.as_str()).collect::<Vec<_>>(),
        "query": log.query,
    })
}

/// As it is written in a configuration.
fn duration(duration: Duration) -> String {
    if duration.subsec_nanos() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{}ms", duration.as_millis())
    }
}
