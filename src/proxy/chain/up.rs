//! A response comes back up the chain, whoever made it.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::response::Parts;
use http::{Method, Response};
use http_body::Body as _;
use hyper::body::Incoming;

use super::bodies::{OF_BODY, Stale, made, may_have_body, may_have_length, read};
use super::call::Call;
use super::{SERVER_TIMING, pieces, timing};
use crate::plugin::{BodyOutcome, Bound, Chain, Hook, LocalResponse, ResponseOutcome, scene};
use crate::proxy::attempt::Lease;
use crate::proxy::exchange::Exchange;
use crate::proxy::observed::Changed;
use crate::proxy::upgrade::Tunnel;
use crate::proxy::{self, Error, Reply, Shared};
use crate::snapshot::Snapshot;
use crate::telemetry::Flag;

/// What is wrong for a replaced body, beside [`OF_BODY`]: it says which body it was, or which part of it.
const OF_RESPONSE_BODY: &[&str] = &["accept-ranges", "etag", "last-modified"];

/// Whether there is something to do on the way up: hooks, edits made in advance, times to tell, or a response to another
/// method than the client's.
pub(in crate::proxy) fn comes_back(exchange: &Exchange) -> bool {
    let (Some(route), Some(visit)) = (exchange.route, &exchange.visit) else {
        return false;
    };
    let hooks = exchange.snapshot.plugins.chain(route).hooks;
    let scene = visit.scene.as_ref();
    hooks.response
        || hooks.response_body
        || hooks.chunk
        || exchange.snapshot.config.server_timing
        || scene.is_some_and(|scene| !scene.advance.is_empty() || scene.head.method != exchange.method)
}

/// Shows a response to the plugins that its request has passed, the last one first.
pub(in crate::proxy) async fn up(
    shared: &Rc<Shared>,
    exchange: &mut Exchange,
    snapshot: &Snapshot,
    reply: Reply,
    accept: Option<&HeaderValue>,
) -> Reply {
    let (Some(route), Some(visit)) = (exchange.route, &exchange.visit) else {
        return reply;
    };
    let (chain, passed) = (snapshot.plugins.chain(route), visit.passed);
    let mut coming = Coming::begin(shared, exchange, reply, accept);
    let links = chain.uses.iter().enumerate().take(passed);
    for (index, bound) in links
        .rev()
        .filter_map(|(index, link)| Some((index, link.ready()?)))
    {
        coming.pass(index, bound).await;
    }
    if chain.hooks.chunk {
        coming.stream(chain, passed).await;
    }
    coming.end(snapshot.config.server_timing.then_some(chain))
}

/// A response on its way up. Its status and fields are with the scene while hooks may change them.
struct Coming<'a> {
    shared: &'a Rc<Shared>,
    exchange: &'a mut Exchange,
    accept: Option<&'a HeaderValue>,
    parts: Parts,
    content: Content,
    /// A hook has set another status.
    restated: bool,
}

/// What follows a response's head.
enum Content {
    Own(Bytes),
    Endpoint(Incoming, Lease),
    Changed(Changed, Option<Lease>),
    Tunnel(Tunnel),
}

impl<'a> Coming<'a> {
    fn begin(
        shared: &'a Rc<Shared>,
        exchange: &'a mut Exchange,
        reply: Reply,
        accept: Option<&'a HeaderValue>,
    ) -> Self {
        let (parts, content) = match reply {
            Reply::Own(response) => {
                let (parts, body) = response.into_parts();
                (parts, Content::Own(body))
            }
            Reply::Endpoint(response, lease) => {
                let (parts, body) = response.into_parts();
                (parts, Content::Endpoint(body, lease))
            }
            Reply::Changed(response, lease) => {
                let (parts, body) = response.into_parts();
                (parts, Content::Changed(body, lease))
            }
            Reply::Tunnel(response, tunnel) => {
                let (parts, ()) = response.into_parts();
                (parts, Content::Tunnel(tunnel))
            }
        };
        let mut coming = Self {
            shared,
            exchange,
            accept,
            parts,
            content,
            restated: false,
        };
        coming.show();
        coming
    }

