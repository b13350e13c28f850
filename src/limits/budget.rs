//! Rate budgets: the generic cell rate algorithm (ITU-T I.371), in its form as a leaky bucket, in whole numbers.
//!
//! A key's level is what it has used and not yet got back. It is counted in `period`ths of a request, so that one
//! nanosecond gives back exactly `count` of them: nothing is ever rounded, and there is no window with an edge.
//! One decision is one lock of one shard, the same for all workers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA512, digest};

use super::clock::{Clock, nanos};
use super::table::Table;
use crate::config;

/// A longer key is kept as its SHA-512, which is one byte longer: the two never meet.
const LONGEST_KEY: usize = 63;

/// The budgets of one configuration.
#[derive(Debug, Default)]
pub struct Budgets(HashMap<String, Arc<Budget>>);

/// One `[budget.NAME]`.
#[derive(Debug)]
pub struct Budget {
    config: Arc<config::RateBudget>,
    rule: Rule,
    state: Arc<State>,
}

/// What is left of a budget, and whether there was enough.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// Whether it fits. What does not fit costs nothing.
    pub allowed: bool,
    /// What fits at once.
    pub limit: u64,
    /// What is left of it.
    pub remaining: u64,
    /// Until all of it is there again.
    pub reset_after: Duration,
    /// Until this cost would fit: zero when it was allowed; `None` when it never will.
    pub retry_after: Option<Duration>,
}

impl Budgets {
    /// Builds what a configuration declares. A budget keeps its keys by its name: one that did not change is the same
    /// as in `previous`; with other numbers each key has used what it had used, at most the new burst. Both may be
    /// used at the same time, by exchanges that began before a reload.
    pub fn build(config: &[Arc<config::RateBudget>], previous: Option<&Self>) -> Self {
        let budgets = config.iter().map(|config| {
            let known = previous.and_then(|previous| previous.find(&config.name));
            let budget = match known {
                Some(known) if *known.config == **config => Arc::clone(known),
                known => Arc::new(Budget::new(config, known)),
            };
            (config.name.clone(), budget)
        });
        Self(budgets.collect())
    }

    /// Stops the clock of every budget so long after it was made: where a plugin is tested, time passes by word.
    pub fn stop_clock(&self, at: Duration) {
        self.0.values().for_each(|budget| budget.state.clock.stop(at));
    }

    /// The budget of this name.
    pub fn find(&self, name: &str) -> Option<&Arc<Budget>> {
        self.0.get(name)
    }
}

impl Budget {
    fn new(config: &Arc<config::RateBudget>, known: Option<&Arc<Self>>) -> Self {
        let state = || {
            Arc::new(State {
                clock: Clock::start(),
                table: Table::new(config.keys),
            })
        };
        Self {
            rule: Rule::of(config),
            state: known.map_or_else(state, |known| Arc::clone(&known.state)),
            config: Arc::clone(config),
        }
    }

    /// Takes `cost` for one key, if it fits. A cost of 0 only looks.
    pub fn take(&self, key: &[u8], cost: u32) -> Verdict {
        self.take_at(key, cost, self.state.clock.now())
    }

    /// Keys that are remembered.
    pub fn keys(&self) -> usize {
        self.state.table.len()
    }

    fn take_at(&self, key: &[u8], cost: u32, now: u64) -> Verdict {
        if key.len() <= LONGEST_KEY {
            return self.decide(key, cost, now);
        }
        self.decide(digest(&SHA512, key).as_ref(), cost, now)
    }

    fn decide(&self, key: &[u8], cost: u32, now: u64) -> Verdict {
        let rule = &self.rule;
        if rule.capacity == 0 {
            return Verdict::NEVER;
        }
        let mut shard = self.state.table.lock(key);
        let known = shard.find(key);
        let mut usage = known
            .as_deref()
            .map_or_else(|| Usage::none(rule, now), |usage| usage.at(rule, now));
        let sum = usage
            .level
            .saturating_add(u128::from(cost) * u128::from(rule.period));
        let allowed = sum <= rule.capacity;
        let excess = sum.saturating_sub(rule.capacity);
        if allowed {
            usage.level = sum;
        }
        match known {
            Some(known) => *known = usage,
            // What has used nothing needs not be remembered.
            None if usage.level == 0 => {}
            None => shard.insert(key, usage, self.config.keys, |usage| usage.at(rule, now).level),
        }
        drop(shard);
        Verdict {
            allowed,
            limit: rule.burst,
            remaining: rule.left(usage.level),
            reset_after: rule.time(usage.level),
            retry_after: (u64::from(cost) <= rule.burst).then(|| rule.time(excess)),
        }
    }
}

impl Verdict {
    const NEVER: Self = Self {
        allowed: false,
        limit: 0,
        remaining: 0,
        reset_after: Duration::ZERO,
        retry_after: None,
    };
}

/// Shared by the budgets of one name, over reloads.
#[derive(Debug)]
struct State {
    clock: Clock,
    table: Table<Usage>,
}

/// The numbers of a budget.
#[derive(Clone, Copy, Debug)]
struct Rule {
    count: u64,
    /// Nanoseconds, at least one.
    period: u64,
    burst: u64,
    /// The highest level; 0 when nothing is allowed. A product of two numbers of 64 bits fits.
    capacity: u128,
}

impl Rule {
    fn of(config: &config::RateBudget) -> Self {
        let period = nanos(config.period).max(1);
        let burst = if config.count == 0 { 0 } else { config.burst };
        Self {
            count: config.count,
            period,
            burst,
            capacity: u128::from(burst) * u128::from(period),
        }
    }

    /// Whole requests that fit above a level.
    fn left(&self, level: u128) -> u64 {
        let left = (self.capacity.saturating_sub(level)) / u128::from(self.period);
        u64::try_from(left).unwrap_or(u64::MAX)
    }

    /// How long it takes to get so much back.
    fn time(&self, level: u128) -> Duration {
        let nanos = level.div_ceil(u128::from(self.count.max(1)));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// What a key has used.
#[derive(Clone, Copy, Debug)]
struct Usage {
    /// In `period`ths of a request.
    level: u128,
    /// When it was so.
    at: u64,
    /// What the level is counted in: a reload may have changed it since.
    period: u64,
}

impl Usage {
    fn none(rule: &Rule, now: u64) -> Self {
        Self {
            level: 0,
            at: now,
            period: rule.period,
        }
    }

    /// What is left of it now, by this rule.
    fn at(&self, rule: &Rule, now: u64) -> Self {
        let level = if self.period == rule.period {
            self.level
        } else {
            self.rescaled(rule.period)
        };
        // Two threads may read the clock in one order and get here in the other.
        let elapsed = now.saturating_sub(self.at);
        let back = u128::from(elapsed) * u128::from(rule.count);
        Self {
            level: level.min(rule.capacity).saturating_sub(back),
            at: self.at.max(now),
            period: rule.period,
        }
    }

    /// Rounded up: a reload gives nothing away.
    fn rescaled(&self, period: u64) -> u128 {
        let (old, new) = (u128::from(self.period.max(1)), u128::from(period));
        let whole = (self.level / old).saturating_mul(new);
        whole.saturating_add((self.level % old * new).div_ceil(old))
    }
}

#[cfg(test)]
mod tests;
