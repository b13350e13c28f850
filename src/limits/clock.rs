//! Nanoseconds since a table was made. Monotonic: a clock that is set has no effect. Lasts for 584 years.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Stands for a clock that runs.
const RUNS: u64 = u64::MAX;

#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
    stopped: AtomicU64,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self {
            start: Instant::now(),
            stopped: AtomicU64::new(RUNS),
        }
    }

    pub(super) fn now(&self) -> u64 {
        match self.stopped.load(Ordering::Relaxed) {
            RUNS => nanos(self.start.elapsed()),
            at => at,
        }
    }

    /// From now on it is so late, until it is said again.
    pub(super) fn stop(&self, at: Duration) {
        self.stopped.store(nanos(at).min(RUNS - 1), Ordering::Relaxed);
    }
}

/// What is longer than can be counted is as long as can be.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
