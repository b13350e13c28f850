//! What concerns the gateway as a whole: listeners, admin, DNS, trust, limits, the access log.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use http::HeaderName;
use ipnet::IpNet;

use super::saturated;
use crate::config::diagnostics::{At, Code};
use crate::config::parse;
use crate::config::reading::Reading;
use crate::config::section::{Section, What};
use crate::config::tree::Text;
use crate::config::{
    AccessLog, AccessLogFormat, Admin, Dns, Guard, Limits, Listener, Secret, Tasks, Timeouts, defaults,
};

const ADDRESS: &str = "an address: `:PORT` or `IP:PORT`";

pub(super) fn listeners(main: &mut Section, reading: &mut Reading<'_>) -> Vec<Listener> {
    if !main.has("listen") && !main.has("listener") {
        return defaults::LISTEN.parse().into_iter().collect();
    }
    let (at, items) = (main.key_at("listen"), main.list("listen"));
    if let (Some(at), true, false) = (at, items.is_empty() && main.right("listen"), main.has("listener")) {
        reading.invalid::<()>(
            at,
            "there is nothing to listen on",
            "write `listen = [\":2015\"]`",
        );
    }
    let mut listeners = Vec::new();
    for item in items.into_iter().chain(main.list("listener")) {
        let (address, name) = match item {
            What::Text(text) => (Some(text), None),
            What::Table(mut table) => (table.text("address"), table.text("name")),
            _ => continue,
        };
        let Some(address) = address else { continue };
        let Some(mut listener) = reading.parse::<Listener>(&address, ADDRESS) else {
            continue;
        };
        if let Some(name) = name {
            listener.name = name.value;
        }
        compare(&listener, &listeners, address.at, reading);
        listeners.push(listener);
    }
    listeners
}

fn compare(listener: &Listener, others: &[Listener], at: At, reading: &mut Reading<'_>) {
    let (message, help) = if let Some(other) = others
        .iter()
        .find(|other| overlap(other.address, listener.address))
    {
        let message = if other.name == listener.name {
            format!("`{}` is listened on twice", other.name)
        } else {
            format!(
                "`{}` and `{}` overlap: both take the same port of the same address",
                other.name, listener.name
            )
        };
        (message, "leave one of them out")
    } else if others.iter().any(|other| other.name == listener.name) {
        (
            format!("there are two listeners called `{}`", listener.name),
            "rename one of them",
        )
    } else {
        return;
    };
    reading.problems.error(Code::Duplicate, at, message).help(help);
}

/// Whether binding one address keeps the other from being bound.
pub(super) fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let (a, b) = (one.ip(), other.ip());
    // `[::]` is bound for both families.
    let everything = |ip: IpAddr, other: IpAddr| ip.is_unspecified() && (ip.is_ipv6() || other.is_ipv4());
    // Two free ports are different ones.
    one.port() != 0 && one.port() == other.port() && (a == b || everything(a, b) || everything(b, a))
}

pub(super) fn admin(main: &mut Section, listeners: &[Listener], reading: &mut Reading<'_>) -> Option<Admin> {
    let at = main.key_at("admin");
    let mut admin = Admin::default();
    let mut open = true;
    match main.take("admin") {
        Some(What::Text(text)) if text.value == "off" => return None,
        Some(What::Text(text)) => {
            admin.address = bind(&text, reading)?;
        }
        Some(What::Table(mut table)) => {
            if let Some(text) = table.text("address") {
                admin.address = bind(&text, reading)?;
            }
            reading.conflict(&table, ["token", "token_file"], "say it once");
            open = !table.has("token") && !table.has("token_file");
            let token = secret(table.take("token"), "token", reading);
            let file = table
                .text("token_file")
                .and_then(|name| reading.secret_file(&name));
            admin.token = token.or(file);
        }
        _ => {}
    }
    if let Some(listener) = listeners
        .iter()
        .find(|listener| overlap(listener.address, admin.address))
    {
        let message = format!(
            "the admin address {} overlaps the listener `{}`",
            admin.address, listener.name
        );
        let help = "choose another port, or switch it off: `admin = \"off\"`";
        reading
            .problems
            .error(Code::Duplicate, at.or(Some(main.at)), message)
            .help(help);
    }
    if let (Some(at), true, false) = (at, open, admin.address.ip().is_loopback()) {
        let message = "without a token only loopback peers are served, whatever the address";
        let help =
            "write `[admin]` with `address` and `token_file = \"/run/secrets/…\"`, or listen on `127.0.0.1`";
        reading.problems.warning(Code::Conflict, at, message).help(help);
    }
    Some(admin)
}

