//! `kv`: the stores that a plugin was granted.

use std::sync::Arc;
use std::time::Duration;

use super::is_granted;
use crate::limits::{Refused, Store};
use crate::plugin::bindings::gatewit::plugin::kv::{Entry, Host, KvError};
use crate::plugin::guest::Guest;

type Answer<T> = wasmtime::Result<Result<T, KvError>>;

impl Guest {
    fn store<T>(&self, name: &str, use_it: impl FnOnce(&Arc<Store>) -> Result<T, Refused>) -> Answer<T> {
        let granted = is_granted(&self.binding.plugin.grants.stores, name);
        let found = self.binding.powers.stores.find(name).filter(|_| granted);
        Ok(match found {
            None => Err(KvError::NoSuchStore),
            Some(store) => use_it(store).map_err(|Refused| KvError::Refused),
        })
    }
}

impl Host for Guest {
    fn get(&mut self, store: String, key: String) -> Answer<Option<Entry>> {
        self.store(&store, |store| {
            let entry = store.get(&key)?;
            Ok(entry.map(|entry| Entry {
                value: entry.value.to_vec(),
                revision: entry.revision,
            }))
        })
    }

    fn set(&mut self, store: String, key: String, value: Vec<u8>, ttl_ms: Option<u64>) -> Answer<u64> {
        self.store(&store, |store| store.set(&key, value, ttl(ttl_ms)))
    }

    fn delete(&mut self, store: String, key: String) -> Answer<()> {
        self.store(&store, |store| store.delete(&key))
    }

    fn increment(&mut self, store: String, key: String, delta: i64, ttl_ms: Option<u64>) -> Answer<i64> {
        self.store(&store, |store| store.increment(&key, delta, ttl(ttl_ms)))
    }

    fn compare_and_set(
        &mut self,
        store: String,
        key: String,
        expected: Option<u64>,
        value: Vec<u8>,
        ttl_ms: Option<u64>,
    ) -> Answer<Option<u64>> {
        self.store(&store, |store| {
            store.compare_and_set(&key, expected, value, ttl(ttl_ms))
        })
    }
}

fn ttl(millis: Option<u64>) -> Option<Duration> {
    millis.map(Duration::from_millis)
}
