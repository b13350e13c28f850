//! How an upstream is used: what `[upstream.NAME]` and `[defaults]` have in common.

use std::time::Duration;

use super::edits::header_name;
use super::settings::count;
use crate::config::diagnostics::Code;
use crate::config::reading::Reading;
use crate::config::section::{Section, What};
use crate::config::tree::Text;
use crate::config::units;
use crate::config::{
    Budget, Ejection, HashKey, Hedge, PathPattern, Policy, Probe, ProbeKind, Upstream, defaults,
};

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
