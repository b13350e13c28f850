//! Serves HTTP/1 on one accepted connection until it ends or is told to.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use http::{HeaderValue, Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::line::{Line, Order, Wait};
use super::wire::Wire;
use crate::config::{Limits, Listener};

/// What hyper's server takes when it is not told.
const HYPER_MAX_HEADERS: usize = 100;

/// What is known of a connection before its first request.
#[derive(Debug)]
pub struct Peer {
    /// Where it was accepted.
    pub listener: Arc<Listener>,
    /// The other end; IPv4 is never written as IPv6.
    pub address: SocketAddr,
    /// The other end's IP as a header value.
    pub ip: HeaderValue,
    /// Shared with the byte stream and the worker's tick.
    pub line: Arc<Line>,
}

/// Answers the requests of connections. Implemented above.
pub trait Handler {
    /// The response body.
    type Body: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + 'static;

    /// One exchange; it can not fail.
    fn handle(
        &self,
        peer: &Rc<Peer>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Self::Body>>;

    /// Something came that was not a request; hyper has answered it with `status`.
    fn refused(&self, peer: &Peer, status: u16);
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ended {
    /// By either side, between exchanges.
    Closed,
    /// Because the client went away or sent something that is no request.
    Broken,
    /// Because it was told [`Order::Cut`].
    Cut,
}

/// Serves requests until the connection ends.
pub async fn serve<S, H>(stream: S, peer: Peer, handler: Rc<H>, limits: &Limits) -> Ended
where
    S: AsyncRead + AsyncWrite + AsFd + Unpin + Send + 'static,
    H: Handler,
{
    let peer = Rc::new(peer);
    let line = &peer.line;
    let served = Cell::new(0);
    let service = service_fn(|request: Request<Incoming>| {
        line.end(Wait::Head);
        line.end(Wait::Request);
        line.linger(false);
        served.set(served.get() + 1);
        // Counted from 1: a bound of 0 is none.
        if served.get() == limits.requests_per_connection {
            line.tell(Order::Close);
        }
        let (handler, peer) = (Rc::clone(&handler), Rc::clone(&peer));
        async move { Ok::<_, Infallible>(handler.handle(&peer, request).await) }
    });
    let io = TokioIo::new(Wire::new(stream, Arc::clone(line)));
    let mut builder = http1::Builder::new();
    // Setting hyper's own bound would move its table of fields to the heap, for each request.
    if limits.request_headers != HYPER_MAX_HEADERS {
        builder.max_headers(limits.request_headers);
    }
    let connection = builder
        // A client that closes its sending side has gone away; what it asked for is not worth finishing.
        .half_close(false)
        // hyper's own floor for its buffer is 8 KiB.
        .max_buf_size(limits.request_head.max(8 * 1024))
        .header_read_timeout(None)
        .serve_connection(io, service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let (mut registered, mut closing) = (false, false);
    let ended = poll_fn(|cx| {
        if !registered {
            line.register(cx.waker());
            registered = true;
        }
        match line.order() {
            Order::Cut => return Poll::Ready(None),
            Order::Close if !closing => {
                closing = true;
                connection.as_mut().graceful_shutdown();
            }
            Order::Close | Order::Serve => {}
        }
        connection.as_mut().poll(cx).map(Some)
    })
    .await;
    match ended {
        None => Ended::Cut,
        Some(Ok(())) => Ended::Closed,
        Some(Err(error)) => {
            if error.is_parse() {
                handler.refused(&peer, if error.is_parse_too_large() { 431 } else { 400 });
            }
            Ended::Broken
        }
    }
}
