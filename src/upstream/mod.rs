//! Upstreams: named sets of endpoints, found by DNS, watched, and chosen from.
//!
//! Workers call [`Upstream::pick`] and tell the returned [`Attempt`] what became of it; that is all
//! atomics. The control runtime runs one task for each DNS name and one for each upstream; they are
//! made and owned by a [`Set`]. Sending a request to the chosen endpoint lives in `client` and `pool`.
//!
//! ```text
//! name      asks DNS, remembers, falls back          ┐
//! identify  asks whose tasks the addresses are       │
//! keeper    turns answers into endpoints, verifies   ├ control
//! probe     knocks                                   ┘
//! balance, health, budget, patience, members, identity      pure
//! ```

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::StatusCode;
use tokio::sync::{Notify, watch};

use crate::config::{self, Host};
use crate::tls;
use balance::Field;
use budget::Budget;
use clock::{Clock, Moment};
use health::{Change, Health, Standing};
use members::{Members, Wanted};
use name::Name;
use patience::Latency;

pub use endpoint::Endpoint;
pub use identity::{Mixture, Task};
pub use set::Set;
pub use view::{EndpointView, LookupResult, NameState, NameView, State, View};

mod balance;
mod budget;
pub mod client;
mod clock;
mod dns;
mod endpoint;
mod guard;
mod health;
mod hosts;
mod identify;
mod identity;
mod keeper;
mod members;
mod name;
mod patience;
pub mod pool;
mod probe;
mod set;
mod view;
mod wire;

/// How long an attempt may be silent while fewer than 20 answers of the upstream have been seen.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Picks that lose a race for an endpoint look again this often.
const ROUNDS: usize = 8;

/// A named set of endpoints. Shared by all workers; lives across reloads while its configuration is equal.
#[derive(Debug)]
pub struct Upstream {
    config: Arc<config::Upstream>,
    name: Arc<str>,
    sources: Vec<Source>,
    clock: Clock,
    /// Source of endpoint ids, shared by all upstreams of a gateway.
    ids: Arc<AtomicU64>,
    members: ArcSwap<Members>,
    turns: AtomicU64,
    budget: Budget,
    latency: Latency,
    counts: Counts,
    /// Wakes the keeper.
    changed: Arc<Notify>,
    /// Every source has had a first answer or failure, and `members` shows it.
    settled: watch::Sender<bool>,
}

/// Where endpoints come from.
#[derive(Debug)]
struct Source {
    origin: Origin,
    port: u16,
    weight: u32,
    /// Who its endpoints must prove to be; `None` where nothing is encrypted.
    tls: Option<tls::Server>,
}

#[derive(Debug)]
enum Origin {
    /// Written in the configuration.
    Literal(std::net::IpAddr),
    /// Asked for.
    Name(Arc<Name>),
}

#[derive(Debug, Default)]
struct Counts {
    no_endpoint: AtomicU64,
    overloaded: AtomicU64,
    extras: AtomicU64,
    extras_refused: AtomicU64,
}

/// What a request asks of the choice.
#[derive(Clone, Copy, Debug, Default)]
pub struct Want {
    /// Hash of what the hash policy looks at; ignored by other policies.
    pub key: Option<u64>,
    /// [`Endpoint::sticky`] as the client's cookie says; ignored by other policies.
    pub sticky: Option<u64>,
    /// What somebody who looked at the request wants in place of the policy.
    pub pick: Option<Pick>,
}

/// A choice in place of the policy's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pick {
    /// The endpoint that this hash falls on.
    Hash(u64),
    /// This endpoint; the policy's when it is not there, or may not be used.
    Endpoint(SocketAddr),
}

/// Why there is no endpoint for a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// None is known, or none of them may be used.
    #[error("no endpoint")]
    NoEndpoint,
    /// All that may be used have `max_in_flight` requests.
    #[error("every endpoint is at its limit of requests in flight")]
    Overloaded,
    /// Every endpoint that may be used was tried before in this exchange.
    #[error("every endpoint was tried")]
    Tried,
}

/// How an attempt failed at the connection level. Each counts towards ejection, so a failure that is no fault of
/// the endpoint is not to be told: a client that went away, an idle connection that had been closed before it was
/// used, no file descriptor left on this side.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Failure {
    /// No connection: refused, unreachable, or not in time.
    Connect,
    /// The connection broke, or what came was not HTTP.
    Reset,
    /// It said nothing in time.
    Silent,
}

impl Upstream {
    /// [`config::Upstream::name`].
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Its name, to keep.
    pub fn shared_name(&self) -> &Arc<str> {
        &self.name
    }

    /// What it was made from.
    pub fn config(&self) -> &config::Upstream {
        &self.config
    }

    /// Chooses an endpoint and counts the attempt in flight until the guard is dropped. Lock-free. `tried` are the
    /// addresses that this exchange tried before.
    pub fn pick(self: &Arc<Self>, want: &Want, tried: &[SocketAddr]) -> Result<Attempt, Error> {
        let members = self.members.load();
        let now = self.clock.now();
        for _ in 0..ROUNDS {
            let field = self.field(&members, tried, now);
            let endpoint = balance::pick(field, want).inspect_err(|error| self.note_error(*error))?;
            if let Some(attempt) = Attempt::begin(self, endpoint, now) {
                return Ok(attempt);
            }
        }
        self.note_error(Error::Overloaded);
        Err(Error::Overloaded)
    }

