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
use crate::plugin::Instances;
use crate::plugin::calls::{Caller, Calls};
use crate::router::Match;
use crate::shutdown::{Life, Phase};
use crate::snapshot::{Live, Snapshot};
use crate::telemetry::{access_log, metrics};
use crate::upstream::pool::Pool;

pub use error::Error;
pub use exchange::Exchange;
pub use observed::{Broken, Observed};

pub mod answer;
mod attempt;
mod calls;
mod chain;
mod course;
mod error;
mod exchange;
pub mod forward;
pub mod headers;
mod interim;
mod observed;
mod outbound;
mod redirect;
mod request;
mod response;
mod upgrade;

use attempt::Lease;
use chain::Summaries;
use course::Course;
use exchange::Ids;
use observed::{Changed, Source};
use request::Told;
use upgrade::Tunnel;

/// What an exchange comes to.
enum Reply {
    /// An endpoint's response.
    Endpoint(Response<Incoming>, Lease),
    /// An endpoint's change of protocol.
    Tunnel(Response<()>, Tunnel),
    /// The gateway's own response, or a plugin's.
    Own(Response<Bytes>),
    /// Either, with plugins in the way of its body.
    Changed(Response<Changed>, Option<Lease>),
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
    /// This worker's instances of plugins.
    pub instances: Instances,
    summaries: Summaries,
    ids: Ids,
}

impl Proxy {
    /// A worker's proxy, to be made on the worker. HTTP calls of plugins are given to the caller and made here, those
    /// of other plugins too when they are given to it.
    pub fn new(
        live: Live,
        life: Life,
        shed: Arc<AtomicBool>,
        metrics: metrics::Local,
        log: access_log::Local,
        (caller, asked): (Caller, Calls),
    ) -> Self {
        let shared = Rc::new(Shared {
            live,
            pool: Pool::default(),
            metrics: RefCell::new(metrics),
            log: RefCell::new(log),
            life,
            shed,
            cut: Notify::new(),
            instances: Instances::new(caller),
            summaries: Summaries::default(),
            ids: Ids::new(),
        });
        tokio::task::spawn_local(calls::serve(Rc::downgrade(&shared), asked));
        Self(shared)
    }

    /// A few times a second: what exchanges leave behind, and what they do not use any more.
    pub fn tick(&self) {
        self.0.pool.sweep();
        self.0.instances.sweep();
        Summaries::deliver(&self.0);
        self.0.log.borrow_mut().flush();
    }

    /// The exchanges are over: what is left of them is handed over, by `deadline`.
    pub async fn end(&self, deadline: tokio::time::Instant) {
        Summaries::deliver(&self.0);
        while !self.0.summaries.is_idle() && tokio::time::Instant::now() < deadline {
            tokio::task::yield_now().await;
        }
        self.0.pool.clear();
        self.0.log.borrow_mut().flush();
    }

    /// What the exchanges share; the worker sweeps and flushes it.
    pub fn shared(&self) -> &Rc<Shared> {
        &self.0
    }

    /// Understands the request, finds its route, forwards it, and makes the response fit for the client.
    async fn carry(
        &self,
        exchange: &mut Exchange,
        snapshot: &Snapshot,
        request: Request<Incoming>,
    ) -> Result<Reply, Error> {
        if self.0.shed.load(Ordering::Relaxed) {
            return Err(Error::Shed);
        }
        let mut told = request::understand(exchange, snapshot, request)?;
        let found = request::find(snapshot, exchange, &told)?;
        exchange.matched(found.index);
        let mut course = Course::of(snapshot, &found);
        let chain = snapshot.plugins.chain(found.index);
        if !chain.is_empty() {
            let down = chain::down(&self.0, exchange, chain, &mut told, &found, &mut course);
            if let Some(response) = Box::pin(down).await? {
                return Ok(Reply::Own(response));
            }
        }
        let acted = self.act(exchange, &mut told, &found, course).await;
        exchange.recall(told);
        acted
    }

    /// Does what the route does: forwards, or redirects. `told` is left with the head that was forwarded.
    async fn act(
        &self,
        exchange: &mut Exchange,
        told: &mut Told,
        found: &Match<'_>,
        mut course: Course,
    ) -> Result<Reply, Error> {
        let forward = match &found.route.action {
            Action::Redirect(redirect) => return redirect::answer(redirect, exchange, &found.captures),
            Action::Forward(forward) => forward,
        };
        let upstream = course.upstream.take().ok_or(Error::NoRoute)?;
        exchange.upstream = Some(Arc::clone(&upstream));
        let (mut outbound, back) =
            outbound::build(exchange, told, found, forward, &course, upstream.config())?;
        let sent = forward::send(&self.0, exchange, upstream, &mut outbound).await;
        told.head = outbound.head;
        let (response, lease) = sent?;
        response::receive(response, lease, exchange, found.route, back)
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
            Reply::Changed(response, lease) => {
                let (parts, body) = response.into_parts();
                (parts, Source::Changed(body, lease))
            }
        };
        self.hint_close(&exchange, &mut parts.headers);
        exchange.answered(parts.status.as_u16());
        Response::from_parts(parts, Observed::new(source, exchange))
    }

    /// While the gateway leaves, every client is told to open its next connection elsewhere. Nobody is cut: a
    /// connection that is closed without this word may just have been given a request.
    fn hint_close(&self, exchange: &Exchange, headers: &mut HeaderMap) {
        let leaves = self.0.life.phase() >= Phase::Leaving || exchange.peer.line.order() >= Order::Close;
        if leaves || exchange.ends_connection {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// The gateway's own answer to what went wrong.
fn answered(exchange: &mut Exchange, error: &Error, accept: Option<&HeaderValue>) -> Response<Bytes> {
    tracing::debug!(request_id = exchange.id(), %error, "answered by the gateway");
    exchange.flag = answer::flag(error);
    if error.ends_connection() {
        exchange.peer.line.linger(true);
        exchange.ends_connection = true;
    }
    answer::to(error, &exchange.method, accept, exchange.id())
}

impl Handler for Proxy {
    type Body = Observed;

    async fn handle(&self, peer: &Rc<Peer>, request: Request<Incoming>) -> Response<Observed> {
        let mut exchange = Exchange::begin(&self.0, peer, &request);
        let accept = request.headers().get(header::ACCEPT).cloned();
        // Workers share its count, so it is held once, and lent to all that works on the exchange.
        let snapshot = Arc::clone(&exchange.snapshot);
        let carried = self.carry(&mut exchange, &snapshot, request).await;
        // An interim response that has not left by now would land inside the final one.
        drop(peer.line.take_interim());
        let mut reply = match carried {
            Ok(reply) => reply,
            Err(error) => Reply::Own(answered(&mut exchange, &error, accept.as_ref())),
        };
        if chain::comes_back(&exchange) {
            let up = chain::up(&self.0, &mut exchange, &snapshot, reply, accept.as_ref());
            reply = Box::pin(up).await;
        }
        self.reply(exchange, reply)
    }

    fn refused(&self, peer: &Peer, status: u16) {
        Exchange::refused(&self.0, peer, status);
    }
}
