//! From configuration to plugins that run: find the components, compile, check and try them, take over what did not
//! change. Nothing that runs is touched before [`Loader::commit`], and nothing is left behind when that is not called.
//!
//! On the control runtime, one load at a time; what takes long is done off it.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::history::{Arrival, By, History, Origin};
use super::set::{Problem, Set};
use super::{Digest, Engine, Powers, Store, source};
use crate::config::{self, Code, Component, Config, Diagnostics};
use crate::telemetry::metrics::Custom;
use crate::tls;

mod one;

use one::One;

/// What outlives snapshots: the engine, the state folder, and what every plugin was.
#[derive(Debug)]
pub struct Loader {
    store: Option<Arc<Store>>,
    custom: Custom,
    engine: Mutex<Option<Arc<Engine>>>,
    ledgers: Mutex<BTreeMap<String, Ledger>>,
    /// That the state folder refuses has been said.
    warned: AtomicBool,
}

/// What is known of one plugin beside what runs.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Its generations.
    pub history: History,
    /// How the last load that failed did.
    pub failure: Option<Failure>,
    /// Generations that went live.
    pub loaded: u64,
    /// Loads that failed.
    pub failed: u64,
}

/// A load that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// When.
    pub at: SystemTime,
    /// What was wrong, one sentence each.
    pub problems: Vec<String>,
}

/// What is wanted of one plugin, other than what its source holds.
#[derive(Clone, Debug)]
pub struct Order {
    /// Its name.
    pub plugin: String,
    /// What is wanted.
    pub wish: Wish,
}

/// See [`Order`].
#[derive(Clone, Debug)]
pub enum Wish {
    /// Load it again, with new instances, even if nothing changed.
    Again,
    /// Run this component.
    Put(Bytes),
    /// Go back: to the generation of this number, or to the one that ran before.
    Back(Option<u64>),
}

/// What a load came to, beside the set.
#[derive(Debug, Default)]
pub struct Loading {
    /// Generations that go live with it.
    pub changes: Vec<Change>,
    /// Why some plugins, or uses of them, cannot run.
    pub problems: Vec<Problem>,
    /// Why what the source of a plugin holds now takes nobody's place.
    pub held_back: Vec<Problem>,
    arrivals: Vec<(String, Arrival, Bytes)>,
}

/// One generation takes the place of another.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Change {
    /// The plugin's name.
    pub plugin: String,
    /// Its number.
    pub generation: u64,
    /// Of its component.
    pub digest: Digest,
    /// Bytes of its component.
    pub size: u64,
    /// The number of the one that ran before, if any did.
    pub previous: Option<u64>,
    /// Where its component came from.
    pub origin: Origin,
    /// From the component to code.
    #[serde(serialize_with = "milliseconds", rename = "load_ms")]
    pub load: Duration,
}

impl Loading {
    /// Everything that failed, with or without consequences.
    pub fn failures(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().chain(&self.held_back)
    }

    /// What is wrong, at the places of this configuration.
    pub fn diagnostics(&self, config: &Config) -> Diagnostics {
        let mut all = Diagnostics::default();
        for problem in self.failures() {
            let Problem {
                place, message, help, ..
            } = problem;
            all.extend(Diagnostics::at(
                Code::Plugin,
                place,
                config,
                message,
                help.clone(),
            ));
        }
        all
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            plugin, generation, ..
        } = self;
        write!(
            f,
            "plugin {plugin}: generation {generation} ({})",
            self.digest.short()
        )?;
        match self.previous {
            Some(previous) if previous != *generation => write!(f, " in the place of {previous}"),
            Some(_) => f.write_str(" again"),
            None => Ok(()),
        }
    }
}

impl Loader {
    /// Nothing is loaded and nothing is read yet. `state` is [`Config::state`]; what plugins count goes to `custom`.
    pub fn new(state: Option<&Path>, custom: &Custom) -> Self {
        Self {
            custom: custom.clone(),
            store: state.map(|folder| Arc::new(Store::new(folder))),
            engine: Mutex::default(),
            ledgers: Mutex::default(),
            warned: AtomicBool::new(false),
        }
    }

    /// Where plugins count.
    pub fn custom(&self) -> &Custom {
        &self.custom
    }

    /// Whether components outlive the process.
    pub fn has_state(&self) -> bool {
        self.store.is_some()
    }

    /// What is known of a plugin beside what runs.
    pub fn ledger(&self, plugin: &str) -> Option<Ledger> {
        lock(&self.ledgers).get(plugin).cloned()
    }

    /// Loads what `config` uses, over `tls` where it has to be downloaded. What is as it was in `previous` is taken over:
    /// the same code, the same instances.
    pub async fn load(
        &self,
        config: &Config,
        previous: Option<&Set>,
        powers: &Arc<Powers>,
        order: Option<&Order>,
        tls: &tls::Client,
    ) -> (Set, Loading) {
        let mut loading = Loading::default();
        let mut members = Vec::with_capacity(config.plugins.len());
        for plugin in &config.plugins {
            let wish = order
                .filter(|order| order.plugin == plugin.name)
                .map(|order| &order.wish);
            let before = previous.and_then(|set| set.find(&plugin.name));
            if let (Some(before), Some(_), None) = (before, order, wish) {
                // Only one is asked for: whatever the others' sources hold by now.
                members.push(Arc::clone(before));
                continue;
            }
            let one = One {
                loader: self,
                tls,
                plugin,
                before,
                powers,
                same_powers: previous.is_some_and(|set| Arc::ptr_eq(&set.powers, powers)),
                again: matches!(wish, Some(Wish::Again)),
            };
            self.open_ledger(&plugin.name).await;
            members.push(Arc::new(one.load(config, wish, &mut loading).await));
        }
        (Set::new(config, members, Arc::clone(powers)), loading)
    }

