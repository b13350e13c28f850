//! `gatewit plugin check`: everything that loading a component checks, and whether it takes a configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::component::{self, Component, Error, FileArg};
use crate::cli::{Exit, complain, print};
use crate::plugin::{Bound, Engine, Generation, Powers, contract, schema};

/// What `check` takes.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    file: FileArg,
    /// Try this configuration: JSON, or @FILE for a file that holds it
    #[arg(long, value_name = "JSON", value_parser = component::configuration)]
    config: Option<Map<String, Value>>,
}

/// What came out.
struct Checked {
    text: String,
    /// Pointer and message; `None` when no configuration was tried.
    problems: Option<Vec<(String, String)>>,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Exit {
    let checked = args.file.read().and_then(|component| {
        let config = args.config.clone().map(Value::Object);
        component::run(check(component, config))
    });
    match checked {
        Err(error) => component::failed(&error),
        Ok(Checked { text, problems }) => {
            print(&text);
            match problems {
                Some(problems) if !problems.is_empty() => refused(&problems),
                Some(_) => {
                    print("the configuration is good\n");
                    Exit::Ok
                }
                None => Exit::Ok,
            }
        }
    }
}

fn refused(problems: &[(String, String)]) -> Exit {
    for (pointer, message) in problems {
        if pointer.is_empty() {
            complain(&format!("error: configuration: {message}\n"));
        } else {
            complain(&format!("error: configuration, {pointer}: {message}\n"));
        }
    }
    Exit::Config
}

async fn check(component: Component, config: Option<Value>) -> Result<Checked, Error> {
    let engine = Engine::new(None)?;
    let plugin = component.plugin();
    let generation = component.load(&engine, &plugin).await?;
    let problems = match config {
        Some(config) => Some(tried(&generation, &plugin, config).await),
        None => None,
    };
    let info = generation.info();
    let hooks: Vec<_> = generation.hooks().names().collect();
    let text = format!(
        "{} is good: {} {}, {}, contract {}\n{}{}",
        component.shown(),
        info.name,
        info.version,
        hooks.join(", "),
        contract::VERSION,
        needed(&generation),
        stubbed(&generation)
    );
    Ok(Checked { text, problems })
}

/// What the configuration has to grant, as it would say it.
fn needed(generation: &Generation) -> String {
    let mut grants: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (interface, grant) in generation.needs() {
        grants.entry(grant).or_default().push(interface);
    }
    if grants.is_empty() {
        return String::new();
    }
    let why: Vec<_> = grants
        .iter()
        .map(|(grant, interfaces)| format!("{grant} (for {})", interfaces.join(", ")))
        .collect();
    let said: Vec<_> = grants.keys().map(|grant| format!("{grant} = [\"…\"]")).collect();
    format!(
        "it has to be granted {}: grants = {{ {} }}\n",
        why.join(", "),
        said.join(", ")
    )
}

/// What the configuration has to say of imports that nobody offers.
fn stubbed(generation: &Generation) -> String {
    let stubs = generation.stubs();
    if stubs.is_empty() {
        return String::new();
    }
    format!(
        "nobody offers {}: it loads with `stub_ungranted = true`, and fails when it calls one of them\n",
        stubs.join(", ")
    )
}

/// What the schema and then the plugin itself say against a configuration.
async fn tried(
    generation: &Arc<Generation>,
    plugin: &crate::config::Plugin,
    config: Value,
) -> Vec<(String, String)> {
    if let Some(schema) = generation.schema() {
        let complaints = schema::check(schema, &config);
        if !complaints.is_empty() {
            let told = complaints.into_iter();
            return told
                .map(|complaint| (complaint.pointer, complaint.message))
                .collect();
        }
    }
    let used = Arc::new(component::used(plugin, config));
    let powers = Arc::new(Powers::default());
    match Bound::try_new(generation, &used, &Arc::new(plugin.clone()), &powers).await {
        Ok(_) => Vec::new(),
        Err(problems) => problems
            .into_iter()
            .map(|problem| (problem.pointer, problem.message))
            .collect(),
    }
}
