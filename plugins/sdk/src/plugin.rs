//! What a plugin is, and what its hooks decide.

use serde::de::DeserializeOwned;

use crate::bindings::imports::gatewit::plugin::types::Attribute;
use crate::bindings::log::exports::gatewit::plugin::log_hook;
use crate::bindings::request::exports::gatewit::plugin::request_hook;
use crate::body::Body;
use crate::{Problem, Request, Response, ResponseHead, Result, Schema};

/// A plugin: its configuration, with a method for each hook that [`export!`](crate::export!) names.
///
/// The value is made from the configuration once in every instance. Instances come and go, several serve at once, and
/// they share nothing: what has to outlast an exchange belongs into [`kv`](crate::kv) or [`limits`](crate::limits).
#[expect(unused_variables, reason = "the names belong to the documentation")]
pub trait Plugin: DeserializeOwned + Schema + Sized + 'static {
    /// What is wrong with a configuration that could be read. Any problem keeps the configuration from going live.
    fn check(&self) -> Vec<Problem> {
        Vec::new()
    }

    /// The request head is known; nothing has been forwarded yet.
    ///
    /// # Errors
    /// Ends the exchange, or what the plugin's `failure` says.
    fn request(&self, request: &mut Request) -> Result<Outcome> {
        Ok(Outcome::Next)
    }

    /// The response head is known. The request reads as it was forwarded.
    ///
    /// # Errors
    /// As for [`Plugin::request`].
    fn response(&self, request: &Request, response: &mut ResponseHead) -> Result<ResponseOutcome> {
        Ok(ResponseOutcome::Next)
    }

    /// The whole request body is there.
    ///
    /// # Errors
    /// As for [`Plugin::request`].
    fn request_body(&self, request: &mut Request, body: &Body) -> Result<BodyOutcome> {
        Ok(BodyOutcome::Next)
    }

    /// The whole response body is there.
    ///
    /// # Errors
    /// As for [`Plugin::request`].
    fn response_body(
        &self,
        request: &Request,
        response: &mut ResponseHead,
        body: &Body,
    ) -> Result<BodyOutcome> {
        Ok(BodyOutcome::Next)
    }

    /// A body begins to stream by. `None`: not interested, it passes untouched.
    ///
    /// # Errors
    /// As for [`Plugin::request`].
    fn stream(&self, direction: Direction) -> Result<Option<Box<dyn Stream>>> {
        Ok(None)
    }

    /// Exchanges that have ended since the last time.
    fn log(&self, exchanges: &[Summary]) {}

    /// The timer has fired: in one instance for the whole gateway.
    fn tick(&self) {}
}

/// What happens after [`Plugin::request`].
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The next plugin, or the endpoint.
    Next,
    /// The same, and this is where the request goes. The last plugin that says so decides.
    Route(Route),
    /// This is the response. The plugins behind, and the upstream, do not see the request.
    Respond(Response),
}

/// Where a request goes. [`Route::default`] changes nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Route {
    /// The upstream's name; `None` to keep the route's own.
    pub upstream: Option<String>,
    /// Which endpoint of it.
    pub pick: Pick,
    /// In place of the route's `timeout`, milliseconds.
    pub timeout_ms: Option<u32>,
    /// In place of the route's `retries`.
    pub max_retries: Option<u8>,
}

/// Which endpoint of an upstream.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Pick {
    /// The one that the upstream's policy picks.
    #[default]
    Policy,
    /// The one that this key hashes to; the same key, the same endpoint, as long as it is there.
    HashKey(Vec<u8>),
    /// This one, as `address:port`. Another one answers when it is gone or refuses.
    Endpoint(String),
}

/// What happens after [`Plugin::response`].
#[derive(Clone, Debug, PartialEq)]
pub enum ResponseOutcome {
    /// The response goes on, with the edits made.
    Next,
    /// This is the response instead.
    Replace(Response),
}

/// What happens after [`Plugin::request_body`] and [`Plugin::response_body`].
#[derive(Clone, Debug, PartialEq)]
pub enum BodyOutcome {
    /// The body stays as it is.
    Next,
    /// This is the body now; the gateway sets `content-length`.
    Replace(Vec<u8>),
    /// This is the response: instead of a forwarded request, or instead of the response that there was.
    Respond(Response),
}

/// Which body streams by.
pub use crate::bindings::stream::exports::gatewit::plugin::chunk_hook::Direction;

/// Sees one body piece by piece. Dropped when the body is over, whether it was complete or not.
pub trait Stream {
    /// A piece of at most 64 KiB; `last` with the last one, which may be empty.
    ///
    /// # Errors
    /// Breaks the exchange off, or what the plugin's `failure` says.
    fn chunk(&mut self, chunk: Vec<u8>, last: bool) -> Result<Chunk>;
}

/// What happens to a chunk.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Chunk {
    /// It goes on as it is.
    Forward,
    /// This goes on instead; empty for nothing.
    Replace(Vec<u8>),
    /// Nothing goes on yet: the plugin keeps what it needs of it.
    Hold,
    /// The exchange is broken off, so that the other side can tell.
    Abort,
}

/// An exchange that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// [`Request::id`].
    pub request_id: String,
    /// The route's name.
    pub route: String,
    /// Sent to the client; 0 when it went away before.
    pub status: u16,
    /// From the request head to the end of the response, microseconds.
    pub duration_us: u64,
    /// Bytes of the request body.
    pub bytes_in: u64,
    /// Bytes of the response body.
    pub bytes_out: u64,
    /// `ok`, or why the gateway answered or cut the exchange itself.
    pub ended_by: String,
    /// Set by plugins.
    pub attributes: Vec<(String, Attribute)>,
}

impl Route {
    /// To another upstream.
    pub fn to(upstream: impl Into<String>) -> Self {
        Self {
            upstream: Some(upstream.into()),
            ..Self::default()
        }
    }

    /// To this endpoint of it.
    #[must_use]
    pub fn pick(self, pick: Pick) -> Self {
        Self { pick, ..self }
    }
}

impl From<Response> for Outcome {
    fn from(response: Response) -> Self {
        Self::Respond(response)
    }
}

impl From<Route> for Outcome {
    fn from(route: Route) -> Self {
        Self::Route(route)
    }
}

impl From<Response> for ResponseOutcome {
    fn from(response: Response) -> Self {
        Self::Replace(response)
    }
}

impl From<Response> for BodyOutcome {
    fn from(response: Response) -> Self {
        Self::Respond(response)
    }
}

impl From<Outcome> for request_hook::Outcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Next => Self::Next,
            Outcome::Route(route) => Self::Route(request_hook::Routing {
                upstream: route.upstream,
                pick: match route.pick {
                    Pick::Policy => request_hook::Pick::Policy,
                    Pick::HashKey(key) => request_hook::Pick::HashKey(key),
                    Pick::Endpoint(address) => request_hook::Pick::Endpoint(address),
                },
                timeout_ms: route.timeout_ms,
                max_retries: route.max_retries,
            }),
            Outcome::Respond(response) => Self::Respond(response.into()),
        }
    }
}

impl From<log_hook::Summary> for Summary {
    fn from(summary: log_hook::Summary) -> Self {
        Self {
            request_id: summary.request_id,
            route: summary.route,
            status: summary.status,
            duration_us: summary.duration_us,
            bytes_in: summary.bytes_in,
            bytes_out: summary.bytes_out,
            ended_by: summary.ended_by,
            attributes: summary.attributes,
        }
    }
}