    /// The generations of this load run from now on. To be called before they do: what was given by the API has to be
    /// on the disk first.
    ///
    /// # Errors
    ///
    /// A component that was given by the API cannot be kept.
    pub async fn commit(&self, loading: &Loading) -> io::Result<()> {
        for (plugin, arrival, component) in &loading.arrivals {
            let mut history = self.ledger(plugin).unwrap_or_default().history;
            let before = history.manifest();
            history.arrived(arrival, SystemTime::now());
            if history.manifest() != before {
                let kept = self.keep(plugin, &history, arrival, component).await;
                if let Err(error) = kept {
                    if arrival.wanted.is_some_and(|wanted| wanted.by == By::Put) {
                        return Err(error);
                    }
                    self.warn_once(&error);
                    history.keep_component(arrival.digest, component.clone());
                }
            }
            if self.store.is_none() {
                history.keep_component(arrival.digest, component.clone());
            }
            let mut ledgers = lock(&self.ledgers);
            ledgers.entry(plugin.clone()).or_default().history = history;
        }
        let mut ledgers = lock(&self.ledgers);
        for change in &loading.changes {
            ledgers.entry(change.plugin.clone()).or_default().loaded += 1;
        }
        Ok(())
    }

    /// Remembers why a load was given up, or left something broken.
    pub fn note_failures<'p>(&self, problems: impl Iterator<Item = &'p Problem>) {
        let mut failures: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for problem in problems {
            failures
                .entry(&problem.plugin)
                .or_default()
                .push(problem.message.clone());
        }
        let mut ledgers = lock(&self.ledgers);
        for (plugin, problems) in failures {
            let ledger = ledgers.entry(plugin.to_owned()).or_default();
            ledger.failed += 1;
            ledger.failure = Some(Failure {
                at: SystemTime::now(),
                problems,
            });
        }
    }

    async fn keep(
        &self,
        plugin: &str,
        history: &History,
        arrival: &Arrival,
        component: &Bytes,
    ) -> io::Result<()> {
        let Some(store) = self.store.clone() else {
            return Ok(());
        };
        let (plugin, manifest, keep) = (plugin.to_owned(), history.manifest(), history.digests());
        let (digest, component) = (arrival.digest, component.clone());
        let written = tokio::task::spawn_blocking(move || {
            store.keep_component(&plugin, digest, &component)?;
            store.write_manifest(&plugin, &manifest, &keep)
        });
        written.await.unwrap_or_else(|panic| Err(io::Error::other(panic)))
    }

    /// It is the same for every plugin, and for every load.
    fn warn_once(&self, error: &io::Error) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            let folder = self.store.as_ref().map(|store| store.folder().display());
            tracing::warn!(folder = folder.map(tracing::field::display), %error,
                "plugins can not be kept in the state folder: going back ends with this process");
        }
    }

    /// What an earlier process knew of a plugin.
    async fn open_ledger(&self, plugin: &str) {
        if lock(&self.ledgers).contains_key(plugin) {
            return;
        }
        let mut ledger = Ledger::default();
        if let Some(store) = self.store.clone() {
            let of = plugin.to_owned();
            let read = tokio::task::spawn_blocking(move || {
                let manifest = store.manifest(&of)?;
                let history = manifest.map(|manifest| History::read(&manifest));
                history.transpose().map_err(io::Error::other)
            });
            match read.await.unwrap_or_else(|panic| Err(io::Error::other(panic))) {
                Ok(history) => ledger.history = history.unwrap_or_default(),
                Err(error) => {
                    tracing::warn!(plugin, %error, "what was known of a plugin cannot be read, and is forgotten");
                }
            }
        }
        lock(&self.ledgers).insert(plugin.to_owned(), ledger);
    }

    /// Made when the first plugin is loaded: a gateway without plugins pays nothing for them.
    fn engine(&self) -> Result<Arc<Engine>, String> {
        let mut engine = lock(&self.engine);
        if let Some(engine) = &*engine {
            return Ok(Arc::clone(engine));
        }
        let compiled = self.store.as_ref().map(|store| store.compiled());
        let made = Engine::new(compiled.as_deref()).map_err(|error| error.to_string())?;
        Ok(Arc::clone(engine.insert(made)))
    }

    /// What the source holds. One that is known by its digest is not asked again.
    async fn source(
        &self,
        plugin: &config::Plugin,
        history: &History,
        tls: &tls::Client,
    ) -> Result<Bytes, source::Error> {
        if let Component::Url { sha256, .. } = &plugin.source
            && let Some(component) = history.component(Digest(*sha256))
        {
            return Ok(component);
        }
        source::read(&plugin.source, self.store.as_deref(), tls).await
    }

    /// The component of an earlier generation.
    async fn earlier(&self, plugin: &str, history: &History, digest: Digest) -> Option<Bytes> {
        if let Some(component) = history.component(digest) {
            return Some(component);
        }
        let (store, plugin) = (self.store.clone()?, plugin.to_owned());
        let read = tokio::task::spawn_blocking(move || store.component(&plugin, digest));
        read.await.ok().flatten()
    }
}

fn milliseconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64() * 1000.0)
}

/// What is kept there is replaced as a whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
