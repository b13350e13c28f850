//! `[flow_proxy]`, and the two environment variables of Docker Flow Proxy that stand in for keys of it.

use ipnet::IpNet;

use super::settings::{bind, overlap, secret};
use crate::config::diagnostics::{At, Code};
use crate::config::parse::{self, Malformed};
use crate::config::reading::Reading;
use crate::config::section::Section;
use crate::config::{Config, FlowProxy, Prefix};

const LISTENER: &str = "the address of a swarm listener: `http://swarm-listener:8080`";

/// The port of Docker Flow Swarm Listener.
const LISTENER_PORT: u16 = 8080;

pub(super) fn flow_proxy(
    main: &mut Section,
    config: &Config,
    reading: &mut Reading<'_>,
) -> Option<FlowProxy> {
    let at = main.key_at("flow_proxy");
    let mut table = main.section("flow_proxy")?;
    let mut flow = FlowProxy::default();
    if let Some(text) = table.text("listen") {
        flow.address = bind(&text, reading)?;
    }
    reading.conflict(&table, ["token", "token_file"], "say it once");
    let token = secret(table.take("token"), "token", reading);
    let file = table
        .text("token_file")
        .and_then(|name| reading.secret_file(&name));
    flow.token = token.or(file);
    let mut guarded = table.has("token") || table.has("token_file");
    flow.allow = networks(&mut table, &flow, reading);
    guarded |= !flow.allow.is_empty();
    flow.listeners = listeners(&mut table, reading);
    flow.grace = table.time("grace").unwrap_or(flow.grace);
    flow.instance = table.text("instance").map(|text| text.value);
    if table.text("prefix").is_some_and(|text| text.value == "string") {
        flow.prefix = Prefix::String;
    }
    flow.separator = separator(&mut table, reading)?;
    if let Some(folder) = table.text("secrets") {
        flow.secrets = reading.path(&folder);
    }
    taken(&flow, config, at, reading);
    if let (Some(at), false, false) = (at, guarded, flow.address.ip().is_loopback()) {
        let message =
            "without a token and without `allow` only loopback peers are served, whatever the address";
        let help =
            "write `allow = [\"10.0.0.0/8\"]` with your networks, or `token_file = \"/run/secrets/…\"`";
        reading.problems.warning(Code::Conflict, at, message).help(help);
    }
    Some(flow)
}

fn networks(table: &mut Section, flow: &FlowProxy, reading: &mut Reading<'_>) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for text in table.texts("allow") {
        let network = parse::network(&text.value);
        let Some(network) = reading.parsed(&text, network, "a network such as `10.0.0.0/8`") else {
            continue;
        };
        if network.prefix_len() == 0 && flow.token.is_none() {
            let message = "this lets everyone who reaches the address change routes";
            reading
                .problems
                .warning(Code::Exposed, text.at, message)
                .help("name the network of your services, or add a token");
        }
        networks.push(network);
    }
    networks
}

fn listeners(table: &mut Section, reading: &mut Reading<'_>) -> Vec<String> {
    if table.has("listeners") {
        let texts = table.texts("listeners");
        let parsed = texts
            .iter()
            .filter_map(|text| reading.parsed(text, listener(&text.value), LISTENER));
        return parsed.collect();
    }
    let at = table.at;
    let said = variable("LISTENER_ADDRESS", reading);
    let mut listeners = Vec::new();
    for one in said.split(',').map(str::trim).filter(|one| !one.is_empty()) {
        match listener(one) {
            Ok(url) => listeners.push(url),
            Err(wrong) => {
                let message = format!("the environment variable LISTENER_ADDRESS: {}", wrong.message);
                reading.invalid::<()>(at, message, LISTENER);
            }
        }
    }
    listeners
}

/// `host`, `host:port` or `http://host[:port]`, as Docker Flow Proxy takes them.
fn listener(text: &str) -> Result<String, Malformed> {
    let bare = text.strip_prefix("http://");
    if bare.is_none() && text.contains("://") {
        text.parse::<crate::config::Authority>()?;
        return Ok(text.trim_end_matches('/').to_owned());
    }
    let bare = bare.unwrap_or(text).trim_end_matches('/');
    let authority = parse::authority(bare, Some(LISTENER_PORT))?;
    Ok(format!("http://{authority}"))
}

fn separator(table: &mut Section, reading: &mut Reading<'_>) -> Option<String> {
    let at = table.key_at("separator").unwrap_or(table.at);
    let said = match table.text("separator") {
        Some(text) => text.value,
        None if table.has("separator") => return None,
        None => Some(variable("SEPARATOR", reading))
            .filter(|said| !said.is_empty())
            .unwrap_or_else(|| FlowProxy::default().separator),
    };
    if said.is_empty() {
        return reading.invalid(at, "the separator is empty", "leave it out for a comma");
    }
    Some(said)
}

fn variable(name: &str, reading: &Reading<'_>) -> String {
    let value = (reading.environment)(name);
    value
        .and_then(|value| value.into_string().ok())
        .unwrap_or_default()
}

/// Tells that somebody else listens there.
fn taken(flow: &FlowProxy, config: &Config, at: Option<At>, reading: &mut Reading<'_>) {
    let listeners = config
        .listeners
        .iter()
        .map(|listener| (listener.address, format!("the listener `{}`", listener.name)));
    let admin = config
        .admin
        .iter()
        .map(|admin| (admin.address, "the admin address".to_owned()));
    for (_, other) in listeners
        .chain(admin)
        .filter(|(address, _)| overlap(*address, flow.address))
    {
        let message = format!("the address {} of `[flow_proxy]` overlaps {other}", flow.address);
        reading
            .problems
            .error(Code::Duplicate, at, message)
            .help("choose another port: `listen = \":8081\"`");
    }
}
