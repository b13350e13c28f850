//! Key-value stores: values with a revision and a time to live, bounded in number and size.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::clock::{Clock, nanos};
use super::table::{Locked, Table};
use crate::config;

/// Bytes of a key.
const LONGEST_KEY: usize = 1024;

/// The stores of one configuration.
#[derive(Debug, Default)]
pub struct Stores(HashMap<String, Arc<Store>>);

/// One `[store.NAME]`.
#[derive(Debug)]
pub struct Store {
    config: Arc<config::Store>,
    state: Arc<State>,
}

/// A value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The bytes.
    pub value: Bytes,
    /// Another one after every change; never the same again, also after the key was removed.
    pub revision: u64,
}

/// The key is too long, the value too large, or not a number.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the key is too long, the value too large or not a number")]
pub struct Refused;

/// Shared by the stores of one name, over reloads.
#[derive(Debug)]
struct State {
    clock: Clock,
    table: Table<Kept>,
    revision: AtomicU64,
}

#[derive(Debug)]
struct Kept {
    value: Bytes,
    revision: u64,
    expires: Option<u64>,
    used: u64,
}

impl Stores {
    /// Builds what a configuration declares. A store keeps its entries by its name; lower bounds hold for what is
    /// written from now on.
    pub fn build(config: &[Arc<config::Store>], previous: Option<&Self>) -> Self {
        let stores = config.iter().map(|config| {
            let known = previous.and_then(|previous| previous.find(&config.name));
            let store = match known {
                Some(known) if *known.config == **config => Arc::clone(known),
                known => Arc::new(Store::new(config, known)),
            };
            (config.name.clone(), store)
        });
        Self(stores.collect())
    }

    /// Stops the clock of every store so long after it was made: where a plugin is tested, time passes by word.
    pub fn stop_clock(&self, at: Duration) {
        self.0.values().for_each(|store| store.state.clock.stop(at));
    }

    /// The store of this name.
    pub fn find(&self, name: &str) -> Option<&Arc<Store>> {
        self.0.get(name)
    }
}

impl Store {
    fn new(config: &Arc<config::Store>, known: Option<&Arc<Self>>) -> Self {
        let state = || {
            Arc::new(State {
                clock: Clock::start(),
                table: Table::new(config.entries),
                revision: AtomicU64::new(1),
            })
        };
        Self {
            state: known.map_or_else(state, |known| Arc::clone(&known.state)),
            config: Arc::clone(config),
        }
    }

    /// Entries, those that are over and not yet forgotten included.
    pub fn entries(&self) -> usize {
        self.state.table.len()
    }

    /// Reads.
    ///
    /// # Errors
    ///
    /// The key is longer than 1 KiB.
    pub fn get(&self, key: &str) -> Result<Option<Entry>, Refused> {
        self.within(key, 0)?;
        let now = self.state.clock.now();
        let mut shard = self.state.table.lock(key.as_bytes());
        let kept = live(&mut shard, key, now);
        Ok(kept.map(|kept| {
            kept.used = now;
            Entry {
                value: kept.value.clone(),
                revision: kept.revision,
            }
        }))
    }

    /// Writes, and returns the new revision. Without a time to live it stays until it is evicted.
    ///
    /// # Errors
    ///
    /// The key is longer than 1 KiB, or the value larger than the store takes.
    pub fn set(&self, key: &str, value: Vec<u8>, ttl: Option<Duration>) -> Result<u64, Refused> {
        self.within(key, value.len())?;
        let now = self.state.clock.now();
        let mut shard = self.state.table.lock(key.as_bytes());
        Ok(self.write(&mut shard, key, value, expiry(ttl, now), now))
    }

    /// Removes.
    ///
    /// # Errors
    ///
    /// The key is longer than 1 KiB.
    pub fn delete(&self, key: &str) -> Result<(), Refused> {
        self.within(key, 0)?;
        self.state.table.lock(key.as_bytes()).remove(key.as_bytes());
        Ok(())
    }

    /// Adds to a number (8 bytes, little endian; 0 when absent), and returns the sum. The time to live is set when it
    /// is new, and stays otherwise.
    ///
    /// # Errors
    ///
    /// The key is longer than 1 KiB, the value is not a number, or the sum not one of 64 bits.
    pub fn increment(&self, key: &str, delta: i64, ttl: Option<Duration>) -> Result<i64, Refused> {
        self.within(key, size_of::<i64>())?;
        let now = self.state.clock.now();
        let mut shard = self.state.table.lock(key.as_bytes());
        let known = live(&mut shard, key, now).map(|kept| (number(&kept.value), kept.expires));
        let (number, expires) = match known {
            None => (0, expiry(ttl, now)),
            Some((number, expires)) => (number.ok_or(Refused)?, expires),
        };
        let sum = number.checked_add(delta).ok_or(Refused)?;
        self.write(&mut shard, key, sum.to_le_bytes().to_vec(), expires, now);
        Ok(sum)
    }

