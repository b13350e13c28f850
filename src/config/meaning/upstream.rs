//! `[upstream.NAME]`, what `to` means, and upstreams that nobody had to declare.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::edits::header_name;
use super::settings::count;
use super::{Routes, choices, targets};
use crate::config::diagnostics::{At, Code};
use crate::config::reading::Reading;
use crate::config::section::{Section, What};
use crate::config::suggest;
use crate::config::tree::Text;
use crate::config::units;
use crate::config::{
    Authority, Budget, Ejection, HashKey, Hedge, Host, PathPattern, Policy, Probe, ProbeKind, Upstream,
    defaults,
};

/// The upstreams so far.
pub(super) struct Set {
    /// What every upstream begins as.
    pattern: Upstream,
    /// With the place of the declared ones.
    upstreams: Vec<(Upstream, Option<At>)>,
    /// Declared with a problem: known, but without a meaning.
    broken: HashSet<String>,
}

/// All defaults and no source.
pub(super) fn pattern() -> Upstream {
    let mut pattern = Upstream::new(
        "",
        Authority {
            host: Host::Name(String::new()),
            port: 1,
        },
    );
    pattern.sources.clear();
    pattern
}

impl Set {
    pub(super) fn new(pattern: Upstream) -> Self {
        Self {
            pattern,
            upstreams: Vec::new(),
            broken: HashSet::new(),
        }
    }

    /// Reads the tables of one document.
    pub(super) fn read(&mut self, tables: Section, reading: &mut Reading<'_>) {
        for (key, said) in tables.into_entries() {
            let What::Table(mut table) = said else {
                continue;
            };
            let itself = key.name.parse::<Authority>().ok();
            let name = itself
                .as_ref()
                .map_or_else(|| key.name.clone(), ToString::to_string);
            if self.upstreams.iter().any(|(other, _)| other.name == name) {
                let message = format!("there are two upstreams called `{name}`");
                reading
                    .problems
                    .error(Code::Duplicate, key.at, message)
                    .help("rename one of them");
                continue;
            }
            if itself.is_none()
                && !name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            {
                let help = "letters, digits, `-`, `_` and `.`; or `\"host:port\"`, which then needs no `to`";
                reading.invalid::<()>(key.at, "not a name for an upstream", help);
            }
            let mut upstream = Upstream {
                name: name.clone(),
                ..self.pattern.clone()
            };
            upstream.sources = sources(&mut table, itself, &name, key.at, reading);
            tune(&mut upstream, &mut table, reading);
            if upstream.sources.is_empty() {
                self.broken.insert(name);
            } else {
                self.upstreams.push((upstream, Some(key.at)));
            }
        }
    }

    /// The name of the upstream that a `to` means; `host:port` needs no declaration.
    pub(super) fn resolve(&mut self, to: &Text, reading: &mut Reading<'_>) -> Option<String> {
        let authority = to.value.parse::<Authority>();
        let name = authority
            .as_ref()
            .map_or_else(|_| to.value.clone(), ToString::to_string);
        if self.upstreams.iter().any(|(known, _)| known.name == name) || self.broken.contains(&name) {
            return Some(name);
        }
        match authority {
            Ok(authority) => {
                let mut upstream = Upstream {
                    name: name.clone(),
                    ..self.pattern.clone()
                };
                upstream.sources = vec![(authority, 1)];
                self.upstreams.push((upstream, None));
                Some(name)
            }
            Err(wrong) if to.value.contains([':', '/']) => {
                reading.parsed(to, Err(wrong), "an upstream or `host:port`")
            }
            Err(_) => {
                self.unknown(to, reading);
                None
            }
        }
    }

    fn unknown(&self, to: &Text, reading: &mut Reading<'_>) {
        let declared: Vec<_> = self
            .upstreams
            .iter()
            .filter(|(_, at)| at.is_some())
            .map(|(it, _)| it.name.as_str())
            .collect();
        if !to.variables.is_empty() {
            let message = "with the variable's value this is neither an upstream nor `host:port`";
            reading
                .problems
                .error(Code::UnknownName, to.at, message)
                .help("the value is not shown: it may be a secret");
            return;
        }
        let name = &to.value;
        let problem =
            reading
                .problems
                .error(Code::UnknownName, to.at, format!("there is no upstream `{name}`"));
        match suggest::nearest(name, declared.iter().copied()) {
            Some(near) => problem.label(format!("did you mean `{near}`?")),
            None => problem.help(format!(
                "add the port: `to = \"{name}:PORT\"`, or declare `[upstream.{name}]`"
            )),
        };
    }

