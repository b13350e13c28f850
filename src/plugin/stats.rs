//! What one use of a plugin has cost so far. Workers count for themselves and add their share now and then, so that
//! counting a call is an addition.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use super::hooks::Hook;

/// Of one use, over all workers.
#[derive(Debug, Default)]
pub struct Stats {
    hooks: [Share; Hook::ALL.len()],
    instances: AtomicUsize,
    memory: AtomicUsize,
    made: AtomicU64,
}

#[derive(Debug, Default)]
struct Share {
    calls: AtomicU64,
    failures: AtomicU64,
    nanoseconds: AtomicU64,
    slowest: AtomicU64,
}

/// Calls of one hook.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Calls {
    /// All.
    pub calls: u64,
    /// Those that failed.
    pub failures: u64,
    /// Time in all of them, waiting included.
    pub time: Duration,
    /// The longest.
    pub slowest: Duration,
}

/// One worker's counts, not added yet.
#[derive(Debug, Default)]
pub(super) struct Tally([Calls; Hook::ALL.len()]);

impl Stats {
    /// Calls of a hook, up to a fraction of a second ago.
    pub fn calls(&self, hook: Hook) -> Calls {
        let share = &self.hooks[hook as usize];
        Calls {
            calls: share.calls.load(Relaxed),
            failures: share.failures.load(Relaxed),
            time: Duration::from_nanos(share.nanoseconds.load(Relaxed)),
            slowest: Duration::from_nanos(share.slowest.load(Relaxed)),
        }
    }

    /// Instances that are there now, idle ones included.
    pub fn instances(&self) -> usize {
        self.instances.load(Relaxed)
    }

    /// Bytes of linear memory of all of them.
    pub fn memory(&self) -> usize {
        self.memory.load(Relaxed)
    }

    /// Instances made so far.
    pub fn made(&self) -> u64 {
        self.made.load(Relaxed)
    }

    pub(super) fn born(&self) {
        self.instances.fetch_add(1, Relaxed);
        self.made.fetch_add(1, Relaxed);
    }

    pub(super) fn died(&self, memory: usize) {
        self.instances.fetch_sub(1, Relaxed);
        self.memory.fetch_sub(memory, Relaxed);
    }

    pub(super) fn resized(&self, before: usize, after: usize) {
        self.memory.fetch_add(after.wrapping_sub(before), Relaxed);
    }
}

impl Tally {
    /// Counts a call.
    pub(super) fn count(&mut self, hook: Hook, time: Duration, failed: bool) {
        let calls = &mut self.0[hook as usize];
        calls.calls += 1;
        calls.failures += u64::from(failed);
        calls.time += time;
        calls.slowest = calls.slowest.max(time);
    }

    /// Adds what was counted since the last time.
    pub(super) fn add_to(&mut self, stats: &Stats) {
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        for (calls, share) in self
            .0
            .iter_mut()
            .zip(&stats.hooks)
            .filter(|(calls, _)| calls.calls > 0)
        {
            let counted = std::mem::take(calls);
            share.calls.fetch_add(counted.calls, Relaxed);
            share.failures.fetch_add(counted.failures, Relaxed);
            share.nanoseconds.fetch_add(nanoseconds(counted.time), Relaxed);
            share.slowest.fetch_max(nanoseconds(counted.slowest), Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up() {
        let stats = Stats::default();
        for _ in 0..2 {
            let mut tally = Tally::default();
            tally.count(Hook::Request, Duration::from_micros(2), false);
            tally.count(Hook::Request, Duration::from_micros(5), true);
            tally.add_to(&stats);
            tally.add_to(&stats);
        }
        let counted = stats.calls(Hook::Request);
        assert_eq!((counted.calls, counted.failures), (4, 2));
        assert_eq!(
            (counted.time, counted.slowest),
            (Duration::from_micros(14), Duration::from_micros(5))
        );
        assert_eq!(stats.calls(Hook::Log), Calls::default());
    }

    #[test]
    fn memory_goes_up_and_down() {
        let stats = Stats::default();
        stats.born();
        stats.resized(0, 10);
        stats.resized(10, 4);
        assert_eq!((stats.instances(), stats.memory(), stats.made()), (1, 4, 1));
        stats.died(4);
        assert_eq!((stats.instances(), stats.memory(), stats.made()), (0, 0, 1));
    }
}
