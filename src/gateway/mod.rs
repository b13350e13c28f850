//! Start, wire, stop.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::task::JoinHandle;
use tracing::info;

use crate::admin;
use crate::config::{Config, Source};
use crate::flow_proxy;
use crate::listener::Listener;
use crate::plugin::{Generation, Loader};
use crate::reload::{self, Added, Reloader};
use crate::shutdown::{Life, Phase};
use crate::snapshot::{Live, Snapshot};
use crate::telemetry::access_log::AccessLog;
use crate::telemetry::metrics::Metrics;
use crate::worker::Worker;

mod accept;
mod memory;
mod ticker;
mod workers;

use accept::{Listeners, Outside, lock};
use workers::Workers;

/// How long the first answers of DNS are waited for before connections are accepted: long enough for a
/// resolver that is there, short enough for one that is not.
const FIRST_ANSWERS: Duration = Duration::from_secs(2);

/// Between the last connection that is accepted and the word that closes those without a request.
const LAST_REQUESTS: Duration = Duration::from_millis(100);

/// How to start.
pub struct Options {
    /// What to run.
    pub config: Config,
    /// Where reloads read it again.
    pub source: Source,
    /// Threads that serve; `None` for one per core.
    pub workers: Option<NonZeroUsize>,
    /// Environment variables that describe services as Docker Flow Proxy reads them (`DFP_SERVICE_…`).
    pub services: Vec<(String, String)>,
}

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address could not be bound.
    #[error("can not listen on {address}")]
    Listen {
        /// As written in the configuration.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// A thread or a file could not be had.
    #[error("can not start")]
    Start(#[from] io::Error),
}

/// How a gateway stopped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stopped {
    /// Every exchange had ended.
    Clean,
    /// The grace time was over; this many connections were cut.
    Cut(usize),
}

/// A running gateway. Belongs to the control runtime on which it was started.
pub struct Running {
    addresses: Vec<(String, SocketAddr)>,
    admin: Option<SocketAddr>,
    flow_proxy: Option<SocketAddr>,
    live: Live,
    life: Life,
    log: Arc<AccessLog>,
    reload: reload::Handle,
    workers: Arc<Workers>,
    listeners: Arc<Mutex<Listeners>>,
    tasks: Vec<JoinHandle<()>>,
}

/// Starts a gateway. Must be called on a current-thread tokio runtime, which becomes its control runtime.
///
/// # Errors
///
/// When an address can not be bound, or threads or files are missing.
pub async fn start(options: Options) -> Result<Running, Error> {
    let Options {
        config,
        source,
        workers,
        services,
    } = options;
    raise_file_limit();
    let (metrics, life, shed) = (Metrics::new(), Life::default(), Arc::new(AtomicBool::new(false)));
    let log = Arc::new(AccessLog::start(&config.access_log, &metrics)?);
    let bound = bind_all(&config)?;
    let admin = config
        .admin
        .as_ref()
        .map(|admin| bind_admin(admin.address))
        .transpose()?;
    let flow = config
        .flow_proxy
        .as_ref()
        .map(|flow| Ok::<_, Error>((bind_admin(flow.address)?, flow.listeners.clone())))
        .transpose()?;
    let (added, config) = Added::open(config);
    // What is written while it is loaded is another change.
    let files = reload::Files::of(&config);
    let loader = Arc::new(Loader::new(config.state.as_deref(), &metrics.custom));
    let live: Live = Arc::new(ArcSwap::from_pointee(first_snapshot(config, &loader).await));
    let workers = Workers::start(workers, &live, &life, &shed, &metrics, &log)?;
    let listeners = Listeners::new(
        Arc::clone(&workers),
        life.clone(),
        Arc::clone(&metrics),
        live.clone(),
    );
    let listeners = Arc::new(Mutex::new(listeners));
    let outside = Outside::new(Arc::clone(&listeners), Arc::clone(&log));
    let (reloader, reload) = Reloader::new(
        source,
        added,
        Arc::clone(&live),
        Arc::clone(&loader),
        Arc::clone(&metrics),
        outside,
    );
    let addresses = bound
        .iter()
        .map(|listener| (listener.config().name.clone(), listener.address()))
        .collect();
    let admin_address = admin.as_ref().map(admin::Server::address);
    let mut tasks = vec![tokio::spawn(memory::watch(Arc::clone(&live), shed))];
    if let Some(caller) = workers.caller() {
        tasks.push(tokio::spawn(ticker::supervise(Arc::clone(&live), caller)));
    }
    let state = Arc::new(admin::State {
        started: SystemTime::now(),
        life: life.clone(),
        live: Arc::clone(&live),
        metrics: Arc::clone(&metrics),
        loader,
        reload: reload.clone(),
    });
    if let Some(server) = admin {
        let state = Arc::clone(&state);
        let answer = move |peer, request| admin::answer(Arc::clone(&state), peer, request);
        tasks.push(tokio::spawn(server.serve(answer)));
    }
    let flow_address = flow.as_ref().map(|(server, _)| server.address());
    live.load_full().first_answers(FIRST_ANSWERS).await;
    lock(&listeners).begin(bound);
    tasks.push(tokio::spawn(reloader.run(files)));
    metrics.config_live(&live.load().config.hash, SystemTime::now());
    match flow {
        Some((server, swarm)) => {
            let state = Arc::new(flow_proxy::State::new(state, swarm));
            let (calls, life) = (Arc::clone(&state), life.clone());
            let answer = move |peer, request| flow_proxy::answer(Arc::clone(&calls), peer, request);
            tasks.push(tokio::spawn(server.serve(answer)));
            life.enter(Phase::Learning);
            tasks.push(tokio::spawn(async move {
                state.learn(&services).await;
                life.enter(Phase::Running);
                state.keep().await;
            }));
        }
        None => life.enter(Phase::Running),
    }
    Ok(Running {
        addresses,
        admin: admin_address,
        flow_proxy: flow_address,
        live,
        life,
        log,
        reload,
        workers,
        listeners,
        tasks,
    })
}