    /// Whether there is an endpoint that may be used, tried before or not.
    pub fn has_endpoint(&self) -> bool {
        let members = self.members.load();
        let field = self.field(&members, &[], self.clock.now());
        !matches!(balance::pick(field, &Want::default()), Err(Error::NoEndpoint))
    }

    fn field<'f>(&'f self, members: &'f Members, tried: &'f [SocketAddr], now: Moment) -> Field<'f> {
        Field {
            endpoints: &members.endpoints,
            wheel: &members.wheel,
            turns: &self.turns,
            tried,
            now,
            config: &self.config,
        }
    }

    /// Counts one exchange for the budget; call it once for each.
    pub fn exchange(&self) {
        self.budget.exchange(self.clock.now());
    }

    /// Takes one extra attempt (a retry or a hedge) from the budget; false when it is spent.
    pub fn allow_extra(&self) -> bool {
        let allowed = self.budget.allow(self.clock.now(), self.config.budget);
        let count = if allowed {
            &self.counts.extras
        } else {
            &self.counts.extras_refused
        };
        count.fetch_add(1, Ordering::Relaxed);
        allowed
    }

    /// How long an attempt may go without a response head before its endpoint is suspicious:
    /// the greater of `hedge.floor` and `hedge.factor` × (mean + 4 × mean deviation) of recent times to the
    /// response head. [`PATIENCE`] while fewer than 20 have been seen. `None` when hedging is off.
    pub fn patience(&self) -> Option<Duration> {
        self.latency.patience(self.config.hedge)
    }

    /// When a client may try again after [`Error::NoEndpoint`] or [`Error::Overloaded`]; 1 s to 30 s. Names are asked
    /// for every `dns.refresh` while requests want them, refused connections are tried again every second.
    pub fn retry_after(&self) -> Duration {
        let now = self.clock.now();
        let members = self.members.load();
        let soonest = members
            .endpoints
            .iter()
            .map(|endpoint| endpoint.health.load().remaining(now))
            .min();
        soonest
            .unwrap_or_default()
            .clamp(Duration::from_secs(1), Duration::from_secs(30))
    }

    /// Everything there is to know, for the admin API and the metrics.
    pub fn view(&self) -> View {
        let now = self.clock.now();
        let members = self.members.load();
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        View {
            name: self.config.name.clone(),
            names: self.names().map(|name| name.host().to_owned()).collect(),
            patience: self.patience().map(|patience| patience.as_secs_f64()),
            no_endpoint: read(&self.counts.no_endpoint),
            overloaded: read(&self.counts.overloaded),
            extras: read(&self.counts.extras),
            extras_refused: read(&self.counts.extras_refused),
            endpoints: members
                .endpoints
                .iter()
                .chain(&members.draining)
                .map(|endpoint| endpoint.view(now))
                .collect(),
        }
    }

    fn new(
        config: Arc<config::Upstream>,
        ids: Arc<AtomicU64>,
        find: impl Fn(&str) -> Option<Arc<Name>>,
        tls: &tls::Client,
    ) -> Self {
        let source = |(authority, weight): &(config::Authority, u32)| {
            let origin = match &authority.host {
                Host::Ip(address) => Origin::Literal(*address),
                Host::Name(name) => Origin::Name(find(name)?),
            };
            let server = authority.tls.then(|| tls.server(&authority.host.to_string()));
            Some(Source {
                origin,
                port: authority.port,
                weight: *weight,
                // The configuration takes no name that no certificate can be for.
                tls: server.transpose().ok()?,
            })
        };
        Self {
            sources: config.sources.iter().filter_map(source).collect(),
            name: config.name.as_str().into(),
            config,
            clock: Clock::start(),
            ids,
            members: ArcSwap::default(),
            // Anywhere, so that replicas of the gateway that start together do not move in step.
            turns: AtomicU64::new(fastrand::u32(..).into()),
            budget: Budget::default(),
            latency: Latency::default(),
            counts: Counts::default(),
            changed: Arc::default(),
            settled: watch::Sender::new(false),
        }
    }

    fn names(&self) -> impl Iterator<Item = &Arc<Name>> {
        self.sources.iter().filter_map(|source| match &source.origin {
            Origin::Name(name) => Some(name),
            Origin::Literal(_) => None,
        })
    }

    /// Tells the names that requests want them, so that they are asked for without back-off.
    fn want_names(&self) {
        self.names().for_each(|name| name.want());
    }

    fn note_error(&self, error: Error) {
        match error {
            Error::NoEndpoint => {
                self.counts.no_endpoint.fetch_add(1, Ordering::Relaxed);
                self.want_names();
            }
            Error::Overloaded => {
                self.counts.overloaded.fetch_add(1, Ordering::Relaxed);
            }
            Error::Tried => {}
        }
    }

    fn endpoint(&self, want: &Wanted, now: Moment) -> Endpoint {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let endpoint = Endpoint::new(&self.config.name, id, want.address, want.weight, now);
        let source = self.sources.get(want.source);
        endpoint.secured(source.and_then(|source| source.tls.clone()))
    }

    fn note_change(&self, endpoint: &Endpoint, change: Change) {
        match (change.before.cause(), change.after.cause()) {
            (before, Some(cause)) if change.after.is_new_ejection(change.before) => {
                endpoint.counts.ejections.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(
                    upstream = self.name(),
                    endpoint = %endpoint.address(),
                    cause = cause.name(),
                    again = before.is_some(),
                    "endpoint ejected"
                );
            }
            (Some(cause), None) => {
                tracing::info!(
                    upstream = self.name(),
                    endpoint = %endpoint.address(),
                    cause = cause.name(),
                    "endpoint readmitted"
                );
            }
            _ => {}
        }
    }
}