    /// Moves the head to where hooks see it.
    fn show(&mut self) {
        let endpoint = match self.content {
            Content::Endpoint(..) | Content::Tunnel(_) => self.exchange.endpoint,
            Content::Own(_) | Content::Changed(..) => None,
        };
        if let Some(scene) = self.exchange.scene() {
            scene.response = Some(scene::Response {
                status: self.parts.status,
                headers: std::mem::take(&mut self.parts.headers),
                endpoint,
            });
        }
    }

    /// Moves it back.
    fn take(&mut self) {
        let scene = self.exchange.scene();
        let Some(response) = scene.and_then(|scene| scene.response.take()) else {
            return;
        };
        self.parts.headers = response.headers;
        if response.status != self.parts.status && !matches!(self.content, Content::Tunnel(_)) {
            self.parts.status = response.status;
            self.restated = true;
            // The endpoint's own words for the old one are among them.
            self.parts.extensions.clear();
        }
    }

    async fn pass(&mut self, index: usize, bound: &Arc<Bound>) {
        if let Some(scene) = self.exchange.scene() {
            scene.amend(index);
        }
        let hooks = bound.hooks();
        if hooks.response {
            self.head(index, bound).await;
        }
        if hooks.response_body && self.has_body() {
            self.body(index, bound).await;
        }
    }

    async fn head(&mut self, index: usize, bound: &Arc<Bound>) {
        let Some(visit) = &mut self.exchange.visit else {
            return;
        };
        let call = Call::of(self.shared, bound.used(), index, Hook::Response);
        let result = self.shared.instances.response(bound, &mut visit.scene).await;
        match call.end(self.exchange, result) {
            Ok(Some(ResponseOutcome::Replace(response))) => self.replace(response),
            Ok(Some(ResponseOutcome::Next) | None) => {}
            Err(error) => self.fail(&error),
        }
    }

    async fn body(&mut self, index: usize, bound: &Arc<Bound>) {
        let used = bound.used();
        let whole = match self.whole(used.bounds.response_body, &used.plugin).await {
            Ok(whole) => whole,
            Err(error) => return self.fail(&error),
        };
        let Some(visit) = &mut self.exchange.visit else {
            return;
        };
        let mut stale = None;
        if let Some(scene) = &mut visit.scene {
            scene.body = Some(whole);
            let fields = scene.response.as_ref().map(|response| &response.headers);
            stale = fields.map(|fields| [OF_BODY, OF_RESPONSE_BODY].map(|names| Stale::look(names, fields)));
        }
        let call = Call::of(self.shared, used, index, Hook::ResponseBody);
        let result = self.shared.instances.response_body(bound, &mut visit.scene).await;
        if let Some(scene) = &mut visit.scene {
            scene.body = None;
        }
        match call.end(self.exchange, result) {
            Ok(Some(BodyOutcome::Replace(body))) => self.replace_body(body, stale),
            Ok(Some(BodyOutcome::Respond(response))) => self.replace(response),
            Ok(Some(BodyOutcome::Next) | None) => {}
            Err(error) => self.fail(&error),
        }
    }

    /// Another response instead; the endpoint's connection, whose response nobody reads to its end, is closed.
    fn replace(&mut self, response: LocalResponse) {
        self.exchange.flag.get_or_insert(Flag::Plugin);
        let response = made(self.exchange, response);
        self.put(response);
    }

    fn fail(&mut self, error: &Error) {
        let response = proxy::answered(self.exchange, error, self.accept);
        self.put(response);
    }

    fn put(&mut self, response: Response<Bytes>) {
        let (parts, body) = response.into_parts();
        self.parts = parts;
        self.content = Content::Own(body);
        self.show();
    }

