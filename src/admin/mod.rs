//! Asks and commands a running gateway over HTTP, on an address of its own that no route leads to.
//!
//! Runs on the control runtime. Answers from what others keep; keeps nothing itself.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time;

use crate::plugin::Loader;
use crate::reload;
use crate::shutdown::Life;
use crate::snapshot::Live;
use crate::telemetry::metrics::Metrics;
use api::Answer;

mod added;
pub(crate) mod api;
mod format;
pub(crate) mod guard;
mod openapi;
mod paths;
mod plugins;
mod scrape;
mod view;

/// Connections at a time; more wait to be accepted.
const CONNECTIONS: usize = 64;

/// Bytes of a request head.
const HEAD: usize = 16 * 1024;

/// For a request head, and for an idle connection.
const HEAD_TIME: Duration = Duration::from_secs(30);

/// A connection is asked to end after this time …
const CONNECTION_TIME: Duration = Duration::from_secs(300);

/// … and cut after this time more: its client does not read.
const CUT_TIME: Duration = Duration::from_secs(30);

/// After an accept that failed for want of files or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the API speaks of.
pub struct State {
    /// When the process started.
    pub started: SystemTime,
    /// How far the gateway's life has got: readiness.
    pub life: Life,
    /// The running snapshot.
    pub live: Live,
    /// Everything that is counted.
    pub metrics: Arc<Metrics>,
    /// Knows what plugins were.
    pub loader: Arc<Loader>,
    /// Commands a reload, and knows how the last one ended.
    pub reload: reload::Handle,
}

/// A bound admin address.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Binds the address. Must be called within a runtime.
    ///
    /// # Errors
    ///
    /// The address is taken or not ours.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// The address with the port that was chosen, if it was 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves what `answer` makes of requests until dropped; the connections end with it.
    pub async fn serve<F, A>(self, answer: F)
    where
        F: Fn(IpAddr, Request<Incoming>) -> A + Clone + Send + 'static,
        A: Future<Output = Answer> + Send + 'static,
    {
        let permits = Arc::new(Semaphore::new(CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            // A permit first: what cannot be served waits in the kernel's queue.
            let permit = Arc::clone(&permits).acquire_owned().await;
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    connections.spawn(serve(stream, peer, answer.clone(), permit.ok()));
                }
                Err(error) => {
                    tracing::warn!(%error, "admin: cannot accept");
                    time::sleep(ACCEPT_PAUSE).await;
                }
            }
            while connections.try_join_next().is_some() {}
        }
    }
}

/// Answers requests to the admin API.
pub async fn answer(state: Arc<State>, peer: IpAddr, request: Request<Incoming>) -> Answer {
    api::answer(&state, peer, request).await
}

async fn serve<F, A>(stream: TcpStream, peer: SocketAddr, answer: F, permit: Option<OwnedSemaphorePermit>)
where
    F: Fn(IpAddr, Request<Incoming>) -> A,
    A: Future<Output = Answer>,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let answered = answer(peer.ip(), request);
        async move { Ok::<_, Infallible>(answered.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = time::timeout(CONNECTION_TIME, connection.as_mut()).await;
    if ended.is_err() {
        connection.as_mut().graceful_shutdown();
        // What is left is cut: that is the limit's purpose.
        let _ = time::timeout(CUT_TIME, connection).await;
    }
    drop(permit);
}
