//! From accepted connections to workers, and what a reload changes about it.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Resource, getrlimit};
use tokio::task::JoinHandle;

use super::workers::Workers;
use crate::config::{self, Code, Config, Diagnostics};
use crate::listener::{Accepted, Listener};
use crate::reload::Rim;
use crate::shutdown::Life;
use crate::snapshot::Live;
use crate::telemetry::access_log::AccessLog;
use crate::telemetry::metrics::{Connections, Metrics};
use crate::worker::Served;

/// Files that are not connections: logs, DNS, admin, probes, the runtime's own.
const SPARE_FILES: u64 = 256;

/// The bound addresses and the tasks that accept on them.
pub(super) struct Listeners {
    accepting: HashMap<SocketAddr, Accepting>,
    gate: Arc<Gate>,
}

type Accepting = (Arc<Listener>, JoinHandle<()>);

/// What stands between an accepted connection and its worker.
struct Gate {
    workers: Arc<Workers>,
    life: Life,
    metrics: Arc<Metrics>,
    live: Live,
    /// Connections that there are files for.
    possible: usize,
}

impl Gate {
    fn admit(&self, accepted: Accepted, counters: Connections) {
        counters.accepted.inc();
        if self.life.open() >= self.live.load().config.limits.connections.min(self.possible) {
            counters.refused.inc();
            refuse(accepted);
            return;
        }
        self.workers.serve(Served {
            accepted,
            counters,
            hold: self.life.hold(),
        });
    }
}

/// Too many: says so in one write that does not wait, and closes.
fn refuse(accepted: Accepted) {
    const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let mut stream = accepted.stream;
    let _ = io::Write::write(&mut stream, BUSY);
}

impl Listeners {
    pub(super) fn new(workers: Arc<Workers>, life: Life, metrics: Arc<Metrics>, live: Live) -> Self {
        Self {
            accepting: HashMap::new(),
            gate: Arc::new(Gate {
                workers,
                life,
                metrics,
                live,
                possible: possible_connections(),
            }),
        }
    }

    pub(super) fn begin(&mut self, listeners: Vec<Listener>) {
        for listener in listeners {
            let (listener, gate) = (Arc::new(listener), Arc::clone(&self.gate));
            let accepting = Arc::clone(&listener);
            let counters = gate.metrics.connections(&listener.config().name);
            let task = tokio::spawn(async move {
                loop {
                    gate.admit(accepting.accept().await, counters.clone());
                }
            });
            self.accepting.insert(listener.config().address, (listener, task));
        }
    }

    /// To be waited for: see [`close`].
    pub(super) fn end(&mut self) -> impl Future<Output = ()> + use<> {
        let gate = Arc::clone(&self.gate);
        close(
            gate,
            self.accepting.drain().map(|(_, accepting)| accepting).collect(),
        )
    }
}

/// Clients that the kernel has accepted for us are served; nobody is reset who was there before the very last moment,
/// in which the socket has no other owner any more and is closed behind the last client.
async fn close(gate: Arc<Gate>, listeners: Vec<Accepting>) {
    for (listener, task) in listeners {
        task.abort();
        let _ = task.await;
        let counters = gate.metrics.connections(&listener.config().name);
        for accepted in listener.drain() {
            gate.admit(accepted, counters.clone());
        }
    }
}

/// The reloader's hold on what is not in the snapshot.
pub(super) struct Outside {
    listeners: Arc<Mutex<Listeners>>,
    log: Arc<AccessLog>,
}

impl Outside {
    pub(super) fn new(listeners: Arc<Mutex<Listeners>>, log: Arc<AccessLog>) -> Self {
        Self { listeners, log }
    }
}

/// Listeners that were bound for a new configuration, those that it has no use for, and its access log.
pub(super) struct Ready {
    new: Vec<Listener>,
    gone: Vec<SocketAddr>,
}

impl Rim for Outside {
    type Ready = Ready;

    fn prepare(&mut self, config: &Config) -> Result<Ready, Diagnostics> {
        let listeners = lock(&self.listeners);
        let wanted: Vec<&config::Listener> = config.listeners.iter().collect();
        let new = wanted
            .iter()
            .filter(|listener| !listeners.accepting.contains_key(&listener.address))
            .map(|listener| {
                Listener::bind(listener).map_err(|error| {
                    let message = format!("can not listen on {}: {error}", listener.name);
                    Diagnostics::from_message(Code::InvalidValue, message)
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let gone = listeners
            .accepting
            .keys()
            .filter(|address| wanted.iter().all(|listener| listener.address != **address))
            .copied()
            .collect();
        self.log.reconfigure(&config.access_log).map_err(|error| {
            Diagnostics::from_message(Code::File, format!("can not open the access log: {error}"))
        })?;
        Ok(Ready { new, gone })
    }

    fn commit(&mut self, ready: Ready) -> impl Future<Output = ()> + Send + use<> {
        let mut listeners = lock(&self.listeners);
        listeners.begin(ready.new);
        let gate = Arc::clone(&listeners.gate);
        let gone = ready
            .gone
            .iter()
            .filter_map(|address| listeners.accepting.remove(address));
        close(gate, gone.collect())
    }
}

/// Connections that there are files for, under the limit that was raised at the start.
fn possible_connections() -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    // One for the client, one for the endpoint.
    let possible = usize::try_from(files.saturating_sub(SPARE_FILES) / 2).unwrap_or(usize::MAX);
    possible.max(16)
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The control runtime has one thread; the mutex only makes the value shareable between its tasks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
