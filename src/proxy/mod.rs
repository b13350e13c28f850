//! One exchange, from request head to response.
//!
//! [`Proxy::handle`] is the whole story; its chapters are the files beside this one. Nothing here waits for a
//! name, a file or a lock, and nothing here can fail: what goes wrong becomes a response in [`answer`].

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use tokio::sync::Notify;

use crate::config::Action;
use crate::listener::{Handler, Order, Peer};
use crate::router::Match;
use crate::shutdown::{Life, Phase};
use crate::snapshot::Live;
use crate::telemetry::{access_log, metrics};
use crate::upstream::pool::Pool;

pub use error::Error;
pub use exchange::{Exchange, Observed};

pub mod answer;
mod attempt;
mod error;
mod exchange;
pub mod forward;
pub mod headers;
mod interim;
mod outbound;
mod redirect;
mod request;
mod response;
mod upgrade;

use attempt::Lease;
use exchange::{Ids, Source};
use upgrade::Tunnel;

/// What an exchange comes to.
enum Reply {
    /// An endpoint's response.
    Endpoint(Response<Incoming>, Lease),
    /// An endpoint's change of protocol.
    Tunnel(Response<()>, Tunnel),
    /// The gateway's own response.
    Own(Response<Bytes>),
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

    /// Understands the request, finds its route, forwards it, and makes the response fit for the client.
    async fn carry(&self, exchange: &mut Exchange, request: Request<Incoming>) -> Result<Reply, Error> {
        if self.0.shed.load(Ordering::Relaxed) {
            return Err(Error::Shed);
        }
        let snapshot = Arc::clone(&exchange.snapshot);
        let told = request::understand(exchange, &snapshot, request)?;
        let Match {
            index,
            route,
            captures,
        } = request::find(&snapshot, exchange, &told)?;
        exchange.matched(index);
        let forward = match &route.action {
            Action::Redirect(redirect) => return redirect::answer(redirect, exchange, &captures),
            Action::Forward(forward) => forward,
        };
        let upstream = snapshot.choose(index).ok_or(Error::NoRoute)?;
        exchange.upstream = Some(Arc::clone(upstream));
        let (outbound, back) = outbound::build(exchange, told, route, forward, &captures, upstream.config())?;
        let (response, lease) = forward::send(&self.0, exchange, Arc::clone(upstream), outbound).await?;
        response::receive(response, lease, exchange, route, back)
    }

    /// The gateway's own answer to what went wrong.
    fn answer(&self, exchange: &mut Exchange, error: &Error, accept: Option<&HeaderValue>) -> Reply {
        tracing::debug!(request_id = exchange.id(), %error, "answered by the gateway");
        exchange.flag = answer::flag(error);
        let mut response = answer::to(error, &exchange.method, accept, exchange.id());
        if error.ends_connection() {
            exchange.peer.line.linger(true);
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Reply::Own(response)
    }

    /// Sends a reply on its way, and the exchange with it: it ends with the response's body.
    fn reply(&self, mut exchange: Box<Exchange>, reply: Reply) -> Response<Observed> {
        let (mut parts, source) = match reply {
            Reply::Tunnel(response, tunnel) => return tunnel.begin(&self.0, exchange, response),
            Reply::Own(response) => {
                let (parts, body) = response.into_parts();
                (parts, Source::Own(Some(body)))
            }
            Reply::Endpoint(response, lease) => {
                let (parts, body) = response.into_parts();
                (parts, Source::Endpoint(body, lease))
            }
        };
        self.hint_close(&exchange.peer, &mut parts.headers);
        exchange.answered(parts.status.as_u16());
        Response::from_parts(parts, Observed::new(source, exchange))
    }

    /// While the gateway leaves, every client is told to open its next connection elsewhere. Nobody is cut: a
    /// connection that is closed without this word may just have been given a request.
    fn hint_close(&self, peer: &Peer, headers: &mut HeaderMap) {
        if self.0.life.phase() >= Phase::Leaving || peer.line.order() >= Order::Close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

impl Handler for Proxy {
    type Body = Observed;

    async fn handle(&self, peer: &Rc<Peer>, request: Request<Incoming>) -> Response<Observed> {
        let mut exchange = Exchange::begin(&self.0, peer, &request);
        let accept = request.headers().get(header::ACCEPT).cloned();
        let carried = self.carry(&mut exchange, request).await;
        // An interim response that has not left by now would land inside the final one.
        drop(peer.line.take_interim());
        let reply = match carried {
            Ok(reply) => reply,
            Err(error) => self.answer(&mut exchange, &error, accept.as_ref()),
        };
        self.reply(exchange, reply)
    }

    fn refused(&self, peer: &Peer, status: u16) {
        Exchange::refused(&self.0, peer, status);
    }
}
