//! What a configuration has to lend to plugins. Which of it a plugin may use says its grants; what it is worth is in the
//! mechanisms below.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;

use super::date::Date;
use super::keys::{self, Key};
use super::password::Passwords;
use crate::config::{self, Config, NamedSecret, Secret};
use crate::jwt::Verifiers;
use crate::limits::{Budgets, Stores};
use crate::telemetry::metrics::Custom;
use crate::upstream::{self, View};

/// Everything that plugins may be granted. Parts that did not change survive a reload.
#[derive(Debug, Default)]
pub struct Powers {
    /// Rate budgets.
    pub budgets: Budgets,
    /// Key-value stores.
    pub stores: Stores,
    /// Verifiers of tokens.
    pub verifiers: Arc<Verifiers>,
    /// Upstreams, as they are at any moment.
    pub upstreams: Arc<Upstreams>,
    /// Which date it is.
    pub date: Date,
    pub(super) metrics: Custom,
    pub(super) keys: HashMap<String, Key>,
    pub(super) passwords: Passwords,
    secrets: HashMap<String, Arc<NamedSecret>>,
    declared: Declared,
}

/// What a configuration says of all this.
#[derive(Debug, Default, PartialEq)]
struct Declared {
    budgets: Vec<Arc<config::RateBudget>>,
    stores: Vec<Arc<config::Store>>,
    keys: Vec<Arc<config::Key>>,
    secrets: Vec<Arc<NamedSecret>>,
}

impl Powers {
    /// Makes ready what a configuration declares. The same as before when nothing of it changed, so that whoever holds
    /// it needs not change either; otherwise budgets and stores keep their state. What plugins make up is counted in
    /// `metrics` from the first one on. `verifiers` are made of the same configuration.
    pub fn build(
        config: &Config,
        previous: Option<&Arc<Self>>,
        metrics: &Custom,
        verifiers: Arc<Verifiers>,
    ) -> Arc<Self> {
        let declared = Declared::of(config);
        let same = |previous: &&Arc<Self>| {
            previous.declared == declared && Arc::ptr_eq(&previous.verifiers, &verifiers)
        };
        if let Some(previous) = previous.filter(same) {
            return Arc::clone(previous);
        }
        let secrets = config.secrets.iter();
        Arc::new(Self {
            budgets: Budgets::build(&config.budgets, previous.map(|previous| &previous.budgets)),
            stores: Stores::build(&config.stores, previous.map(|previous| &previous.stores)),
            verifiers,
            keys: keys::read(&config.keys),
            secrets: secrets
                .map(|secret| (secret.name.clone(), Arc::clone(secret)))
                .collect(),
            upstreams: previous.map_or_else(Arc::default, |previous| Arc::clone(&previous.upstreams)),
            date: previous.map_or_else(Date::default, |previous| previous.date.clone()),
            metrics: previous.map_or(metrics, |previous| &previous.metrics).clone(),
            passwords: previous.map_or_else(Passwords::default, |previous| previous.passwords.clone()),
            declared,
        })
    }

    /// A secret by name.
    pub(super) fn secret(&self, name: &str) -> Option<&Secret> {
        self.secrets.get(name).map(|named| &named.secret)
    }
}

impl Declared {
    fn of(config: &Config) -> Self {
        Self {
            budgets: config.budgets.clone(),
            stores: config.stores.clone(),
            keys: config.keys.clone(),
            secrets: config.secrets.clone(),
        }
    }
}

/// The upstreams of the snapshot that runs. The same over all reloads.
#[derive(Debug, Default)]
pub struct Upstreams(ArcSwapOption<upstream::Set>);

impl Upstreams {
    /// From now on these.
    pub fn show(&self, set: Arc<upstream::Set>) {
        self.0.store(Some(set));
    }

    /// Whether there is one of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.load().as_ref().is_some_and(|set| set.find(name).is_some())
    }

    /// All names.
    pub(super) fn names(&self) -> Vec<String> {
        let set = self.0.load();
        let all = set
            .as_ref()
            .map(|set| set.upstreams().map(|it| it.name().to_owned()));
        all.into_iter().flatten().collect()
    }

    /// What is known of one. `None` when there is none of this name.
    pub fn view(&self, name: &str) -> Option<View> {
        let set = self.0.load();
        set.as_ref()?.find(name).map(|upstream| upstream.view())
    }
}

/// A bound on log lines: so many a second.
#[derive(Debug)]
pub(super) struct Lines {
    most: u32,
    second: Mutex<Second>,
}

#[derive(Debug)]
struct Second {
    began: Instant,
    written: u32,
    suppressed: u64,
}

impl Lines {
    /// At most `most` lines a second.
    pub(super) fn new(most: u32) -> Self {
        let second = Second {
            began: Instant::now(),
            written: 0,
            suppressed: 0,
        };
        Self {
            most,
            second: Mutex::new(second),
        }
    }

    /// Whether another line may be written; with the number of those that were not since the last one that was.
    pub(super) fn admit(&self) -> Option<u64> {
        let mut second = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        if second.began.elapsed() >= Duration::from_secs(1) {
            second.began = Instant::now();
            second.written = 0;
        }
        if second.written >= self.most {
            second.suppressed += 1;
            return None;
        }
        second.written += 1;
        Some(std::mem::take(&mut second.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_past_the_bound_are_counted() {
        let lines = Lines::new(2);
        assert_eq!(lines.admit(), Some(0));
        assert_eq!(lines.admit(), Some(0));
        assert_eq!(lines.admit(), None);
        assert_eq!(lines.admit(), None);
        lines.second.lock().unwrap().began -= Duration::from_secs(1);
        assert_eq!(lines.admit(), Some(2));
        assert_eq!(lines.admit(), Some(0));
    }
}
