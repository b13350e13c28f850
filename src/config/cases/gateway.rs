//! A file of cases as a gateway's configuration: the tables that say the world stay as they are, and every case becomes
//! a route with the plugin on it.

use std::collections::HashMap;
use std::time::SystemTime;

use super::{Case, Cases, Expected, read};
use crate::config::diagnostics::{At, Code, Diagnostics};
use crate::config::reading::Reading;
use crate::config::section::{Section, What};
use crate::config::tree::{Key, Node, Text, Value};
use crate::config::{Component, fit, keys, meaning};

/// Tables that are a gateway's too, with the word of `grants` that lends them.
const WORLD: [(&str, Option<&str>); 6] = [
    ("budget", Some("budgets")),
    ("verifier", Some("verifiers")),
    ("store", Some("stores")),
    ("key", Some("keys")),
    ("secret", Some("secrets")),
    ("upstream", Some("upstreams")),
];

pub(super) fn cases(
    said: Section,
    component: &Component,
    name: &str,
    reading: &mut Reading<'_>,
) -> Result<Cases, Diagnostics> {
    let mut said = said;
    let mut world = Table::new(said.at);
    let mut grants = Table::new(said.at);
    for (key, grant) in WORLD {
        if let Some(What::Free(node)) = said.take(key) {
            if let (Some(grant), Value::Table(entries)) = (grant, &node.value) {
                let names = entries.iter().map(|(key, _)| made(&key.name, key.at));
                grants.add(grant, Value::List(names.collect()));
            }
            world.entry(key, node);
        }
    }
    let mut tables = said.list("case");
    let asked = tables.iter().filter_map(asked).flatten().collect::<Vec<_>>();
    if !asked.is_empty() {
        grants.add("http", Value::List(asked));
    }
    let now = read::date(&mut said, reading);
    let (plugin, granted) = plugin(&mut said, component, grants, reading);
    let mut plugins = Table::new(said.at);
    plugins.entry(name, plugin);
    world.entry("plugin", plugins.node());
    let routes = tables.iter_mut().filter_map(|table| route(table, name)).collect();
    world.add("route", Value::List(routes));
    let read = tables
        .into_iter()
        .filter_map(|table| case(table, reading))
        .collect();
    let mut cases = finish(world.node(), read, (name, now), reading)?;
    cases.granted = granted;
    Ok(cases)
}

/// Reads the configuration, and gives every case its route.
fn finish(
    world: Node,
    read: Vec<Read>,
    (name, now): (&str, SystemTime),
    reading: &mut Reading<'_>,
) -> Result<Cases, Diagnostics> {
    let main = fit::document(world, &keys::ROOT, &mut reading.problems);
    let (config, _) = meaning::config(vec![main], reading);
    let mut problems = std::mem::take(&mut reading.problems);
    problems.settle();
    let plugin = config.plugins.iter().find(|plugin| plugin.name == name).cloned();
    let Some(plugin) = plugin.filter(|_| !problems.has_errors()) else {
        return Err(problems);
    };
    let routes: HashMap<_, _> = config
        .routes
        .iter()
        .map(|route| (route.name.as_str(), route))
        .collect();
    let routed = |case: Read| {
        Some(Case {
            route: (*routes.get(case.name.as_str())?).clone(),
            name: case.name,
            place: case.place,
            refused: case.refused,
            answers: case.answers,
            steps: case.steps,
        })
    };
    let list = read.into_iter().filter_map(routed).collect();
    Ok(Cases {
        now,
        plugin,
        granted: false,
        list,
        config,
    })
}

/// A case that waits for its route.
struct Read {
    name: String,
    place: crate::config::Place,
    refused: Option<Expected<String>>,
    answers: Vec<super::Answer>,
    steps: Vec<super::Step>,
}

fn case(table: What, reading: &mut Reading<'_>) -> Option<Read> {
    let What::Table(mut table) = table else {
        return None;
    };
    let answers = table.list("http").into_iter().filter_map(|answer| match answer {
        What::Table(answer) => read::answer(answer, reading),
        _ => None,
    });
    let answers = answers.collect();
    let refused = read::text(&mut table, "refused", reading);
    let mut steps = Vec::new();
    for step in table.list("step") {
        if let What::Table(mut step) = step {
            steps.push(read::step(&mut step, reading));
        }
    }
    if steps.is_empty() {
        steps.push(read::step(&mut table, reading));
    } else {
        for key in ["request", "response", "expect", "after", "times"] {
            reading.conflict(
                &table,
                ["step", key],
                "a case with steps says everything of its requests there",
            );
        }
    }
    for key in ["request", "response", "expect", "after", "times", "step"] {
        reading.conflict(
            &table,
            ["refused", key],
            "without a configuration, nothing is sent",
        );
    }
    Some(Read {
        name: table.text("name")?.value,
        place: reading.place(table.at),
        refused,
        answers,
        steps,
    })
}

