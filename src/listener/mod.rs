//! A bound address becomes connections.
//!
//! Accepting runs on the control runtime, which hands each connection to the worker with the fewest: one
//! listening socket, an even spread, and nobody but the kernel's backlog ever holds a connection that no
//! one serves. What a connection says is served in `connection.rs`, on the worker.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::io::unix::AsyncFd;
use tracing::warn;

pub use connection::{Ended, Handler, Peer, serve};
pub use line::{Clock, Line, Order, Wait};

use crate::config;

mod connection;
mod line;
mod wire;

/// Connections that the kernel keeps for us while we are busy.
const BACKLOG: i32 = 1024;

/// Pause after an accept that failed for want of something (files, memory): without it the loop would spin.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Both directions of every connection are probed, so that an address translator on the way (Docker's virtual
/// IPs forget a connection after 900 s) neither forgets it nor lets it hang.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// A bound address.
#[derive(Debug)]
pub struct Listener {
    config: Arc<config::Listener>,
    socket: AsyncFd<TcpListener>,
    address: SocketAddr,
}

/// A connection that nobody serves yet.
#[derive(Debug)]
pub struct Accepted {
    /// Non-blocking, with TCP_NODELAY and keep-alive set.
    pub stream: TcpStream,
    /// The other end; IPv4 is never written as IPv6.
    pub peer: SocketAddr,
    /// Where it came from.
    pub listener: Arc<config::Listener>,
}

impl Listener {
    /// Binds. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// When the address is taken, not ours, or not permitted.
    pub fn bind(config: &config::Listener) -> io::Result<Self> {
        let socket = match open(config.address) {
            // A kernel without IPv6: what was meant by `:2015` is then every IPv4 address.
            Err(error) if config.address.ip().is_unspecified() && is_unsupported(&error) => {
                open(SocketAddr::from((Ipv4Addr::UNSPECIFIED, config.address.port())))?
            }
            result => result?,
        };
        let address = socket.local_addr()?;
        #[expect(
            deprecated,
            reason = "the file of a std listener stays the same as long as it lives"
        )]
        let socket = AsyncFd::new(socket)?;
        Ok(Self {
            config: Arc::new(config.clone()),
            socket,
            address,
        })
    }

    /// What was asked for.
    pub fn config(&self) -> &Arc<config::Listener> {
        &self.config
    }

    /// The address that was bound, with its port filled in.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the next connection.
    pub async fn accept(&self) -> Accepted {
        loop {
            match self.try_accept().await {
                Ok(accepted) => return accepted,
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    warn!(listener = self.config.name, %error, "can not accept connections");
                    tokio::time::sleep(BACK_OFF).await;
                }
            }
        }
    }

    async fn try_accept(&self) -> io::Result<Accepted> {
        let (stream, peer) = self
            .socket
            .async_io(tokio::io::Interest::READABLE, TcpListener::accept)
            .await?;
        self.ready(stream, peer)
    }

    /// Takes what the kernel has already accepted, so that closing the socket resets nobody.
    pub fn drain(&self) -> Vec<Accepted> {
        let mut accepted = Vec::new();
        while let Ok((stream, peer)) = self.socket.get_ref().accept() {
            accepted.extend(self.ready(stream, peer));
        }
        accepted
    }

    fn ready(&self, stream: TcpStream, peer: SocketAddr) -> io::Result<Accepted> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let keep_alive = TcpKeepalive::new()
            .with_time(KEEP_ALIVE)
            .with_interval(KEEP_ALIVE);
        SockRef::from(&stream).set_tcp_keepalive(&keep_alive)?;
        Ok(Accepted {
            stream,
            peer: SocketAddr::new(peer.ip().to_canonical(), peer.port()),
            listener: Arc::clone(&self.config),
        })
    }
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    // Only lets a restarted gateway bind while old connections linger; two gateways still exclude each other.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn is_unsupported(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Unsupported | io::ErrorKind::AddrNotAvailable
    ) || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

/// Errors that belong to the connection being accepted, not to the listener (see accept(2)).
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::WouldBlock
    )
}
