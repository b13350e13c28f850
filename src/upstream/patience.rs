//! What an upstream normally takes to answer: a moving mean and mean deviation in one atomic word.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::clock::micros;
use crate::config;

/// One over the weight of a new sample: about the last thirty decide.
const MEMORY: i64 = 16;

/// Fewer samples than this say nothing about what is normal.
const ENOUGH: u64 = 20;

/// Recent times from the start of an attempt to its response head.
#[derive(Debug, Default)]
pub(super) struct Latency {
    /// A packed [`Sum`].
    word: AtomicU64,
}

/// 5 bits of count, which ends at [`ENOUGH`], 29 of mean, 30 of deviation, both in units of 8 µs: up to 71 minutes.
#[derive(Clone, Copy)]
struct Sum {
    count: u64,
    mean: i64,
    deviation: i64,
}

const UNIT: u64 = 8;
const LONGEST: u64 = (1 << 29) - 1;

impl Latency {
    pub(super) fn observe(&self, took: Duration) {
        let sample = (micros(took) / UNIT).min(LONGEST).cast_signed();
        let next = |word| Some(Sum::unpacked(word).with(sample).packed());
        // The closure never declines, so there is no error to handle.
        let _ = self.word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    }

    /// `None` before the first sample.
    pub(super) fn mean(&self) -> Option<Duration> {
        let sum = Sum::unpacked(self.word.load(Ordering::Relaxed));
        (sum.count > 0).then(|| duration(sum.mean))
    }

    /// Mean plus four mean deviations: nearly every answer comes sooner. `None` while too few were seen.
    pub(super) fn usual_limit(&self) -> Option<Duration> {
        let sum = Sum::unpacked(self.word.load(Ordering::Relaxed));
        (sum.count >= ENOUGH).then(|| duration(sum.mean + 4 * sum.deviation))
    }

    /// See [`super::Upstream::patience`].
    pub(super) fn patience(&self, hedge: config::Hedge) -> Option<Duration> {
        if !hedge.enabled {
            return None;
        }
        let Some(usual) = self.usual_limit() else {
            return Some(super::PATIENCE.max(hedge.floor));
        };
        let scaled = Duration::try_from_secs_f64(usual.as_secs_f64() * hedge.factor).unwrap_or(Duration::MAX);
        Some(scaled.max(hedge.floor))
    }
}

fn duration(units: i64) -> Duration {
    Duration::from_micros(units.unsigned_abs() * UNIT)
}

impl Sum {
    fn with(self, sample: i64) -> Self {
        if self.count == 0 {
            return Self {
                count: 1,
                mean: sample,
                deviation: sample / 2,
            };
        }
        let off = sample - self.mean;
        Self {
            count: (self.count + 1).min(ENOUGH),
            mean: self.mean + off / MEMORY,
            deviation: self.deviation + (off.abs() - self.deviation) / MEMORY,
        }
    }

    fn unpacked(word: u64) -> Self {
        Self {
            count: word >> 59,
            mean: (word >> 30 & LONGEST).cast_signed(),
            deviation: (word & ((1 << 30) - 1)).cast_signed(),
        }
    }

    fn packed(self) -> u64 {
        self.count << 59 | self.mean.cast_unsigned() << 30 | self.deviation.cast_unsigned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEDGE: config::Hedge = config::Hedge {
        enabled: true,
        floor: Duration::from_secs(1),
        factor: 2.0,
    };

    fn latency(samples: impl IntoIterator<Item = u64>) -> Latency {
        let latency = Latency::default();
        samples
            .into_iter()
            .for_each(|millis| latency.observe(Duration::from_millis(millis)));
        latency
    }

    #[test]
    fn too_few_samples_mean_a_fixed_patience() {
        assert_eq!(latency([]).patience(HEDGE), Some(Duration::from_secs(5)));
        assert_eq!(latency(vec![1; 19]).patience(HEDGE), Some(Duration::from_secs(5)));
    }

    #[test]
    fn fast_upstreams_get_the_floor_and_slow_ones_more() {
        assert_eq!(
            latency(vec![5; 200]).patience(HEDGE),
            Some(Duration::from_secs(1))
        );
        let slow = latency(vec![2000; 400]).patience(HEDGE).unwrap();
        assert!((3.9..4.3).contains(&slow.as_secs_f64()), "{slow:?}");
        let uneven = latency((0..400).map(|turn| if turn % 2 == 0 { 100 } else { 900 }))
            .patience(HEDGE)
            .unwrap();
        assert!(
            (3.5..4.6).contains(&uneven.as_secs_f64()),
            "2 × (500 + 4 × 400) ms: {uneven:?}"
        );
    }

    #[test]
    fn no_hedging_means_no_patience() {
        assert_eq!(
            latency(vec![5; 200]).patience(config::Hedge {
                enabled: false,
                ..HEDGE
            }),
            None
        );
    }

    #[test]
    fn the_longest_sample_saturates() {
        let latency = Latency::default();
        (0..100).for_each(|_| latency.observe(Duration::MAX));
        assert!(latency.mean().unwrap() > Duration::from_secs(4000));
        (0..400).for_each(|_| latency.observe(Duration::ZERO));
        assert!(
            latency.mean().unwrap() < Duration::from_secs(1),
            "{:?}",
            latency.mean()
        );
    }
}
