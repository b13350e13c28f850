//! Whose turn it is. Of the calls on one worker that have run for more than a tick one at a time goes on, for one more
//! tick, after everything else that is ready has been done and sockets have been looked at. So a plugin that burns CPU
//! time delays whatever comes in by a tick, however many requests it has to do with.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::engine::TICK;

/// Those of one worker wait here, first come, first served. A handle.
#[derive(Clone, Debug)]
pub(super) struct Turns(Arc<Semaphore>);

/// Tells time spent in the guest from time spent waiting, between the store and who polls it.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// Set when the guest waited in a host function: the tick that follows is not its own.
    waited: AtomicBool,
    /// Set while it waits only because it was told to let others go on.
    pausing: AtomicBool,
    /// Set while there may be a turn.
    preempted: AtomicBool,
    turn: Mutex<Option<Turn>>,
}

#[derive(Debug)]
struct Turn {
    began: Instant,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl Turns {
    /// Lets others go on; ready when it is this call's turn.
    pub(super) fn pause(&self, meter: &Arc<Meter>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        meter.leave();
        meter.pausing.store(true, Relaxed);
        let (turns, meter) = (self.0.clone(), meter.clone());
        Box::pin(async move {
            // It is never closed.
            let permit = turns.acquire_owned().await.ok();
            // Woken after the sockets were looked at: to be woken at once would hide them for dozens of ticks.
            tokio::task::yield_now().await;
            meter.resume(permit);
        })
    }
}

impl Meter {
    /// A call begins.
    pub(super) fn begin(&self) {
        self.waited.store(false, Relaxed);
        self.pausing.store(false, Relaxed);
        self.leave();
    }

    /// The call is waiting for something.
    pub(super) fn wait(&self) {
        if !self.pausing.load(Relaxed) {
            self.waited.store(true, Relaxed);
            self.leave();
        }
    }

    /// A tick has come: how much of it was the guest's.
    pub(super) fn tick(&self) -> Duration {
        if self.waited.swap(false, Relaxed) {
            return Duration::ZERO;
        }
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever goes on in the middle of a tick has only the rest of it.
        turn.as_ref().map_or(TICK, |turn| turn.began.elapsed().min(TICK))
    }

    /// Gives the turn up, if there is one.
    pub(super) fn leave(&self) {
        if self.preempted.load(Relaxed) {
            self.preempted.store(false, Relaxed);
            *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    fn resume(&self, permit: Option<OwnedSemaphorePermit>) {
        let turn = Turn {
            began: Instant::now(),
            _permit: permit,
        };
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = Some(turn);
        self.preempted.store(true, Relaxed);
        self.pausing.store(false, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

    use std::future::poll_fn;
    use std::task::Poll;

    use super::*;

    /// Whether it is ready, looked at once.
    async fn is_ready(pause: &mut Pin<Box<dyn Future<Output = ()> + Send>>) -> bool {
        poll_fn(|context| Poll::Ready(pause.as_mut().poll(context).is_ready())).await
    }

    #[tokio::test]
    async fn one_at_a_time_goes_on() {
        let turns = Turns::default();
        let (one, other) = (Arc::<Meter>::default(), Arc::<Meter>::default());
        turns.pause(&one).await;
        let mut waiting = turns.pause(&other);
        for _ in 0..10 {
            assert!(!is_ready(&mut waiting).await);
            tokio::task::yield_now().await;
        }
        // Its next pause is behind that of the other.
        let mut again = turns.pause(&one);
        assert!(!is_ready(&mut again).await);
        waiting.await;
        assert!(!is_ready(&mut again).await);
        other.leave();
        again.await;
    }

    #[tokio::test]
    async fn who_waits_for_something_else_lets_others_go_on() {
        let turns = Turns::default();
        let (one, other) = (Arc::<Meter>::default(), Arc::<Meter>::default());
        turns.pause(&one).await;
        let mut waiting = turns.pause(&other);
        // To pause is not to wait.
        other.wait();
        assert!(!is_ready(&mut waiting).await);
        one.wait();
        waiting.await;
        assert!(other.tick() < TICK, "it has only just gone on");
        assert_eq!(one.tick(), Duration::ZERO, "it waited");
        assert_eq!(one.tick(), TICK);
        drop(other);
        turns.pause(&one).await;
    }

    #[tokio::test]
    async fn a_call_that_is_given_up_gives_its_turn_up() {
        let turns = Turns::default();
        let (one, other) = (Arc::<Meter>::default(), Arc::<Meter>::default());
        let mut waiting = turns.pause(&one);
        assert!(!is_ready(&mut waiting).await);
        drop(waiting);
        turns.pause(&other).await;
    }
}
