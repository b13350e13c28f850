//! Knocking at an endpoint from the control task. When to knock and what follows is decided in `keeper`.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::config::ProbeKind;

/// A bare connection must be there within this.
pub(super) const KNOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// Whether a TCP connection is accepted.
pub(super) async fn knock(address: SocketAddr, limit: Duration) -> bool {
    matches!(timeout(limit, TcpStream::connect(address)).await, Ok(Ok(_)))
}

/// Whether the endpoint is healthy as the configuration defines it.
pub(super) async fn probe(address: SocketAddr, kind: &ProbeKind, limit: Duration) -> bool {
    match kind {
        ProbeKind::Tcp => knock(address, limit).await,
        ProbeKind::Http {
            path,
            host,
            status: (low, high),
        } => {
            let answer = timeout(limit, ask(address, path, host.as_deref())).await;
            matches!(answer, Ok(Some(status)) if (*low..=*high).contains(&status.as_u16()))
        }
    }
}

/// `GET path`; the status of the answer. The body is not read.
async fn ask(address: SocketAddr, path: &str, host: Option<&str>) -> Option<StatusCode> {
    let stream = TcpStream::connect(address).await.ok()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    let request = Request::get(path)
        .header(HOST, host.map_or_else(|| address.to_string(), str::to_owned))
        .header(USER_AGENT, "gatewit-probe")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .ok()?;
    tokio::pin!(connection);
    let answer = sender.send_request(request);
    tokio::pin!(answer);
    tokio::select! {
        biased;
        answer = &mut answer => answer.ok().map(|answer| answer.status()),
        // A connection that ended has handed its answer over, or none will come.
        _ = &mut connection => answer.await.ok().map(|answer| answer.status()),
    }
}
