//! `gatewit run --watch`: plugins are built again when their sources are saved, and the gateway takes what came out.
//!
//! For whoever writes a plugin: one line says what changed and how long it took. What does not build, or is refused,
//! changes nothing: the component that runs goes on.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use super::print;
use crate::config::{Component, Config};
use crate::gateway::Running;
use crate::plugin::Generation;
use crate::reload::{Outcome, Result as Reloaded, Trigger};

mod build;
mod sources;

use build::Build;
use sources::Sources;

/// How often sources are looked at. They are built when they look the same twice.
const LOOK: Duration = Duration::from_millis(200);

/// Never ends: whoever waits for it drops it.
pub(super) async fn watch(running: &Running) -> ! {
    let mut projects = BTreeMap::new();
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        let folders = folders(&running.config());
        projects.retain(|folder, _| folders.contains_key(folder));
        for (folder, plugins) in folders {
            let known = projects.remove(&folder);
            let project = Project::looked_at(folder.clone(), known).await;
            let project = match project.is_due() {
                true => project.build(&plugins, running).await,
                false => project,
            };
            projects.insert(folder, project);
        }
    }
}

/// The folders with the sources of plugins, each with the names of those plugins.
fn folders(config: &Config) -> BTreeMap<PathBuf, Vec<String>> {
    let mut folders: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for plugin in &config.plugins {
        if let Component::File(component) = &plugin.source
            && let Some(folder) = sources::folder_of(component)
        {
            folders.entry(folder).or_default().push(plugin.name.clone());
        }
    }
    folders
}

/// What is known of one folder.
struct Project {
    folder: PathBuf,
    /// As they were when the component was built.
    built: Sources,
    /// As they were looked at last, and the time before.
    seen: [Sources; 2],
}

impl Project {
    /// What is known, with another look.
    async fn looked_at(folder: PathBuf, known: Option<Self>) -> Self {
        let place = folder.clone();
        // Reading a folder may wait for a disk; a task that fails has seen nothing.
        let now = spawn_blocking(move || Sources::of(&place))
            .await
            .unwrap_or_default();
        match known {
            Some(Self { built, seen, .. }) => {
                let [last, _] = seen;
                Self {
                    folder,
                    built,
                    seen: [now, last],
                }
            }
            None => Self {
                folder,
                built: now.clone(),
                seen: [now.clone(), now],
            },
        }
    }

    /// Whether something was saved, and rests.
    fn is_due(&self) -> bool {
        self.seen[0] == self.seen[1] && self.seen[0] != self.built
    }

    async fn build(self, plugins: &[String], running: &Running) -> Self {
        let changed = self.seen[0].changed(&self.built);
        let built = self.seen[0].clone();
        let before = generations(plugins, running);
        let began = Instant::now();
        let said = match Build::start(&self.folder) {
            Ok(build) => match build.end().await {
                Ok(()) => {
                    let took = began.elapsed();
                    let loading = Instant::now();
                    let outcome = running.reload().reload(Trigger::File).await;
                    let built = format!("built in {}", shown(took));
                    let live = before.replaced(plugins, running);
                    outcome.map(|outcome| loaded(&outcome, &live, &built, loading.elapsed()))
                }
                Err(output) => Some(format!("does not build, the old one runs on:\n{output}")),
            },
            Err(error) => Some(format!("cannot be built, the old one runs on: {error}")),
        };
        if let Some(said) = said {
            print(&format!("{}: {changed} changed; {said}\n", plugins.join(", ")));
        }
        Self { built, ..self }
    }
}

/// What ran before a build, plugin by plugin. The gateway looks at files by itself, and may be faster than whoever asks it
/// to: what became of a component is seen by what runs, not by who had it loaded.
struct Generations(Vec<Option<Arc<Generation>>>);

fn generations(plugins: &[String], running: &Running) -> Generations {
    Generations(plugins.iter().map(|plugin| running.generation(plugin)).collect())
}

impl Generations {
    /// What runs now in the place of something else, in words.
    fn replaced(&self, plugins: &[String], running: &Running) -> Vec<String> {
        let pairs = plugins.iter().zip(&self.0);
        let changed = pairs.filter_map(|(plugin, before)| {
            let now = running.generation(plugin)?;
            let number = before.as_ref().map(|before| before.number());
            let is_other = before
                .as_ref()
                .is_none_or(|before| before.digest() != now.digest());
            let place = number.map(|number| format!(" in the place of {number}"));
            is_other.then(|| {
                let (number, digest) = (now.number(), now.digest());
                format!(
                    "plugin {plugin}: generation {number} ({}){}",
                    digest.short(),
                    place.unwrap_or_default()
                )
            })
        });
        changed.collect()
    }
}

/// What became of a component that was built.
fn loaded(outcome: &Outcome, live: &[String], built: &str, load: Duration) -> String {
    match &outcome.result {
        Reloaded::Rejected { diagnostics } => {
            format!("{built}, and refused, the old one runs on:\n{diagnostics}")
        }
        _ if live.is_empty() => format!("{built}, it is the same component"),
        _ => format!("{built}, live {} later: {}", shown(load), live.join(", ")),
    }
}

fn shown(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}
