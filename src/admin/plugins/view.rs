//! What runs and what was, as JSON and as metrics.

use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::admin::State;
use crate::config::Component;
use crate::plugin::{Bound, Digest, Generation, Hook, Ledger, Link, Member, Stats};
use crate::snapshot::Snapshot;
use crate::telemetry::Rfc3339;
use crate::telemetry::metrics::{Family, Kind, Sample};

/// Every plugin, in the order of the configuration.
pub(in crate::admin) fn all(state: &State, snapshot: &Snapshot) -> Value {
    let members = snapshot.plugins.plugins().iter();
    members
        .map(|member| Value::Object(short(member, &ledger(state, member))))
        .collect()
}

/// One plugin with its uses and its history.
pub(in crate::admin) fn one(state: &State, snapshot: &Snapshot, name: &str) -> Option<Value> {
    let member = snapshot.plugins.find(name)?;
    let ledger = ledger(state, member);
    let mut view = short(member, &ledger);
    if let Some(generation) = &member.generation {
        let timings = generation.timings();
        view.insert("about".to_owned(), json!(generation.info().name));
        view.insert("imports".to_owned(), json!(generation.imports()));
        view.insert("stubs".to_owned(), json!(generation.stubs()));
        view.insert("compile_ms".to_owned(), json!(milliseconds(timings.compile)));
        view.insert("compiled_before".to_owned(), json!(timings.cached));
        view.insert("describe_ms".to_owned(), json!(milliseconds(timings.describe)));
    }
    let uses = member.uses.iter().map(|(link, routes)| used(link, routes));
    view.insert("uses".to_owned(), uses.collect());
    view.insert("history".to_owned(), history(member, &ledger));
    view.insert(
        "loads".to_owned(),
        json!({"live": ledger.loaded, "failed": ledger.failed}),
    );
    Some(Value::Object(view))
}

fn ledger(state: &State, member: &Member) -> Ledger {
    state.loader.ledger(&member.plugin.name).unwrap_or_default()
}

fn short(member: &Member, ledger: &Ledger) -> Map<String, Value> {
    let generation = member.generation.as_deref();
    let digest = generation.map(Generation::digest);
    let routes: BTreeSet<_> = member.uses.iter().flat_map(|(_, routes)| routes).collect();
    let bounds: Vec<_> = member.uses.iter().filter_map(|(link, _)| link.ready()).collect();
    let sum = |what: fn(&Stats) -> u64| bounds.iter().map(|bound| what(bound.stats())).sum::<u64>();
    let quarantined: usize = bounds.iter().map(|bound| bound.quarantined().len()).sum();
    let problems = member.problems.iter().map(|problem| problem.message.as_str());
    let wanted = ledger
        .history
        .wanted()
        .filter(|wanted| Some(wanted.digest) == digest);
    let failure = ledger.failure.as_ref();
    let view = json!({
        "name": member.plugin.name,
        "state": condition(member),
        "source": source(&member.plugin.source),
        "generation": generation.map(Generation::number),
        "digest": digest,
        "size": generation.map(Generation::size),
        "version": generation.map(|it| it.info().version.as_str()),
        "hooks": generation.map(|it| it.hooks().names().collect::<Vec<_>>()),
        "wanted_by": wanted.map(|wanted| wanted.by),
        "routes": routes,
        "calls": sum(|stats| Hook::ALL.iter().map(|hook| stats.calls(*hook).calls).sum()),
        "failed": sum(|stats| Hook::ALL.iter().map(|hook| stats.calls(*hook).failures).sum()),
        "instances": sum(|stats| stats.instances() as u64),
        "memory": sum(|stats| stats.memory() as u64),
        "quarantined": quarantined,
        "problems": problems.collect::<Vec<_>>(),
        "last_failure": failure.map(|it| json!({"at": Rfc3339(it.at).to_string(), "problems": it.problems})),
    });
    match view {
        Value::Object(view) => view,
        _ => Map::new(),
    }
}

/// `failed` when nothing of it runs, `partly` when some uses do not.
fn condition(member: &Member) -> &'static str {
    match (&member.generation, member.problems.is_empty()) {
        (None, _) => "failed",
        (Some(_), false) => "partly",
        (Some(_), true) => "live",
    }
}

fn source(component: &Component) -> Value {
    match component {
        Component::Bundled(name) => json!({"bundled": name}),
        Component::File(path) => json!({"file": path}),
        Component::Url { url, sha256 } => json!({"url": url, "sha256": Digest(*sha256)}),
    }
}