    /// Writes if the revision is the expected one (`None`: if absent), and returns the new one; `None` when it was not.
    ///
    /// # Errors
    ///
    /// The key is longer than 1 KiB, or the value larger than the store takes.
    pub fn compare_and_set(
        &self,
        key: &str,
        expected: Option<u64>,
        value: Vec<u8>,
        ttl: Option<Duration>,
    ) -> Result<Option<u64>, Refused> {
        self.within(key, value.len())?;
        let now = self.state.clock.now();
        let mut shard = self.state.table.lock(key.as_bytes());
        let found = live(&mut shard, key, now).map(|kept| kept.revision);
        Ok((found == expected).then(|| self.write(&mut shard, key, value, expiry(ttl, now), now)))
    }

    fn within(&self, key: &str, value: usize) -> Result<(), Refused> {
        if key.len() > LONGEST_KEY || value as u64 > self.config.value {
            return Err(Refused);
        }
        Ok(())
    }

    fn write(
        &self,
        shard: &mut Locked<'_, Kept>,
        key: &str,
        value: Vec<u8>,
        expires: Option<u64>,
        now: u64,
    ) -> u64 {
        let revision = self.state.revision.fetch_add(1, Ordering::Relaxed);
        let kept = Kept {
            value: Bytes::from(value),
            revision,
            expires,
            used: now,
        };
        match shard.find(key.as_bytes()) {
            Some(old) => *old = kept,
            None => shard.insert(key.as_bytes(), kept, self.config.entries, |kept| worth(kept, now)),
        }
        revision
    }
}

fn live<'s>(shard: &'s mut Locked<'_, Kept>, key: &str, now: u64) -> Option<&'s mut Kept> {
    shard.find(key.as_bytes()).filter(|kept| !is_over(kept, now))
}

fn is_over(kept: &Kept, now: u64) -> bool {
    kept.expires.is_some_and(|expires| expires <= now)
}

/// What is over goes first, then what was used longest ago.
fn worth(kept: &Kept, now: u64) -> u128 {
    if is_over(kept, now) {
        0
    } else {
        u128::from(kept.used) + 1
    }
}

fn expiry(ttl: Option<Duration>, now: u64) -> Option<u64> {
    ttl.map(|ttl| now.saturating_add(nanos(ttl)))
}