pub(super) fn bind(text: &Text, reading: &mut Reading<'_>) -> Option<SocketAddr> {
    reading.parsed(text, parse::bind_address(&text.value), ADDRESS)
}

/// A text or `{ file = … }`. A literal is never shown again, and warned about.
pub(super) fn secret(said: Option<What>, key: &str, reading: &mut Reading<'_>) -> Option<Secret> {
    match said? {
        What::Text(text) => {
            if text.variables.is_empty() {
                reading.problems.hide(text.at);
                let message = format!("the secret `{key}` stands in the configuration file");
                let help =
                    format!("write `{key} = {{ file = \"/run/secrets/…\" }}` or `{key} = \"${{VARIABLE}}\"`");
                reading
                    .problems
                    .warning(Code::Exposed, text.at, message)
                    .help(help);
            }
            if text.value.trim().is_empty() {
                return reading.invalid(
                    text.at,
                    format!("`{key}` is empty"),
                    "a secret has at least one character",
                );
            }
            Some(Secret(text.value))
        }
        What::Table(mut table) => reading.secret_file(&table.text("file")?),
        _ => None,
    }
}

pub(super) fn dns(main: &mut Section, reading: &mut Reading<'_>) -> Dns {
    let mut dns = Dns::default();
    let Some(mut section) = main.section("dns") else {
        return dns;
    };
    for text in section.texts("servers") {
        let server = parse::name_server(&text.value);
        if let Some(server) = reading.parsed(&text, server, "the IP address of a name server") {
            if dns.servers.contains(&server) {
                reading
                    .problems
                    .error(Code::Duplicate, text.at, "this name server is there twice")
                    .help("name it once");
            }
            dns.servers.push(server);
        }
    }
    dns.refresh = section.time("refresh").unwrap_or(dns.refresh);
    dns.timeout = section.time("timeout").unwrap_or(dns.timeout);
    dns.backoff = section.time("backoff").unwrap_or(dns.backoff);
    dns.tasks = match section.text("tasks").map(|text| text.value).as_deref() {
        Some("always") => Tasks::Always,
        Some("never") => Tasks::Never,
        _ => Tasks::Auto,
    };
    dns.guard = match section.text("guard").map(|text| text.value).as_deref() {
        Some("on") => Guard::On,
        Some("off") => Guard::Off,
        _ => Guard::Auto,
    };
    dns
}

pub(super) fn trusted_proxies(main: &mut Section, reading: &mut Reading<'_>) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for text in main.texts("trusted_proxies") {
        let network = parse::network(&text.value);
        let Some(network) = reading.parsed(&text, network, "a network such as `10.0.0.0/8`") else {
            continue;
        };
        if network.prefix_len() == 0 {
            let message = "this trusts everyone: any client may claim any address";
            reading
                .problems
                .warning(Code::Exposed, text.at, message)
                .help("name the network of your load balancer");
        }
        networks.push(network);
    }
    networks
}

pub(super) fn timeouts(main: &mut Section) -> Timeouts {
    let mut timeouts = Timeouts::default();
    let Some(mut section) = main.section("timeouts") else {
        return timeouts;
    };
    for (key, time) in [
        ("request_head", &mut timeouts.request_head),
        ("keep_alive", &mut timeouts.keep_alive),
        ("request_body_idle", &mut timeouts.request_body_idle),
        ("response_write_idle", &mut timeouts.response_write_idle),
        ("response_body_idle", &mut timeouts.response_body_idle),
        ("tunnel_idle", &mut timeouts.tunnel_idle),
        ("stop_delay", &mut timeouts.stop_delay),
        ("stop_grace", &mut timeouts.stop_grace),
    ] {
        *time = section.time(key).unwrap_or(*time);
    }
    timeouts
}

