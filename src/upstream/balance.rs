//! Which endpoint gets the next request.
//!
//! Pure: no I/O, no locks, no async; reads atomics of endpoints and advances one counter.
//!
//! The first candidate always comes in turn, from one counter that all workers share: a client that
//! sends one request after the other is spread evenly, and an endpoint that was added gets its turn,
//! not a flood. Least-request compares it with a second one, drawn at random, and takes the one with
//! fewer requests in flight for its weight: as good as two random choices under load, and even at rest.
//!
//! Weights are per endpoint: an endpoint of weight 3 gets three times as much as one of weight 1,
//! however many endpoints its source has.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::clock::Moment;
use super::endpoint::{Endpoint, Fitness};
use super::{Error, Pick, Want};
use crate::config;

/// Draws before all endpoints are looked at one by one.
const DRAWS: usize = 8;

/// The share that a new endpoint starts with.
const SLOW_START_FLOOR: f64 = 0.1;

/// The endpoints' shares, made once for each set of endpoints.
#[derive(Debug, Default)]
pub(super) struct Wheel {
    endpoints: u64,
    /// Running sums of the weights; empty when all are equal.
    sums: Vec<u64>,
}

impl Wheel {
    pub(super) fn new(endpoints: &[Arc<Endpoint>]) -> Self {
        let mut sum = 0;
        let mut sums: Vec<u64> = Vec::with_capacity(endpoints.len());
        for endpoint in endpoints {
            sum += u64::from(endpoint.weight());
            sums.push(sum);
        }
        let even = endpoints
            .windows(2)
            .all(|pair| pair[0].weight() == pair[1].weight());
        Self {
            endpoints: endpoints.len() as u64,
            sums: if even { Vec::new() } else { sums },
        }
    }

    /// The endpoint whose turn it is. With equal weights one after the other; otherwise by multiples of the
    /// golden ratio, which fall on every share in its proportion and as evenly as can be.
    fn in_turn(&self, turn: u64) -> usize {
        if self.sums.is_empty() {
            return (turn % self.endpoints.max(1)) as usize;
        }
        self.at(turn.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The endpoint at a point of the circle, whose circumference is 2⁶⁴.
    fn at(&self, point: u64) -> usize {
        let scaled = |total: u64| ((u128::from(point) * u128::from(total)) >> 64) as u64;
        match self.sums.last() {
            None => scaled(self.endpoints) as usize,
            Some(&total) => {
                let place = scaled(total);
                self.sums.partition_point(|&sum| sum <= place)
            }
        }
    }
}

/// What one pick sees.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) endpoints: &'a [Arc<Endpoint>],
    pub(super) wheel: &'a Wheel,
    /// The counter that all picks of the upstream share.
    pub(super) turns: &'a AtomicU64,
    /// Addresses that this exchange tried already.
    pub(super) tried: &'a [SocketAddr],
    pub(super) now: Moment,
    pub(super) config: &'a config::Upstream,
}

/// Chooses, or says why there is nothing to choose.
pub(super) fn pick<'a>(field: Field<'a>, want: &Want) -> Result<&'a Arc<Endpoint>, Error> {
    if let Some(found) = field.choose(want, Fitness::Fit) {
        return Ok(found);
    }
    let panic = field.is_panic();
    if let Some(found) = panic.then(|| field.choose(want, Fitness::Ejected)).flatten() {
        return Ok(found);
    }
    Err(field.explain(panic))
}