/// With what can be loaded; routes that use what can not are answered by the gateway itself.
async fn first_snapshot(config: Config, loader: &Loader) -> Snapshot {
    let control = tokio::runtime::Handle::current();
    let config = Arc::new(config);
    let (snapshot, loading) = Snapshot::build(Arc::clone(&config), None, loader, None, &control).await;
    if !loading.problems.is_empty() {
        let problems = loading.diagnostics(&config);
        tracing::error!(%problems, "routes whose plugins can not be loaded answer with an error");
        loader.note_failures(loading.failures());
    }
    if let Err(error) = loader.commit(&loading).await {
        tracing::warn!(%error, "what was loaded can not be kept for the next start");
    }
    snapshot.show_upstreams();
    snapshot
}

impl Running {
    /// Every listener's name and address, ports filled in.
    pub fn addresses(&self) -> &[(String, SocketAddr)] {
        &self.addresses
    }

    /// The admin listener's address.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// The address of the listener for calls made for Docker Flow Proxy.
    pub fn flow_proxy(&self) -> Option<SocketAddr> {
        self.flow_proxy
    }

    /// The generation of a plugin that runs.
    pub fn generation(&self, plugin: &str) -> Option<Arc<Generation>> {
        self.live.load().plugins.find(plugin)?.generation.clone()
    }

    /// What runs.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.live.load().config)
    }

    /// Asks for reloads.
    pub fn reload(&self) -> reload::Handle {
        self.reload.clone()
    }

    /// Opens the access log's file again after it was moved away.
    pub fn reopen_logs(&self) {
        self.log.reopen();
    }

    /// Stops: not ready, a pause, listeners closed, exchanges finished within the grace time. Dropping the
    /// future stops nothing further; the process may then simply exit.
    pub async fn stop(self) -> Stopped {
        let timeouts = self.live.load().config.timeouts;
        info!(connections = self.life.open(), "stopping: not ready any more");
        self.life.enter(Phase::Leaving);
        tokio::time::sleep(timeouts.stop_delay).await;
        self.life.enter(Phase::Draining);
        let ended = lock(&self.listeners).end();
        ended.await;
        // What has only just connected has a request on its way, which is read before anybody is told to close.
        tokio::time::sleep(LAST_REQUESTS).await;
        self.workers.each(Worker::close);
        let left = self.life.ended(timeouts.stop_grace).await;
        self.workers.each(Worker::cut);
        if left > 0 {
            // Records of what was cut are still to be written.
            self.life.ended(Duration::from_secs(1)).await;
        }
        for task in self.tasks {
            task.abort();
            let _ = task.await;
        }
        drop(self.listeners);
        if let Ok(workers) = Arc::try_unwrap(self.workers) {
            workers.join();
        }
        if let Ok(log) = Arc::try_unwrap(self.log) {
            log.stop();
        }
        if left == 0 {
            Stopped::Clean
        } else {
            Stopped::Cut(left)
        }
    }
}

fn bind_all(config: &Config) -> Result<Vec<Listener>, Error> {
    config
        .listeners
        .iter()
        .map(|listener| {
            Listener::bind(listener).map_err(|source| Error::Listen {
                address: listener.name.clone(),
                source,
            })
        })
        .collect()
}

fn bind_admin(address: SocketAddr) -> Result<admin::Server, Error> {
    admin::Server::bind(address).map_err(|source| Error::Listen {
        address: address.to_string(),
        source,
    })
}

/// Every connection costs a file on either side; the soft limit is often 1024 only for the sake of select(2).
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Not permitted: the bound on connections is then what the soft limit allows.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
}