    /// All upstreams, after a warning for each that nothing uses.
    pub(super) fn finish(self, routes: &Routes, reading: &mut Reading<'_>) -> Vec<Arc<Upstream>> {
        let used = |name: &str, weight: u32| {
            let mut all = routes.iter().flat_map(|route| targets(route));
            all.any(|target| target.upstream == name && target.weight >= weight)
        };
        for (upstream, at) in &self.upstreams {
            let Some(at) = *at else { continue };
            if !used(&upstream.name, 0) {
                let message = format!("no route leads to the upstream `{}`", upstream.name);
                reading
                    .problems
                    .warning(Code::Unused, at, message)
                    .help("remove it, or name it in a route's `to`");
            } else if !used(&upstream.name, 1) {
                let message = format!(
                    "the upstream `{}` gets no requests: its weight is 0 everywhere",
                    upstream.name
                );
                reading
                    .problems
                    .warning(Code::Unused, at, message)
                    .help("give it a weight where it is to be used");
            }
        }
        self.upstreams
            .into_iter()
            .map(|(upstream, _)| Arc::new(upstream))
            .collect()
    }
}

fn sources(
    table: &mut Section,
    itself: Option<Authority>,
    name: &str,
    at: At,
    reading: &mut Reading<'_>,
) -> Vec<(Authority, u32)> {
    if !table.has("to") {
        return match itself {
            Some(itself) => vec![(itself, 1)],
            None => {
                let help = format!("add `to = \"{name}:PORT\"`");
                let message = format!("the upstream `{name}` leads nowhere: it has no `to`");
                reading.problems.error(Code::MissingKey, at, message).help(help);
                Vec::new()
            }
        };
    }
    let mut sources: Vec<(Authority, u32)> = Vec::new();
    for choice in choices(table, "to", reading) {
        let Some(authority) = reading.parse::<Authority>(&choice.to, "an address, `host:port`") else {
            continue;
        };
        if sources.iter().any(|(other, _)| *other == authority) {
            reading
                .problems
                .error(Code::Duplicate, choice.to.at, "this address is in the list twice")
                .help("name it once");
        }
        sources.push((authority, choice.weight));
    }
    sources
}

/// Overwrites what a section says.
pub(super) fn tune(upstream: &mut Upstream, section: &mut Section, reading: &mut Reading<'_>) {
    for (key, time) in [
        ("connect_timeout", &mut upstream.connect_timeout),
        ("idle_timeout", &mut upstream.idle_timeout),
        ("tcp_keepalive", &mut upstream.tcp_keepalive),
        ("slow_start", &mut upstream.slow_start),
        ("hold", &mut upstream.hold),
    ] {
        *time = section.time(key).unwrap_or(*time);
    }
    if let Some(number) = section.whole("idle_connections") {
        upstream.idle_connections = usize::try_from(number).unwrap_or(usize::MAX);
    }
    upstream.max_in_flight = section.whole("max_in_flight").unwrap_or(upstream.max_in_flight);
    upstream.replay_body = section.size("replay_body").unwrap_or(upstream.replay_body);
    if let Some(said) = section.take("policy") {
        upstream.policy = policy(said, reading).unwrap_or_else(|| upstream.policy.clone());
    }
    if let Some(said) = section.take("hedge") {
        hedge(&mut upstream.hedge, said);
    }
    if let Some(section) = section.section("budget") {
        budget(&mut upstream.budget, section);
    }
    if let Some(said) = section.take("ejection") {
        ejection(&mut upstream.ejection, said);
    }
    if let Some(said) = section.take("probe") {
        upstream.probe = probe(upstream.probe.take(), said, reading);
    }
}

fn policy(said: What, reading: &mut Reading<'_>) -> Option<Policy> {
    let mut table = match said {
        What::Text(text) => {
            return Some(match text.value.as_str() {
                "round-robin" => Policy::RoundRobin,
                "random" => Policy::Random,
                _ => Policy::LeastRequest,
            });
        }
        What::Table(table) => table,
        _ => return None,
    };
    reading.conflict(&table, ["hash", "sticky"], "one upstream has one policy");
    if !table.has("hash") && !table.has("sticky") {
        let help = "write `{ hash = \"client-ip\" }` or `{ sticky = \"cookie-name\" }`";
        return reading.invalid(table.at, "the policy says nothing", help);
    }
    if let Some(said) = table.take("hash") {
        return hash_key(said, reading).map(Policy::Hash);
    }
    match table.take("sticky")? {
        What::Text(text) => Some(Policy::Sticky {
            cookie: cookie(&text, reading)?,
            ttl: Duration::ZERO,
        }),
        What::Table(mut table) => {
            let ttl = table.time("ttl").unwrap_or_default();
            let cookie = match table.text("cookie") {
                Some(text) => cookie(&text, reading)?,
                None => defaults::COOKIE.to_owned(),
            };
            Some(Policy::Sticky { cookie, ttl })
        }
        _ => None,
    }
}

fn hash_key(said: What, reading: &mut Reading<'_>) -> Option<HashKey> {
    let mut table = match said {
        What::Text(text) if text.value == "path" => return Some(HashKey::Path),
        What::Text(_) => return Some(HashKey::ClientIp),
        What::Table(table) => table,
        _ => return None,
    };
    reading.conflict(&table, ["header", "cookie"], "one hash has one key");
    if !table.has("header") && !table.has("cookie") {
        return reading.invalid(
            table.at,
            "the hash has no key",
            "write `{ header = \"x-user\" }` or `{ cookie = \"id\" }`",
        );
    }
    if let Some(text) = table.text("header") {
        return header_name(&text, reading).map(HashKey::Header);
    }
    let text = table.text("cookie")?;
    cookie(&text, reading).map(HashKey::Cookie)
}

