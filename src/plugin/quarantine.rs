//! A use that keeps failing on a route is not asked there for a while: what its failures cost is spent on others. One
//! call at a time finds out whether it works again. Shared by all workers.
//!
//! While all is well this is one load of an atomic: calls are counted only from a failure on.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::failure::Cause;

/// Failures and calls are counted over so long.
const WINDOW: Duration = Duration::from_secs(10);

/// So many failures in a window...
const FAILURES: u64 = 5;

/// ...when they are at least one call in so many.
const SHARE: u64 = 5;

/// Until the first probe, doubled after each that fails.
const FIRST: Duration = Duration::from_secs(1);

/// Between two probes at most.
const LONGEST: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Quarantine {
    troubled: AtomicBool,
    routes: Mutex<HashMap<Box<str>, State>>,
}

#[derive(Debug)]
enum State {
    Watched {
        since: Instant,
        calls: u64,
        failures: u64,
    },
    Closed {
        until: Instant,
        pause: Duration,
        cause: &'static str,
        probing: bool,
    },
}

impl Quarantine {
    /// Whether calls are counted.
    pub(super) fn is_troubled(&self) -> bool {
        self.troubled.load(Relaxed)
    }

    /// Whether it may be asked on this route.
    ///
    /// # Errors
    ///
    /// The name of the failure that closed it.
    pub(super) fn admit(&self, route: &str) -> Result<(), &'static str> {
        if !self.is_troubled() {
            return Ok(());
        }
        self.admit_at(route, Instant::now())
    }

    /// How a call that was admitted ended.
    pub(super) fn report(&self, route: &str, failure: Option<&Cause>) {
        let failure = failure.filter(|cause| counts(cause));
        if failure.is_none() && !self.is_troubled() {
            return;
        }
        self.report_at(route, failure.map(Cause::name), Instant::now());
    }

    /// A call that was admitted came to no end, and nobody is to blame.
    pub(super) fn forget(&self, route: &str) {
        if self.is_troubled()
            && let Some(State::Closed { probing, .. }) = self.lock().get_mut(route)
        {
            *probing = false;
        }
    }

    /// Routes on which it is not asked now, with the failure that led to it.
    pub(super) fn closed(&self) -> Vec<(Box<str>, &'static str)> {
        let routes = self.lock();
        let closed = routes.iter().filter_map(|(route, state)| match state {
            State::Closed { cause, .. } => Some((route.clone(), *cause)),
            State::Watched { .. } => None,
        });
        closed.collect()
    }

    fn admit_at(&self, route: &str, now: Instant) -> Result<(), &'static str> {
        match self.lock().get_mut(route) {
            Some(State::Closed {
                until,
                cause,
                probing,
                ..
            }) => {
                if *probing || now < *until {
                    return Err(cause);
                }
                *probing = true;
                Ok(())
            }
            Some(State::Watched { .. }) | None => Ok(()),
        }
    }

    fn report_at(&self, route: &str, failure: Option<&'static str>, now: Instant) {
        let mut routes = self.lock();
        let Some(state) = routes.get_mut(route) else {
            if failure.is_some() {
                routes.insert(
                    route.into(),
                    State::Watched {
                        since: now,
                        calls: 1,
                        failures: 1,
                    },
                );
                self.troubled.store(true, Relaxed);
            }
            return;
        };
        if !state.goes_on(failure, now) {
            routes.remove(route);
            self.troubled.store(!routes.is_empty(), Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, State>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes in how a call ended. False when there is nothing left to watch.
    fn goes_on(&mut self, failure: Option<&'static str>, now: Instant) -> bool {
        match (&mut *self, failure) {
            (
                Self::Watched {
                    since,
                    calls,
                    failures,
                },
                _,
            ) => {
                if now.duration_since(*since) >= WINDOW {
                    (*since, *calls, *failures) = (now, 0, 0);
                    if failure.is_none() {
                        return false;
                    }
                }
                *calls += 1;
                *failures += u64::from(failure.is_some());
                let often = *failures >= FAILURES && *failures * SHARE >= *calls;
                if let Some(cause) = failure.filter(|_| often) {
                    *self = Self::Closed {
                        until: now + FIRST,
                        pause: FIRST,
                        cause,
                        probing: false,
                    };
                }
                true
            }
            // Calls that began before it closed end after it: only the probe's end counts.
            (Self::Closed { probing: false, .. }, _) => true,
            (
                Self::Closed {
                    until,
                    pause,
                    cause,
                    probing,
                },
                Some(failure),
            ) => {
                *pause = (*pause * 2).min(LONGEST);
                (*until, *cause, *probing) = (now + *pause, failure, false);
                true
            }
            (Self::Closed { .. }, None) => false,
        }
    }
}

/// Whether it is the plugin that fails.
fn counts(cause: &Cause) -> bool {
    match cause {
        Cause::Trap(_)
        | Cause::Cpu
        | Cause::Time
        | Cause::Outcome(_)
        | Cause::Unavailable(_)
        | Cause::Internal(_) => true,
        Cause::Load | Cause::Busy | Cause::Rejected(_) | Cause::Quarantined(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Given {
        quarantine: Quarantine,
        start: Instant,
    }

    impl Given {
        fn new() -> Self {
            Self {
                quarantine: Quarantine::default(),
                start: Instant::now(),
            }
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        fn fails(&self, ms: u64, times: usize) {
            (0..times).for_each(|_| self.quarantine.report_at("a", Some("trap"), self.at(ms)));
        }

        fn works(&self, ms: u64, times: usize) {
            (0..times).for_each(|_| self.quarantine.report_at("a", None, self.at(ms)));
        }

        fn is_open(&self, ms: u64) -> bool {
            self.quarantine.admit_at("a", self.at(ms)).is_ok()
        }
    }

    #[test]
    fn five_failures_close_it_for_a_second_then_one_call_tries() {
        let given = Given::new();
        given.fails(0, 4);
        assert!(given.is_open(0));
        given.fails(1, 1);
        assert_eq!(given.quarantine.admit_at("a", given.at(1_000)), Err("trap"));
        assert!(given.is_open(1_001));
        assert!(!given.is_open(1_002), "only one probe at a time");
    }

    #[test]
    fn pauses_double_up_to_a_minute() {
        let given = Given::new();
        given.fails(0, 5);
        let mut now = 0;
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            now += pause * 1_000;
            assert!(!given.is_open(now - 1), "{pause}");
            assert!(given.is_open(now), "{pause}");
            given.fails(now, 1);
        }
    }

    #[test]
    fn a_probe_that_works_opens_it() {
        let given = Given::new();
        given.fails(0, 5);
        assert!(given.is_open(1_000));
        given.works(1_000, 1);
        assert!(given.is_open(1_001) && given.is_open(1_001));
        assert!(!given.quarantine.troubled.load(Relaxed));
    }

    #[test]
    fn a_probe_that_came_to_no_end_leaves_room_for_another() {
        let given = Given::new();
        given.fails(0, 5);
        assert!(given.is_open(1_000));
        given.quarantine.forget("a");
        assert!(given.is_open(1_001));
    }

    #[test]
    fn rare_failures_do_not_close_it() {
        let given = Given::new();
        for second in 0..20 {
            given.works(second * 500, 5);
            given.fails(second * 500, 1);
        }
        assert!(given.is_open(10_000));
    }

    #[test]
    fn failures_of_long_ago_do_not_count() {
        let given = Given::new();
        given.fails(0, 4);
        given.fails(10_000, 4);
        assert!(given.is_open(10_000));
        given.works(20_000, 1);
        assert!(!given.quarantine.troubled.load(Relaxed));
    }

    #[test]
    fn other_routes_do_not_notice() {
        let given = Given::new();
        given.fails(0, 5);
        assert_eq!(given.quarantine.admit_at("b", given.at(1)), Ok(()));
        assert_eq!(given.quarantine.closed(), [("a".into(), "trap")]);
    }

    #[test]
    fn calls_that_began_before_do_not_end_it() {
        let given = Given::new();
        given.fails(0, 5);
        given.works(10, 3);
        given.fails(10, 3);
        assert!(!given.is_open(999));
        assert!(given.is_open(1_000));
    }
}
