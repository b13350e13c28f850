//! One thread, one single-threaded runtime: the connections given to it, their exchanges, its pool.
//!
//! What is done here is done for every connection a few times a second: time limits, idle connections of the
//! pool, the access log's buffer. What a connection says is served in [`listener`].

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use http::HeaderValue;
use tokio::net::TcpStream;
use tokio::runtime::{self, LocalOptions};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::listener::{self, Accepted, Clock, Line, Order, Peer, Wait};
use crate::plugin::calls::{self, Caller, Calls};
use crate::proxy::Proxy;
use crate::shutdown::{Hold, Life};
use crate::snapshot::Live;
use crate::telemetry::access_log;
use crate::telemetry::metrics::{Connections, Local};

/// How often limits are looked at: they are this exact.
const TICK: Duration = Duration::from_millis(100);

/// How long the last buffers of a worker that was told to end may take.
const EXIT: Duration = Duration::from_secs(1);

/// A worker, as the control side sees it. Dropping it without [`Worker::join`] lets the thread end by itself.
pub struct Worker {
    orders: mpsc::UnboundedSender<Message>,
    connections: Arc<AtomicUsize>,
    caller: Caller,
    thread: JoinHandle<()>,
}

/// What a worker is made of.
pub struct Seed {
    /// The running snapshot.
    pub live: Live,
    /// How far the gateway's life has got.
    pub life: Life,
    /// Set while memory is above its bound.
    pub shed: Arc<AtomicBool>,
    /// Its shard.
    pub metrics: Local,
    /// Its side of the access log.
    pub log: access_log::Local,
}

/// A connection with what has to be undone when it ends.
pub struct Served {
    /// The connection.
    pub accepted: Accepted,
    /// Its listener's counters.
    pub counters: Connections,
    /// Counts it as open.
    pub hold: Hold,
}

enum Message {
    Serve(Box<Served>),
    Close,
    Cut,
}

impl Worker {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// When there is no thread or no runtime to be had.
    pub fn start(name: String, seed: Seed) -> io::Result<Self> {
        let (orders, inbox) = mpsc::unbounded_channel();
        let connections = Arc::new(AtomicUsize::new(0));
        let open = Arc::clone(&connections);
        let (caller, asked) = calls::calls();
        let calling = (caller.clone(), asked);
        let (ready, started) = std::sync::mpsc::channel();
        let thread =
            std::thread::Builder::new().name(name).spawn(
                move || match runtime::Builder::new_current_thread()
                    .enable_all()
                    .build_local(LocalOptions::default())
                {
                    Ok(runtime) => {
                        let _ = ready.send(Ok(()));
                        runtime.block_on(run(seed, calling, inbox, open));
                    }
                    Err(error) => drop(ready.send(Err(error))),
                },
            )?;
        started.recv().map_err(io::Error::other)??;
        Ok(Self {
            orders,
            connections,
            caller,
            thread,
        })
    }

    /// Takes HTTP calls of plugins that do not run on a worker.
    pub fn caller(&self) -> Caller {
        self.caller.clone()
    }

    /// Connections that it serves.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Gives it a connection.
    pub fn serve(&self, served: Served) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        let _ = self.orders.send(Message::Serve(Box::new(served)));
    }

    /// Idle connections end now, the others after their exchange.
    pub fn close(&self) {
        let _ = self.orders.send(Message::Close);
    }

    /// Everything ends now.
    pub fn cut(&self) {
        let _ = self.orders.send(Message::Cut);
    }

    /// Lets the thread end and waits for it; true when it had not panicked.
    pub fn join(self) -> bool {
        drop(self.orders);
        self.thread.join().is_ok()
    }
}

/// The worker's own state.
struct State {
    proxy: Rc<Proxy>,
    clock: Arc<Clock>,
    lines: RefCell<HashMap<u64, Arc<Line>>>,
    next: Cell<u64>,
    connections: Arc<AtomicUsize>,
}

async fn run(
    seed: Seed,
    calling: (Caller, Calls),
    mut inbox: mpsc::UnboundedReceiver<Message>,
    connections: Arc<AtomicUsize>,
) {
    let Seed {
        live,
        life,
        shed,
        metrics,
        log,
    } = seed;
    let state = Rc::new(State {
        proxy: Rc::new(Proxy::new(live, life, shed, metrics, log, calling)),
        clock: Clock::start(),
        lines: RefCell::default(),
        next: Cell::new(0),
        connections,
    });
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            message = inbox.recv() => match message {
                Some(Message::Serve(served)) => state.serve(*served),
                Some(Message::Close) => state.tell_all(Order::Close),
                Some(Message::Cut) => {
                    state.proxy.shared().cut.notify_waiters();
                    state.tell_all(Order::Cut);
                }
                None => break,
            },
            _ = tick.tick() => state.tick(),
        }
    }
    state.end().await;
}

impl State {
    fn serve(self: &Rc<Self>, served: Served) {
        let Served {
            accepted,
            counters,
            hold,
        } = served;
        let Ok(stream) = TcpStream::from_std(accepted.stream) else {
            self.connections.fetch_sub(1, Ordering::Relaxed);
            return;
        };
        let ip = HeaderValue::try_from(accepted.peer.ip().to_string());
        let line = Line::new(&self.clock);
        let peer = Peer {
            listener: accepted.listener,
            address: accepted.peer,
            ip: ip.unwrap_or_else(|_| HeaderValue::from_static("unknown")),
            line: Arc::clone(&line),
        };
        let id = self.next.replace(self.next.get().wrapping_add(1));
        self.lines.borrow_mut().insert(id, line);
        counters.open.inc();
        let open = Open {
            state: Rc::clone(self),
            id,
            counters,
            _hold: hold,
        };
        tokio::task::spawn_local(async move {
            let limits = open.state.proxy.shared().live.load().config.limits;
            listener::serve(stream, peer, Rc::clone(&open.state.proxy), &limits).await;
        });
    }

    fn tell_all(&self, order: Order) {
        for line in self.lines.borrow().values() {
            line.tell(order);
        }
    }

    fn tick(&self) {
        self.clock.tick();
        let shared = self.proxy.shared();
        let timeouts = shared.live.load().config.timeouts;
        for line in self.lines.borrow().values() {
            line.ring();
            match line.overdue(&timeouts) {
                None => {}
                Some(Wait::Request) => line.tell(Order::Close),
                Some(_) => line.tell(Order::Cut),
            }
        }
        self.proxy.tick();
    }

    /// Waits for the connections' tasks, which have all been told by now, to write their records.
    async fn end(&self) {
        self.tell_all(Order::Cut);
        let deadline = tokio::time::Instant::now() + EXIT;
        while !self.lines.borrow().is_empty() && tokio::time::Instant::now() < deadline {
            tokio::task::yield_now().await;
        }
        self.proxy.end(deadline).await;
    }
}

/// An open connection; undoes what counted it.
struct Open {
    state: Rc<State>,
    id: u64,
    counters: Connections,
    _hold: Hold,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.state.lines.borrow_mut().remove(&self.id);
        self.state.connections.fetch_sub(1, Ordering::Relaxed);
        self.counters.open.dec();
    }
}
