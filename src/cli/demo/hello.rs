//! What stands behind the gateway in the demo: a service that says who it is.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A bound service.
#[derive(Debug)]
pub(super) struct Service {
    listener: TcpListener,
    name: String,
    address: SocketAddr,
}

impl Service {
    pub(super) async fn bind(name: String, address: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            listener: TcpListener::bind(address).await?,
            name,
            address,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until dropped; the connections end with it.
    pub(super) async fn serve(self) {
        let mut connections = JoinSet::new();
        loop {
            // Errors here are about one connection.
            let Ok((stream, _)) = self.listener.accept().await else {
                continue;
            };
            let name = self.name.clone();
            connections.spawn(async move {
                let service = service_fn(|_: Request<Incoming>| {
                    let text = format!("Hello, world! I am {name}\n");
                    async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(text)))) }
                });
                // A connection that breaks is the gateway's to notice.
                drop(
                    http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await,
                );
            });
            while connections.try_join_next().is_some() {}
        }
    }
}
