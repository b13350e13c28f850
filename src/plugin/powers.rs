//! What a snapshot has to lend to plugins. Which of it a plugin may use says its grants; what it is worth is in the
//! mechanisms below.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// Everything that plugins may be granted. Parts that did not change survive a reload.
#[derive(Debug, Default)]
pub struct Powers {}

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
