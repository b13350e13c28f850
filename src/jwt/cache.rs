//! Tokens that were verified before, by the SHA-256 of all of the token. Whether one still counts (its time, the keys)
//! is looked at again every time.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};

use super::Verified;

/// Workers rarely meet at one of so many.
const SHARDS: usize = 16;

/// A token, as it is remembered: nothing of it but its digest.
pub(super) type Digest = [u8; 32];

/// Bounded; what was not used for longest goes first, nearly (second chance).
#[derive(Debug)]
pub(super) struct Cache {
    shards: Box<[Mutex<Shard>]>,
    /// Entries of one shard.
    room: usize,
}

#[derive(Debug, Default)]
struct Shard {
    places: HashMap<Digest, usize>,
    slots: Vec<Slot>,
    hand: usize,
}

#[derive(Debug)]
struct Slot {
    digest: Digest,
    /// Of the key set that it was verified with.
    revision: u64,
    verified: Arc<Verified>,
    used: bool,
}

impl Cache {
    /// `entries` in all, roughly; 0 for none.
    pub(super) fn new(entries: usize) -> Self {
        let shards = if entries < SHARDS * 4 { 1 } else { SHARDS };
        Self {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            room: entries / shards,
        }
    }

    /// `None` when nothing is remembered.
    pub(super) fn digest(&self, token: &str) -> Option<Digest> {
        if self.room == 0 {
            return None;
        }
        digest(&SHA256, token.as_bytes()).as_ref().try_into().ok()
    }

    pub(super) fn find(&self, digest: &Digest, revision: u64) -> Option<Arc<Verified>> {
        let mut shard = self.shard(digest);
        let place = *shard.places.get(digest)?;
        let slot = shard
            .slots
            .get_mut(place)
            .filter(|slot| slot.revision == revision)?;
        slot.used = true;
        Some(Arc::clone(&slot.verified))
    }

    pub(super) fn keep(&self, digest: Digest, revision: u64, verified: Arc<Verified>) {
        self.shard(&digest).keep(
            self.room,
            Slot {
                digest,
                revision,
                verified,
                used: false,
            },
        );
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).slots.len()).sum()
    }

    fn shard(&self, digest: &Digest) -> MutexGuard<'_, Shard> {
        lock(&self.shards[usize::from(digest[0]) % self.shards.len()])
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    fn keep(&mut self, room: usize, slot: Slot) {
        let digest = slot.digest;
        let end = self.slots.len();
        let place = match self.places.entry(digest) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) if end < room => *new.insert(end),
            Entry::Vacant(_) => {
                let place = self.oldest();
                self.places.remove(&self.slots[place].digest);
                self.places.insert(digest, place);
                place
            }
        };
        match self.slots.get_mut(place) {
            Some(old) => *old = slot,
            None => self.slots.push(slot),
        }
    }

    /// Ends within two rounds: the first one takes every second chance away.
    fn oldest(&mut self) -> usize {
        loop {
            let place = self.hand;
            self.hand = (self.hand + 1) % self.slots.len();
            if !std::mem::take(&mut self.slots[place].used) {
                return place;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    fn verified() -> Arc<Verified> {
        Arc::new(Verified::read(&Map::new(), None).unwrap())
    }

    #[test]
    fn a_token_is_found_with_the_keys_it_was_verified_with() {
        let cache = Cache::new(100);
        let digest = cache.digest("a").unwrap();
        assert!(cache.find(&digest, 1).is_none());
        cache.keep(digest, 1, verified());
        assert!(cache.find(&digest, 1).is_some());
        assert!(cache.find(&digest, 2).is_none());
        assert!(cache.find(&cache.digest("b").unwrap(), 1).is_none());
        cache.keep(digest, 2, verified());
        assert!(cache.find(&digest, 2).is_some());
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn it_is_bounded_and_what_is_used_stays() {
        for entries in [1, 10, 160] {
            let cache = Cache::new(entries);
            let used = cache.digest("used").unwrap();
            cache.keep(used, 0, verified());
            for number in 0..2000 {
                cache.keep(cache.digest(&number.to_string()).unwrap(), 0, verified());
                if entries > 1 {
                    assert!(cache.find(&used, 0).is_some(), "{entries} {number}");
                }
            }
            assert_eq!(cache.len(), entries);
        }
    }

    #[test]
    fn none_is_none() {
        assert!(Cache::new(0).digest("a").is_none());
    }
}