fn used(link: &Link, routes: &[String]) -> Value {
    let mut view = json!({
        "routes": routes,
        "config": link.used().config.masked(),
        "authentication": link.used().authentication,
    });
    match link {
        Link::Broken { why, .. } => view["problem"] = json!(**why),
        Link::Ready(bound) => costs(&mut view, bound),
    }
    view
}

fn costs(view: &mut Value, bound: &Bound) {
    let stats = bound.stats();
    let hooks = Hook::ALL.into_iter().map(|hook| (hook, stats.calls(hook)));
    let called = hooks.filter(|(_, calls)| calls.calls > 0).map(|(hook, calls)| {
        let mean = calls.time.as_secs_f64() * 1e6 / calls.calls as f64;
        let costs = json!({
            "calls": calls.calls,
            "failed": calls.failures,
            "mean_us": mean,
            "slowest_us": calls.slowest.as_secs_f64() * 1e6,
        });
        (hook.name().to_owned(), costs)
    });
    view["hooks"] = Value::Object(called.collect());
    view["instances"] = json!(stats.instances());
    view["instances_made"] = json!(stats.made());
    view["memory"] = json!(stats.memory());
    let closed = bound.quarantined().into_iter();
    view["quarantined"] = closed
        .map(|(route, cause)| json!({"route": route, "cause": cause}))
        .collect();
}

fn history(member: &Member, ledger: &Ledger) -> Value {
    let live = member.generation.as_ref().map(|live| live.digest());
    let entries = ledger.history.generations().iter().rev();
    entries
        .map(|entry| {
            let since = UNIX_EPOCH + Duration::from_secs(entry.since);
            json!({
                "generation": entry.number,
                "digest": entry.digest,
                "size": entry.size,
                "origin": entry.origin,
                "since": Rfc3339(since).to_string(),
                "live": Some(entry.digest) == live,
                "left": entry.left,
            })
        })
        .collect()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// What is known of plugins, as metrics. What their calls cost is counted where they are made.
pub(in crate::admin) fn families(state: &State, snapshot: &Snapshot) -> Vec<Family> {
    let members: Vec<_> = snapshot
        .plugins
        .plugins()
        .iter()
        .map(|member| (member, ledger(state, member)))
        .collect();
    let each = |name, help, value: fn(&Member) -> Option<f64>| Family {
        name,
        help,
        kind: Kind::Gauge,
        samples: members
            .iter()
            .filter_map(|(member, _)| Some(sample(member, [], value(member)?)))
            .collect(),
    };
    vec![
        info(members.iter().map(|(member, _)| &***member)),
        loads(&members),
        each("plugin_generation", "Generation that runs", |member| {
            member.generation.as_ref().map(|it| it.number() as f64)
        }),
        each("plugin_instances", "Instances, idle ones included", |member| {
            Some(total(member, |bound| bound.stats().instances()))
        }),
        each(
            "plugin_memory_bytes",
            "Linear memory of all instances",
            |member| Some(total(member, |bound| bound.stats().memory())),
        ),
        each(
            "plugin_quarantined",
            "Routes on which it is not asked because it kept failing",
            |member| Some(total(member, |bound| bound.quarantined().len())),
        ),
        each(
            "plugin_problems",
            "Reasons why it, or a use of it, can not run",
            |member| Some(member.problems.len() as f64),
        ),
    ]
}

fn info<'m>(members: impl Iterator<Item = &'m Member>) -> Family {
    let samples = members.filter_map(|member| {
        let generation = member.generation.as_ref()?;
        let labels = [
            ("digest", generation.digest().to_string()),
            ("version", generation.info().version.clone()),
        ];
        Some(sample(member, labels, 1.0))
    });
    Family {
        name: "plugin_info",
        help: "What runs",
        kind: Kind::Gauge,
        samples: samples.collect(),
    }
}

fn loads(members: &[(&std::sync::Arc<Member>, Ledger)]) -> Family {
    let samples = members.iter().flat_map(|(member, ledger)| {
        let results = [("live", ledger.loaded), ("failed", ledger.failed)];
        results.map(|(result, count)| sample(member, [("result", result.to_owned())], count as f64))
    });
    Family {
        name: "plugin_loads",
        help: "Generations loaded, by result",
        kind: Kind::Counter,
        samples: samples.collect(),
    }
}

fn total(member: &Member, what: fn(&Bound) -> usize) -> f64 {
    let bounds = member.uses.iter().filter_map(|(link, _)| link.ready());
    bounds.map(|bound| what(bound)).sum::<usize>() as f64
}

fn sample<const N: usize>(member: &Member, labels: [(&'static str, String); N], value: f64) -> Sample {
    let mut all = vec![("plugin", member.plugin.name.clone())];
    all.extend(labels);
    Sample { labels: all, value }
}