/// `[plugin]` as `[plugin.NAME]`: its source is the component, and without `grants` it may use what there is. With it,
/// whether there were any.
fn plugin(
    said: &mut Section,
    component: &Component,
    grants: Table,
    reading: &mut Reading<'_>,
) -> (Node, bool) {
    let mut table = Table::new(said.at);
    if let Some(What::Free(node)) = said.take("plugin") {
        table.at = node.at;
        if let Value::Table(entries) = node.value {
            table.entries = entries;
        }
    }
    for key in ["file", "url", "bundled", "sha256"] {
        if let Some((key, _)) = table.entries.iter().find(|(other, _)| other.name == key) {
            let message = format!("`{}` does not stand here", key.name);
            reading
                .problems
                .error(Code::Conflict, key.at, message)
                .help("the component that is tested is named on the command line");
        }
    }
    let granted = table.entries.iter().any(|(key, _)| key.name == "grants");
    match component {
        Component::Bundled(name) => table.add("bundled", text(name, table.at)),
        Component::File(path) => {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            table.add("file", text(&path.to_string_lossy(), table.at));
        }
        Component::Url { url, .. } => table.add("url", text(url, table.at)),
    }
    // A bundled one may use everything as it is.
    if !granted && !matches!(component, Component::Bundled(_)) {
        table.entry("grants", grants.node());
    }
    (table.node(), granted)
}

/// The route of a case. What it takes out is not the case's any more.
fn route(table: &mut What, plugin: &str) -> Option<Node> {
    let What::Table(case) = table else { return None };
    let mut route = Table::new(case.at);
    let name = case.entries.iter().find_map(|entry| match &entry.value {
        Some(What::Text(text)) if entry.key.name == "name" => Some(text.clone()),
        _ => None,
    })?;
    route.entry("name", said(name));
    for (key, ours, default) in [("path", "route", "/"), ("to", "to", "origin:80")] {
        let node = case.text(ours).map_or_else(|| made(default, case.at), said);
        route.entry(key, node);
    }
    let mut used = Table::new(case.at);
    used.entry("use", made(plugin, case.at));
    if let Some(What::Free(config)) = case.take("config") {
        used.at = config.at;
        used.entry("config", config);
    }
    route.add("plugins", Value::List(vec![used.node()]));
    Some(route.node())
}

/// The upstreams that a case has answers for.
fn asked(table: &What) -> Option<Vec<Node>> {
    let What::Table(case) = table else { return None };
    let http = case.entries.iter().find(|entry| entry.key.name == "http")?;
    let Some(What::List(answers)) = &http.value else {
        return None;
    };
    let upstream = |answer: &What| {
        let What::Table(answer) = answer else { return None };
        answer.entries.iter().find_map(|entry| match &entry.value {
            Some(What::Text(text)) if entry.key.name == "upstream" => Some(said(text.clone())),
            _ => None,
        })
    };
    Some(answers.iter().filter_map(upstream).collect())
}

/// A table in the making.
struct Table {
    at: At,
    entries: Vec<(Key, Node)>,
}

impl Table {
    fn new(at: At) -> Self {
        Self {
            at,
            entries: Vec::new(),
        }
    }

    fn entry(&mut self, name: &str, node: Node) {
        let key = Key {
            at: node.at,
            name: name.to_owned(),
        };
        self.entries.push((key, node));
    }

    fn add(&mut self, name: &str, value: Value) {
        self.entry(name, Node { at: self.at, value });
    }

    fn node(self) -> Node {
        Node {
            at: self.at,
            value: Value::Table(self.entries),
        }
    }
}

fn said(text: Text) -> Node {
    Node {
        at: text.at,
        value: Value::Text(text),
    }
}

fn made(value: &str, at: At) -> Node {
    Node {
        at,
        value: text(value, at),
    }
}

fn text(value: &str, at: At) -> Value {
    Value::Text(Text::made(value, at))
}
