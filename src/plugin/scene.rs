//! What the hooks of one exchange see and edit. Knows nothing of wasm: plain data, moved into an instance for the time
//! of a call and back.
//!
//! Edits of the hook that runs go to [`Scene::overlay`]; they are carried out by [`Scene::commit`] when it has
//! returned ok, and forgotten by [`Scene::discard`] otherwise.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::request;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::config::Route;

/// One exchange, as its hooks see it.
#[derive(Debug)]
pub struct Scene {
    /// The request id.
    pub id: HeaderValue,
    /// The route that matched.
    pub route: Arc<Route>,
    /// Name of the upstream that it goes to.
    pub upstream: Arc<str>,
    /// The client: address after trusted proxies, port of the connection.
    pub client: SocketAddr,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// `Host`, or the authority of an absolute-form target.
    pub host: HeaderValue,
    /// The canonical path; `None` when it is the path of `head.uri` as received.
    pub canonical: Option<Box<str>>,
    /// Captures of the route's path pattern.
    pub params: Vec<(String, String)>,
    /// The request head: the one that is forwarded if the hooks say so.
    pub head: request::Parts,
    /// The response, once there is one.
    pub response: Option<Response>,
    /// The whole body, in a body hook.
    pub body: Option<Bytes>,
}

/// The response, as hooks see it.
#[derive(Debug)]
pub struct Response {
    /// Its status.
    pub status: StatusCode,
    /// Its fields.
    pub headers: HeaderMap,
    /// Who answered; `None` for a response that the gateway or a plugin made.
    pub endpoint: Option<SocketAddr>,
}
