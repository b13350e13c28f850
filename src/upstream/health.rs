//! Passive ejection as a value: what one endpoint's failures and answers make of it.
//!
//! Pure, and small enough to be packed into one atomic word, so that workers change it without a
//! lock. Who observes failures, who probes, and what panic means is decided elsewhere.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Failure;
use super::clock::{Moment, micros};
use crate::config;

/// An ejection never lasts longer than this many times the first one.
const LONGEST: u32 = 10;

/// Why an endpoint is ejected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cause {
    /// No TCP connection. Ends when a connection succeeds, which the control task tries every second:
    /// no request has to find out.
    Connect,
    /// Connections broke. Ends after its time, with a trial.
    Reset,
    /// It said nothing. Ends as soon as it says anything, or after its time, with a trial.
    Silent,
    /// Gateway errors in a row. Ends after its time, with a trial.
    Errors,
}

/// What may be done with an endpoint.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Standing {
    /// Not ejected.
    Up,
    /// Ejected.
    Out,
    /// The ejection is over; one request may try.
    Due,
    /// One request is trying.
    Trial,
}

/// The record of one endpoint.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Health {
    cause: Option<Cause>,
    trial: bool,
    /// Ejections in a row, 0–15.
    ejections: u8,
    /// Connection-level failures in a row, up to 255.
    failures: u8,
    /// Gateway errors in a row, up to 255.
    errors: u8,
    /// End of the ejection in milliseconds, 40 bits.
    until: u64,
}

impl Health {
    pub(super) fn cause(self) -> Option<Cause> {
        self.cause
    }

    /// Whether this is one more ejection than `before` was.
    pub(super) fn is_new_ejection(self, before: Self) -> bool {
        self.cause.is_some() && (before.cause.is_none() || self.until != before.until)
    }

    /// What is left of an ejection's time; nothing when it does not end by time.
    pub(super) fn remaining(self, now: Moment) -> Duration {
        if self.cause == Some(Cause::Connect) {
            return Duration::ZERO;
        }
        Duration::from_millis(self.until.saturating_sub(now.millis()))
    }

    pub(super) fn standing(self, now: Moment) -> Standing {
        match self.cause {
            None => Standing::Up,
            Some(Cause::Connect) => Standing::Out,
            Some(_) if now.millis() < self.until => Standing::Out,
            Some(_) if self.trial => Standing::Trial,
            Some(_) => Standing::Due,
        }
    }

    /// After a connection-level failure. Many requests in flight that fail together are one ejection.
    pub(super) fn failed(self, failure: Failure, now: Moment, rules: &config::Ejection) -> Self {
        let cause = Cause::from(failure);
        let counted = Self {
            failures: self.failures.saturating_add(1),
            ..self
        };
        match self.standing(now) {
            Standing::Out if cause == Cause::Connect => Self {
                cause: Some(cause),
                ..counted
            },
            Standing::Out => counted,
            Standing::Up if !reached(counted.failures, rules.failures) => counted,
            Standing::Up | Standing::Due | Standing::Trial => counted.ejected(cause, now, rules.time),
        }
    }

    /// After a response head. `unsure` says that the request was sent although the endpoint was under
    /// suspicion (a trial, or panic): only then does an answer clear it of more than silence, since an answer
    /// on an old connection says nothing of new ones.
    pub(super) fn heard(
        self,
        gateway_error: bool,
        unsure: bool,
        now: Moment,
        rules: &config::Ejection,
    ) -> Self {
        let errors = if gateway_error {
            self.errors.saturating_add(1)
        } else {
            0
        };
        let clean = Self {
            errors,
            ..Self::default()
        };
        match self.cause {
            None if gateway_error && reached(errors, rules.errors) => {
                clean.ejected(Cause::Errors, now, rules.time)
            }
            None => clean,
            Some(Cause::Silent) => clean,
            Some(Cause::Errors) if unsure && gateway_error && self.standing(now) != Standing::Out => {
                Self { errors, ..self }.ejected(Cause::Errors, now, rules.time)
            }
            Some(Cause::Errors) if gateway_error => self,
            Some(_) if unsure => clean,
            Some(_) => self,
        }
    }

    /// After a TCP connection was made, by a request or by the control task.
    pub(super) fn connected(self) -> Self {
        match self.cause {
            Some(Cause::Connect) => Self {
                errors: self.errors,
                ..Self::default()
            },
            _ => self,
        }
    }

