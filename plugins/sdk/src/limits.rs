//! Budgets of the gateway's configuration (`[budget.NAME]`): one atomic decision for all workers. Needs the grant
//! `budgets`.

use crate::host::limits;

pub use crate::bindings::imports::gatewit::plugin::limits::{LimitsError, Verdict};

/// Takes `cost` out of a budget, for one key. What does not fit costs nothing.
///
/// # Errors
/// No such budget is granted, or its backend does not answer.
pub fn take(budget: &str, key: impl AsRef<[u8]>, cost: u32) -> Result<Verdict, LimitsError> {
    limits::take(budget, key.as_ref(), cost)
}