impl<'a> Field<'a> {
    fn choose(self, want: &Want, grade: Fitness) -> Option<&'a Arc<Endpoint>> {
        match want.pick {
            Some(Pick::Hash(key)) => return self.by_key(key, grade),
            Some(Pick::Endpoint(address)) => {
                let wanted = |endpoint: &&Arc<Endpoint>| endpoint.address() == address;
                let found = self.endpoints.iter().find(wanted);
                if let Some(found) = found.filter(|endpoint| self.may_take(endpoint, grade)) {
                    return Some(found);
                }
            }
            None => {}
        }
        match (&self.config.policy, want.sticky, want.key) {
            (config::Policy::Sticky { .. }, Some(digest), _) => {
                self.pinned(digest, grade).or_else(|| self.lightest(grade))
            }
            (config::Policy::Hash(_), _, Some(key)) => self.by_key(key, grade),
            (config::Policy::RoundRobin, ..) => self.next(grade),
            (config::Policy::Random, ..) => self.any(grade),
            _ => self.lightest(grade),
        }
    }

    fn next(self, grade: Fitness) -> Option<&'a Arc<Endpoint>> {
        (0..DRAWS)
            .filter_map(|_| {
                self.drawn(
                    self.wheel.in_turn(self.turns.fetch_add(1, Ordering::Relaxed)),
                    grade,
                )
            })
            .find(|endpoint| self.is_warm(endpoint))
            .or_else(|| self.scan(grade))
    }

    fn any(self, grade: Fitness) -> Option<&'a Arc<Endpoint>> {
        (0..DRAWS)
            .filter_map(|_| self.drawn(self.wheel.at(fastrand::u64(..)), grade))
            .find(|endpoint| self.is_warm(endpoint))
            .or_else(|| self.scan(grade))
    }

    /// The next in turn, unless another one drawn at random has less to do.
    fn lightest(self, grade: Fitness) -> Option<&'a Arc<Endpoint>> {
        let first = self.next(grade)?;
        let second = (0..DRAWS)
            .filter_map(|_| self.drawn(self.wheel.at(fastrand::u64(..)), grade))
            .find(|endpoint| endpoint.id() != first.id())
            .or_else(|| self.scan(grade));
        Some(
            second
                .filter(|second| self.load(second) < self.load(first))
                .unwrap_or(first),
        )
    }

    fn pinned(self, digest: u64, grade: Fitness) -> Option<&'a Arc<Endpoint>> {
        self.endpoints
            .iter()
            .find(|endpoint| endpoint.sticky() == digest && self.may_take(endpoint, grade))
    }

    /// Weighted rendezvous hashing: of all endpoints that may be used, the one with the highest score for this
    /// key. When one goes away only its own keys move; when it comes back they return.
    fn by_key(self, key: u64, grade: Fitness) -> Option<&'a Arc<Endpoint>> {
        let usable = self
            .endpoints
            .iter()
            .filter(|endpoint| self.may_take(endpoint, grade));
        usable.max_by(|a, b| score(key, a).total_cmp(&score(key, b)))
    }

    /// All of them, beginning anywhere, for the least load.
    fn scan(self, grade: Fitness) -> Option<&'a Arc<Endpoint>> {
        let (behind, ahead) = self.endpoints.split_at(fastrand::usize(..=self.endpoints.len()));
        let usable = ahead
            .iter()
            .chain(behind)
            .filter(|endpoint| self.may_take(endpoint, grade));
        usable.min_by(|a, b| self.load(a).total_cmp(&self.load(b)))
    }

    fn drawn(self, index: usize, grade: Fitness) -> Option<&'a Arc<Endpoint>> {
        self.endpoints
            .get(index)
            .filter(|endpoint| self.may_take(endpoint, grade))
    }

    fn may_take(self, endpoint: &Endpoint, grade: Fitness) -> bool {
        endpoint.fitness(self.now) == grade && !self.is_tried(endpoint) && !self.is_full(endpoint)
    }

    fn is_tried(self, endpoint: &Endpoint) -> bool {
        self.tried.contains(&endpoint.address())
    }

    fn is_full(self, endpoint: &Endpoint) -> bool {
        let limit = self.config.max_in_flight;
        limit != 0 && endpoint.in_flight() >= limit
    }

    /// Requests in flight for the weight it has now. Without the request to come: idle endpoints are equal
    /// whatever they weigh, and turns decide.
    fn load(self, endpoint: &Endpoint) -> f64 {
        endpoint.in_flight() as f64 / (f64::from(endpoint.weight()) * self.warmth(endpoint))
    }

    /// Lets an endpoint in slow start pass only as often as it is warm.
    fn is_warm(self, endpoint: &Endpoint) -> bool {
        let warmth = self.warmth(endpoint);
        warmth >= 1.0 || fastrand::f64() < warmth
    }

    /// Grows from [`SLOW_START_FLOOR`] to 1 over the slow start.
    fn warmth(self, endpoint: &Endpoint) -> f64 {
        let ramp = self.config.slow_start;
        let age = endpoint.age(self.now);
        if age >= ramp {
            return 1.0;
        }
        SLOW_START_FLOOR + (1.0 - SLOW_START_FLOOR) * age.as_secs_f64() / ramp.as_secs_f64()
    }

    /// Whether so many are ejected that it must be the judgement that is wrong. A single endpoint is always
    /// such a case. Endpoints that DNS no longer names do not count: they are out for good reason.
    fn is_panic(self) -> bool {
        let of = |grade| {
            self.endpoints
                .iter()
                .filter(|endpoint| endpoint.fitness(self.now) == grade)
                .count()
        };
        let (ejected, fit) = (of(Fitness::Ejected), of(Fitness::Fit));
        let all = ejected + fit;
        all == 1 || ejected as f64 > self.config.ejection.panic * all as f64
    }

    fn explain(self, panic: bool) -> Error {
        let usable = |endpoint: &&Arc<Endpoint>| match endpoint.fitness(self.now) {
            Fitness::Fit => true,
            Fitness::Ejected => panic,
            Fitness::Out => false,
        };
        let mut usable = self.endpoints.iter().filter(usable).peekable();
        if usable.peek().is_none() {
            return Error::NoEndpoint;
        }
        if usable.all(|endpoint| self.is_tried(endpoint)) {
            Error::Tried
        } else {
            Error::Overloaded
        }
    }
}

fn score(key: u64, endpoint: &Endpoint) -> f64 {
    // SplitMix64's finish: every bit of the sum reaches every bit of the result.
    let mut mixed = key ^ endpoint.sticky();
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    // In the open interval (0, 1), so that the logarithm is finite and below zero.
    let uniform = ((mixed >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    f64::from(endpoint.weight()) / -uniform.ln()
}

#[cfg(test)]
mod tests;