    /// Takes the one trial of an ejection that is over.
    pub(super) fn claimed(self, now: Moment) -> Option<Self> {
        (self.standing(now) == Standing::Due).then_some(Self { trial: true, ..self })
    }

    /// The trial ended without a verdict.
    pub(super) fn released(self) -> Self {
        Self { trial: false, ..self }
    }

    fn ejected(self, cause: Cause, now: Moment, first: Duration) -> Self {
        let times = match cause {
            // A trial would be one more request that is kept waiting. What was sent before is still there to be
            // answered, and brings the endpoint back the moment it is.
            Cause::Silent => LONGEST,
            _ => 1_u32
                .checked_shl(self.ejections.into())
                .unwrap_or(LONGEST)
                .min(LONGEST),
        };
        Self {
            cause: Some(cause),
            trial: false,
            ejections: (self.ejections + 1).min(15),
            until: now.millis() + micros(first.saturating_mul(times)) / 1000,
            ..self
        }
    }

    fn packed(self) -> u64 {
        let cause = match self.cause {
            None => 0,
            Some(Cause::Connect) => 1,
            Some(Cause::Reset) => 2,
            Some(Cause::Silent) => 3,
            Some(Cause::Errors) => 4,
        };
        cause
            | u64::from(self.trial) << 3
            | u64::from(self.ejections) << 4
            | u64::from(self.failures) << 8
            | u64::from(self.errors) << 16
            | self.until.min((1 << 40) - 1) << 24
    }

    fn unpacked(word: u64) -> Self {
        let [low, failures, errors, ..] = word.to_le_bytes();
        let cause = match low & 7 {
            1 => Some(Cause::Connect),
            2 => Some(Cause::Reset),
            3 => Some(Cause::Silent),
            4 => Some(Cause::Errors),
            _ => None,
        };
        Self {
            cause,
            trial: low & 8 != 0,
            ejections: low >> 4,
            failures,
            errors,
            until: word >> 24,
        }
    }
}

/// A limit of 0 is never reached. Limits above 255 count as 255.
fn reached(count: u8, limit: u32) -> bool {
    limit != 0 && u32::from(count) >= limit.min(255)
}

impl From<Failure> for Cause {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Connect => Self::Connect,
            Failure::Reset => Self::Reset,
            Failure::Silent => Self::Silent,
        }
    }
}

/// A [`Health`] that many threads may change.
#[derive(Debug, Default)]
pub(super) struct Cell(AtomicU64);

/// What a change was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) before: Health,
    pub(super) after: Health,
}

impl Cell {
    pub(super) fn load(&self) -> Health {
        Health::unpacked(self.0.load(Ordering::Relaxed))
    }

