//! The date, as plugins are told it: the machine's, unless it was stopped where a plugin is tested.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wasmtime_wasi::HostWallClock;

/// Stands for a date that goes on by itself.
const RUNS: u64 = 0;

/// See the module. All clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Date(Arc<AtomicU64>);

impl Date {
    /// From now on it is this date, until it is said again. Instances that are there may not notice.
    pub fn stop(&self, at: SystemTime) {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let nanos = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        self.0.store(nanos.max(RUNS + 1), Ordering::Relaxed);
    }

    /// Which date it is.
    pub fn now(&self) -> SystemTime {
        match self.0.load(Ordering::Relaxed) {
            RUNS => SystemTime::now(),
            at => UNIX_EPOCH + Duration::from_nanos(at),
        }
    }

    /// Whether it does not go on by itself.
    pub(super) fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed) != RUNS
    }
}

impl HostWallClock for Date {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        Self::now(self).duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_that_was_stopped_goes_on_by_word_only() {
        let date = Date::default();
        let before = SystemTime::now();
        assert!(date.now() >= before && !date.is_stopped());
        let at = UNIX_EPOCH + Duration::from_secs(1_600_000_000);
        date.clone().stop(at);
        assert_eq!(date.now(), at);
        assert_eq!(HostWallClock::now(&date), Duration::from_secs(1_600_000_000));
        assert!(date.is_stopped());
    }
}
