//! From sections whose keys and types are right to a [`Config`] whose values make sense together.
//!
//! Every function here goes on after a problem: what cannot be understood is told and left out, and the
//! result is only used when nothing was told.

use std::sync::Arc;

use super::diagnostics::{At, Code};
use super::reading::Reading;
use super::section::{Section, What};
use super::tree::Text;
use super::{Action, Config, Limits, Route, Upstream, defaults, render};

mod edits;
mod flow_proxy;
mod matching;
mod material;
mod names;
mod plugin;
mod powers;
mod redirect;
mod rewrite;
mod route;
mod settings;
mod tuning;
mod upstream;
mod verifier;

/// What routes take when they do not say.
#[derive(Clone, Copy, Debug)]
struct RouteTuning {
    timeout: std::time::Duration,
    retries: u32,
    request_body: u64,
}

impl RouteTuning {
    fn new(limits: &Limits) -> Self {
        Self {
            timeout: defaults::TIMEOUT,
            retries: defaults::RETRIES,
            request_body: limits.request_body,
        }
    }

    fn tune(&mut self, section: &mut Section) {
        self.timeout = section.time("timeout").unwrap_or(self.timeout);
        self.retries = section.whole("retries").map_or(self.retries, saturated);
        self.request_body = section.size("request_body").unwrap_or(self.request_body);
    }
}

/// The meaning of all documents, the main one first, and where its routes stand.
pub(super) fn config(documents: Vec<Section>, reading: &mut Reading<'_>) -> (Config, Vec<At>) {
    let mut documents = documents;
    let (mut config, defaults) = match documents.first_mut() {
        Some(main) => settings(main, reading),
        None => return (empty(), Vec::new()),
    };
    let main_at = documents[0].at;
    let mut upstreams = upstream::Set::new(defaults.upstream);
    let mut powers = powers::Powers::new();
    let mut plugins = plugin::Set::new();
    // A gateway may begin with nothing and learn its routes while it runs.
    let mut said = documents[0].has("flow_proxy");
    for document in &mut documents {
        said |= document.has("route");
        if let Some(tables) = document.section("upstream") {
            upstreams.read(tables, reading);
        }
        powers.read(document, reading);
    }
    for document in &mut documents {
        plugins.read(document, &mut upstreams, &powers.names, reading);
    }
    let mut rest = defaults.rest;
    let chain = rest.as_mut().and_then(|section| plugins.chain(section, reading));
    let mut routes = route::Set::new(defaults.route, chain.unwrap_or_default());
    for document in documents {
        let mut document = document;
        for table in document.list("route") {
            if let What::Table(table) = table {
                routes.read(table, &mut upstreams, &mut plugins, reading);
            }
        }
    }
    if !said {
        reading
            .problems
            .error(Code::MissingKey, main_at, "there is no route")
            .help("add `[[route]]` with `path = \"/\"` and `to = \"app:12345\"`");
    }
    let (routes, places) = routes.finish();
    let any = plugins.may_name_any_upstream();
    config.plugins = plugins.finish(&upstreams.names(), &mut powers.names, reading);
    powers.finish(&mut config, reading);
    config.upstreams = upstreams.finish(&routes, any, reading);
    config.routes = routes;
    config.texts = reading.texts();
    config.files = std::mem::take(&mut reading.files);
    config.folders = std::mem::take(&mut reading.folders);
    config.hash = render::hash(&config);
    (config, places)
}

/// What routes and upstreams take when they do not say.
struct Defaults {
    route: RouteTuning,
    upstream: Upstream,
    /// `[defaults]` itself: its plugins are understood when all of them are known.
    rest: Option<Section>,
}

/// Everything of the main file but routes, upstreams and plugins.
fn settings(main: &mut Section, reading: &mut Reading<'_>) -> (Config, Defaults) {
    let mut config = empty();
    config.listeners = settings::listeners(main, reading);
    config.admin = settings::admin(main, &config.listeners, reading);
    config.flow_proxy = flow_proxy::flow_proxy(main, &config, reading);
    config.dns = settings::dns(main, reading);
    config.trusted_proxies = settings::trusted_proxies(main, reading);
    config.timeouts = settings::timeouts(main);
    let limit = main.section("limits").map(|mut section| {
        let at = section.key_at("request_body");
        config.limits = settings::limits(&mut section);
        at
    });
    config.access_log = settings::access_log(main, reading);
    config.state = settings::state(main, reading);
    config.authorities = material::authorities(main, reading);
    config.server_timing = main.flag("server_timing").unwrap_or(false);
    let mut tuning = RouteTuning::new(&config.limits);
    let mut pattern = upstream::pattern();
    let mut rest = main.section("defaults");
    if let Some(defaults) = &mut rest {
        if let (Some(at), true) = (limit.flatten(), defaults.has("request_body")) {
            reading
                .problems
                .error(Code::Conflict, at, "`request_body` is in `[defaults]` too")
                .help("say it once: both mean the bound of routes that have none of their own");
        }
        tuning.tune(defaults);
        tuning::tune(&mut pattern, defaults, reading);
    }
    let defaults = Defaults {
        route: tuning,
        upstream: pattern,
        rest,
    };
    (config, defaults)
}

fn empty() -> Config {
    Config {
        listeners: Vec::new(),
        admin: None,
        flow_proxy: None,
        routes: Vec::new(),
        upstreams: Vec::new(),
        plugins: Vec::new(),
        budgets: Vec::new(),
        verifiers: Vec::new(),
        stores: Vec::new(),
        keys: Vec::new(),
        secrets: Vec::new(),
        state: None,
        server_timing: false,
        authorities: None,
        dns: super::Dns::default(),
        trusted_proxies: Vec::new(),
        timeouts: super::Timeouts::default(),
        limits: Limits::default(),
        access_log: super::AccessLog::default(),
        files: Vec::new(),
        folders: Vec::new(),
        hash: String::new(),
        texts: super::excerpt::Texts::default(),
        read: Arc::default(),
    }
}

/// Bounded by the grammar already.
fn saturated(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// One entry of a weighted list.
struct Choice {
    to: Text,
    weight: u32,
}

/// `"a"`, `["a", "b"]` or `[{ to = "a", weight = 9 }, …]`.
fn choices(section: &mut Section, key: &str, reading: &mut Reading<'_>) -> Vec<Choice> {
    let said = section.key_at(key).filter(|_| section.right(key));
    let items = section.list(key);
    let nothing = items.is_empty();
    let choices: Vec<_> = items
        .into_iter()
        .filter_map(|item| match item {
            What::Text(to) => Some(Choice { to, weight: 1 }),
            What::Table(mut table) => {
                let weight = if table.has("weight") {
                    table.whole("weight").map(saturated)
                } else {
                    Some(1)
                };
                Some(Choice {
                    to: table.text("to")?,
                    weight: weight?,
                })
            }
            _ => None,
        })
        .collect();
    if let Some(at) = said {
        if nothing {
            reading.invalid::<()>(at, format!("`{key}` names nothing"), "write `to = \"host:port\"`");
        } else if !choices.is_empty() && choices.iter().all(|choice| choice.weight == 0) {
            reading.invalid::<()>(
                at,
                "all weights are 0: nothing would be served",
                "give one of them a weight of 1",
            );
        }
    }
    choices
}

/// Names of upstreams that a route leads to.
fn targets(route: &Route) -> &[super::Target] {
    match &route.action {
        Action::Forward(forward) => &forward.targets,
        Action::Redirect(_) => &[],
    }
}

type Routes = Vec<Arc<Route>>;
