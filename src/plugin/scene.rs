//! What the hooks of one exchange see and edit. Knows nothing of wasm: plain data, moved into an instance for the time
//! of a call and back.
//!
//! Edits of the hook that runs go to [`Scene::overlay`]; they are carried out by [`Scene::commit`] when it has
//! returned ok, and forgotten by [`Scene::discard`] otherwise. Reads through [`Scene`]'s functions see both.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::uri::{PathAndQuery, Uri};
use http::{HeaderMap, HeaderValue, Method, StatusCode, request};

use super::advance::Advance;
use super::fields::{Fields, Side};
use super::memory::Memory;
use super::overlay::{EditError, Overlay, Phase, Target};
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
    /// `Host`, or the authority of an absolute-form target; what a hook replaced it by, once it did.
    pub host: HeaderValue,
    /// The canonical path; `None` when it is the path of `head.uri`.
    pub canonical: Option<Box<str>>,
    /// Captures of the route's path pattern.
    pub params: Vec<(String, String)>,
    /// The request head: the one that is forwarded if the hooks say so.
    pub head: request::Parts,
    /// The response, once there is one.
    pub response: Option<Response>,
    /// The whole body, in a body hook.
    pub body: Option<Bytes>,
    /// What hooks remember from one to the next.
    pub memory: Memory,
    /// Edits of the response that were made before it came.
    pub advance: Advance,
    /// Edits of the hook that runs.
    pub overlay: Overlay,
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

impl Scene {
    /// A hook begins: to be called before every one.
    pub fn begin(&mut self, phase: Phase) {
        self.overlay.begin(phase);
    }

    /// The hook returned ok: its edits are carried out, in their order.
    pub fn commit(&mut self) {
        let overlay = &mut self.overlay;
        if overlay.is_clean() {
            overlay.begin(Phase::Between);
            return;
        }
        if overlay.phase.is_request() {
            overlay.lines.apply(&mut self.head.headers, Side::Request);
            self.advance.absorb(&mut overlay.in_advance);
        } else if let Some(response) = &mut self.response {
            overlay.lines.apply(&mut response.headers, Side::Response);
            response.status = overlay.status.unwrap_or(response.status);
        }
        if let Some(method) = overlay.method.take() {
            self.head.method = method;
        }
        if let Some(authority) = overlay.authority.take() {
            self.host = authority;
        }
        if let Some(target) = overlay.target.take() {
            self.canonical = target.canonical;
            replace_target(&mut self.head.uri, target.raw);
        }
        self.memory.absorb(&mut overlay.memory);
        overlay.begin(Phase::Between);
    }

    /// The hook failed: its edits are forgotten, and everything is as it was before it.
    pub fn discard(&mut self) {
        self.overlay.begin(Phase::Between);
    }

    /// The response has come back to the plugin at this place of the chain: what its hooks of the request wanted of it is
    /// done.
    pub fn amend(&mut self, place: usize) {
        if let Some(response) = &mut self.response {
            self.advance.amend(place, &mut response.headers);
        }
    }

    /// The request's fields, with the edits made so far.
    pub fn fields(&self) -> Fields<'_> {
        let edits = self.overlay.phase.is_request().then_some(&self.overlay.lines);
        Fields::new(&self.head.headers, edits, Side::Request)
    }

    /// The response and its fields, with the edits made so far; `None` outside of the hooks that handle one.
    pub fn reply(&self) -> Option<(&Response, Fields<'_>)> {
        if !self.overlay.phase.is_response() {
            return None;
        }
        let response = self.response.as_ref()?;
        let fields = Fields::new(&response.headers, Some(&self.overlay.lines), Side::Response);
        Some((response, fields))
    }

    /// The response's status, with the edits made so far.
    pub fn status(&self) -> Option<StatusCode> {
        let (response, _) = self.reply()?;
        Some(self.overlay.status.unwrap_or(response.status))
    }

    /// The method, with the edits made so far.
    pub fn method(&self) -> &Method {
        self.overlay.method.as_ref().unwrap_or(&self.head.method)
    }

    /// The authority, with the edits made so far; `None` when there is none.
    pub fn authority(&self) -> Option<&HeaderValue> {
        let authority = self.overlay.authority.as_ref().unwrap_or(&self.host);
        (!authority.is_empty()).then_some(authority)
    }

    /// The canonical path, with the edits made so far.
    pub fn path(&self) -> &str {
        match &self.overlay.target {
            Some(Target {
                canonical: Some(path),
                ..
            }) => path,
            Some(target) => target.raw.path(),
            None => self.canonical.as_deref().unwrap_or(self.head.uri.path()),
        }
    }

    /// The query, with the edits made so far.
    pub fn query(&self) -> Option<&str> {
        match &self.overlay.target {
            Some(target) => target.raw.query(),
            None => self.head.uri.query(),
        }
    }

    /// Path and query, with the edits made so far, as they were written.
    pub fn path_with_query(&self) -> &str {
        match &self.overlay.target {
            Some(target) => target.raw.as_str(),
            None => self.head.uri.path_and_query().map_or("/", PathAndQuery::as_str),
        }
    }

    /// How many lines the message has at most, as far as it is there, counting edits.
    ///
    /// # Errors
    ///
    /// When it cannot be edited in this hook.
    pub(super) fn lines(&self, side: Side) -> Result<usize, EditError> {
        let phase = self.overlay.phase;
        let lines = match side {
            Side::Request if phase.is_request() => self.head.headers.len(),
            Side::Response if phase.is_request() => return Ok(self.overlay.in_advance.len()),
            Side::Response if phase.is_response() => {
                let response = self.response.as_ref().ok_or(EditError::WrongPhase)?;
                response.headers.len()
            }
            Side::Request | Side::Response => return Err(EditError::WrongPhase),
        };
        Ok(lines + self.overlay.lines.len())
    }
}

/// Scheme and authority of an absolute-form target stay.
fn replace_target(uri: &mut Uri, target: PathAndQuery) {
    let mut parts = std::mem::take(uri).into_parts();
    parts.path_and_query = Some(target);
    // A path is valid with and without scheme and authority, and these came as a pair.
    *uri = Uri::from_parts(parts).unwrap_or_default();
}

#[cfg(test)]
mod tests;
