//! Keys of a URL: fetched in the background, again and again, and when a token names a key that is not among them.
//! Workers read the last good set, and at most ask for another.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwapOption, Guard};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::keys::KeySet;
use super::view::Fetched;
use crate::{fetch, tls};

/// Between two fetches that tokens ask for, whatever they say.
pub const COOL_DOWN: Duration = Duration::from_secs(10);

/// A fetch that failed is tried again after a second, then after twice as long, up to this.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// Between two fetches, at least.
const SHORTEST_REFRESH: Duration = Duration::from_secs(1);

const LIMITS: fetch::Limits = fetch::Limits {
    time: Duration::from_secs(5),
    size: 1024 * 1024,
};

/// Some keys, and since when they are known.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) set: KeySet,
    /// Another one for other keys.
    pub(super) revision: u64,
    fingerprint: [u8; 32],
    fetched: Instant,
}

impl Known {
    /// Keys that do not change.
    pub(super) fn fixed(set: KeySet) -> Self {
        Self {
            fingerprint: set.fingerprint(),
            set,
            revision: 0,
            fetched: Instant::now(),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Remote {
    url: String,
    grace: Duration,
    known: ArcSwapOption<Known>,
    /// Wakes the task.
    asked: Notify,
    /// From the moment that one is asked for to its end.
    under_way: AtomicBool,
    progress: Mutex<Progress>,
    /// The first fetch has ended.
    settled: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Progress {
    began: Option<Instant>,
    fetches: u64,
    failures: u64,
    error: Option<String>,
}

/// Keys of a URL and the task that keeps them up to date, if one does; it ends with this.
#[derive(Debug)]
pub(super) struct Kept {
    remote: Arc<Remote>,
    task: Option<JoinHandle<()>>,
}

impl Kept {
    pub(super) fn start(
        url: &str,
        refresh: Duration,
        grace: Duration,
        tls: tls::Client,
        control: Option<&Handle>,
    ) -> Arc<Self> {
        let remote = Arc::new(Remote {
            url: url.to_owned(),
            grace,
            known: ArcSwapOption::empty(),
            asked: Notify::new(),
            under_way: AtomicBool::new(false),
            progress: Mutex::default(),
            settled: watch::Sender::new(false),
        });
        let keeping = keep(Arc::clone(&remote), refresh.max(SHORTEST_REFRESH), tls);
        let task = control.map(|control| control.spawn(keeping));
        Arc::new(Self { remote, task })
    }

    pub(super) fn remote(&self) -> &Remote {
        &self.remote
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Remote {
    /// The last good keys, unless they are older than the grace time.
    pub(super) fn known(&self) -> Option<Guard<Option<Arc<Known>>>> {
        let known = self.known.load();
        let counts = |known: &Arc<Known>| known.fetched.elapsed() <= self.grace;
        known.as_ref().is_some_and(counts).then_some(known)
    }

    /// The last good keys, however old.
    pub(super) fn latest(&self) -> Option<Arc<Known>> {
        self.known.load_full()
    }

    /// Asks for a fetch. False when the last one began less than [`COOL_DOWN`] ago and is over: what it brought is all
    /// that there is.
    pub(super) fn ask(&self) -> bool {
        if self.under_way.load(Ordering::Relaxed) {
            return true;
        }
        if !self.has_rested() {
            return false;
        }
        if !self.under_way.swap(true, Ordering::Relaxed) {
            self.asked.notify_one();
        }
        true
    }

    fn has_rested(&self) -> bool {
        let rested = |began: Instant| began.elapsed() >= COOL_DOWN;
        self.progress().began.is_none_or(rested)
    }

    pub(super) async fn settled(&self) {
        // The sender lives in `self`, so there is always an end to wait for.
        let _ = self.settled.subscribe().wait_for(|settled| *settled).await;
    }

    pub(super) fn report(&self) -> Fetched {
        let latest = self.latest();
        let progress = self.progress();
        Fetched {
            url: self.url.split(['?', '#']).next().unwrap_or_default().to_owned(),
            age: latest.as_ref().map(|known| known.fetched.elapsed().as_secs_f64()),
            too_old: latest.is_some_and(|known| known.fetched.elapsed() > self.grace),
            fetches: progress.fetches,
            failures: progress.failures,
            error: progress.error.clone(),
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether there are fresh keys.
    async fn fetch(&self, tls: &tls::Client) -> bool {
        self.under_way.store(true, Ordering::Relaxed);
        {
            let mut progress = self.progress();
            progress.began = Some(Instant::now());
            progress.fetches += 1;
        }
        let body = fetch::get(tls, &self.url, LIMITS).await;
        let learned = body
            .map_err(|error| error.to_string())
            .and_then(|body| self.learn(&body));
        self.note(learned.as_ref().err());
        self.under_way.store(false, Ordering::Relaxed);
        self.settled.send_replace(true);
        learned.is_ok()
    }

    fn learn(&self, body: &[u8]) -> Result<(), String> {
        let (set, skipped) = KeySet::jwks(body)?;
        let fingerprint = set.fingerprint();
        let before = self.latest();
        let same = before
            .as_ref()
            .is_some_and(|before| before.fingerprint == fingerprint);
        if !same {
            let url = self.report().url;
            for why in skipped {
                tracing::warn!(url, why, "a key of a key set is not used");
            }
            tracing::info!(url, keys = set.iter().count(), "new keys");
        }
        let revision = before.map_or(0, |before| before.revision) + u64::from(!same);
        self.known.store(Some(Arc::new(Known {
            set,
            revision,
            fingerprint,
            fetched: Instant::now(),
        })));
        Ok(())
    }

    /// Says once that fetching fails, and once that it works again.
    fn note(&self, error: Option<&String>) {
        let url = self.report().url;
        let mut progress = self.progress();
        match (error, progress.error.is_some()) {
            (Some(error), before) => {
                progress.failures += 1;
                if !before {
                    tracing::warn!(url, error, "keys could not be fetched");
                }
            }
            (None, true) => tracing::info!(url, "keys are fetched again"),
            (None, false) => {}
        }
        progress.error = error.cloned();
    }
}

async fn keep(remote: Arc<Remote>, refresh: Duration, tls: tls::Client) {
    let mut backoff = Duration::from_secs(1);
    loop {
        let pause = if remote.fetch(&tls).await {
            backoff = Duration::from_secs(1);
            refresh
        } else {
            let pause = backoff.min(refresh);
            backoff = (backoff * 2).min(LONGEST_BACKOFF);
            pause
        };
        // ±10 %, so that replicas spread.
        let next = Instant::now() + pause.mul_f64(0.9 + 0.2 * fastrand::f64());
        loop {
            tokio::select! {
                () = sleep_until(next) => break,
                // What was asked for in the moment that a fetch began has been fetched by it.
                () = remote.asked.notified() => if remote.has_rested() { break },
            }
        }
    }
}
