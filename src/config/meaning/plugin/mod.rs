//! `[plugin.NAME]`, and the uses of plugins: `plugins = [...]`.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use self::bounds::Limits;
use super::names::checked;
use super::powers::Kinds;
use super::upstream;
use crate::config::diagnostics::{At, Code};
use crate::config::json::Object;
use crate::config::reading::Reading;
use crate::config::section::{Section, What};
use crate::config::suggest;
use crate::config::tree::{Key, Node, Text};
use crate::config::{
    AUTHENTICATION, BUNDLED, Component, Failure, Grants, Isolation, Plugin, Secret, Use, defaults,
};

mod bounds;
mod failure;
mod grants;
mod source;

pub(super) use bounds::within;

/// Bundled plugins whose own configuration names upstreams.
const FORWARDING: [&str; 2] = ["router", "ext-auth"];

/// More often than this, a timer is a load of its own.
const SHORTEST_TICK: Duration = Duration::from_millis(100);

/// The plugins so far.
pub(super) struct Set {
    plugins: Vec<Declared>,
    /// Places whose open failure was told already: a plugin's own is that of all its uses.
    told: HashSet<(usize, usize)>,
}

struct Declared {
    name: String,
    at: At,
    /// `None` when it comes from nowhere: told already.
    source: Option<Component>,
    /// `None` for a bundled one that may use everything.
    grants: Option<Grants>,
    env: Vec<(String, Secret)>,
    tick: Duration,
    stub_ungranted: bool,
    config: Object,
    behaviour: Behaviour,
    used: bool,
}

/// What a plugin's table says for all of its uses, and a use for itself.
#[derive(Clone, Copy)]
struct Behaviour {
    limits: Limits,
    failure: Failure,
    /// Where `failure` stands.
    failure_at: Option<At>,
    isolation: Isolation,
    authentication: bool,
    may_fail_open: bool,
}

impl Set {
    pub(super) fn new() -> Self {
        Self {
            plugins: Vec::new(),
            told: HashSet::new(),
        }
    }

    /// Reads the tables of one document.
    pub(super) fn read(
        &mut self,
        document: &mut Section,
        upstreams: &mut upstream::Set,
        kinds: &Kinds,
        reading: &mut Reading<'_>,
    ) {
        let tables = document.section("plugin");
        for (key, said) in tables.into_iter().flat_map(Section::into_entries) {
            let What::Table(table) = said else { continue };
            checked(&key, "plugin", reading);
            if let Some(first) = self.plugins.iter().find(|plugin| plugin.name == key.name) {
                let place = reading.problems.locate(first.at);
                let message = format!("there are two plugins called `{}`", key.name);
                let help = format!(
                    "rename one of them; the first is at {}:{}",
                    place.file, place.line
                );
                reading
                    .problems
                    .error(Code::Duplicate, key.at, message)
                    .help(help);
                continue;
            }
            let declared = declared(&key, table, upstreams, kinds, reading);
            self.check(&declared.name, &declared.behaviour, declared.at, reading);
            self.plugins.push(declared);
        }
    }

    /// The uses that `plugins` of a section names; `None` when it does not say.
    pub(super) fn chain(
        &mut self,
        section: &mut Section,
        reading: &mut Reading<'_>,
    ) -> Option<Vec<Arc<Use>>> {
        if !section.right("plugins") {
            return None;
        }
        let mut chain: Vec<Arc<Use>> = Vec::new();
        for item in section.list("plugins") {
            let (name, at, table) = match item {
                What::Text(name) => {
                    let at = name.at;
                    (Some(name), at, None)
                }
                What::Table(mut table) => (table.text("use"), table.at, Some(table)),
                _ => continue,
            };
            let Some(used) = name.and_then(|name| self.used(&name, at, table, reading)) else {
                continue;
            };
            if chain.iter().any(|other| **other == used) {
                let message = format!("`{}` is in the list twice, with the same settings", used.plugin);
                let problem = reading.problems.warning(Code::Duplicate, at, message);
                problem.help("remove one of them");
            }
            chain.push(Arc::new(used));
        }
        Some(chain)
    }

