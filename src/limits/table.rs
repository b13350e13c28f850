//! A bounded map from keys to values, in shards with a lock each. When it is full, the least valuable of a few entries
//! chosen at random makes room. Knows nothing of what the values mean.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Entries looked at to find one that may go. With this many, what is above the lowest tenth in value goes once in
/// 10^20 times.
const SAMPLE: usize = 20;

/// More would not be locked less often.
const MOST_SHARDS: usize = 64;

#[derive(Debug)]
pub(super) struct Table<V> {
    shards: Box<[Mutex<Shard<V>>]>,
    /// In all shards.
    entries: AtomicUsize,
    /// Makes shards unpredictable to clients.
    seed: u64,
}

/// The entries of one shard. Keys are found by a hash with a random seed (SipHash): clients choose keys.
#[derive(Debug)]
pub(super) struct Shard<V> {
    index: HashMap<Arc<[u8]>, usize>,
    slots: Vec<(Arc<[u8]>, V)>,
}

impl<V> Table<V> {
    /// For about so many entries; the bound itself is told at every [`Locked::insert`].
    pub(super) fn new(entries: usize) -> Self {
        let shards = (entries / 64).clamp(1, MOST_SHARDS);
        let shard = || {
            Mutex::new(Shard {
                index: HashMap::new(),
                slots: Vec::new(),
            })
        };
        Self {
            shards: (0..shards).map(|_| shard()).collect(),
            entries: AtomicUsize::new(0),
            seed: fastrand::u64(..),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.entries.load(Ordering::Relaxed)
    }

    /// Locks the shard of a key: nobody else sees or changes the key meanwhile.
    pub(super) fn lock(&self, key: &[u8]) -> Locked<'_, V> {
        let hash = xxh3_64_with_seed(key, self.seed);
        let at = usize::try_from(hash % self.shards.len() as u64).unwrap_or(0);
        // A panic cannot happen between the two halves of a change.
        let shard = self.shards[at].lock().unwrap_or_else(PoisonError::into_inner);
        Locked {
            shard,
            entries: &self.entries,
        }
    }
}

#[derive(Debug)]
pub(super) struct Locked<'t, V> {
    shard: MutexGuard<'t, Shard<V>>,
    entries: &'t AtomicUsize,
}

impl<V> Locked<'_, V> {
    pub(super) fn find(&mut self, key: &[u8]) -> Option<&mut V> {
        let shard = &mut *self.shard;
        let slot = *shard.index.get(key)?;
        shard.slots.get_mut(slot).map(|(_, value)| value)
    }

    /// Adds a key that is not there. Where there are `most` already, those worth least make room; a shard without
    /// entries of its own goes over the bound by one.
    pub(super) fn insert(&mut self, key: &[u8], value: V, most: usize, worth: impl Fn(&V) -> u128) {
        // Twice, so that a bound that was lowered is reached in the end.
        for _ in 0..2 {
            if self.entries.load(Ordering::Relaxed) >= most {
                self.evict(&worth);
            }
        }
        let shard = &mut *self.shard;
        let key: Arc<[u8]> = key.into();
        shard.index.insert(Arc::clone(&key), shard.slots.len());
        shard.slots.push((key, value));
        self.entries.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn remove(&mut self, key: &[u8]) {
        if let Some(slot) = self.shard.index.get(key).copied() {
            self.remove_slot(slot);
        }
    }

    fn evict(&mut self, worth: &impl Fn(&V) -> u128) {
        let slots = &self.shard.slots;
        let sample = SAMPLE.min(slots.len());
        let least = (0..sample)
            .map(|nth| {
                if sample == slots.len() {
                    nth
                } else {
                    fastrand::usize(..slots.len())
                }
            })
            .min_by_key(|slot| worth(&slots[*slot].1));
        if let Some(slot) = least {
            self.remove_slot(slot);
        }
    }

    fn remove_slot(&mut self, slot: usize) {
        let shard = &mut *self.shard;
        let (key, _) = shard.slots.swap_remove(slot);
        shard.index.remove(&key);
        if let Some((moved, _)) = shard.slots.get(slot)
            && let Some(at) = shard.index.get_mut(moved)
        {
            *at = slot;
        }
        self.entries.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(table: &Table<u128>, key: &str, value: u128, most: usize) {
        table
            .lock(key.as_bytes())
            .insert(key.as_bytes(), value, most, |value| *value);
    }

    #[test]
    fn what_was_put_in_is_found_until_it_is_removed() {
        let table = Table::new(1000);
        for number in 0..1000 {
            insert(&table, &number.to_string(), number, 1000);
        }
        for number in (0..1000).step_by(3) {
            let key = number.to_string();
            table.lock(key.as_bytes()).remove(key.as_bytes());
        }
        for number in 0..1000 {
            let key = number.to_string();
            let found = table.lock(key.as_bytes()).find(key.as_bytes()).copied();
            assert_eq!(found, (number % 3 != 0).then_some(number));
        }
        assert_eq!(table.len(), 666);
    }

    #[test]
    fn the_bound_holds_and_what_is_worth_most_stays() {
        let table = Table::new(1000);
        insert(&table, "precious", u128::MAX, 1000);
        for number in 0..100_000 {
            insert(&table, &number.to_string(), number % 7, 1000);
        }
        assert!((1000..=1064).contains(&table.len()), "{}", table.len());
        assert!(table.lock(b"precious").find(b"precious").is_some());
    }

    #[test]
    fn a_lowered_bound_is_reached() {
        let table = Table::new(1000);
        for number in 0..1000 {
            insert(&table, &number.to_string(), 1, 1000);
        }
        for number in 1000..3000 {
            insert(&table, &number.to_string(), 1, 100);
        }
        assert!(table.len() <= 116, "{}", table.len());
    }

    #[test]
    fn a_table_for_one_holds_the_newest() {
        let table = Table::new(1);
        insert(&table, "a", 9, 1);
        insert(&table, "b", 1, 1);
        assert_eq!(table.len(), 1);
        assert!(table.lock(b"b").find(b"b").is_some());
    }
}
