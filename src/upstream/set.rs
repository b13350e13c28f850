//! Everything that the upstreams of one configuration need, with what an earlier one already has.
//!
//! Owns the tasks: they end with the last set that uses them.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::Upstream;
use super::dns::Resolver;
use super::identify::identify;
use super::keeper::{PERIOD, keep};
use super::name::{Name, refresh};
use super::view::{NameView, View};
use crate::config::{self, Host};
use crate::tls;

/// Names are never asked for more often than this, whatever was configured.
const SHORTEST_REFRESH: Duration = Duration::from_millis(10);

/// Nor less often than this.
const LONGEST_REFRESH: Duration = Duration::from_hours(24);

/// The upstreams and names of one configuration.
#[derive(Debug)]
pub struct Set {
    dns: config::Dns,
    resolver: Arc<Resolver>,
    ids: Arc<AtomicU64>,
    tls: tls::Client,
    names: BTreeMap<String, Arc<Kept<Name>>>,
    upstreams: HashMap<String, Arc<Kept<Upstream>>>,
}

/// Something and the task that keeps it up to date.
#[derive(Debug)]
struct Kept<T> {
    value: Arc<T>,
    task: Task,
}

impl Set {
    /// Builds what a configuration names, on the control runtime. An upstream whose configuration did not change is the
    /// same as in `previous`, with its endpoints, their health and their counters; a changed one knows at once what
    /// was known of its names. When `[dns]` changed, all are new.
    pub fn build(config: &config::Config, previous: Option<&Self>, control: &Handle) -> Self {
        let dns = config::Dns {
            refresh: config.dns.refresh.clamp(SHORTEST_REFRESH, LONGEST_REFRESH),
            backoff: config.dns.backoff.min(LONGEST_REFRESH),
            ..config.dns.clone()
        };
        let unchanged = previous.filter(|previous| previous.dns == dns);
        let authorities = config.authorities.as_ref().map(|it| it.pem.as_str());
        let trusting = previous.filter(|previous| previous.tls.believes(authorities));
        let mut set = Self {
            tls: trusting.map_or_else(|| tls::Client::new(authorities), |old| old.tls.clone()),
            resolver: unchanged
                .map_or_else(|| Arc::new(Resolver::new(&dns)), |old| Arc::clone(&old.resolver)),
            dns,
            ids: previous.map_or_else(|| Arc::new(AtomicU64::new(1)), |old| Arc::clone(&old.ids)),
            names: BTreeMap::new(),
            upstreams: HashMap::new(),
        };
        for (host, hold) in holds(config) {
            let reused = unchanged.and_then(|old| old.names.get(host).cloned());
            let name = reused.unwrap_or_else(|| {
                let seed = previous
                    .and_then(|old| old.names.get(host))
                    .map(|kept| &*kept.value);
                Arc::new(set.start_name(host, seed, control))
            });
            name.value.hold_for(hold);
            set.names.insert(host.to_owned(), name);
        }
        for upstream in &config.upstreams {
            let reused = unchanged.and_then(|old| old.upstreams.get(&upstream.name));
            let speaks_tls = upstream.sources.iter().any(|(authority, _)| authority.tls);
            let reused = reused
                .filter(|kept| *kept.value.config() == **upstream && (trusting.is_some() || !speaks_tls))
                .cloned();
            let kept = reused.unwrap_or_else(|| Arc::new(set.start_upstream(upstream, control)));
            set.upstreams.insert(upstream.name.clone(), kept);
        }
        set
    }

    /// What the gateway believes as a client of TLS, wherever it is one.
    pub fn tls(&self) -> &tls::Client {
        &self.tls
    }

    /// The upstream of this name.
    pub fn find(&self, name: &str) -> Option<&Arc<Upstream>> {
        self.upstreams.get(name).map(|kept| &kept.value)
    }

    /// All upstreams, in no order.
    pub fn upstreams(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        self.upstreams.values().map(|kept| &kept.value)
    }

    /// [`Upstream::view`] of all, by name.
    pub fn views(&self) -> Vec<View> {
        let mut views: Vec<_> = self.upstreams().map(|upstream| upstream.view()).collect();
        views.sort_by(|a, b| a.name.cmp(&b.name));
        views
    }

    /// What DNS says, by name.
    pub fn names(&self) -> Vec<NameView> {
        self.names.values().map(|kept| kept.value.view()).collect()
    }

    /// Waits until every name had a first answer or failure and its endpoints may be picked, but no longer than `limit`.
    /// A set that follows another one knows most of it from the start. Returns whether all were answered.
    pub async fn first_answers(&self, limit: Duration) -> bool {
        let all = async {
            for upstream in self.upstreams() {
                // The sender lives in the upstream, so there is always an end to wait for.
                let _ = upstream.settled.subscribe().wait_for(|settled| *settled).await;
            }
        };
        timeout(limit, all).await.is_ok()
    }

    /// Ends all tasks and waits for them, also those that another set uses. The upstreams stay as they are.
    pub async fn stop(&self) {
        for kept in self.upstreams.values() {
            kept.task.stop().await;
        }
        for kept in self.names.values() {
            kept.task.stop().await;
        }
    }

    fn start_name(&self, host: &str, seed: Option<&Name>, control: &Handle) -> Kept<Name> {
        let value = Arc::new(Name::new(host, seed));
        let resolver = || Arc::clone(&self.resolver);
        let refreshed = refresh(Arc::clone(&value), resolver(), self.dns.clone());
        let identified = identify(Arc::clone(&value), resolver(), PERIOD.min(self.dns.refresh));
        let is_service = value.is_service(self.dns.tasks);
        let task = async move {
            if is_service {
                tokio::join!(refreshed, identified);
            } else {
                refreshed.await;
            }
        };
        Kept {
            value,
            task: Task::spawn(control, task),
        }
    }

    fn start_upstream(&self, config: &Arc<config::Upstream>, control: &Handle) -> Kept<Upstream> {
        let name = |host: &str| self.names.get(host).map(|kept| Arc::clone(&kept.value));
        let value = Arc::new(Upstream::new(
            Arc::clone(config),
            Arc::clone(&self.ids),
            name,
            &self.tls,
        ));
        value.names().for_each(|name| name.subscribe(&value.changed));
        value.apply();
        let task = keep(Arc::clone(&value), PERIOD.min(self.dns.refresh));
        Kept {
            value,
            task: Task::spawn(control, task),
        }
    }
}

/// Every name of a configuration with the longest `hold` of the upstreams that use it.
fn holds(config: &config::Config) -> BTreeMap<&str, Duration> {
    let mut holds = BTreeMap::new();
    for upstream in &config.upstreams {
        for (authority, _) in &upstream.sources {
            if let Host::Name(host) = &authority.host {
                let hold: &mut Duration = holds.entry(host.as_str()).or_default();
                *hold = upstream.hold.max(*hold);
            }
        }
    }
    holds
}

/// A task that ends when its owner is dropped.
#[derive(Debug)]
struct Task(Mutex<Option<JoinHandle<()>>>);

impl Task {
    fn spawn(control: &Handle, future: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Mutex::new(Some(control.spawn(future))))
    }

    async fn stop(&self) {
        let handle = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(handle) = handle {
            handle.abort();
            // Cancelled, as asked.
            let _ = handle.await;
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(handle) = self.0.get_mut().unwrap_or_else(PoisonError::into_inner) {
            handle.abort();
        }
    }
}