fn number(value: &[u8]) -> Option<i64> {
    value.try_into().ok().map(i64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn config(entries: usize, value: u64) -> Arc<config::Store> {
        Arc::new(config::Store {
            name: "s".to_owned(),
            entries,
            value,
        })
    }

    fn store() -> Store {
        Store::new(&config(1000, 16), None)
    }

    fn value(store: &Store, key: &str) -> Option<Vec<u8>> {
        store.get(key).unwrap().map(|entry| entry.value.to_vec())
    }

    #[test]
    fn values_come_back_until_they_are_removed() {
        let store = store();
        assert_eq!(value(&store, "k"), None);
        store.set("k", b"one".to_vec(), None).unwrap();
        store.set("l", b"other".to_vec(), None).unwrap();
        store.set("k", b"two".to_vec(), None).unwrap();
        assert_eq!(value(&store, "k").unwrap(), b"two");
        store.delete("k").unwrap();
        store.delete("k").unwrap();
        assert_eq!(value(&store, "k"), None);
        assert_eq!(value(&store, "l").unwrap(), b"other");
    }

    #[test]
    fn what_has_lived_its_time_is_not_there() {
        let store = store();
        for write in [
            |store: &Store| store.set("k", b"v".to_vec(), Some(Duration::ZERO)).is_ok(),
            |store: &Store| store.increment("k", 5, Some(Duration::ZERO)).is_ok(),
            |store: &Store| {
                store
                    .compare_and_set("k", None, b"v".to_vec(), Some(Duration::ZERO))
                    .is_ok()
            },
        ] {
            assert!(write(&store));
            assert_eq!(value(&store, "k"), None);
        }
        assert_eq!(
            store.increment("k", 1, Some(Duration::MAX)),
            Ok(1),
            "starts from 0 again"
        );
        assert_eq!(
            store.increment("k", 1, Some(Duration::ZERO)),
            Ok(2),
            "keeps its time"
        );
        assert_eq!(value(&store, "k").unwrap(), 2_i64.to_le_bytes());
    }

    #[test]
    fn numbers_are_added_and_nothing_else() {
        let store = store();
        assert_eq!(store.increment("n", 5, None), Ok(5));
        assert_eq!(store.increment("n", -7, None), Ok(-2));
        assert_eq!(store.increment("n", i64::MIN, None), Err(Refused));
        assert_eq!(store.increment("n", 0, None), Ok(-2));
        store.set("text", b"five".to_vec(), None).unwrap();
        assert_eq!(store.increment("text", 1, None), Err(Refused));
        assert_eq!(value(&store, "text").unwrap(), b"five");
    }

    #[test]
    fn only_who_knows_the_revision_may_write() {
        let store = store();
        let first = store
            .compare_and_set("k", None, b"1".to_vec(), None)
            .unwrap()
            .unwrap();
        assert_eq!(store.compare_and_set("k", None, b"2".to_vec(), None), Ok(None));
        assert_eq!(
            store.compare_and_set("k", Some(first + 1), b"2".to_vec(), None),
            Ok(None)
        );
        let second = store
            .compare_and_set("k", Some(first), b"2".to_vec(), None)
            .unwrap()
            .unwrap();
        assert_ne!(first, second);
        store.delete("k").unwrap();
        assert_eq!(
            store.compare_and_set("k", Some(second), b"3".to_vec(), None),
            Ok(None)
        );
        let third = store
            .compare_and_set("k", None, b"3".to_vec(), None)
            .unwrap()
            .unwrap();
        assert!(third > second, "a revision never comes back");
        assert_eq!(store.get("k").unwrap().unwrap().revision, third);
    }

    #[test]
    fn bounds_of_keys_and_values_hold() {
        let store = store();
        assert!(store.set(&"k".repeat(1024), vec![0; 16], None).is_ok());
        assert_eq!(store.set(&"k".repeat(1025), vec![], None), Err(Refused));
        assert_eq!(store.get(&"k".repeat(1025)), Err(Refused));
        assert_eq!(store.set("k", vec![0; 17], None), Err(Refused));
        assert_eq!(store.compare_and_set("k", None, vec![0; 17], None), Err(Refused));
        assert_eq!(
            Store::new(&config(1, 7), None).increment("n", 1, None),
            Err(Refused)
        );
    }

    #[test]
    fn a_store_is_bounded_and_keeps_what_is_used() {
        let store = Store::new(&config(1000, 16), None);
        store.set("used", b"v".to_vec(), None).unwrap();
        for number in 0..20_000 {
            store.set(&number.to_string(), b"v".to_vec(), None).unwrap();
            if number % 50 == 0 {
                assert!(store.get("used").unwrap().is_some(), "after {number}");
            }
        }
        assert!(store.entries() <= 1064, "{}", store.entries());
    }

    #[test]
    fn parallel_increments_are_all_counted() {
        let store = store();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert!((0..500).all(|_| store.increment("n", 1, None).is_ok())));
            }
        });
        assert_eq!(store.increment("n", 0, None), Ok(4000));
    }

    #[test]
    fn a_reload_keeps_the_entries_of_a_name() {
        let first = Stores::build(&[config(1000, 16)], None);
        first.find("s").unwrap().set("k", b"v".to_vec(), None).unwrap();
        let same = Stores::build(&[config(1000, 16)], Some(&first));
        assert!(Arc::ptr_eq(same.find("s").unwrap(), first.find("s").unwrap()));
        let changed = Stores::build(&[config(10, 1)], Some(&same));
        let changed = changed.find("s").unwrap();
        assert_eq!(value(changed, "k").unwrap(), b"v");
        assert_eq!(changed.set("k", b"vv".to_vec(), None), Err(Refused));
    }

    #[test]
    fn a_clock_that_was_stopped_goes_on_by_word_only() {
        let stores = Stores::build(&[config(10, 16)], None);
        let store = stores.find("s").unwrap();
        stores.stop_clock(Duration::ZERO);
        store
            .set("k", b"v".to_vec(), Some(Duration::from_secs(3600)))
            .unwrap();
        stores.stop_clock(Duration::from_secs(3599));
        assert!(store.get("k").unwrap().is_some());
        stores.stop_clock(Duration::from_secs(3600));
        assert!(store.get("k").unwrap().is_none());
    }
}
