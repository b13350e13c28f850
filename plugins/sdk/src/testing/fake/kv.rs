//! `kv`: stores that forget by the clock.

use std::time::Duration;

use super::with;
use crate::kv::{Entry, KvError};
use crate::testing::state::Store;

fn within<T>(
    name: &str,
    key: &str,
    act: impl FnOnce(&mut Store, Duration) -> Result<T, KvError>,
) -> Result<T, KvError> {
    with(|host| {
        let now = host.world.now;
        let store = host.world.stores.get_mut(name).ok_or(KvError::NoSuchStore)?;
        if key.len() > 1 << 10 {
            return Err(KvError::Refused);
        }
        store
            .entries
            .retain(|_, (_, until)| until.is_none_or(|until| now < until));
        act(store, now)
    })
}

fn write(store: &mut Store, key: &str, value: &[u8], until: Option<Duration>) -> u64 {
    store.revision += 1;
    let entry = Entry {
        value: value.to_vec(),
        revision: store.revision,
    };
    store.entries.insert(key.to_owned(), (entry, until));
    store.revision
}

fn until(now: Duration, ttl_ms: Option<u64>) -> Option<Duration> {
    Some(now.saturating_add(Duration::from_millis(ttl_ms?)))
}

pub(crate) fn get(store: &str, key: &str) -> Result<Option<Entry>, KvError> {
    within(store, key, |store, _| {
        Ok(store.entries.get(key).map(|(entry, _)| entry.clone()))
    })
}

pub(crate) fn set(store: &str, key: &str, value: &[u8], ttl_ms: Option<u64>) -> Result<u64, KvError> {
    within(store, key, |store, now| {
        Ok(write(store, key, value, until(now, ttl_ms)))
    })
}

pub(crate) fn delete(store: &str, key: &str) -> Result<(), KvError> {
    within(store, key, |store, _| {
        store.entries.remove(key);
        Ok(())
    })
}

pub(crate) fn increment(store: &str, key: &str, delta: i64, ttl_ms: Option<u64>) -> Result<i64, KvError> {
    within(store, key, |store, now| {
        let (before, until) = match store.entries.get(key) {
            None => (0, until(now, ttl_ms)),
            Some((entry, until)) => {
                let bytes = entry.value.as_slice().try_into().map_err(|_| KvError::Refused)?;
                (i64::from_le_bytes(bytes), *until)
            }
        };
        let sum = before.saturating_add(delta);
        write(store, key, &sum.to_le_bytes(), until);
        Ok(sum)
    })
}

pub(crate) fn compare_and_set(
    store: &str,
    key: &str,
    expected: Option<u64>,
    value: &[u8],
    ttl_ms: Option<u64>,
) -> Result<Option<u64>, KvError> {
    within(store, key, |store, now| {
        let found = store.entries.get(key).map(|(entry, _)| entry.revision);
        Ok((found == expected).then(|| write(store, key, value, until(now, ttl_ms))))
    })
}
