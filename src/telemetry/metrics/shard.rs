//! One worker's share of the metrics. No lock once a series exists; a new series takes one.
//!
//! Label values come from the configuration or are closed sets, so the number of series is bounded by what
//! was configured since the start; a series stays when its route goes, as counters must not fall.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use prometheus_client::metrics::counter::Counter;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::histogram::{Histogram, Scale, add};
use super::lock;
use crate::telemetry::{Flag, Record};

/// Stands for every method that a client made up.
const OTHER: &str = "_OTHER";

/// What the scraper shares with one worker.
#[derive(Debug, Default)]
pub(super) struct Shard {
    pub(super) exchanges: Series<Exchange, Exchanges>,
    pub(super) upstreams: Series<Box<str>, Histogram>,
    pub(super) routes: Series<Box<str>, AtomicI64>,
    pub(super) retries: Series<(Box<str>, Retry), AtomicU64>,
    pub(super) calls: Series<Call, AtomicU64>,
    pub(super) hooks: Series<(Box<str>, &'static str), Histogram>,
    pub(super) flags: [AtomicU64; Flag::ALL.len()],
    pub(super) overhead: Histogram,
}

type Series<K, V> = Mutex<Vec<(K, Arc<V>)>>;

/// Labels of [`Exchanges`].
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Exchange {
    pub(super) listener: Box<str>,
    pub(super) route: Box<str>,
    pub(super) upstream: Box<str>,
    pub(super) method: &'static str,
    pub(super) code: u16,
}

/// What is counted per [`Exchange`].
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    pub(super) duration: Histogram,
    pub(super) bytes_in: AtomicU64,
    pub(super) bytes_out: AtomicU64,
}

/// Labels of a plugin's calls.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Call {
    pub(super) plugin: Box<str>,
    pub(super) hook: &'static str,
    pub(super) outcome: &'static str,
}

/// Why there was a further attempt.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Retry {
    /// No connection.
    Connect,
    /// The connection broke before a response head.
    Reset,
    /// The endpoint said nothing for far longer than usual.
    Silence,
}

impl Retry {
    /// The label value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Reset => "reset",
            Self::Silence => "silence",
        }
    }
}

/// One worker's shard. It alone writes to it.
#[derive(Debug)]
pub struct Local {
    shard: Arc<Shard>,
    exchanges: Table<Exchange, Exchanges>,
    upstreams: Table<Box<str>, Histogram>,
    routes: Table<Box<str>, AtomicI64>,
    retries: Table<(Box<str>, Retry), AtomicU64>,
    calls: Table<Call, AtomicU64>,
    hooks: Table<(Box<str>, &'static str), Histogram>,
    panics: Counter,
}

/// Counts an exchange as in flight while it lives.
#[derive(Debug)]
pub struct InFlight(Arc<AtomicI64>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Local {
    pub(super) fn new(shard: Arc<Shard>, panics: Counter) -> Self {
        Self {
            shard,
            exchanges: Table::default(),
            upstreams: Table::default(),
            routes: Table::default(),
            retries: Table::default(),
            calls: Table::default(),
            hooks: Table::default(),
            panics,
        }
    }

    /// Counts one finished exchange.
    pub fn observe(&mut self, record: &Record<'_>) {
        let exchange = self.exchange(record);
        exchange.duration.observe(Scale::Request, record.duration);
        add(&exchange.bytes_in, record.bytes_in);
        add(&exchange.bytes_out, record.bytes_out);
        if let Some(flag) = record.flag {
            add(&self.shard.flags[flag as usize], 1);
        }
        let (Some(upstream), Some(head)) = (record.upstream, record.head) else {
            return;
        };
        self.shard
            .overhead
            .observe(Scale::Fine, head.saturating_sub(record.waiting));
        if let Some(duration) = record.upstream_duration {
            let key = (hash(0, upstream), &self.shard.upstreams);
            let series = self
                .upstreams
                .find(key, |name| **name == *upstream, || upstream.into());
            series.observe(Scale::Request, duration);
        }
    }

    /// Counts an exchange that a panic ended, beside what [`Local::observe`] makes of it.
    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// Counts an exchange as in flight until the result is dropped.
    pub fn begin(&mut self, route: &str) -> InFlight {
        let key = (hash(0, route), &self.shard.routes);
        let gauge = self.routes.find(key, |name| **name == *route, || route.into());
        gauge.fetch_add(1, Relaxed);
        InFlight(gauge.clone())
    }

    /// Counts a further attempt.
    pub fn retry(&mut self, upstream: &str, reason: Retry) {
        let key = (hash(reason as u64, upstream), &self.shard.retries);
        let same = |(name, why): &(Box<str>, Retry)| **name == *upstream && *why == reason;
        add(self.retries.find(key, same, || (upstream.into(), reason)), 1);
    }

    /// Counts a call of a plugin's hook. `hook` and `outcome` are of closed sets.
    pub fn called(&mut self, plugin: &str, hook: &'static str, outcome: &'static str, took: Duration) {
        let key = hash(hash(0, hook), plugin);
        let same = |(name, other): &(Box<str>, &'static str)| **name == *plugin && *other == hook;
        self.hooks
            .find((key, &self.shard.hooks), same, || (plugin.into(), hook))
            .observe(Scale::Micro, took);
        let same = |call: &Call| *call.plugin == *plugin && call.hook == hook && call.outcome == outcome;
        let make = || Call {
            plugin: plugin.into(),
            hook,
            outcome,
        };
        let key = (hash(key, outcome), &self.shard.calls);
        add(self.calls.find(key, same, make), 1);
    }

    fn exchange(&mut self, record: &Record<'_>) -> &Exchanges {
        let route = record.route.unwrap_or_default();
        let upstream = record.upstream.unwrap_or_default();
        let method = method(record.method);
        let hash = hash(hash(hash(record.status.into(), method), record.listener), route);
        let hash = xxh3_64_with_seed(upstream.as_bytes(), hash);
        let same = |key: &Exchange| {
            key.code == record.status
                && key.method == method
                && *key.route == *route
                && *key.upstream == *upstream
                && *key.listener == *record.listener
        };
        self.exchanges
            .find((hash, &self.shard.exchanges), same, || Exchange {
                listener: record.listener.into(),
                route: route.into(),
                upstream: upstream.into(),
                method,
                code: record.status,
            })
    }
}

/// The series that this worker has, found by a hash of their labels. All that share a hash are in one entry.
#[derive(Debug)]
struct Table<K, V>(HashMap<u64, Entry<K, V>, BuildHasherDefault<Hashed>>);

type Entry<K, V> = Vec<(K, Arc<V>)>;

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<K: Clone, V: Default> Table<K, V> {
    /// The series for which `same` holds, or a new one that is shared with the scraper.
    fn find(
        &mut self,
        (hash, shared): (u64, &Series<K, V>),
        same: impl Fn(&K) -> bool,
        make: impl FnOnce() -> K,
    ) -> &Arc<V> {
        let entry = self.0.entry(hash).or_default();
        let index = entry.iter().position(|(key, _)| same(key)).unwrap_or_else(|| {
            let (key, series) = (make(), Arc::<V>::default());
            lock(shared).push((key.clone(), series.clone()));
            entry.push((key, series));
            entry.len() - 1
        });
        &entry[index].1
    }
}

fn hash(seed: u64, text: &str) -> u64 {
    xxh3_64_with_seed(text.as_bytes(), seed)
}

/// Methods are a closed set: what a client makes up has no series of its own.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::CONNECT => "CONNECT",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::PATCH => "PATCH",
        _ => OTHER,
    }
}

/// The keys are hashes already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