/// RFC 6265 section 4.1.1: a token.
fn cookie(text: &Text, reading: &mut Reading<'_>) -> Option<String> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.value.is_empty() || !text.value.bytes().all(token) {
        return reading.invalid(
            text.at,
            "not a cookie's name",
            "letters, digits, `-`, `_` and `.`",
        );
    }
    Some(text.value.clone())
}

fn hedge(hedge: &mut Hedge, said: What) {
    match said {
        What::Flag(on) => hedge.enabled = on,
        What::Table(mut table) => {
            hedge.enabled = true;
            hedge.floor = table.time("floor").unwrap_or(hedge.floor);
            hedge.factor = table.fraction("factor").unwrap_or(hedge.factor);
        }
        _ => {}
    }
}

fn budget(budget: &mut Budget, mut table: Section) {
    budget.floor = count(&mut table, "floor", budget.floor);
    budget.ratio = table.fraction("ratio").unwrap_or(budget.ratio);
}

fn ejection(ejection: &mut Ejection, said: What) {
    match said {
        What::Flag(false) => (ejection.failures, ejection.errors) = (0, 0),
        What::Flag(true) if (ejection.failures, ejection.errors) == (0, 0) => *ejection = Ejection::default(),
        What::Table(mut table) => {
            ejection.failures = count(&mut table, "failures", ejection.failures);
            ejection.errors = count(&mut table, "errors", ejection.errors);
            ejection.time = table.time("time").unwrap_or(ejection.time);
            ejection.panic = table.fraction("panic").unwrap_or(ejection.panic);
        }
        _ => {}
    }
}

fn probe(base: Option<Probe>, said: What, reading: &mut Reading<'_>) -> Option<Probe> {
    let base = base.unwrap_or_else(|| Probe::new(ProbeKind::Tcp));
    match said {
        What::Flag(false) => None,
        What::Flag(true) => Some(base),
        What::Text(text) if text.value == "tcp" => Some(Probe {
            kind: ProbeKind::Tcp,
            ..base
        }),
        What::Text(text) => Some(Probe {
            kind: http(&text, None, defaults::PROBE_STATUS, reading)?,
            ..base
        }),
        What::Table(table) => probe_table(base, table, reading),
        _ => None,
    }
}

fn probe_table(base: Probe, mut table: Section, reading: &mut Reading<'_>) -> Option<Probe> {
    let mut probe = base;
    for key in ["host", "status"] {
        if let (Some(at), false, ProbeKind::Tcp) = (table.key_at(key), table.has("path"), &probe.kind) {
            reading
                .problems
                .error(
                    Code::Conflict,
                    at,
                    format!("`{key}` needs a `path`: without one the probe is a TCP connection"),
                )
                .help("add `path = \"/healthz\"`");
        }
    }
    let host = table
        .text("host")
        .and_then(|text| super::route::host_header(&text, reading))
        .map(|(host, _)| host);
    let status = match table.take("status") {
        Some(What::Whole(number)) => u16::try_from(number).ok().map(|status| (status, status)),
        Some(What::Text(text)) => reading.parsed(&text, units::statuses(&text.value), "a range of statuses"),
        _ => None,
    };
    if let Some(text) = table.text("path") {
        probe.kind = http(&text, host, status.unwrap_or(defaults::PROBE_STATUS), reading)?;
    } else if let ProbeKind::Http {
        host: old,
        status: range,
        ..
    } = &mut probe.kind
    {
        *old = host.or(old.take());
        *range = status.unwrap_or(*range);
    }
    probe.interval = table.time("interval").unwrap_or(probe.interval);
    probe.timeout = table.time("timeout").unwrap_or(probe.timeout);
    probe.unhealthy_after = count(&mut table, "unhealthy_after", probe.unhealthy_after);
    probe.healthy_after = count(&mut table, "healthy_after", probe.healthy_after);
    Some(probe)
}

fn http(
    text: &Text,
    host: Option<String>,
    status: (u16, u16),
    reading: &mut Reading<'_>,
) -> Option<ProbeKind> {
    let path = text.value.split('?').next().unwrap_or_default();
    if !path.starts_with('/') {
        return reading.invalid(
            text.at,
            "neither `\"tcp\"` nor a path",
            "write `\"/healthz\"`, or `\"tcp\"`",
        );
    }
    let valid = PathPattern::exact(path);
    reading.parsed(text, valid, "a path")?;
    if text.value.parse::<http::uri::PathAndQuery>().is_err() {
        return reading.invalid(text.at, "not a path", "write `\"/healthz\"`");
    }
    Some(ProbeKind::Http {
        path: text.value.clone(),
        host,
        status,
    })
}
