//! One address of an upstream: its counters and its health, all of them atomics.
//!
//! Workers read and write them on every request; the control task adds what it finds out. Which
//! endpoint gets a request is decided in `balance`, when an ejection ends in `health`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::clock::Moment;
use super::health::{Cause, Cell, Standing};
use super::identity::Task;
use super::patience::Latency;
use super::view::EndpointView;
use super::{Failure, State};
use crate::tls;

/// Attempts that may wait for nothing but a sign of life.
const MOST_LINGERING: u32 = 8;

/// One address of one upstream, from the answer that brought it to the one that lacks it.
///
/// An address that leaves DNS and comes back is a new endpoint: what ran there before is gone, and
/// pools must not mix the connections of the two.
#[derive(Debug)]
pub struct Endpoint {
    address: SocketAddr,
    id: u64,
    born: Moment,
    /// Who it must prove to be; `None` where nothing is encrypted.
    tls: Option<tls::Server>,
    /// Digest for rendezvous hashing and for the sticky cookie.
    digest: u64,
    weight: AtomicU32,
    retired: AtomicBool,
    /// When it left DNS, in microseconds.
    retired_at: AtomicU64,
    /// In the last answer that DNS gave.
    confirmed: AtomicBool,
    /// Did not accept a connection while it was unconfirmed.
    unanswering: AtomicBool,
    /// Its active probes fail.
    unhealthy: AtomicBool,
    pub(super) health: Cell,
    in_flight: AtomicU64,
    /// Of these, left waiting for a sign of life.
    lingering: AtomicU32,
    /// When it last sent a response head, in microseconds; 0 for never.
    last_heard: AtomicU64,
    task: ArcSwapOption<Task>,
    pub(super) latency: Latency,
    pub(super) counts: Counts,
}

/// What happened so far at one endpoint.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) attempts: AtomicU64,
    pub(super) connections: AtomicU64,
    pub(super) responses: AtomicU64,
    pub(super) errors: AtomicU64,
    pub(super) connect_failures: AtomicU64,
    pub(super) resets: AtomicU64,
    pub(super) silences: AtomicU64,
    pub(super) ejections: AtomicU64,
    pub(super) probe_failures: AtomicU64,
}

/// What a pick may do with an endpoint.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fitness {
    /// Use it.
    Fit,
    /// Ejected: only when most others are as well.
    Ejected,
    /// Not at all.
    Out,
}

impl Endpoint {
    pub(super) fn new(upstream: &str, id: u64, address: SocketAddr, weight: u32, born: Moment) -> Self {
        let key = xxh3_64_with_seed(upstream.as_bytes(), 0x6761_7465_7769_7421);
        Self {
            address,
            id,
            born,
            tls: None,
            digest: xxh3_64_with_seed(address.to_string().as_bytes(), key),
            weight: AtomicU32::new(weight),
            retired: AtomicBool::new(false),
            retired_at: AtomicU64::new(0),
            confirmed: AtomicBool::new(true),
            unanswering: AtomicBool::new(false),
            unhealthy: AtomicBool::new(false),
            health: Cell::default(),
            in_flight: AtomicU64::new(0),
            lingering: AtomicU32::new(0),
            last_heard: AtomicU64::new(0),
            task: ArcSwapOption::empty(),
            latency: Latency::default(),
            counts: Counts::default(),
        }
    }

    /// The same, reached by TLS.
    pub(super) fn secured(self, tls: Option<tls::Server>) -> Self {
        Self { tls, ..self }
    }

    /// Who it must prove to be; `None` where nothing is encrypted.
    pub fn tls(&self) -> Option<&tls::Server> {
        self.tls.as_ref()
    }

