//! The time. In native tests it stands still until [`testing::Host::advance`](crate::testing::Host::advance).

use std::time::{Duration, SystemTime};

/// What the clock on the wall says.
pub fn now() -> SystemTime {
    #[cfg(target_family = "wasm")]
    return SystemTime::now();
    #[cfg(not(target_family = "wasm"))]
    return SystemTime::UNIX_EPOCH + crate::testing::fake::clock();
}

/// Seconds since 1970.
pub fn unix_seconds() -> u64 {
    now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs()
}
