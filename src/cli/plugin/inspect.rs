//! `gatewit plugin inspect`: what is in a component, what it asks for, and what it costs before it does anything.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::component::{self, Component, Error, FileArg};
use super::size;
use crate::cli::routes::table;
use crate::cli::{Exit, complain, print};
use crate::config::Plugin;
use crate::plugin::{Engine, Generation, contract};

/// Instances that are made to say what one costs.
const INSTANCES: usize = 50;

/// What `inspect` takes.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    file: FileArg,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// What is known of a component.
#[derive(Debug)]
struct Report {
    facts: Vec<(&'static str, Value)>,
    /// Why the rest is not known.
    broken: Option<String>,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Exit {
    let component = match args.file.read() {
        Ok(component) => component,
        Err(error) => return component::failed(&error),
    };
    let mut report = Report {
        facts: vec![
            ("file", component.shown().into()),
            ("size", component.bytes.len().into()),
            ("sha256", component.digest().to_string().into()),
        ],
        broken: None,
    };
    match component::run(look(&component)) {
        Ok(facts) => report.facts.extend(facts),
        Err(error) => report.broken = Some(error.to_string()),
    }
    if args.json {
        print(&format!("{:#}\n", report.json()));
    } else {
        print(&report.text());
        if let Some(why) = &report.broken {
            complain(&format!("error: {why}\n"));
        }
    }
    if report.broken.is_none() {
        Exit::Ok
    } else {
        Exit::Failed
    }
}

async fn look(component: &Component) -> Result<Vec<(&'static str, Value)>, Error> {
    let engine = Engine::new(None)?;
    let plugin = component.plugin();
    let generation = component.load(&engine, &plugin).await?;
    let info = generation.info();
    let (instantiate, memory) = weigh(&generation, &plugin).await;
    let needs = generation.needs().iter();
    let needs: Map<String, Value> = needs
        .map(|(interface, grant)| (interface.clone(), (*grant).into()))
        .collect();
    Ok(vec![
        ("name", info.name.clone().into()),
        ("version", info.version.clone().into()),
        ("contract", built_for(&generation).into()),
        ("hooks", generation.hooks().names().collect()),
        ("imports", ours(&generation).map(interface).collect()),
        ("grants", needs.into()),
        ("wasi", others(&generation).collect()),
        ("stubs", generation.stubs().to_vec().into()),
        ("compile_ms", milliseconds(generation.timings().compile)),
        ("instantiate_ms", instantiate.map_or(Value::Null, milliseconds)),
        ("memory", memory.map_or(Value::Null, Value::from)),
        ("schema", generation.schema().cloned().unwrap_or_default()),
    ])
}

/// How long an instance takes that is not the first one (the median), and how large it is.
async fn weigh(generation: &Arc<Generation>, plugin: &Plugin) -> (Option<Duration>, Option<usize>) {
    let mut times = Vec::with_capacity(INSTANCES);
    let mut memory = None;
    for _ in 0..INSTANCES {
        if let Ok((took, bytes)) = generation.instantiate(plugin).await {
            times.push(took);
            memory = Some(bytes);
        }
    }
    times.sort_unstable();
    (times.get(times.len() / 2).copied(), memory)
}

/// The version of the contract that its interfaces name.
fn built_for(generation: &Generation) -> String {
    let exports = generation.exports().iter();
    let version = exports
        .filter(|name| is_ours(name))
        .find_map(|name| name.split_once('@'));
    version
        .map_or(contract::VERSION, |(_, version)| version)
        .to_owned()
}

fn is_ours(name: &str) -> bool {
    name.starts_with("gatewit:plugin/")
}

fn ours(generation: &Generation) -> impl Iterator<Item = &str> {
    let imports = generation.imports().iter().map(String::as_str);
    imports.filter(|name| is_ours(name))
}

fn others(generation: &Generation) -> impl Iterator<Item = &str> {
    let imports = generation.imports().iter().map(String::as_str);
    imports.filter(|name| !is_ours(name))
}

/// `gatewit:plugin/log@0.1.0` is `log`.
fn interface(name: &str) -> &str {
    let name = name.rsplit_once('/').map_or(name, |(_, name)| name);
    name.split_once('@').map_or(name, |(name, _)| name)
}

fn milliseconds(duration: Duration) -> Value {
    // Nanoseconds are more than anybody can measure here.
    json!((duration.as_secs_f64() * 1e6).round() / 1e3)
}

impl Report {
    fn json(&self) -> Value {
        let facts = self
            .facts
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        let mut facts: Map<String, Value> = facts.collect();
        facts.insert("ok".to_owned(), self.broken.is_none().into());
        if let Some(why) = &self.broken {
            facts.insert("error".to_owned(), why.clone().into());
        }
        facts.into()
    }

    fn text(&self) -> String {
        let lines = self.facts.iter().filter_map(|(name, value)| {
            let said = match (*name, value) {
                ("size" | "memory", Value::Number(bytes)) => size(bytes.as_u64()?),
                ("compile_ms" | "instantiate_ms", Value::Number(number)) => format!("{number} ms"),
                ("schema", _) => return None,
                (_, Value::String(text)) => text.clone(),
                ("wasi", Value::Array(names)) => wasi(names.iter().filter_map(Value::as_str)),
                (_, Value::Array(names)) => listed(names.iter().filter_map(Value::as_str)),
                ("grants", Value::Object(grants)) => {
                    let needs = grants.iter().map(|(interface, grant)| {
                        format!("{} (for {interface})", grant.as_str().unwrap_or_default())
                    });
                    listed(needs)
                }
                (_, Value::Null) => "unknown".to_owned(),
                (_, other) => other.to_string(),
            };
            Some([name.trim_end_matches("_ms").to_owned(), said])
        });
        let mut text = table(None, lines.collect());
        if let Some((_, schema @ Value::Object(_))) = self.facts.iter().find(|(name, _)| *name == "schema") {
            text.push_str(&keys(schema));
        }
        text
    }
}

fn listed(names: impl Iterator<Item = impl AsRef<str>>) -> String {
    let names: Vec<_> = names.map(|name| name.as_ref().to_owned()).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

/// `cli/exit, io/poll (0.2.6)`.
fn wasi<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let (mut interfaces, mut versions) = (Vec::new(), Vec::new());
    for name in names {
        let (interface, version) = name.split_once('@').unwrap_or((name, ""));
        interfaces.push(interface.strip_prefix("wasi:").unwrap_or(interface));
        if !versions.contains(&version) {
            versions.push(version);
        }
    }
    if interfaces.is_empty() {
        return "none".to_owned();
    }
    format!("{} ({})", interfaces.join(", "), versions.join(", "))
}

/// The keys of a configuration, as far as a line each says them; `--json` has the schema itself.
fn keys(schema: &Value) -> String {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let properties = schema["properties"].as_object();
    let lines: Vec<_> = properties
        .into_iter()
        .flatten()
        .map(|(key, value)| {
            let mut kind = kind(value);
            if required.iter().any(|name| name == key) {
                kind.push_str(", required");
            } else if let Some(default) = value.get("default") {
                let _ = write!(kind, ", default {default}");
            }
            let about = value["description"].as_str().unwrap_or_default();
            [format!("  {key}"), kind, about.replace('\n', " ")]
        })
        .collect();
    if lines.is_empty() {
        return "configuration: no keys\n".to_owned();
    }
    format!("configuration\n{}", table(None, lines))
}

fn kind(schema: &Value) -> String {
    match &schema["type"] {
        Value::String(one) => one.clone(),
        Value::Array(several) => several
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(" or "),
        _ => "any".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_a_line_each() {
        let schema = json!({
            "required": ["word"],
            "properties": {
                "word": { "type": "string", "description": "Says\nmuch." },
                "times": { "type": ["integer", "null"], "default": 3 },
                "any": {},
            },
        });
        assert_eq!(
            keys(&schema),
            "configuration\n  word   string, required            Says much.\n  \
             times  integer or null, default 3\n  any    any\n"
        );
        assert_eq!(keys(&json!({})), "configuration: no keys\n");
    }

    #[test]
    fn interfaces_are_called_by_their_names() {
        let names = ["wasi:cli/exit@0.2.6", "wasi:io/poll@0.2.6"];
        assert_eq!(wasi(names.into_iter()), "cli/exit, io/poll (0.2.6)");
        assert_eq!(interface("gatewit:plugin/http-client@0.1.0"), "http-client");
        assert_eq!(interface("odd"), "odd");
    }
}