    /// Where to connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Unique for the life of the gateway, over all upstreams and reloads: the key of connection pools.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// It has left DNS: no new request goes there, pools close its idle connections, and what is in flight
    /// may finish.
    pub fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }

    /// Requests in flight, over all workers.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Stands for this endpoint in a sticky cookie: a digest keyed by the upstream's name. Equal in every
    /// replica of the gateway and after a restart, so that a client stays pinned whichever replica it meets.
    pub fn sticky(&self) -> u64 {
        self.digest
    }

    pub(super) fn weight(&self) -> u32 {
        self.weight.load(Ordering::Relaxed)
    }

    /// Returns whether this changed anything.
    pub(super) fn weigh(&self, weight: u32) -> bool {
        self.weight.swap(weight, Ordering::Relaxed) != weight
    }

    pub(super) fn age(&self, now: Moment) -> Duration {
        now.since(self.born)
    }

    pub(super) fn is_confirmed(&self) -> bool {
        self.confirmed.load(Ordering::Relaxed)
    }

    /// DNS names it, or no longer does but it is kept. Being named clears it of what was found out meanwhile.
    pub(super) fn confirm(&self, confirmed: bool) {
        self.confirmed.store(confirmed, Ordering::Relaxed);
        if confirmed {
            self.unanswering.store(false, Ordering::Relaxed);
        }
    }

    /// What is known stays when nothing is known any more: the endpoint may be draining then.
    pub(super) fn identify(&self, task: Option<&Arc<Task>>) {
        if task.is_some() && self.task.load().as_ref() != task {
            self.task.store(task.cloned());
        }
    }

    pub(super) fn is_unanswering(&self) -> bool {
        self.unanswering.load(Ordering::Relaxed)
    }

    /// Returns whether this changed anything.
    pub(super) fn set_unanswering(&self, unanswering: bool) -> bool {
        self.unanswering.swap(unanswering, Ordering::Relaxed) != unanswering
    }

    /// The verdict of active probes. Returns whether this changed anything.
    pub(super) fn set_unhealthy(&self, unhealthy: bool) -> bool {
        self.unhealthy.swap(unhealthy, Ordering::Relaxed) != unhealthy
    }

    pub(super) fn retire(&self, now: Moment) {
        self.retired_at.store(now.0, Ordering::Relaxed);
        self.retired.store(true, Ordering::Relaxed);
    }

    /// Since it left DNS; meaningless before.
    pub(super) fn retired_for(&self, now: Moment) -> Duration {
        now.since(Moment(self.retired_at.load(Ordering::Relaxed)))
    }

    /// `None` when it never answered.
    pub(super) fn last_heard(&self) -> Option<Moment> {
        Some(Moment(self.last_heard.load(Ordering::Relaxed))).filter(|at| at.0 != 0)
    }

    pub(super) fn note_heard(&self, now: Moment) {
        self.last_heard.fetch_max(now.0, Ordering::Relaxed);
    }

    pub(super) fn note_failure(&self, failure: Failure) {
        let count = match failure {
            Failure::Connect => &self.counts.connect_failures,
            Failure::Reset => &self.counts.resets,
            Failure::Silent => &self.counts.silences,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn note_failed_probe(&self) {
        self.counts.probe_failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request in flight, unless there are `limit` already (0: no limit).
    pub(super) fn enter(&self, limit: u64) -> bool {
        if self.in_flight.fetch_add(1, Ordering::Relaxed) >= limit && limit != 0 {
            self.leave();
            return false;
        }
        true
    }

    pub(super) fn leave(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts an attempt that is left waiting, unless there are [`MOST_LINGERING`] already.
    pub(super) fn linger(&self) -> bool {
        let room = self.lingering.fetch_add(1, Ordering::Relaxed) < MOST_LINGERING;
        if !room {
            self.linger_no_more();
        }
        room
    }

    pub(super) fn linger_no_more(&self) {
        self.lingering.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn fitness(&self, now: Moment) -> Fitness {
        if self.is_retired() || self.is_unanswering() || self.weight() == 0 {
            return Fitness::Out;
        }
        if !self.unhealthy.load(Ordering::Relaxed) {
            match self.health.load().standing(now) {
                Standing::Up | Standing::Due => return Fitness::Fit,
                Standing::Out | Standing::Trial => {}
            }
        }
        if self.is_confirmed() {
            Fitness::Ejected
        } else {
            Fitness::Out
        }
    }

    pub(super) fn state(&self, now: Moment) -> State {
        if self.is_retired() {
            return State::Draining;
        }
        if self.is_unanswering() || self.unhealthy.load(Ordering::Relaxed) {
            return State::Ejected;
        }
        match self.health.load().standing(now) {
            Standing::Up => State::Active,
            Standing::Out => State::Ejected,
            Standing::Due | Standing::Trial => State::Probing,
        }
    }

    /// Why it is not active.
    fn reason(&self) -> Option<&'static str> {
        if self.is_retired() {
            return Some("left dns");
        }
        if self.is_unanswering() {
            return Some("not in dns and not answering");
        }
        if self.unhealthy.load(Ordering::Relaxed) {
            return Some("probe");
        }
        self.health.load().cause().map(Cause::name)
    }

    pub(super) fn view(&self, now: Moment) -> EndpointView {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        EndpointView {
            address: self.address,
            id: self.id,
            task: self.task.load().as_deref().cloned(),
            state: self.state(now),
            reason: self.reason(),
            confirmed: self.is_confirmed() && !self.is_retired(),
            weight: self.weight(),
            in_flight: self.in_flight(),
            attempts: read(&self.counts.attempts),
            connections: read(&self.counts.connections),
            responses: read(&self.counts.responses),
            errors: read(&self.counts.errors),
            connect_failures: read(&self.counts.connect_failures),
            resets: read(&self.counts.resets),
            silences: read(&self.counts.silences),
            ejections: read(&self.counts.ejections),
            probe_failures: read(&self.counts.probe_failures),
            latency: self.latency.mean().map(|mean| mean.as_secs_f64()),
            age: self.age(now).as_secs_f64(),
            last_heard: self.last_heard().map(|at| now.since(at).as_secs_f64()),
        }
    }
}

impl Cause {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Reset => "reset",
            Self::Silent => "silent",
            Self::Errors => "errors",
        }
    }
}
