//! Where calls go on that take long: a thread beside each worker. So a plugin that burns CPU time holds its worker for
//! about a tick, and the system does not take the worker for a thread that only ever computes. There such calls take
//! turns, of a tick each.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::instrument::WithSubscriber as _;

use super::failure::Cause;
use super::progress::Progress;

/// The thread beside one worker, or beside the one that loads. A handle; the thread is started when it is first needed,
/// and ends with the last handle.
#[derive(Clone, Default)]
pub(super) struct Offload(Arc<OnceLock<Option<Thread>>>);

struct Thread {
    runtime: Handle,
    _alive: oneshot::Sender<()>,
}

/// A call on the thread. Dropped, it goes no further.
struct Moved<T>(JoinHandle<T>);

impl Offload {
    /// Carries a call to its end: here, as long as it does not take long, and on the thread from then on.
    ///
    /// Dropping this drops the call: at once when it is here, and when its turn comes on the thread.
    ///
    /// # Errors
    ///
    /// A host function panicked, on the thread.
    pub(super) async fn carry<T: Send + 'static>(
        &self,
        progress: &Progress,
        call: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Cause> {
        let mut call = Box::pin(call);
        let here = poll_fn(|context| match call.as_mut().poll(context) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            Poll::Pending if progress.is_long() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        match here.await {
            Some(ended) => Ok(ended),
            None => self.take_over(call).await,
        }
    }

    async fn take_over<T: Send + 'static>(
        &self,
        mut call: Pin<Box<impl Future<Output = T> + Send + 'static>>,
    ) -> Result<T, Cause> {
        let Some(thread) = self.0.get_or_init(Thread::start) else {
            // It goes on here, turn by turn.
            return Ok(call.await);
        };
        let call = poll_fn(move |context| {
            // Whoever serves goes first where there is one core for both.
            thread::yield_now();
            call.as_mut().poll(context)
        });
        let mut moved = Moved(thread.runtime.spawn(call.with_current_subscriber()));
        let ended = (&mut moved.0).await;
        ended.map_err(|_| Cause::Internal("a function of the gateway panicked".to_owned()))
    }
}

impl Thread {
    fn start() -> Option<Self> {
        let started = Self::try_start();
        if let Err(error) = &started {
            tracing::warn!(%error, "no thread for plugins that take long: they hold up their worker");
        }
        started.ok()
    }

    fn try_start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_time().build()?;
        let handle = runtime.handle().clone();
        let (alive, gone) = oneshot::channel::<()>();
        // Nothing is ever sent: it ends when nobody is left who could.
        let run = move || runtime.block_on(gone);
        thread::Builder::new().name("plugin-offload".into()).spawn(run)?;
        Ok(Self {
            runtime: handle,
            _alive: alive,
        })
    }
}

impl<T> Drop for Moved<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    use std::time::{Duration, Instant};

    use tokio::task::yield_now;

    use super::*;
    use crate::plugin::engine::TICK;

    fn here() -> String {
        thread::current().name().unwrap_or_default().to_owned()
    }

    /// As a call is that a tick meets when it has run for so long.
    fn ticks(progress: &Progress, ran: Duration) {
        progress.tick(Instant::now() - ran);
        progress.give_way();
    }

    #[tokio::test]
    async fn who_takes_long_goes_on_on_another_thread() {
        let offload = Offload::default();
        for (ran, place) in [(0, here()), (1, "plugin-offload".to_owned())] {
            let progress = Arc::<Progress>::default();
            let its = progress.clone();
            let call = async move {
                let began = here();
                ticks(&its, Duration::from_millis(ran));
                yield_now().await;
                (began, here())
            };
            let ended = offload.carry(&progress, call).await.unwrap();
            assert_eq!(ended, (here(), place), "{ran} ms");
        }
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_ends() {
        struct Gone(Arc<AtomicBool>);
        impl Drop for Gone {
            fn drop(&mut self) {
                self.0.store(true, Relaxed);
            }
        }

        let (offload, progress) = (Offload::default(), Arc::<Progress>::default());
        let (its, gone) = (progress.clone(), Arc::<AtomicBool>::default());
        let held = Gone(gone.clone());
        let call = async move {
            let _held = held;
            ticks(&its, TICK);
            loop {
                yield_now().await;
            }
        };
        let mut carried = Box::pin(offload.carry(&progress, call));
        let on_its_way = poll_fn(|context| Poll::Ready(carried.as_mut().poll(context).is_pending())).await;
        assert!(on_its_way && !gone.load(Relaxed));
        drop(carried);
        while !gone.load(Relaxed) {
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_panic_there_is_a_failed_call() {
        let (offload, progress) = (Offload::default(), Arc::<Progress>::default());
        let its = progress.clone();
        let call = async move {
            ticks(&its, TICK);
            yield_now().await;
            assert_eq!(here(), "", "on purpose");
        };
        let failed = offload.carry(&progress, call).await;
        assert!(matches!(failed, Err(Cause::Internal(_))), "{failed:?}");
    }
}