    fn replace_body(&mut self, body: Bytes, stale: Option<[Stale; 2]>) {
        let scene = self.exchange.scene();
        if let Some(response) = scene.and_then(|scene| scene.response.as_mut()) {
            for stale in stale.into_iter().flatten() {
                stale.remove(&mut response.headers);
            }
            response
                .headers
                .insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        self.content = Content::Own(body);
    }

    /// Whether something follows the head that hooks may see.
    fn has_body(&self) -> bool {
        let scene = self
            .exchange
            .visit
            .as_ref()
            .and_then(|visit| visit.scene.as_ref());
        let response = scene.and_then(|scene| scene.response.as_ref());
        let status = response.map_or(self.parts.status, |response| response.status);
        !self.is_empty() && may_have_body(&self.exchange.method, status)
    }

    fn is_empty(&self) -> bool {
        match &self.content {
            Content::Own(body) => body.is_empty(),
            Content::Endpoint(body, _) => body.is_end_stream(),
            Content::Changed(body, _) => body.is_end_stream(),
            Content::Tunnel(_) => true,
        }
    }

    /// Hooks may have changed the status, or the method that the endpoint was asked with: the head says of the body
    /// what the client is going to see.
    fn fit(&mut self) {
        let (method, status) = (&self.exchange.method, self.parts.status);
        if matches!(self.content, Content::Tunnel(_)) {
            return;
        }
        if !may_have_body(method, status) && !self.is_empty() {
            self.content = Content::Own(Bytes::new());
        }
        // A 304 may say how long the response would have been that it stands for.
        if self.restated && !may_have_length(status) {
            self.parts.headers.remove(header::CONTENT_LENGTH);
        } else if may_have_length(status) && method != Method::HEAD && self.is_empty() {
            self.parts
                .headers
                .insert(header::CONTENT_LENGTH, HeaderValue::from(0));
        }
    }

    /// The whole body. The endpoint is done with it then.
    async fn whole(&mut self, limit: u64, plugin: &str) -> Result<Bytes, Error> {
        let too_large = || Error::ResponseTooLarge {
            plugin: plugin.to_owned(),
        };
        let whole = match std::mem::replace(&mut self.content, Content::Own(Bytes::new())) {
            Content::Endpoint(mut body, lease) => {
                let whole = read(self.exchange, &mut body, limit).await?;
                drop(body);
                whole.inspect(|_| lease.give_back()).ok_or_else(too_large)?
            }
            Content::Own(body) => body,
            Content::Changed(..) | Content::Tunnel(_) => Bytes::new(),
        };
        if whole.len() as u64 > limit {
            return Err(too_large());
        }
        self.content = Content::Own(whole.clone());
        Ok(whole)
    }

    /// Puts the plugins that want to see the body's pieces in its way.
    async fn stream(&mut self, chain: &Chain, passed: usize) {
        if !self.has_body() {
            return;
        }
        let stages = match pieces::open_response(self.shared, self.exchange, chain, passed).await {
            Ok(stages) if stages.is_empty() => return,
            Ok(stages) => stages,
            Err(error) => return self.fail(&error),
        };
        let scene = self.exchange.scene();
        if let Some(response) = scene.and_then(|scene| scene.response.as_mut()) {
            // How long it becomes will be seen.
            response.headers.remove(header::CONTENT_LENGTH);
        }
        self.exchange
            .peer
            .line
            .end_with_close(self.exchange.version == http::Version::HTTP_10);
        self.content = match std::mem::replace(&mut self.content, Content::Own(Bytes::new())) {
            Content::Own(body) => Content::Changed(pieces::response(stages, pieces::Whole::new(body)), None),
            Content::Endpoint(body, lease) => Content::Changed(pieces::response(stages, body), Some(lease)),
            other => other,
        };
    }

    fn end(mut self, timed: Option<&Chain>) -> Reply {
        self.take();
        self.fit();
        if let (Some(chain), Some(visit)) = (timed, &self.exchange.visit) {
            let names = chain.uses.iter().map(|link| link.used().plugin.as_str());
            if let Some(timing) = timing(&visit.times(names)) {
                self.parts.headers.append(SERVER_TIMING, timing);
            }
        }
        let parts = self.parts;
        match self.content {
            Content::Own(body) => Reply::Own(Response::from_parts(parts, body)),
            Content::Endpoint(body, lease) => Reply::Endpoint(Response::from_parts(parts, body), lease),
            Content::Changed(body, lease) => Reply::Changed(Response::from_parts(parts, body), lease),
            Content::Tunnel(tunnel) => Reply::Tunnel(Response::from_parts(parts, ()), tunnel),
        }
    }
}
