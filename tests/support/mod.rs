//! Builders of three or four words: origin, gateway, client, DNS server.

use std::time::{Duration, Instant};

pub(crate) mod binary;
pub(crate) mod client;
pub(crate) mod component;
pub(crate) mod dns;
pub(crate) mod gateway;
pub(crate) mod keys;
pub(crate) mod origin;
pub(crate) mod plugin;
pub(crate) mod tls;
#[cfg(feature = "author")]
pub(crate) mod typescript;
pub(crate) mod versions;

pub(crate) use client::{Broken, Client, Response, exchange};
pub(crate) use gateway::{Gateway, gateway};
pub(crate) use origin::Origin;

/// What should come at once comes within this, on the busiest machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// Looks until it holds, and fails when it does not within [`LIMIT`].
#[track_caller]
pub(crate) fn eventually(what: &str, holds: impl FnMut() -> bool) {
    within(LIMIT, what, holds);
}

/// The same for what does not come at once.
#[track_caller]
pub(crate) fn within(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