/// One try at one endpoint: counts as in flight until it is dropped.
#[derive(Debug)]
pub struct Attempt {
    upstream: Arc<Upstream>,
    endpoint: Arc<Endpoint>,
    began: Moment,
    /// Sent although the endpoint was under suspicion: a trial, or panic.
    unsure: bool,
    /// It holds the one trial of its endpoint, and there is no verdict yet.
    on_trial: AtomicBool,
    /// See [`Attempt::linger`].
    lingers: AtomicBool,
}

impl Attempt {
    /// `None` when another request was quicker.
    fn begin(upstream: &Arc<Upstream>, endpoint: &Arc<Endpoint>, now: Moment) -> Option<Self> {
        let standing = endpoint.health.load().standing(now);
        if !endpoint.enter(upstream.config.max_in_flight) {
            return None;
        }
        let on_trial = standing == Standing::Due && endpoint.health.claim(now);
        if standing == Standing::Due && !on_trial {
            endpoint.leave();
            return None;
        }
        endpoint.counts.attempts.fetch_add(1, Ordering::Relaxed);
        Some(Self {
            upstream: Arc::clone(upstream),
            endpoint: Arc::clone(endpoint),
            began: now,
            unsure: standing != Standing::Up,
            on_trial: AtomicBool::new(on_trial),
            lingers: AtomicBool::new(false),
        })
    }

    /// The endpoint to send to.
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// A new TCP connection was made for this attempt.
    pub fn connected(&self) {
        self.endpoint.counts.connections.fetch_add(1, Ordering::Relaxed);
        self.change(Health::connected);
    }

    /// The response head arrived. Interim (1xx) heads may be told too: they show that the endpoint is alive.
    pub fn heard(&self, status: StatusCode) {
        self.heard_after(self.upstream.clock.now().since(self.began), status);
    }

    /// As [`Attempt::heard`], when the endpoint can only be held to account for the last `took` of the time: before
    /// that the client was still sending.
    pub fn heard_after(&self, took: Duration, status: StatusCode) {
        let now = self.upstream.clock.now();
        self.endpoint.note_heard(now);
        if !status.is_informational() {
            self.upstream.latency.observe(took);
            self.endpoint.latency.observe(took);
            self.endpoint.counts.responses.fetch_add(1, Ordering::Relaxed);
        }
        if status.is_server_error() {
            self.endpoint.counts.errors.fetch_add(1, Ordering::Relaxed);
        }
        let gateway_error = matches!(status.as_u16(), 502..=504);
        self.change(|health| health.heard(gateway_error, self.unsure, now, &self.upstream.config.ejection));
        self.on_trial.store(false, Ordering::Relaxed);
    }

    /// The attempt failed at the connection level, and it was the endpoint's fault.
    pub fn failed(&self, failure: Failure) {
        let now = self.upstream.clock.now();
        self.endpoint.note_failure(failure);
        self.change(|health| health.failed(failure, now, &self.upstream.config.ejection));
        self.on_trial.store(false, Ordering::Relaxed);
        if !self.endpoint.is_confirmed() {
            self.upstream.want_names();
        }
    }

    /// `Ok` when the endpoint has sent no response head at all, to anybody, for `patience`, and this attempt is at
    /// least that old; otherwise how long to wait before asking again.
    pub fn is_silent_for(&self, patience: Duration) -> Result<(), Duration> {
        let since = self.endpoint.last_heard().unwrap_or_default().max(self.began);
        let silent = self.upstream.clock.now().since(since);
        if silent >= patience {
            Ok(())
        } else {
            Err(patience - silent)
        }
    }

    /// Whether this attempt may be left waiting although nobody wants its answer any more, only to see that the
    /// endpoint gives one. A few at a time may: each holds a connection.
    pub fn linger(&self) -> bool {
        let may = self.endpoint.linger();
        self.lingers.store(may, Ordering::Relaxed);
        may
    }

    fn change(&self, next: impl Fn(Health) -> Health) {
        let change = self.endpoint.health.update(next);
        self.upstream.note_change(&self.endpoint, change);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.endpoint.leave();
        if *self.lingers.get_mut() {
            self.endpoint.linger_no_more();
        }
        if *self.on_trial.get_mut() {
            self.endpoint.health.update(Health::released);
        }
    }
}
