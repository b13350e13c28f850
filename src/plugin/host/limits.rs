//! `limits`: the budgets that a plugin was granted.

use std::time::Duration;

use super::is_granted;
use crate::limits;
use crate::plugin::bindings::gatewit::plugin::limits::{Host, LimitsError, Verdict};
use crate::plugin::guest::Guest;

/// Bytes of a key.
const LONGEST_KEY: usize = 64 << 10;

impl Host for Guest {
    fn take(
        &mut self,
        budget: String,
        key: Vec<u8>,
        cost: u32,
    ) -> wasmtime::Result<Result<Verdict, LimitsError>> {
        let granted = is_granted(&self.binding.plugin.grants.budgets, &budget);
        let found = self.binding.powers.budgets.find(&budget).filter(|_| granted);
        let Some(found) = found else {
            return Ok(Err(LimitsError::NoSuchBudget));
        };
        if key.len() > LONGEST_KEY {
            return Ok(Err(LimitsError::Unavailable(
                "the key is longer than 64 KiB".to_owned(),
            )));
        }
        Ok(Ok(found.take(&key, cost).into()))
    }
}

impl From<limits::Verdict> for Verdict {
    fn from(verdict: limits::Verdict) -> Self {
        Self {
            allowed: verdict.allowed,
            limit: verdict.limit,
            remaining: verdict.remaining,
            reset_after_ms: millis(verdict.reset_after),
            retry_after_ms: verdict.retry_after.map_or(u64::MAX, millis),
        }
    }
}

/// Rounded up: who waits so long does not come too early.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_up_to_milliseconds() {
        for (nanos, expected) in [
            (0, 0),
            (1, 1),
            (1_000_000, 1),
            (1_000_001, 2),
            (u64::MAX, 18_446_744_073_710),
        ] {
            assert_eq!(millis(Duration::from_nanos(nanos)), expected);
        }
        assert_eq!(millis(Duration::MAX), u64::MAX);
    }
}
