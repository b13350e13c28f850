//! One HTTP/1.1 connection to one endpoint.
//!
//! [`Connection::send`] sends one request and waits for the response head; what may be concluded from a failure
//! is in [`Failed`]. Whether to try again is decided above.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustix::io::Errno;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::Endpoint;
use super::wire::Wire;
use crate::body::Outgoing;
use crate::config;

/// Largest response head, bytes. It may have 100 fields: hyper's own bound, which is much cheaper to keep than to
/// set, because then its table of fields stays on the stack.
const MAX_HEAD: usize = 64 * 1024;

/// Interim responses passed on for one request; an endpoint that sends more is not listened to.
const MAX_INTERIM: usize = 16;

/// A connection that is ready for a request.
pub struct Connection {
    sender: SendRequest<Outgoing>,
    task: JoinHandle<()>,
    endpoint: Arc<Endpoint>,
    interim: Arc<Interims>,
    reused: bool,
}

/// An interim (1xx) response.
#[derive(Debug)]
pub struct Interim {
    /// 100–199, but 101.
    pub status: StatusCode,
    /// Its fields.
    pub headers: HeaderMap,
}

#[derive(Default)]
struct Interims {
    waiting: Mutex<Vec<Interim>>,
    arrived: Notify,
}

/// Why there is no response.
pub enum Failed {
    /// The connection was gone before a byte of the request was written; nothing happened at the endpoint.
    NotSent(Box<Request<Outgoing>>),
    /// The connection ended after the request was begun and before a response head.
    Broken(hyper::Error),
    /// What came back is not an HTTP response.
    Malformed(hyper::Error),
}

impl Connection {
    /// Connects. The connection's task runs on the current worker and ends with the connection.
    ///
    /// # Errors
    ///
    /// When the endpoint refuses, can not be reached, does not accept within the connect timeout, or cannot prove
    /// who it is.
    pub async fn open(endpoint: &Arc<Endpoint>, config: &config::Upstream) -> io::Result<Self> {
        let opened = tokio::time::timeout(config.connect_timeout, async {
            let stream = connect(endpoint.address(), config.tcp_keepalive).await?;
            match endpoint.tls() {
                None => converse(stream).await,
                Some(server) => converse(server.connect(stream).await?).await,
            }
        });
        let (sender, task) = opened
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        Ok(Self {
            sender,
            task,
            endpoint: Arc::clone(endpoint),
            interim: Arc::default(),
            reused: false,
        })
    }

    /// The other end.
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// Whether it has carried an exchange before.
    pub fn is_reused(&self) -> bool {
        self.reused
    }

    /// Whether the exchange before is over, on both sides, and the endpoint has not closed.
    pub fn is_ready(&self) -> bool {
        self.sender.is_ready() && !self.sender.is_closed()
    }

    /// Waits until [`Connection::is_ready`]; false when the connection ends instead.
    pub async fn ready(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    pub(super) fn mark_reused(&mut self) {
        self.reused = true;
    }

    /// Sends a request and waits for the final response head, passing on interim ones. Dropping the future
    /// closes the connection.
    ///
    /// # Errors
    ///
    /// See [`Failed`].
    pub async fn send(
        &mut self,
        mut request: Request<Outgoing>,
        mut on_interim: impl FnMut(Interim),
    ) -> Result<Response<Incoming>, Failed> {
        let interims = Arc::clone(&self.interim);
        hyper::ext::on_informational(&mut request, move |response| {
            interims.push(Interim {
                status: response.status(),
                headers: response.headers().clone(),
            });
        });
        let sent = self.sender.try_send_request(request);
        let mut sent = std::pin::pin!(sent);
        let mut left = MAX_INTERIM;
        let result = loop {
            tokio::select! {
                biased;
                () = self.interim.arrived.notified() => {
                    self.interim.take().into_iter().for_each(|interim| {
                        if left > 0 {
                            left -= 1;
                            on_interim(interim);
                        }
                    });
                    // What was passed on leaves when the connection below is polled; the final response may
                    // be here already and must not overtake it.
                    tokio::task::yield_now().await;
                }
                result = &mut sent => break result,
            }
        };
        result.map_err(|mut failed| match failed.take_message() {
            Some(request) => Failed::NotSent(Box::new(request)),
            None => {
                let error = failed.into_error();
                if error.is_parse() {
                    Failed::Malformed(error)
                } else {
                    Failed::Broken(error)
                }
            }
        })
    }
}

impl Drop for Connection {
    /// Closes the connection, also in the middle of an exchange: an endpoint that does not read what it is sent
    /// would hold on to it for ever. A connection that became a tunnel is not this task's any more.
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Interims {
    fn push(&self, interim: Interim) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MAX_INTERIM {
            waiting.push(interim);
            self.arrived.notify_one();
        }
    }

    fn take(&self) -> Vec<Interim> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether a connection failed for want of something on this side (files, memory, ports). That says nothing about
/// the endpoint, and counting it would eject every endpoint at once.
pub fn is_ours(error: &io::Error) -> bool {
    let ours = [
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOBUFS,
        Errno::NOMEM,
        Errno::ADDRNOTAVAIL,
    ];
    error
        .raw_os_error()
        .is_some_and(|code| ours.contains(&Errno::from_raw_os_error(code)))
}

/// Begins to speak HTTP. Plain and encrypted connections share nothing but this: no byte of a plain one passes a
/// question of which it is.
async fn converse<S>(stream: S) -> io::Result<(SendRequest<Outgoing>, JoinHandle<()>)>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .handshake(TokioIo::new(Wire::new(stream)))
        .await
        .map_err(io::Error::other)?;
    // What ends a connection is reported to the request that is on it; between requests nobody cares.
    let task = tokio::task::spawn_local(async move { drop(connection.with_upgrades().await) });
    Ok((sender, task))
}

async fn connect(address: SocketAddr, keep_alive: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let probes = TcpKeepalive::new()
        .with_time(keep_alive)
        .with_interval(keep_alive);
    SockRef::from(&stream).set_tcp_keepalive(&probes)?;
    Ok(stream)
}
