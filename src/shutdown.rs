//! Stopping, as a value that everyone can look at and wait for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// How far the gateway's life has got.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Phase {
    /// Not all names have been asked yet.
    Starting,
    /// Serving what is known; not ready: somebody is still to be asked for the rest.
    Learning,
    /// Serving.
    Running,
    /// Not ready any more; still accepting, telling every client to close.
    Leaving,
    /// Listeners are closed; exchanges finish.
    Draining,
}

/// The phase, shared by everyone.
#[derive(Clone, Debug, Default)]
pub struct Life(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    phase: AtomicU8,
    changed: Notify,
    open: AtomicUsize,
    closed: Notify,
}

impl Life {
    /// The phase now.
    pub fn phase(&self) -> Phase {
        match self.0.phase.load(Ordering::Relaxed) {
            0 => Phase::Starting,
            1 => Phase::Learning,
            2 => Phase::Running,
            3 => Phase::Leaving,
            _ => Phase::Draining,
        }
    }

    /// Moves on; a phase is never entered twice or backwards.
    pub fn enter(&self, phase: Phase) {
        self.0.phase.fetch_max(phase as u8, Ordering::Relaxed);
        self.0.changed.notify_waiters();
    }

    /// Waits until the phase is `phase` or a later one.
    pub async fn reached(&self, phase: Phase) {
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            // Registered before looking, so that a change in between is not missed.
            changed.as_mut().enable();
            if self.phase() >= phase {
                return;
            }
            changed.await;
        }
    }

    /// Something that must end before the gateway may: a connection, a tunnel.
    pub fn hold(&self) -> Hold {
        self.0.open.fetch_add(1, Ordering::Relaxed);
        Hold(self.clone())
    }

    /// How many holds there are.
    pub fn open(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }

    /// Waits until nothing is held, at most `limit`; returns what is left.
    pub async fn ended(&self, limit: Duration) -> usize {
        let deadline = Instant::now() + limit;
        loop {
            let closed = self.0.closed.notified();
            tokio::pin!(closed);
            closed.as_mut().enable();
            let open = self.open();
            if open == 0 || tokio::time::timeout_at(deadline, closed).await.is_err() {
                return self.open();
            }
        }
    }
}

/// See [`Life::hold`].
#[derive(Debug)]
pub struct Hold(Life);

impl Drop for Hold {
    fn drop(&mut self) {
        if self.0.0.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.0.closed.notify_waiters();
        }
    }
}
