//! `limits`: budgets that are full again at once when their period is over.

use std::time::Duration;

use super::with;
use crate::limits::{LimitsError, Verdict};

pub(crate) fn take(budget: &str, key: &[u8], cost: u32) -> Result<Verdict, LimitsError> {
    with(|host| {
        let now = host.world.now;
        let budget = host
            .world
            .budgets
            .get_mut(budget)
            .ok_or(LimitsError::NoSuchBudget)?;
        let (taken, since) = budget.taken.entry(key.to_vec()).or_insert((0, now));
        if now >= *since + budget.period {
            (*taken, *since) = (0, now);
        }
        let cost = u64::from(cost);
        let allowed = *taken + cost <= budget.limit;
        if allowed {
            *taken += cost;
        }
        let wait =
            u64::try_from((*since + budget.period).saturating_sub(now).as_millis()).unwrap_or(u64::MAX);
        let retry = if cost > budget.limit || budget.period == Duration::MAX {
            u64::MAX
        } else {
            wait
        };
        Ok(Verdict {
            allowed,
            limit: budget.limit,
            remaining: budget.limit - *taken,
            reset_after_ms: if *taken == 0 { 0 } else { wait },
            retry_after_ms: if allowed { 0 } else { retry },
        })
    })
}