    /// Applies `next` to what is there at that moment; does not write when nothing changes, which is the usual case.
    pub(super) fn update(&self, next: impl Fn(Health) -> Health) -> Change {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let before = Health::unpacked(word);
            let after = next(before);
            if before == after {
                return Change { before, after };
            }
            match self
                .0
                .compare_exchange_weak(word, after.packed(), Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return Change { before, after },
                Err(now) => word = now,
            }
        }
    }

    /// True for exactly one caller.
    pub(super) fn claim(&self, now: Moment) -> bool {
        let change = self.update(|health| health.claimed(now).unwrap_or(health));
        change.before != change.after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: config::Ejection = config::Ejection {
        failures: 1,
        errors: 0,
        time: Duration::from_secs(5),
        panic: 0.5,
    };

    fn at(seconds: u64) -> Moment {
        Moment(seconds * 1_000_000)
    }

    #[test]
    fn what_is_packed_comes_back() {
        for cause in [
            None,
            Some(Cause::Connect),
            Some(Cause::Reset),
            Some(Cause::Silent),
            Some(Cause::Errors),
        ] {
            for (trial, ejections, failures, errors, until) in [
                (false, 0, 0, 0, 0),
                (true, 15, 255, 254, (1 << 40) - 1),
                (false, 7, 1, 2, 123_456),
            ] {
                let health = Health {
                    cause,
                    trial,
                    ejections,
                    failures,
                    errors,
                    until,
                };
                assert_eq!(Health::unpacked(health.packed()), health);
            }
        }
        assert_eq!(Health::unpacked(0), Health::default());
    }

    #[test]
    fn the_configured_number_of_failures_in_a_row_ejects() {
        for (limit, failures, expected) in [
            (1, 1, Standing::Out),
            (3, 2, Standing::Up),
            (3, 3, Standing::Out),
            (0, 200, Standing::Up),
        ] {
            let rules = config::Ejection {
                failures: limit,
                ..RULES
            };
            let mut health = Health::default();
            for _ in 0..failures {
                health = health.failed(Failure::Reset, at(1), &rules);
            }
            assert_eq!(health.standing(at(1)), expected, "{failures} of {limit}");
        }
    }

    #[test]
    fn an_answer_between_failures_starts_the_count_again() {
        let rules = config::Ejection { failures: 2, ..RULES };
        let health = Health::default()
            .failed(Failure::Reset, at(1), &rules)
            .heard(false, false, at(1), &rules)
            .failed(Failure::Reset, at(1), &rules);
        assert_eq!(health.standing(at(1)), Standing::Up);
    }

    #[test]
    fn ejections_in_a_row_double_up_to_ten_times_the_first() {
        let mut health = Health::default();
        let mut now = at(1);
        for expected in [
            5, 10, 20, 40, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50,
        ] {
            health = health.failed(Failure::Reset, now, &RULES);
            assert_eq!(health.remaining(now), Duration::from_secs(expected));
            now = now.after(Duration::from_secs(expected));
            assert_eq!(health.standing(now), Standing::Due);
        }
    }

    #[test]
    fn requests_that_fail_together_are_one_ejection() {
        let mut health = Health::default();
        for _ in 0..50 {
            health = health.failed(Failure::Reset, at(1), &RULES);
        }
        assert_eq!(health.remaining(at(1)), Duration::from_secs(5));
    }

    #[test]
    fn one_request_tries_when_the_time_is_over_and_decides() {
        let cell = Cell::default();
        cell.update(|health| health.failed(Failure::Reset, at(1), &RULES));
        assert!(!cell.claim(at(5)), "still ejected");
        assert!(cell.claim(at(6)));
        assert!(!cell.claim(at(6)), "the second one");
        assert_eq!(cell.load().standing(at(6)), Standing::Trial);
        cell.update(Health::released);
        assert!(cell.claim(at(6)), "given back without a verdict");
        cell.update(|health| health.failed(Failure::Reset, at(7), &RULES));
        assert_eq!(cell.load().remaining(at(7)), Duration::from_secs(10));
        assert!(cell.claim(at(17)));
        cell.update(|health| health.heard(false, true, at(17), &RULES));
        assert_eq!(cell.load(), Health::default());
    }

    #[test]
    fn silence_ends_by_an_answer_rather_than_by_a_trial() {
        let cell = Cell::default();
        cell.update(|health| health.failed(Failure::Silent, at(1), &RULES));
        assert_eq!(cell.load().remaining(at(1)), 10 * RULES.time);
        assert!(!cell.claim(at(50)));
        cell.update(|health| health.heard(false, false, at(50), &RULES));
        assert_eq!(cell.load(), Health::default());
    }

    #[test]
    fn anything_heard_ends_silence_at_once_and_nothing_else() {
        let heard = |failure| {
            Health::default()
                .failed(failure, at(1), &RULES)
                .heard(false, false, at(2), &RULES)
                .standing(at(2))
        };
        assert_eq!(heard(Failure::Silent), Standing::Up);
        assert_eq!(
            heard(Failure::Reset),
            Standing::Out,
            "an old connection says nothing of new ones"
        );
        assert_eq!(heard(Failure::Connect), Standing::Out);
    }

    #[test]
    fn a_refused_connection_is_out_until_one_is_accepted_however_long() {
        let health = Health::default().failed(Failure::Connect, at(1), &RULES);
        assert_eq!(health.standing(at(3600)), Standing::Out);
        assert_eq!(health.connected().standing(at(2)), Standing::Up);
        let reset = Health::default().failed(Failure::Reset, at(1), &RULES);
        assert_eq!(reset.connected(), reset, "accepting is not answering");
    }

    #[test]
    fn gateway_errors_eject_only_when_asked_for() {
        let rules = config::Ejection { errors: 2, ..RULES };
        let once = Health::default().heard(true, false, at(1), &rules);
        assert_eq!(once.standing(at(1)), Standing::Up);
        let twice = once.heard(true, false, at(1), &rules);
        assert_eq!(twice.cause(), Some(Cause::Errors));
        assert_eq!(
            twice.heard(true, true, at(6), &rules).remaining(at(6)),
            Duration::from_secs(10)
        );
        assert_eq!(twice.heard(false, true, at(6), &rules), Health::default());
        let off = (0..200).fold(Health::default(), |health, _| {
            health.heard(true, false, at(1), &RULES)
        });
        assert_eq!(off.standing(at(1)), Standing::Up);
    }
}
