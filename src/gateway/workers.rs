//! The threads that serve.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::plugin::calls::Caller;
use crate::shutdown::Life;
use crate::snapshot::Live;
use crate::telemetry::access_log::AccessLog;
use crate::telemetry::metrics::Metrics;
use crate::worker::{Seed, Served, Worker};

/// See the module.
pub(super) struct Workers(Vec<Worker>);

impl Workers {
    pub(super) fn start(
        count: Option<NonZeroUsize>,
        live: &Live,
        life: &Life,
        shed: &Arc<AtomicBool>,
        metrics: &Arc<Metrics>,
        log: &AccessLog,
    ) -> io::Result<Arc<Self>> {
        let count = count.map_or_else(std::thread::available_parallelism, Ok)?;
        let workers = (0..count.get()).map(|number| {
            let seed = Seed {
                live: Arc::clone(live),
                life: life.clone(),
                shed: Arc::clone(shed),
                metrics: metrics.local(),
                log: log.local(),
            };
            Worker::start(format!("worker-{number}"), seed)
        });
        Ok(Arc::new(Self(workers.collect::<io::Result<_>>()?)))
    }

    /// Makes HTTP calls of plugins that do not run on a worker. There is at least one worker.
    pub(super) fn caller(&self) -> Option<Caller> {
        self.0.first().map(Worker::caller)
    }

    pub(super) fn each(&self, order: impl Fn(&Worker)) {
        self.0.iter().for_each(order);
    }

    /// The one with the fewest connections.
    pub(super) fn serve(&self, served: Served) {
        if let Some(worker) = self.0.iter().min_by_key(|worker| worker.connections()) {
            worker.serve(served);
        }
    }

    pub(super) fn join(self) {
        for worker in self.0 {
            worker.join();
        }
    }
}
