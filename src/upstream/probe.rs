//! Knocking at an endpoint from the control task. When to knock and what follows is decided in `keeper`.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Endpoint;
use super::client::is_ours;
use crate::config::ProbeKind;

/// A bare connection must be there within this.
pub(super) const KNOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// Whether a connection is accepted, TLS included where it is spoken; `None` when this side could not even try.
pub(super) async fn knock(endpoint: &Endpoint, limit: Duration) -> Option<bool> {
    let connected = timeout(limit, async {
        let stream = TcpStream::connect(endpoint.address()).await?;
        match endpoint.tls() {
            None => Ok(()),
            Some(server) => server.connect(stream).await.map(drop),
        }
    });
    match connected.await {
        Ok(Err(error)) if is_ours(&error) => None,
        Ok(connected) => Some(connected.is_ok()),
        Err(_) => Some(false),
    }
}

/// Whether the endpoint is healthy as the configuration defines it; `None` when this side could not even try.
pub(super) async fn probe(endpoint: &Endpoint, kind: &ProbeKind, limit: Duration) -> Option<bool> {
    match kind {
        ProbeKind::Tcp => knock(endpoint, limit).await,
        ProbeKind::Http {
            path,
            host,
            status: (low, high),
        } => {
            let healthy = |status: StatusCode| (*low..=*high).contains(&status.as_u16());
            match timeout(limit, ask(endpoint, path, host.as_deref())).await {
                Ok(Err(Some(error))) if is_ours(&error) => None,
                Ok(answer) => Some(answer.is_ok_and(healthy)),
                Err(_) => Some(false),
            }
        }
    }
}

/// `GET path`; the status of the answer, or why there was no connection. The body is not read.
async fn ask(endpoint: &Endpoint, path: &str, host: Option<&str>) -> Result<StatusCode, Option<io::Error>> {
    let stream = TcpStream::connect(endpoint.address()).await?;
    let usual = || match endpoint.tls() {
        None => endpoint.address().to_string(),
        Some(server) => server.name(),
    };
    let request = Request::get(path)
        .header(HOST, host.map_or_else(usual, str::to_owned))
        .header(USER_AGENT, "gatewit-probe")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|_| None)?;
    match endpoint.tls() {
        None => converse(stream, request).await,
        Some(server) => converse(server.connect(stream).await?, request).await,
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    request: Request<Empty<Bytes>>,
) -> Result<StatusCode, Option<io::Error>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| None)?;
    tokio::pin!(connection);
    let answer = sender.send_request(request);
    tokio::pin!(answer);
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        // A connection that ended has handed its answer over, or none will come.
        _ = &mut connection => answer.await,
    }
    .map(|answer| answer.status())
    .map_err(|_| None)
}
