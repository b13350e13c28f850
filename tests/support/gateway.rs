//! A gateway in this process: on a control runtime of its own thread, on free ports, with its access log in a
//! file. Gone when dropped.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use gatewit::config::{self, Config, Source};
use gatewit::gateway::{self, Options, Running, Stopped};
use gatewit::reload::{self, Outcome, Trigger};
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};

use super::{Client, LIMIT, Origin, eventually};

/// What to run.
pub(crate) struct Builder {
    toml: String,
    workers: usize,
    change: Box<dyn FnOnce(&mut Config) + Send>,
}

/// A running gateway.
pub(crate) struct Gateway {
    address: SocketAddr,
    admin: Option<SocketAddr>,
    folder: TempDir,
    orders: mpsc::UnboundedSender<Order>,
    reloads: reload::Handle,
    thread: Option<JoinHandle<()>>,
}

enum Order {
    Reload(oneshot::Sender<Option<Arc<Outcome>>>),
    Stop(std::sync::mpsc::Sender<Stopped>),
}

/// A gateway that is stopping.
pub(crate) struct Stopping {
    stopped: std::sync::mpsc::Receiver<Stopped>,
    _gateway: Gateway,
}

pub(crate) fn gateway() -> Builder {
    Builder {
        toml: String::new(),
        workers: 1,
        change: Box::new(|_| ()),
    }
}

impl Builder {
    /// Adds to the configuration. `listen`, `admin` and `access_log` are there already.
    pub(crate) fn toml(mut self, text: impl AsRef<str>) -> Self {
        self.toml.push_str(text.as_ref());
        self.toml.push('\n');
        self
    }

    /// Adds a route to an origin.
    pub(crate) fn route(self, path: &str, origin: &Origin) -> Self {
        let address = origin.address();
        self.toml(format!("[[route]]\npath = \"{path}\"\nto = \"{address}\""))
    }

    /// Threads that serve; one unless said.
    pub(crate) fn workers(mut self, count: usize) -> Self {
        self.workers = count;
        self
    }

    /// Changes what the configuration came to mean, for what no configuration may say.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Config) + Send + 'static) -> Self {
        self.change = Box::new(change);
        self
    }

    pub(crate) fn start(self) -> Gateway {
        let folder = tempfile::tempdir().unwrap();
        write(&folder, &self.toml);
        let source = Source::File(folder.path().join("gatewit.toml"));
        let mut config = match config::load(source.clone()) {
            Ok(loaded) => loaded.config,
            Err(problems) => panic!("{problems}"),
        };
        (self.change)(&mut config);
        let options = Options {
            config,
            source,
            workers: NonZeroUsize::new(self.workers),
            services: Vec::new(),
        };
        let (orders, inbox) = mpsc::unbounded_channel();
        let (ready, started) = std::sync::mpsc::channel();
        let thread = thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(async {
                    let running = gateway::start(options).await.expect("the gateway starts");
                    ready
                        .send((running.addresses()[0].1, running.admin(), running.reload()))
                        .unwrap();
                    obey(running, inbox).await;
                });
            })
            .unwrap();
        let (address, admin, reloads) = started.recv_timeout(LIMIT).expect("the gateway starts");
        Gateway {
            address,
            admin,
            folder,
            orders,
            reloads,
            thread: Some(thread),
        }
    }
}

async fn obey(running: Running, mut inbox: mpsc::UnboundedReceiver<Order>) {
    let mut running = Some(running);
    while let Some(order) = inbox.recv().await {
        match order {
            Order::Reload(reply) => {
                if let Some(running) = &running {
                    let _ = reply.send(running.reload().reload(Trigger::Api).await);
                }
            }
            Order::Stop(reply) => {
                if let Some(running) = running.take() {
                    // A test that fails lets go of the gateway, and then nobody waits for its end.
                    tokio::spawn(async move { reply.send(running.stop().await) });
                }
            }
        }
    }
}

impl Gateway {
    /// Of the first listener.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin.expect("an admin listener")
    }

    /// What is scraped.
    pub(crate) fn metrics(&self) -> String {
        let mut client = Client::connect(self.admin());
        client.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        client.response().text()
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address())
    }

    /// Writes another configuration, and leaves it at that.
    pub(crate) fn write(&self, toml: &str) {
        write(&self.folder, toml);
    }

    /// Writes another configuration and asks for a reload.
    pub(crate) fn reload(&self, toml: &str) -> Arc<Outcome> {
        self.write(toml);
        let (reply, outcome) = oneshot::channel();
        assert!(self.orders.send(Order::Reload(reply)).is_ok());
        outcome.blocking_recv().unwrap().expect("a reload's outcome")
    }

    /// How the last reload ended.
    pub(crate) fn last_reload(&self) -> Option<Arc<Outcome>> {
        self.reloads.last()
    }

    /// Begins to stop.
    pub(crate) fn stop(self) -> Stopping {
        let (reply, stopped) = std::sync::mpsc::channel();
        assert!(self.orders.send(Order::Stop(reply)).is_ok());
        Stopping {
            stopped,
            _gateway: self,
        }
    }

    pub(crate) fn log_path(&self) -> PathBuf {
        self.folder.path().join("access.log")
    }

    /// The access log, once it has this many lines.
    #[track_caller]
    pub(crate) fn log(&self, lines: usize) -> Vec<serde_json::Value> {
        let read = || std::fs::read_to_string(self.log_path()).unwrap_or_default();
        eventually("the access log", || read().matches('\n').count() >= lines);
        read()
            .lines()
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect()
    }
}

impl Stopping {
    #[track_caller]
    pub(crate) fn wait(self) -> Stopped {
        self.stopped.recv_timeout(LIMIT).expect("the gateway stops")
    }

    pub(crate) fn is_over(&self) -> bool {
        !matches!(self.stopped.try_recv(), Err(std::sync::mpsc::TryRecvError::Empty))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // The control runtime ends with its last order, and takes what it runs with it.
        self.orders = mpsc::unbounded_channel().0;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write(folder: &TempDir, toml: &str) {
    let mut text = String::new();
    if !toml.contains("listen =") {
        text.push_str("listen = [\"127.0.0.1:0\"]\n");
    }
    if !toml.contains("admin =") {
        text.push_str("admin = \"off\"\n");
    }
    if !toml.contains("state =") {
        let state = folder.path().join("state");
        let _ = writeln!(text, "state = \"{}\"", state.display());
    }
    let log = if toml.contains("access_log") {
        String::new()
    } else {
        format!(
            "[access_log]\npath = \"{}\"\n",
            folder.path().join("access.log").display()
        )
    };
    // Plain keys have to stand before the first table.
    let _ = write!(text, "{toml}\n{log}");
    std::fs::write(folder.path().join("gatewit.toml"), text).unwrap();
}
