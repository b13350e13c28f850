//! Asks and commands a running gateway over HTTP, on an address of its own that no route leads to.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::net::TcpListener;

use crate::reload;
use crate::shutdown::Life;
use crate::snapshot::Live;
use crate::telemetry::metrics::Metrics;

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

    /// Serves until dropped.
    pub async fn serve(self, state: Arc<State>) {
        let _state = state;
        while self.listener.accept().await.is_ok() {}
    }
}
