//! What plugins with `log-hook` are told of exchanges that have ended: collected by each worker, delivered on its tick,
//! off the request path.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use http::HeaderValue;

use super::Visit;
use crate::plugin::{Bound, Chain, Hook, Summary};
use crate::proxy::Shared;
use crate::telemetry::Record;

/// Exchanges in one call.
const BATCH: usize = 256;

/// Exchanges that wait for one plugin; more are dropped and counted: it can not keep up.
const MOST: usize = 16 * BATCH;

/// What waits on one worker.
#[derive(Default)]
pub(in crate::proxy) struct Summaries {
    waiting: RefCell<Vec<Waiting>>,
    /// Deliveries under way.
    delivering: Cell<usize>,
}

struct Waiting {
    bound: Arc<Bound>,
    summaries: Vec<Summary>,
    dropped: usize,
    /// It is being told.
    busy: bool,
}

impl Summaries {
    /// Keeps an exchange for every plugin of its chain that wants to know.
    pub(in crate::proxy) fn add(
        &self,
        chain: &Chain,
        request_id: &HeaderValue,
        record: &Record<'_>,
        visit: &Visit,
    ) {
        let wanted = chain.uses.iter().filter_map(|link| link.ready());
        for bound in wanted.filter(|bound| bound.hooks().log) {
            let mut waiting = self.waiting.borrow_mut();
            let place = waiting.iter().position(|entry| Arc::ptr_eq(&entry.bound, bound));
            let place = place.unwrap_or_else(|| {
                waiting.push(Waiting {
                    bound: Arc::clone(bound),
                    summaries: Vec::new(),
                    dropped: 0,
                    busy: false,
                });
                waiting.len() - 1
            });
            let entry = &mut waiting[place];
            if entry.summaries.len() < MOST {
                entry.summaries.push(summary(request_id, record, visit));
            } else {
                entry.dropped += 1;
            }
        }
    }

    /// Whether nothing is left to tell.
    pub(in crate::proxy) fn is_idle(&self) -> bool {
        self.delivering.get() == 0 && self.waiting.borrow().is_empty()
    }

    /// Begins to tell everybody what there is, in calls of at most 256; whoever is still being told waits for the
    /// next tick.
    pub(in crate::proxy) fn deliver(shared: &Rc<Shared>) {
        let this = &shared.summaries;
        let mut waiting = this.waiting.borrow_mut();
        for entry in waiting.iter_mut().filter(|entry| !entry.busy) {
            if entry.dropped > 0 {
                let (plugin, dropped) = (&entry.bound.used().plugin, entry.dropped);
                tracing::warn!(
                    plugin,
                    dropped,
                    "plugin is told less than there was: it does not keep up"
                );
                entry.dropped = 0;
            }
            entry.busy = true;
            this.delivering.set(this.delivering.get() + 1);
            let summaries = std::mem::take(&mut entry.summaries);
            tokio::task::spawn_local(tell(Rc::clone(shared), Arc::clone(&entry.bound), summaries));
        }
    }
}

async fn tell(shared: Rc<Shared>, bound: Arc<Bound>, summaries: Vec<Summary>) {
    let mut summaries = summaries.into_iter();
    loop {
        let batch: Vec<_> = summaries.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            break;
        }
        let outcome = match shared.instances.log(&bound, batch).await {
            Ok(()) => "next",
            Err(cause) => {
                let plugin = &bound.used().plugin;
                tracing::warn!(plugin, hook = Hook::Log.name(), %cause, "plugin failed");
                cause.name()
            }
        };
        let metrics = &mut shared.metrics.borrow_mut();
        metrics.called(
            &bound.used().plugin,
            Hook::Log.name(),
            outcome,
            shared.instances.took(),
        );
    }
    let this = &shared.summaries;
    this.delivering.set(this.delivering.get() - 1);
    let mut waiting = this.waiting.borrow_mut();
    if let Some(place) = waiting.iter().position(|entry| Arc::ptr_eq(&entry.bound, &bound)) {
        if waiting[place].summaries.is_empty() {
            waiting.swap_remove(place);
        } else {
            waiting[place].busy = false;
        }
    }
}

fn summary(request_id: &HeaderValue, record: &Record<'_>, visit: &Visit) -> Summary {
    Summary {
        id: request_id.clone(),
        route: record.route.unwrap_or_default().into(),
        method: record.method.clone(),
        status: record.status,
        duration: record.duration,
        bytes_in: record.bytes_in,
        bytes_out: record.bytes_out,
        ended_by: record.flag.map_or("ok", crate::telemetry::Flag::name),
        attributes: visit
            .scene
            .as_ref()
            .map(|scene| scene.memory.attributes().to_vec())
            .unwrap_or_default(),
    }
}