    fn used(
        &mut self,
        name: &Text,
        at: At,
        table: Option<Section>,
        reading: &mut Reading<'_>,
    ) -> Option<Use> {
        let index = self.find(name, reading)?;
        self.plugins[index].used = true;
        let plugin = &self.plugins[index];
        let (name, mut behaviour, mut config) =
            (plugin.name.clone(), plugin.behaviour, plugin.config.clone());
        if let Some(mut table) = table {
            overlay(&mut config, &mut table, reading);
            behaviour.read(&mut table, reading);
            self.check(&name, &behaviour, at, reading);
        }
        Some(Use {
            plugin: name,
            config: config.finish(reading.place(at)),
            bounds: behaviour.limits.bounds,
            failure: behaviour.failure,
            authentication: behaviour.authentication,
            isolation: behaviour.isolation,
            place: reading.place(at),
        })
    }

    /// The plugin that a name means. Bundled ones need no declaration.
    fn find(&mut self, name: &Text, reading: &mut Reading<'_>) -> Option<usize> {
        let known = |plugin: &Declared| plugin.name == name.value;
        if let Some(index) = self.plugins.iter().position(known) {
            return Some(index);
        }
        if BUNDLED.contains(&name.value.as_str()) {
            self.plugins.push(undeclared(name));
            return Some(self.plugins.len() - 1);
        }
        let names = self
            .plugins
            .iter()
            .map(|plugin| plugin.name.as_str())
            .chain(BUNDLED);
        let near = suggest::nearest(&name.value, names);
        let message = match name.variables.as_slice() {
            [] => format!("there is no plugin `{}`", name.value),
            _ => "with the variable's value this is no plugin".to_owned(),
        };
        let problem = reading.problems.error(Code::UnknownName, name.at, message);
        match near {
            Some(near) => problem.label(format!("did you mean `{near}`?")),
            None => problem.help(format!(
                "declare `[plugin.NAME]` with its `file`; bundled are {}",
                suggest::listed(&BUNDLED)
            )),
        };
        None
    }

    /// Tells when requests would pass without the plugin that decides who may.
    fn check(&mut self, name: &str, behaviour: &Behaviour, at: At, reading: &mut Reading<'_>) {
        if !behaviour.authentication || behaviour.may_fail_open || !behaviour.failure.opens() {
            return;
        }
        let at = behaviour.failure_at.unwrap_or(at);
        if self.told.insert((at.text, at.start)) {
            let message = format!("`{name}` decides who may pass: when it fails open, everybody does");
            let help = "leave it closed; if it is meant, add `authentication_may_fail_open = true`";
            reading.problems.error(Code::Conflict, at, message).help(help);
        }
    }

    /// Whether a plugin may name any upstream: then nobody knows which are unused.
    pub(super) fn may_name_any_upstream(&self) -> bool {
        let forwards = |plugin: &Declared| match &plugin.source {
            Some(Component::Bundled(name)) => FORWARDING.contains(&name.as_str()),
            _ => false,
        };
        self.plugins
            .iter()
            .any(|plugin| plugin.used && plugin.grants.is_none() && forwards(plugin))
    }

    /// All plugins, each with its grants, after a warning for each that nothing uses.
    pub(super) fn finish(
        self,
        upstreams: &[String],
        kinds: &mut Kinds,
        reading: &mut Reading<'_>,
    ) -> Vec<Arc<Plugin>> {
        let mut plugins = Vec::new();
        for declared in self.plugins {
            let grants = declared
                .grants
                .unwrap_or_else(|| grants::everything(upstreams, kinds));
            if declared.used {
                grants::used(&grants, kinds);
            } else {
                let message = format!("no route uses the plugin `{}`", declared.name);
                let help = format!(
                    "remove it, or name it in a route: `plugins = [\"{}\"]`",
                    declared.name
                );
                reading
                    .problems
                    .warning(Code::Unused, declared.at, message)
                    .help(help);
            }
            plugins.extend(declared.source.map(|source| {
                Arc::new(Plugin {
                    name: declared.name,
                    source,
                    grants,
                    env: declared.env,
                    tick: declared.tick,
                    stub_ungranted: declared.stub_ungranted,
                    place: reading.place(declared.at),
                })
            }));
        }
        plugins
    }
}

impl Behaviour {
    /// That of a plugin which says nothing. Who takes the place of a bundled plugin takes its duty too.
    fn new(name: &str, source: Option<&Component>, http: bool) -> Self {
        let bundled = match source {
            Some(Component::Bundled(bundled)) => bundled.as_str(),
            _ => "",
        };
        let waits = http || ["basic-auth", "ext-auth"].contains(&bundled);
        Self {
            limits: Limits::new(waits),
            failure: Failure::default(),
            failure_at: None,
            isolation: Isolation::Reused,
            authentication: AUTHENTICATION.contains(&name) || AUTHENTICATION.contains(&bundled),
            may_fail_open: false,
        }
    }

