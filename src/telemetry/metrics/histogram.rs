//! A histogram of durations with one writer: plain loads and stores, no read-modify-write.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds in microseconds: those of OpenTelemetry's `http.server.request.duration`.
const BOUNDS: [u64; 14] = [
    5_000, 10_000, 25_000, 50_000, 75_000, 100_000, 250_000, 500_000, 750_000, 1_000_000, 2_500_000,
    5_000_000, 7_500_000, 10_000_000,
];

/// The same for what the gateway itself adds, which is far below the first of [`BOUNDS`].
const FINE_BOUNDS: [u64; 14] = [
    20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 1_000_000,
];

/// The same for a plugin's hooks, which take less than a microsecond when they do little.
const MICRO_BOUNDS: [u64; 14] = [
    1, 2, 5, 10, 20, 50, 100, 500, 1_000, 5_000, 10_000, 100_000, 1_000_000, 10_000_000,
];

/// Counts per bucket. Only one thread may call [`Histogram::observe`] (counts would be lost, nothing worse).
#[derive(Debug, Default)]
pub(super) struct Histogram {
    buckets: [AtomicU64; 15],
    nanos: AtomicU64,
}

/// Sums over the shards.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Total {
    buckets: [u64; 15],
    nanos: u64,
}

/// Which bounds a histogram counts by.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scale {
    /// From 5 ms to 10 s.
    Request,
    /// From 20 µs to 1 s.
    Fine,
    /// From 1 µs to 10 s.
    Micro,
}

impl Scale {
    fn bounds(self) -> &'static [u64; 14] {
        match self {
            Self::Request => &BOUNDS,
            Self::Fine => &FINE_BOUNDS,
            Self::Micro => &MICRO_BOUNDS,
        }
    }
}

impl Histogram {
    pub(super) fn observe(&self, scale: Scale, duration: Duration) {
        let micros = duration.as_micros();
        let bucket = scale
            .bounds()
            .iter()
            .position(|bound| micros <= u128::from(*bound))
            .unwrap_or(14);
        add(&self.buckets[bucket], 1);
        add(
            &self.nanos,
            u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX),
        );
    }
}

impl Total {
    pub(super) fn add(&mut self, histogram: &Histogram) {
        for (total, bucket) in self.buckets.iter_mut().zip(&histogram.buckets) {
            *total += bucket.load(Relaxed);
        }
        self.nanos = self.nanos.wrapping_add(histogram.nanos.load(Relaxed));
    }

    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    pub(super) fn seconds(&self) -> f64 {
        Duration::from_nanos(self.nanos).as_secs_f64()
    }

    /// Upper bound in seconds and count of each bucket, not cumulated.
    pub(super) fn buckets(&self, scale: Scale) -> Vec<(f64, u64)> {
        let bounds = scale
            .bounds()
            .iter()
            .map(|micros| Duration::from_micros(*micros).as_secs_f64());
        bounds.chain([f64::INFINITY]).zip(self.buckets).collect()
    }
}

/// Adds without a locked instruction: each cell has one writer.
pub(super) fn add(cell: &AtomicU64, n: u64) {
    cell.store(cell.load(Relaxed).wrapping_add(n), Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_on_a_bound_counts_below_it_and_one_above_all_bounds_in_the_last_bucket() {
        let histogram = Histogram::default();
        for millis in [0, 5, 6, 10_000, 10_001] {
            histogram.observe(Scale::Request, Duration::from_millis(millis));
        }
        let mut total = Total::default();
        total.add(&histogram);
        let buckets = total.buckets(Scale::Request);
        assert_eq!(buckets[0], (0.005, 2));
        assert_eq!(buckets[1], (0.01, 1));
        assert_eq!(buckets[13], (10.0, 1));
        assert_eq!(buckets[14], (f64::INFINITY, 1));
        assert_eq!(total.count(), 5);
        assert!((total.seconds() - 20.012).abs() < 1e-9);
    }
}
