//! Asking swarm listeners for every service: at start until all have answered, and when somebody wishes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{self, Arc, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Mutex, Notify};
use tokio::time::{self, Instant};

use super::plan::{self, Origin};
use super::services::{Roll, Services};
use super::understand::{Understood, Wrong, understand};
use crate::config::Additions;
use crate::fetch::{self, Limits};
use crate::snapshot::Live;

/// What is waited for.
const LIMITS: Limits = Limits {
    time: Duration::from_secs(10),
    size: 16 << 20,
};

/// Between two questions while there is no answer: from the first to the longest, doubling.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

const PATH: &str = "/v1/docker-flow-swarm-listener/get-services";

/// What swarm listeners know.
pub(super) struct Sync {
    live: Live,
    services: Arc<Services>,
    listeners: Vec<String>,
    learned: AtomicBool,
    /// One question at a time: a late answer to an earlier one counts for nothing.
    turn: Mutex<()>,
    /// Services that were not named, and since when.
    missing: sync::Mutex<BTreeMap<String, Instant>>,
    /// Told after every question.
    asked: Notify,
}

impl Sync {
    pub(super) fn new(live: Live, services: Arc<Services>, listeners: Vec<String>) -> Self {
        let learned = AtomicBool::new(listeners.is_empty());
        Self {
            live,
            services,
            listeners,
            learned,
            turn: Mutex::new(()),
            missing: sync::Mutex::default(),
            asked: Notify::new(),
        }
    }

    pub(super) fn listeners(&self) -> &[String] {
        &self.listeners
    }

    /// Whether every listener has answered once.
    pub(super) fn has_learned(&self) -> bool {
        self.learned.load(Ordering::Acquire)
    }

    /// Asks until every listener has answered once.
    pub(super) async fn learn(&self) {
        let mut pause = PAUSES.0;
        while !self.has_learned() {
            if let Err(error) = self.ask().await {
                tracing::warn!(%error, "the services are not known yet");
                time::sleep(pause).await;
                pause = (pause * 2).min(PAUSES.1);
            }
        }
    }

    /// Asks again when the time of services is over that no listener names any more. Never ends.
    pub(super) async fn keep(&self) {
        loop {
            let due = lock(&self.missing)
                .values()
                .min()
                .map(|since| *since + self.grace());
            match due {
                Some(due) => time::sleep_until(due).await,
                None => self.asked.notified().await,
            }
            if due.is_some()
                && let Err(error) = self.ask().await
            {
                tracing::warn!(%error, "services that are gone are not forgotten yet");
                time::sleep(PAUSES.1).await;
            }
        }
    }

    /// Asks once. Services that no listener names any more go only when all have answered, and have not named them
    /// for a while: a listener leaves out a service whose tasks do not all run.
    pub(super) async fn ask(&self) -> Result<(), String> {
        let _turn = self.turn.lock().await;
        // What is called while they are asked is newer than what they say.
        let before = self.services.known();
        let mut services: BTreeMap<String, Understood> = BTreeMap::new();
        let mut kept = Vec::new();
        for listener in &self.listeners {
            for said in self.fetch(listener).await? {
                self.add(&said, &mut services, &mut kept);
            }
        }
        let services: Vec<Understood> = services.into_values().collect();
        kept.extend(self.in_grace(&before.added, &services, &kept));
        let said = Roll {
            services: &services,
            kept: &kept,
            before: &before.added,
        };
        let failed = self.services.replace(&said, Origin::Listener).await;
        for (service, error) in failed.map_err(|error| error.to_string())? {
            tracing::error!(service, %error, "a service of the swarm listener was not taken");
        }
        tracing::info!(
            services = services.len(),
            "swarm listeners have named their services"
        );
        self.learned.store(true, Ordering::Release);
        self.asked.notify_one();
        Ok(())
    }

    /// Services that are not named, but have been not long ago.
    fn in_grace(&self, before: &Additions, services: &[Understood], kept: &[String]) -> Vec<String> {
        let (now, grace) = (Instant::now(), self.grace());
        let named = |name: &String| kept.contains(name) || services.iter().any(|it| it.service.name == *name);
        let vanished = plan::named_by(before, Origin::Listener)
            .into_iter()
            .filter(|name| !named(name));
        let mut missing = lock(&self.missing);
        let since: BTreeMap<String, Instant> = vanished
            .map(|name| {
                let since = missing.get(&name).copied().unwrap_or(now);
                (name, since)
            })
            .filter(|(_, since)| now < *since + grace)
            .collect();
        missing.clone_from(&since);
        since.into_keys().collect()
    }

    fn grace(&self) -> Duration {
        self.services.settings().grace
    }

    async fn fetch(&self, listener: &str) -> Result<Vec<BTreeMap<String, String>>, String> {
        let tls = self.live.load().upstreams.tls().clone();
        let body = fetch::get(&tls, &format!("{listener}{PATH}"), LIMITS).await;
        let body = body.map_err(|error| format!("{listener}: {error}"))?;
        let said: Option<Vec<BTreeMap<String, Value>>> = serde_json::from_slice(&body)
            .map_err(|error| format!("{listener}: not a list of services: {error}"))?;
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let texts =
            |service: BTreeMap<String, Value>| service.into_iter().map(|(name, value)| (name, text(value)));
        // Go writes an empty list as null.
        Ok(said
            .unwrap_or_default()
            .into_iter()
            .map(|service| texts(service).collect())
            .collect())
    }

    /// A service that is not understood keeps what it had: it may be a new version of the old one.
    fn add(
        &self,
        said: &BTreeMap<String, String>,
        services: &mut BTreeMap<String, Understood>,
        kept: &mut Vec<String>,
    ) {
        match understand(said, &self.services.settings()) {
            Ok(understood) => {
                let service = &understood.service;
                if service.replicas != Some(0) && self.services.is_ours(service) {
                    services.insert(service.name.clone(), understood);
                }
            }
            Err(Wrong::Nowhere(_)) => {}
            Err(wrong) => {
                let service = said.get("serviceName").cloned().unwrap_or_default();
                tracing::error!(service, error = %wrong, "a service of the swarm listener is not understood");
                kept.push(service);
            }
        }
    }
}

fn lock<T>(mutex: &sync::Mutex<T>) -> MutexGuard<'_, T> {
    // What is in it is replaced as a whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
