//! `[upstream.NAME]`, what `to` means, and upstreams that nobody had to declare.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::tuning::tune;
use super::{Routes, choices, targets};
use crate::config::diagnostics::{At, Code};
use crate::config::reading::Reading;
use crate::config::section::{Section, What};
use crate::config::suggest;
use crate::config::tree::Text;
use crate::config::{Authority, Host, Upstream};

/// The upstreams so far.
pub(super) struct Set {
    /// What every upstream begins as.
    pattern: Upstream,
    /// With the place of the declared ones.
    upstreams: Vec<(Upstream, Option<At>)>,
    /// Names of all of them.
    names: HashSet<String>,
    /// Declared with a problem: known, but without a meaning.
    broken: HashSet<String>,
    /// Plugins may use these.
    granted: HashSet<String>,
}

/// All defaults and no source.
pub(super) fn pattern() -> Upstream {
    let mut pattern = Upstream::new(
        "",
        Authority {
            host: Host::Name(String::new()),
            port: 1,
            tls: false,
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
            names: HashSet::new(),
            broken: HashSet::new(),
            granted: HashSet::new(),
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
            if self.names.contains(&name) {
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
                self.names.insert(name);
                self.upstreams.push((upstream, Some(key.at)));
            }
        }
    }

    /// The name of the upstream that a `to` means; `host:port` needs no declaration.
    pub(super) fn resolve(&mut self, to: &Text, reading: &mut Reading<'_>) -> Option<String> {
        self.resolve_with("to = ", to, reading)
    }

    /// The same for a plugin's grant.
    pub(super) fn granted(&mut self, name: &Text, reading: &mut Reading<'_>) -> Option<String> {
        let name = self.resolve_with("", name, reading)?;
        self.granted.insert(name.clone());
        Some(name)
    }

    /// `key` is how an example begins.
    fn resolve_with(&mut self, key: &str, to: &Text, reading: &mut Reading<'_>) -> Option<String> {
        let authority = to.value.parse::<Authority>();
        let name = authority
            .as_ref()
            .map_or_else(|_| to.value.clone(), ToString::to_string);
        if self.names.contains(&name) || self.broken.contains(&name) {
            return Some(name);
        }
        match authority {
            Ok(authority) => {
                let mut upstream = Upstream {
                    name: name.clone(),
                    ..self.pattern.clone()
                };
                upstream.sources = vec![(authority, 1)];
                self.names.insert(name.clone());
                self.upstreams.push((upstream, None));
                Some(name)
            }
            Err(wrong) if to.value.contains([':', '/']) => {
                reading.parsed(to, Err(wrong), "an upstream, `host:port` or `https://host`")
            }
            Err(_) => {
                self.unknown(key, to, reading);
                None
            }
        }
    }

    fn unknown(&self, key: &str, to: &Text, reading: &mut Reading<'_>) {
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
                "add the port: `{key}\"{name}:PORT\"`, or declare `[upstream.{name}]`"
            )),
        };
    }

    /// The names of all of them.
    pub(super) fn names(&self) -> Vec<String> {
        self.upstreams.iter().map(|(it, _)| it.name.clone()).collect()
    }

    /// All upstreams, after a warning for each that nothing uses. Where plugins may name `any`, nobody knows that.
    pub(super) fn finish(self, routes: &Routes, any: bool, reading: &mut Reading<'_>) -> Vec<Arc<Upstream>> {
        let mut weights: HashMap<&str, u32> = HashMap::new();
        for target in routes.iter().flat_map(|route| targets(route)) {
            let weight = weights.entry(&target.upstream).or_default();
            *weight = (*weight).max(target.weight);
        }
        for (upstream, at) in &self.upstreams {
            let Some(at) = *at else { continue };
            if any || self.granted.contains(&upstream.name) {
                continue;
            }
            let weight = weights.get(upstream.name.as_str());
            if weight.is_none() {
                let message = format!("no route leads to the upstream `{}`", upstream.name);
                reading
                    .problems
                    .warning(Code::Unused, at, message)
                    .help("remove it, or name it in a route's `to`");
            } else if weight == Some(&0) {
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
        let Some(authority) =
            reading.parse::<Authority>(&choice.to, "an address, `host:port` or `https://host`")
        else {
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
