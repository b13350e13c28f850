//! State that plugins share over all workers: rate [`Budgets`] and key-value [`Stores`]. In memory, bounded, kept over
//! reloads; each process has its own. Who may use which is decided by `plugin/`.
//!
//! Both are sharded by key: a worker holds the lock of one shard for one decision, and no longer.

mod budget;
mod clock;
mod store;
mod table;

pub use budget::{Budget, Budgets, Verdict};
pub use store::{Entry, Refused, Store, Stores};
