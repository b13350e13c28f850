//! Calls `tick-hook` of the plugins that have one, each in one instance for the whole process: on a thread of its own,
//! so that neither exchanges nor the control runtime wait for one. The thread is there while there is such a plugin.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::{self, LocalOptions};
use tokio::sync::watch;

use crate::plugin::calls::Caller;
use crate::plugin::{Bound, Instances};
use crate::snapshot::{Live, Snapshot};

/// How often it is looked whose time has come: ticks are this exact.
const LOOK: Duration = Duration::from_millis(100);

/// How often it is looked whether the thread is needed.
const SUPERVISE: Duration = Duration::from_secs(1);

/// Starts the thread when it is needed (HTTP calls of the hooks are given to `caller`); it ends with this task, or when nobody needs it any more.
pub(super) async fn supervise(live: Live, caller: Caller) {
    let (running, _) = watch::channel(());
    let mut thread: Option<JoinHandle<()>> = None;
    let mut look = tokio::time::interval(SUPERVISE);
    loop {
        look.tick().await;
        let over = thread.as_ref().is_none_or(JoinHandle::is_finished);
        if over && due(&live.load()).next().is_some() {
            let (live, caller, running) = (Arc::clone(&live), caller.clone(), running.subscribe());
            let started = std::thread::Builder::new()
                .name("ticker".to_owned())
                .spawn(move || tick(&live, caller, running));
            match started {
                Ok(started) => thread = Some(started),
                Err(error) => {
                    tracing::error!(%error, "tick hooks are not called: there is no thread for them")
                }
            }
        }
    }
}

/// Every use that wants to be called.
fn due(snapshot: &Snapshot) -> impl Iterator<Item = (Duration, &Arc<Bound>)> {
    let bounds = snapshot.plugins.bounds();
    let ticking = bounds.filter(|(_, bound)| bound.hooks().tick);
    ticking.map(|(member, bound)| (member.plugin.tick, bound))
}

fn tick(live: &Live, caller: Caller, mut running: watch::Receiver<()>) {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default());
    match runtime {
        Ok(runtime) => runtime.block_on(async {
            tokio::select! {
                () = call(live, caller) => {}
                // The gateway is gone.
                _ = running.changed() => {}
            }
        }),
        Err(error) => tracing::error!(%error, "tick hooks are not called: there is no runtime for them"),
    }
}

/// Until there is nothing to call.
async fn call(live: &Live, caller: Caller) {
    let instances = Rc::new(Instances::new(caller));
    // By address: while an entry is here, its use is too.
    let mut known: HashMap<usize, Known> = HashMap::new();
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        let snapshot = live.load_full();
        let mut current = HashMap::new();
        for (period, bound) in due(&snapshot) {
            let key = Arc::as_ptr(bound).addr();
            let mut entry = known.remove(&key).unwrap_or_else(|| Known::new(bound, period));
            entry.call_if_due(&instances, period);
            current.insert(key, entry);
        }
        known = current;
        instances.sweep();
        if known.is_empty() {
            return;
        }
    }
}

struct Known {
    bound: Arc<Bound>,
    next: Instant,
    /// A call that takes longer than its period is not joined by another one.
    busy: Rc<Cell<bool>>,
}

impl Known {
    fn new(bound: &Arc<Bound>, period: Duration) -> Self {
        Self {
            bound: Arc::clone(bound),
            next: Instant::now() + period,
            busy: Rc::default(),
        }
    }

    fn call_if_due(&mut self, instances: &Rc<Instances>, period: Duration) {
        if Instant::now() < self.next || self.busy.replace(true) {
            return;
        }
        self.next = Instant::now() + period;
        let (bound, instances, busy) = (
            Arc::clone(&self.bound),
            Rc::clone(instances),
            Rc::clone(&self.busy),
        );
        tokio::task::spawn_local(async move {
            if let Err(cause) = instances.tick(&bound).await {
                tracing::warn!(plugin = bound.used().plugin, cause = cause.name(), error = %cause, "a tick failed");
            }
            busy.replace(false);
        });
    }
}
