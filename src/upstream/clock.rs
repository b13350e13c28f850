//! Time as the atomics of an upstream hold it: microseconds since the upstream was made.
//!
//! Tokio's clock, so that tests may pause it. No timers.

use std::time::Duration;

use tokio::time::Instant;

/// Where an upstream's time begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(Instant);

/// A point in time: microseconds since the clock's beginning.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Moment(pub(super) u64);

impl Clock {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn now(self) -> Moment {
        Moment(micros(self.0.elapsed()))
    }
}

impl Moment {
    /// Zero when `earlier` is later: two threads may read the clock in either order.
    pub(super) fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    #[cfg(test)]
    pub(super) fn after(self, pause: Duration) -> Self {
        Self(self.0.saturating_add(micros(pause)))
    }

    pub(super) fn millis(self) -> u64 {
        self.0 / 1000
    }
}

/// Saturating; half a million years fit.
pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
