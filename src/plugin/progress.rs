//! What is known of a call from outside, while its instance is at work: whether it gives way or waits, the CPU time that it
//! takes, and the scene that it leaves when it is dropped.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::engine::TICK;
use super::scene::Scene;

/// A call that has run for so long when a tick meets it is one that takes long. Shorter ones are met by chance.
const LONG: Duration = Duration::from_micros(250);

/// See the module. One for each instance; looked at by whoever polls the call, and between its ticks.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// It gave way, and would go on at once.
    gave_way: AtomicBool,
    /// It waited in a host function: the tick that follows is not its own.
    waited: AtomicBool,
    /// A tick has met it. From then on its CPU time is measured: to ask for it costs a system call.
    measured: AtomicBool,
    /// CPU time of its thread when it went on, in nanoseconds.
    since: AtomicU64,
    /// CPU time that was taken before it waited, in nanoseconds.
    owed: AtomicU64,
    /// What it has taken in all, in nanoseconds.
    taken: AtomicU64,
    left: Mutex<Option<Box<Scene>>>,
}

impl Progress {
    /// A call begins.
    pub(super) fn begin(&self) {
        self.gave_way.store(false, Relaxed);
        self.waited.store(false, Relaxed);
        self.measured.store(false, Relaxed);
        self.owed.store(0, Relaxed);
        self.taken.store(0, Relaxed);
    }

    /// It goes on, after it gave way if this is true.
    pub(super) fn goes_on(&self) -> bool {
        if self.measured.load(Relaxed) {
            self.since.store(cpu_time(), Relaxed);
        }
        let gave_way = self.gave_way.load(Relaxed);
        if gave_way {
            self.gave_way.store(false, Relaxed);
        }
        gave_way
    }

    /// It waits for something, or gives way.
    pub(super) fn pauses(&self) {
        if self.measured.load(Relaxed) {
            self.owed.store(self.lap(), Relaxed);
        } else if !self.gave_way() {
            self.waited.store(true, Relaxed);
        }
    }

    /// A tick has come while it ran, and it began then: how much CPU time it has taken, a tick at most, however long a host
    /// function took. `None` when it has only just gone on.
    pub(super) fn tick(&self, began: Instant) -> Option<Duration> {
        if self.measured.load(Relaxed) {
            let lap = self.lap();
            self.owed.store(0, Relaxed);
            self.taken.fetch_add(lap, Relaxed);
            return Some(Duration::from_nanos(lap).min(TICK));
        }
        if self.waited.swap(false, Relaxed) {
            return None;
        }
        self.measured.store(true, Relaxed);
        self.since.store(cpu_time(), Relaxed);
        self.taken.store(nanoseconds(began.elapsed()), Relaxed);
        Some(TICK)
    }

    /// It has to give way.
    pub(super) fn give_way(&self) {
        self.gave_way.store(true, Relaxed);
    }

    /// Whether it has given way, rather than wait for something.
    pub(super) fn gave_way(&self) -> bool {
        self.gave_way.load(Relaxed)
    }

    /// Whether it takes long, and would go on.
    pub(super) fn is_long(&self) -> bool {
        self.gave_way() && Duration::from_nanos(self.taken.load(Relaxed)) >= LONG
    }

    /// Leaves the scene of a call that is given up.
    pub(super) fn leave(&self, scene: Box<Scene>) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = Some(scene);
    }

    /// The scene that a call has left. None when it is still at work, on another thread.
    pub(super) fn left(&self) -> Option<Box<Scene>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// CPU time since it was last asked for, with what is owed.
    fn lap(&self) -> u64 {
        let now = cpu_time();
        let since = self.since.swap(now, Relaxed);
        now.saturating_sub(since) + self.owed.load(Relaxed)
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Of this thread, in nanoseconds.
fn cpu_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn burn(time: Duration) {
        let until = cpu_time() + nanoseconds(time);
        while cpu_time() < until {}
    }

    #[test]
    fn a_tick_counts_unless_it_follows_a_wait() {
        let progress = Progress::default();
        progress.begin();
        assert!(!progress.goes_on());
        progress.pauses();
        assert!(!progress.goes_on());
        assert_eq!(progress.tick(Instant::now()), None, "it waited");
        assert_eq!(progress.tick(Instant::now()), Some(TICK));
        progress.give_way();
        progress.pauses();
        assert!(!progress.is_long(), "every call can be met by a tick");
        assert!(progress.goes_on(), "it gave way");
        progress.begin();
        progress.tick(Instant::now() - LONG);
        assert!(!progress.is_long(), "it goes on");
        progress.give_way();
        assert!(progress.is_long());
    }

    #[test]
    fn from_the_first_tick_on_what_it_runs_is_measured() {
        let progress = Progress::default();
        progress.begin();
        let began = Instant::now();
        assert_eq!(progress.tick(began), Some(TICK));
        progress.goes_on();
        burn(Duration::from_micros(200));
        progress.pauses();
        thread::sleep(Duration::from_millis(20));
        burn(Duration::from_millis(20));
        progress.goes_on();
        burn(Duration::from_micros(200));
        let taken = progress.tick(began).unwrap();
        assert!(taken >= Duration::from_micros(400), "{taken:?}");
        assert!(taken < TICK, "{taken:?}");
        let taken = progress.tick(began).unwrap();
        assert!(taken < Duration::from_micros(400), "nothing counts twice");
        burn(Duration::from_millis(20));
        assert_eq!(progress.tick(began), Some(TICK), "a tick at most");
        progress.give_way();
        assert!(progress.is_long());
        progress.begin();
        progress.give_way();
        assert!(!progress.is_long(), "another call");
    }
}
