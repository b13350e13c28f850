//! Tunnels: what remains of an exchange after 101 (RFC 9110 section 7.8). Bytes are opaque in both directions.

use std::rc::Rc;
use std::time::Duration;

use http::{HeaderValue, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

use super::attempt::Lease;
use super::exchange::Exchange;
use super::observed::{Observed, Source};
use super::{Error, Shared, headers};
use crate::shutdown::Phase;
use crate::telemetry::Flag;

const BUFFER: usize = 16 * 1024;

/// Protocols that are never passed on: HTTP/2 without TLS would let a client speak past the gateway.
pub(super) fn is_refused(protocol: &HeaderValue) -> bool {
    let protocols = protocol.to_str().unwrap_or_default();
    protocols.split(',').any(|name| {
        let name = name.trim();
        name.is_empty() || name.eq_ignore_ascii_case("h2c") || name.to_ascii_uppercase().starts_with("HTTP/")
    })
}

/// Whether a list of protocols names this one.
fn names(list: &HeaderValue, protocol: &HeaderValue) -> bool {
    let protocol = protocol.as_bytes().trim_ascii();
    list.as_bytes()
        .split(|byte| *byte == b',')
        .any(|name| name.trim_ascii().eq_ignore_ascii_case(protocol))
}

/// Both sides of a connection that changed its protocol.
pub(super) struct Tunnel {
    downstream: OnUpgrade,
    upstream: OnUpgrade,
    lease: Lease,
}

/// Turns an endpoint's 101 into the client's.
///
/// # Errors
///
/// When nobody asked for a change of protocol, or for another one.
pub(super) fn agree(
    mut response: Response<Incoming>,
    lease: Lease,
    asked: Option<(HeaderValue, OnUpgrade)>,
) -> Result<(Response<()>, Tunnel), Error> {
    let agreed = response.headers().get(header::UPGRADE).cloned();
    let asked = asked.filter(|(wanted, _)| agreed.as_ref().is_some_and(|agreed| names(wanted, agreed)));
    let (Some((_, downstream)), Some(agreed)) = (asked, agreed) else {
        return Err(Error::BadResponse("unasked change of protocol".to_owned()));
    };
    let upstream = hyper::upgrade::on(&mut response);
    let mut response = response.map(drop);
    let headers = response.headers_mut();
    headers::take_hop_by_hop(headers);
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, agreed);
    Ok((
        response,
        Tunnel {
            downstream,
            upstream,
            lease,
        },
    ))
}

impl Tunnel {
    /// Opens as soon as `response` has been sent and stays open until either side closes; the exchange ends with it.
    pub(super) fn begin(
        self,
        shared: &Rc<Shared>,
        mut exchange: Box<Exchange>,
        response: Response<()>,
    ) -> Response<Observed> {
        exchange.answered(StatusCode::SWITCHING_PROTOCOLS.as_u16());
        let (shared, hold) = (Rc::clone(shared), shared.life.hold());
        tokio::task::spawn_local(async move {
            self.run(&shared, &mut exchange).await;
            drop((exchange, hold));
        });
        response.map(|()| Observed::detached(Source::Own(None)))
    }

    async fn run(self, shared: &Shared, exchange: &mut Exchange) {
        let Self {
            downstream,
            upstream,
            lease,
        } = self;
        let idle = exchange.snapshot.config.timeouts.tunnel_idle;
        let tunnel = async {
            let (down, up) = tokio::try_join!(downstream, upstream).ok()?;
            copy(TokioIo::new(down), TokioIo::new(up), idle).await
        };
        let bytes = tokio::select! {
            bytes = tunnel => bytes,
            // Tunnels have until the end of the grace time, which `cut` announces.
            () = shared.cut.notified() => None,
        };
        match bytes {
            Some(bytes) => exchange.tunnelled(bytes),
            None if shared.life.phase() == Phase::Draining => exchange.flag = Some(Flag::Drain),
            None => exchange.flag = Some(Flag::ClientGone),
        }
        drop(lease);
    }
}

/// Copies both ways until both sides have closed, one has failed, or nothing moved for `idle`. Returns the bytes
/// sent to the client.
async fn copy<A, B>(client: A, endpoint: B, idle: Duration) -> Option<u64>
where
    A: AsyncRead + AsyncWrite,
    B: AsyncRead + AsyncWrite,
{
    let (mut client_read, mut client_write) = tokio::io::split(client);
    let (mut endpoint_read, mut endpoint_write) = tokio::io::split(endpoint);
    let moved = std::cell::Cell::new(Instant::now());
    let up = pump(&mut client_read, &mut endpoint_write, &moved);
    let down = pump(&mut endpoint_read, &mut client_write, &moved);
    let watch = async {
        while moved.get().elapsed() < idle {
            tokio::time::sleep_until(moved.get() + idle).await;
        }
    };
    tokio::select! {
        both = async { tokio::try_join!(up, down) } => both.ok().map(|(_, down)| down),
        () = watch => None,
    }
}

async fn pump<R, W>(from: &mut R, to: &mut W, moved: &std::cell::Cell<Instant>) -> std::io::Result<u64>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut buffer = vec![0; BUFFER];
    let mut bytes = 0;
    loop {
        match from.read(&mut buffer).await? {
            0 => break,
            n => {
                moved.set(Instant::now());
                to.write_all(&buffer[..n]).await?;
                to.flush().await?;
                moved.set(Instant::now());
                bytes += n as u64;
            }
        }
    }
    to.shutdown().await?;
    Ok(bytes)
}