    /// Overwrites what a section says.
    fn read(&mut self, section: &mut Section, reading: &mut Reading<'_>) {
        if let Some(limits) = section.section("limits") {
            self.limits.read(limits, reading);
        }
        if section.right("failure") {
            self.failure_at = section.key_at("failure");
        }
        if let Some(said) = section.take("failure") {
            self.failure = failure::failure(self.failure, said);
        }
        match section.text("isolation").map(|text| text.value).as_deref() {
            Some("fresh") => self.isolation = Isolation::Fresh,
            Some(_) => self.isolation = Isolation::Reused,
            None => {}
        }
        self.authentication = section.flag("authentication").unwrap_or(self.authentication);
        self.may_fail_open = section
            .flag("authentication_may_fail_open")
            .unwrap_or(self.may_fail_open);
    }
}

fn declared(
    key: &Key,
    mut table: Section,
    upstreams: &mut upstream::Set,
    kinds: &Kinds,
    reading: &mut Reading<'_>,
) -> Declared {
    let source = source::component(key, &mut table, reading);
    let bundled = matches!(source, Some(Component::Bundled(_)));
    let grants = match table.section("grants") {
        Some(section) => Some(grants::grants(section, upstreams, kinds, reading)),
        None if bundled => None,
        None => Some(Grants::default()),
    };
    let http = grants.as_ref().is_some_and(|grants| !grants.http.is_empty());
    let mut behaviour = Behaviour::new(&key.name, source.as_ref(), http);
    behaviour.read(&mut table, reading);
    let mut config = Object::default();
    if let Some(What::Free(node)) = table.take("config") {
        config.extend(node, reading);
    }
    Declared {
        name: key.name.clone(),
        at: key.at,
        source,
        grants,
        env: environment(&mut table, reading),
        tick: tick(&mut table, reading),
        stub_ungranted: table.flag("stub_ungranted").unwrap_or_default(),
        config,
        behaviour,
        used: false,
    }
}

/// A bundled plugin without a table of its own.
fn undeclared(name: &Text) -> Declared {
    let source = Component::Bundled(name.value.clone());
    Declared {
        name: name.value.clone(),
        at: name.at,
        behaviour: Behaviour::new(&name.value, Some(&source), false),
        source: Some(source),
        grants: None,
        env: Vec::new(),
        tick: defaults::TICK,
        stub_ungranted: false,
        config: Object::default(),
        used: false,
    }
}

/// The use's own keys, and those of its `config`, in place of the plugin's.
fn overlay(config: &mut Object, table: &mut Section, reading: &mut Reading<'_>) {
    let nested: Vec<(Key, Node)> = match table.take("config") {
        Some(What::Free(Node { value, .. })) => value.into_entries(),
        _ => Vec::new(),
    };
    let own = table.free();
    for (key, _) in &nested {
        if let Some((other, _)) = own.iter().find(|(other, _)| other.name == key.name) {
            let message = format!("`{}` is in `config` too", key.name);
            let problem = reading.problems.error(Code::Duplicate, other.at, message);
            problem.help("say it once");
        }
    }
    for (key, node) in own.into_iter().chain(nested) {
        config.insert(&key, node, reading);
    }
}

fn environment(table: &mut Section, reading: &mut Reading<'_>) -> Vec<(String, Secret)> {
    let mut environment = Vec::new();
    for (key, said) in table.section("env").into_iter().flat_map(Section::into_entries) {
        let What::Text(text) = said else { continue };
        if key.name.is_empty() || key.name.contains(['=', '\0']) {
            reading.invalid::<()>(
                key.at,
                "not the name of an environment variable",
                "letters, digits and `_`",
            );
        }
        environment.push((key.name, Secret(text.value)));
    }
    environment
}

fn tick(table: &mut Section, reading: &mut Reading<'_>) -> Duration {
    let at = table.key_at("tick");
    let tick = table.time("tick").unwrap_or(defaults::TICK);
    if let (Some(at), true) = (at, tick < SHORTEST_TICK) {
        reading.invalid::<()>(at, "a tick is not that short", "at least `tick = \"100ms\"`");
    }
    tick
}