pub(super) fn limits(section: &mut Section) -> Limits {
    let mut limits = Limits::default();
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    limits.connections = section.whole("connections").map_or(limits.connections, count);
    limits.request_head = section.size("request_head").map_or(limits.request_head, count);
    limits.request_headers = section
        .whole("request_headers")
        .map_or(limits.request_headers, count);
    limits.request_body = section.size("request_body").unwrap_or(limits.request_body);
    limits.requests_per_connection = section
        .whole("requests_per_connection")
        .unwrap_or(limits.requests_per_connection);
    limits.memory = section.size("memory").or(limits.memory);
    limits
}

pub(super) fn access_log(main: &mut Section, reading: &mut Reading<'_>) -> AccessLog {
    let mut log = AccessLog::default();
    match main.take("access_log") {
        Some(What::Text(text)) => log.format = format(&text),
        Some(What::Table(mut table)) => {
            log.format = table.text("format").map_or(log.format, |text| format(&text));
            log.path = table.text("path").map(|name| reading.path(&name));
            log.query = table.flag("query").unwrap_or(log.query);
            for text in table.texts("headers") {
                log.headers.extend(logged_header(&text, reading));
            }
        }
        _ => {}
    }
    log
}

fn format(text: &Text) -> AccessLogFormat {
    match text.value.as_str() {
        "clf" => AccessLogFormat::Clf,
        "off" => AccessLogFormat::Off,
        _ => AccessLogFormat::Json,
    }
}

fn logged_header(text: &Text, reading: &mut Reading<'_>) -> Option<HeaderName> {
    let name = super::edits::header_name(text, reading)?;
    if ["authorization", "proxy-authorization", "cookie", "set-cookie"].contains(&name.as_str()) {
        let message = format!("`{name}` holds credentials: it is never logged");
        return reading.invalid(text.at, message, "leave it out");
    }
    Some(name)
}

/// `state`, else where systemd and the XDG base directory specification put it, else nowhere.
pub(super) fn state(main: &mut Section, reading: &mut Reading<'_>) -> Option<PathBuf> {
    if let Some(folder) = main.text("state") {
        if folder.value.trim().is_empty() {
            return reading.invalid(
                folder.at,
                "the folder has no name",
                "leave `state` out for the usual one",
            );
        }
        return Some(reading.path(&folder));
    }
    let folder = |name: &str| {
        let value = (reading.environment)(name)?.into_string().ok()?;
        // systemd names several, separated by colons; the first is as good as any. Others must be absolute.
        let first = PathBuf::from(value.split(':').next()?);
        first.is_absolute().then_some(first)
    };
    folder("STATE_DIRECTORY")
        .or_else(|| Some(folder("XDG_STATE_HOME")?.join("gatewit")))
        .or_else(|| Some(folder("HOME")?.join(".local/state/gatewit")))
}

/// A count that the grammar has bounded.
pub(super) fn count(section: &mut Section, key: &str, default: u32) -> u32 {
    section.whole(key).map_or(default, saturated)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::config::diagnostics::Diagnostics;
    use crate::config::{fit, keys, tree};

    #[test]
    fn state_is_kept_where_the_machine_keeps_it() {
        let all = [
            ("STATE_DIRECTORY", "/var/lib/gatewit:/var/lib/other"),
            ("XDG_STATE_HOME", "/xdg"),
            ("HOME", "/home/g"),
        ];
        for (text, variables, folder) in [
            ("state = 'here'", &all[..], Some("here")),
            ("", &all[..], Some("/var/lib/gatewit")),
            ("", &all[1..], Some("/xdg/gatewit")),
            ("", &all[2..], Some("/home/g/.local/state/gatewit")),
            (
                "",
                &[("XDG_STATE_HOME", "relative"), all[2]],
                Some("/home/g/.local/state/gatewit"),
            ),
            ("", &[("STATE_DIRECTORY", ""), ("HOME", "")], None),
            ("", &[], None),
        ] {
            let environment = |name: &str| {
                let known = variables.iter().find(|(known, _)| *known == name);
                known.map(|(_, value)| OsString::from(value))
            };
            let mut reading = Reading::new(Diagnostics::default(), &environment);
            let index = reading.open_text("test", text);
            let root = tree::parse(text, index, &environment, &mut reading.problems);
            let mut main = fit::document(root, &keys::ROOT, &mut reading.problems);
            assert_eq!(
                state(&mut main, &mut reading),
                folder.map(PathBuf::from),
                "{text} {variables:?}"
            );
        }
    }
}
