//! Named stores of the gateway's configuration (`[store.NAME]`), shared by all workers. They survive a reload of the
//! plugin, not a restart of the gateway. Needs the grant `stores`.

use std::time::Duration;

use crate::host::kv;

pub use crate::bindings::imports::gatewit::plugin::kv::{Entry, KvError};

/// One store.
#[derive(Clone, Copy, Debug)]
pub struct Store<'a>(&'a str);

/// The store of that name.
pub fn store(name: &str) -> Store<'_> {
    Store(name)
}

impl Store<'_> {
    /// Reads.
    ///
    /// # Errors
    /// No such store is granted, or it does not take the key.
    pub fn get(&self, key: &str) -> Result<Option<Entry>, KvError> {
        kv::get(self.0, key)
    }

    /// Writes, and returns the new revision. Without a time to live it stays until it is evicted.
    ///
    /// # Errors
    /// As for [`Store::get`], or the value is too large.
    pub fn set(&self, key: &str, value: impl AsRef<[u8]>, ttl: Option<Duration>) -> Result<u64, KvError> {
        kv::set(self.0, key, value.as_ref(), ttl.map(millis))
    }

    /// Removes.
    ///
    /// # Errors
    /// As for [`Store::get`].
    pub fn delete(&self, key: &str) -> Result<(), KvError> {
        kv::delete(self.0, key)
    }

    /// Adds to a number, 0 when absent, and returns the sum. The time to live is set when it is new.
    ///
    /// # Errors
    /// As for [`Store::get`], or the value is not a number.
    pub fn increment(&self, key: &str, delta: i64, ttl: Option<Duration>) -> Result<i64, KvError> {
        kv::increment(self.0, key, delta, ttl.map(millis))
    }

    /// Writes if the revision is the expected one (`None`: if absent), and returns the new one; `None` when it was not.
    ///
    /// # Errors
    /// As for [`Store::set`].
    pub fn compare_and_set(
        &self,
        key: &str,
        expected: Option<u64>,
        value: impl AsRef<[u8]>,
        ttl: Option<Duration>,
    ) -> Result<Option<u64>, KvError> {
        kv::compare_and_set(self.0, key, expected, value.as_ref(), ttl.map(millis))
    }
}

fn millis(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)
}
