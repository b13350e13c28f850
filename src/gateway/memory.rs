//! Watches resident memory, so that new work is refused before the kernel kills the process.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tracing::warn;

use crate::snapshot::Live;

const LOOK: Duration = Duration::from_millis(500);

/// Sets `shed` while resident memory is above its bound. Runs until dropped; does nothing without a bound.
pub(super) async fn watch(live: Live, shed: Arc<AtomicBool>) {
    let of_cgroup = cgroup_limit().map(|limit| limit / 10 * 9);
    let page = rustix::param::page_size() as u64;
    let mut look = tokio::time::interval(LOOK);
    loop {
        look.tick().await;
        let Some(bound) = live.load().config.limits.memory.or(of_cgroup) else {
            continue;
        };
        let Some(resident) = resident_pages().map(|pages| pages * page) else {
            continue;
        };
        let above = resident > bound;
        if above && !shed.swap(above, Ordering::Relaxed) {
            warn!(
                resident,
                bound, "memory is above its bound: new requests are refused"
            );
        }
        shed.store(above, Ordering::Relaxed);
    }
}

/// Second field of `/proc/self/statm` (proc(5)).
fn resident_pages() -> Option<u64> {
    fs::read_to_string("/proc/self/statm")
        .ok()?
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

/// Version 2, then version 1; "max" and numbers beyond any machine mean none.
fn cgroup_limit() -> Option<u64> {
    [
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ]
    .iter()
    .find_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok())
    .filter(|limit| *limit < 1 << 50)
}
