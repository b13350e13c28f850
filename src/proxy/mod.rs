//! One exchange, from request head to response.
//!
//! [`Proxy::handle`] is the whole story; its chapters are the files beside this one. Nothing here waits for a
//! name, a file or a lock, and nothing here can fail: what goes wrong becomes a response in [`answer`].

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use tokio::sync::Notify;

use crate::config::{Action, Route};
use crate::listener::{Handler, Order, Peer};
use crate::router::rewrite::RewriteError;
use crate::shutdown::{Life, Phase};
use crate::snapshot::Live;
use crate::telemetry::{Flag, access_log, metrics};
use crate::upstream::pool::Pool;

pub use exchange::{Exchange, Observed};

pub mod answer;
mod exchange;
pub mod forward;
pub mod headers;
mod interim;
mod redirect;
mod request;
mod response;
mod upgrade;

use exchange::{Ids, Source};
use forward::{Lease, Outbound};
use request::Told;

/// Why an exchange gets its response from the gateway instead of an endpoint.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a request that means one thing.
    #[error("malformed request: {0}")]
    Malformed(&'static str),
    /// TRACE would show a client what the gateway adds.
    #[error("method refused")]
    MethodRefused,
    /// CONNECT.
    #[error("not a forward proxy")]
    NotAProxy,
    /// OPTIONS that may go no further (RFC 9110 section 7.6.2): answered here, and no error.
    #[error("last hop")]
    LastHop,
    /// An expectation other than 100-continue (RFC 9110 section 10.1.1).
    #[error("unknown expectation")]
    Expectation,
    /// A rewrite of the configuration that can not work for this request.
    #[error("misconfigured: {0}")]
    Misconfigured(RewriteError),
    /// No route matches.
    #[error("no route")]
    NoRoute,
    /// The request body is larger than the route takes.
    #[error("request body too large")]
    BodyTooLarge,
    /// The client broke off in the middle of its body.
    #[error("request body broke off")]
    BodyBroken,
    /// The upstream has no endpoint that may be used.
    #[error("no endpoint")]
    NoEndpoint {
        /// When there may be one.
        retry_after: std::time::Duration,
    },
    /// Every endpoint is at its bound.
    #[error("every endpoint is at its bound of requests in flight")]
    Overloaded,
    /// The gateway is at its bound of memory.
    #[error("out of memory budget")]
    Shed,
    /// No connection to any endpoint that was tried; nothing was sent.
    #[error("no connection: {0}")]
    Connect(#[source] std::io::Error),
    /// The endpoint broke off before a response head.
    #[error("endpoint broke off: {0}")]
    Broken(#[source] hyper::Error),
    /// What the endpoint sent is not a response that means one thing.
    #[error("bad response: {0}")]
    BadResponse(String),
    /// No response head within the route's timeout.
    #[error("no response in time")]
    Timeout,
}

impl From<RewriteError> for Error {
    fn from(error: RewriteError) -> Self {
        match error {
            RewriteError::Outside { .. } | RewriteError::Unknown { .. } => Self::Misconfigured(error),
            RewriteError::Glued { .. } | RewriteError::Result(_) => Self::Malformed("The path is ambiguous."),
        }
    }
}

impl Error {
    /// Whether what follows on the client's connection may be something else than its next request: another
    /// reader may have found the end of this one elsewhere.
    fn ends_connection(&self) -> bool {
        matches!(
            self,
            Self::Malformed(_) | Self::NotAProxy | Self::BodyTooLarge | Self::BodyBroken
        )
    }
}

/// Handles the exchanges of one worker.
pub struct Proxy(Rc<Shared>);

/// What the exchanges of one worker share.
pub struct Shared {
    /// The running snapshot.
    pub live: Live,
    /// Idle connections to endpoints.
    pub pool: Pool,
    /// This worker's shard.
    pub metrics: RefCell<metrics::Local>,
    /// This worker's side of the access log.
    pub log: RefCell<access_log::Local>,
    /// Whether the gateway is about to stop.
    pub life: Life,
    /// Set while memory is above its bound.
    pub shed: Arc<AtomicBool>,
    /// Tells tunnels that the grace time is over.
    pub cut: Notify,
    ids: Ids,
}

impl Proxy {
    /// A worker's proxy.
    pub fn new(
        live: Live,
        life: Life,
        shed: Arc<AtomicBool>,
        metrics: metrics::Local,
        log: access_log::Local,
    ) -> Self {
        Self(Rc::new(Shared {
            live,
            pool: Pool::default(),
            metrics: RefCell::new(metrics),
            log: RefCell::new(log),
            life,
            shed,
            cut: Notify::new(),
            ids: Ids::new(),
        }))
    }

    /// What the exchanges share; the worker sweeps and flushes it.
    pub fn shared(&self) -> &Rc<Shared> {
        &self.0
    }

    /// Finds the route, forwards, and makes the response fit for the client.
    async fn carry(
        &self,
        mut exchange: Box<Exchange>,
        request: Request<Incoming>,
    ) -> Result<Response<Observed>, (Box<Exchange>, Error)> {
        let snapshot = Arc::clone(&exchange.snapshot);
        let Told {
            mut head,
            body,
            path,
            expects,
            trusted,
            upgrade,
        } = match request::understand(
            &mut exchange,
            &snapshot,
            request,
            self.0.shed.load(Ordering::Relaxed),
        ) {
            Ok(told) => told,
            Err(error) => return Err((exchange, error)),
        };
        let found = match request::find(&snapshot, &exchange, &head, &path) {
            Ok(found) => found,
            Err(error) => return Err((exchange, error)),
        };
        exchange.matched(found.index);
        let route = Arc::clone(found.route);
        let forward = match &route.action {
            Action::Forward(forward) => forward,
            Action::Redirect(redirect) => {
                return match redirect::answer(redirect, &exchange, &found.captures) {
                    Ok(response) => {
                        exchange.flag = Some(Flag::Redirect);
                        Ok(self.own(exchange, response))
                    }
                    Err(error) => Err((exchange, error)),
                };
            }
        };
        if let Err(error) = request::rewrite(&mut head, forward, &path, &found.captures) {
            return Err((exchange, error));
        }
        let Some(upstream) = snapshot.choose(found.index).map(Arc::clone) else {
            return Err((exchange, Error::NoRoute));
        };
        exchange.upstream = Some(Arc::clone(&upstream));
        let (want, cookie) = request::want(upstream.config(), &exchange, &head, &path);
        request::prepare(
            &mut head,
            &exchange,
            &route,
            forward,
            trusted,
            upgrade.as_ref().map(|(name, _)| name),
        );
        let upload = match request::upload(&mut exchange, &mut head, &route, upstream.config(), body, expects)
        {
            Ok(upload) => upload,
            Err(error) => return Err((exchange, error)),
        };
        let deadline = exchange.began() + route.timeout;
        let outbound = Outbound {
            head,
            upload,
            want,
            deadline,
            retries: route.retries,
        };
        match forward::send(&self.0, &mut exchange, upstream, outbound).await {
            Ok((response, lease)) => self.deliver(exchange, &route, response, lease, upgrade, cookie),
            Err(error) => Err((exchange, error)),
        }
    }

    fn deliver(
        &self,
        mut exchange: Box<Exchange>,
        route: &Route,
        response: Response<Incoming>,
        lease: Lease,
        upgrade: Option<(HeaderValue, OnUpgrade)>,
        cookie: Option<response::Pin>,
    ) -> Result<Response<Observed>, (Box<Exchange>, Error)> {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return upgrade::begin(&self.0, exchange, response, lease, upgrade);
        }
        let (mut parts, body) = response.into_parts();
        if let Err(error) = response::prepare(&mut parts, &exchange, route) {
            return Err((exchange, error));
        }
        if let Some(pin) = cookie {
            pin.set(&mut parts.headers, lease.endpoint());
        }
        self.hint_close(&exchange.peer, &mut parts.headers);
        if exchange.version == Version::HTTP_10 && !parts.headers.contains_key(header::CONTENT_LENGTH) {
            exchange.peer.line.end_with_close(true);
        }
        exchange.answered(parts.status.as_u16());
        Ok(Response::from_parts(
            parts,
            Observed::new(Source::Endpoint(body, lease), exchange),
        ))
    }

    /// A response of the gateway's own.
    fn own(&self, mut exchange: Box<Exchange>, response: Response<bytes::Bytes>) -> Response<Observed> {
        let (mut parts, body) = response.into_parts();
        self.hint_close(&exchange.peer, &mut parts.headers);
        exchange.answered(parts.status.as_u16());
        Response::from_parts(parts, Observed::new(Source::Own(Some(body)), exchange))
    }

    /// While the gateway leaves, every client is told to open its next connection elsewhere. Nobody is cut: a
    /// connection that is closed without this word may just have been given a request.
    fn hint_close(&self, peer: &Peer, headers: &mut header::HeaderMap) {
        if self.0.life.phase() >= Phase::Leaving || peer.line.order() >= Order::Close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

impl Handler for Proxy {
    type Body = Observed;

    async fn handle(&self, peer: &Rc<Peer>, request: Request<Incoming>) -> Response<Observed> {
        let exchange = Exchange::begin(&self.0, peer, &request);
        let accept = request.headers().get(header::ACCEPT).cloned();
        match self.carry(exchange, request).await {
            Ok(response) => {
                // What was not passed on by now would land inside the final response.
                drop(peer.line.take_interim());
                response
            }
            Err((mut exchange, error)) => {
                drop(peer.line.take_interim());
                tracing::debug!(request_id = exchange.id(), %error, "answered by the gateway");
                exchange.flag = answer::flag(&error);
                let mut response = answer::to(&error, &exchange.method, accept.as_ref(), exchange.id());
                if error.ends_connection() {
                    peer.line.linger(true);
                    let close = HeaderValue::from_static("close");
                    response.headers_mut().insert(header::CONNECTION, close);
                }
                self.own(exchange, response)
            }
        }
    }

    fn refused(&self, peer: &Peer, status: u16) {
        Exchange::refused(&self.0, peer, status);
    }
}

/// The versions that a request may have here.
fn is_http1(version: Version) -> bool {
    matches!(version, Version::HTTP_10 | Version::HTTP_11)
}

/// Methods that never reach an endpoint.
fn refuse(method: &Method) -> Result<(), Error> {
    match *method {
        Method::CONNECT => Err(Error::NotAProxy),
        Method::TRACE => Err(Error::MethodRefused),
        _ => Ok(()),
    }
}
