//! What hooks decide, as plain values of ours. What a plugin returned is checked here, once: whoever carries an outcome
//! out relies on it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use super::bindings::exports::gatewit::plugin::{
    chunk_hook, log_hook, request_body_hook, request_hook, response_body_hook, response_hook,
};
use super::bindings::gatewit::plugin::types;
use super::bound::Bound;
use super::failure::Cause;
use super::fields::{Side, is_owned};
use super::memory::Attribute;
use super::scene::Scene;
use crate::config::Action;
use crate::config::Bounds;

/// Lines of a response that a plugin makes.
const LINES: usize = 256;

/// Bytes of one value.
const VALUE: usize = 64 << 10;

/// What `request-hook` decides.
#[derive(Clone, Debug, PartialEq)]
pub enum RequestOutcome {
    /// The next plugin, or the endpoint.
    Next,
    /// The same, and this is where the request goes.
    Route(Routing),
    /// This is the response.
    Respond(LocalResponse),
}

/// What `request-body-hook` and `response-body-hook` decide.
#[derive(Clone, Debug, PartialEq)]
pub enum BodyOutcome {
    /// The body stays as it is.
    Next,
    /// This is the body now.
    Replace(Bytes),
    /// This is the response, head and body.
    Respond(LocalResponse),
}

/// What `response-hook` decides.
#[derive(Clone, Debug, PartialEq)]
pub enum ResponseOutcome {
    /// The response goes on.
    Next,
    /// This is the response instead.
    Replace(LocalResponse),
}

/// What `chunk-hook` decides.
#[derive(Clone, Debug, PartialEq)]
pub enum ChunkOutcome {
    /// It goes on as it is.
    Forward,
    /// This goes on instead; empty for nothing.
    Replace(Bytes),
    /// Nothing goes on yet.
    Hold,
    /// The exchange is broken off.
    Abort,
}

/// Where a request goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Routing {
    /// The upstream's name; `None` for the route's own. Not looked up yet.
    pub upstream: Option<String>,
    /// Which endpoint of it.
    pub pick: Pick,
    /// In place of the route's timeout; not zero.
    pub timeout: Option<Duration>,
    /// In place of the route's retries.
    pub retries: Option<u8>,
}

/// Which endpoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Pick {
    /// The one that the upstream's policy picks.
    #[default]
    Policy,
    /// The one that this key hashes to.
    Key(Bytes),
    /// This one.
    Endpoint(SocketAddr),
}

/// A response made by a plugin: 200–599, fields that are not the gateway's own, a body within the bound (none with 204,
/// 205 and 304).
#[derive(Clone, Debug, PartialEq)]
pub struct LocalResponse {
    /// Its status.
    pub status: StatusCode,
    /// Its fields.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Which body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// The request's.
    Request,
    /// The response's.
    Response,
}

/// An exchange that is over, for `log-hook`.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The request id.
    pub id: HeaderValue,
    /// Name of the route.
    pub route: Arc<str>,
    /// What the client asked with.
    pub method: Method,
    /// Sent to the client; 0 when it went away before.
    pub status: u16,
    /// From the request head to the end of the response.
    pub duration: Duration,
    /// Bytes of the request body.
    pub bytes_in: u64,
    /// Bytes of the response body.
    pub bytes_out: u64,
    /// The access log's flag; `ok` without one.
    pub ended_by: &'static str,
    /// Set by plugins.
    pub attributes: Vec<(Box<str>, Attribute)>,
}

impl RequestOutcome {
    pub(super) fn check(said: request_hook::Outcome, most: u64) -> Result<Self, Cause> {
        Ok(match said {
            request_hook::Outcome::Next => Self::Next,
            request_hook::Outcome::Route(routing) => Self::Route(Routing::check(routing)?),
            request_hook::Outcome::Respond(response) => Self::Respond(LocalResponse::check(response, most)?),
        })
    }
}

impl RequestOutcome {
    /// Refuses a route to an upstream that the plugin may not name, and one where there is nothing to route: it is
    /// known before the hook's edits are carried out.
    pub(super) fn leading_somewhere(self, bound: &Bound, scene: Option<&Scene>) -> Result<Self, Cause> {
        let (Self::Route(routing), Some(scene)) = (&self, scene) else {
            return Ok(self);
        };
        let Action::Forward(forward) = &scene.route.action else {
            return impossible("a route on a route that does not forward");
        };
        if let Some(name) = &routing.upstream {
            let own = forward.targets.iter().any(|target| target.upstream == *name);
            if !own && !bound.may_name(name) {
                return impossible(format!("upstream {:?}, which it may not name", shortened(name)));
            }
        }
        Ok(self)
    }
}

impl BodyOutcome {
    pub(super) fn check_request(said: request_body_hook::Outcome, bounds: &Bounds) -> Result<Self, Cause> {
        Ok(match said {
            request_body_hook::Outcome::Next => Self::Next,
            request_body_hook::Outcome::Replace(body) => Self::Replace(bounded(body, bounds.request_body)?),
            request_body_hook::Outcome::Respond(response) => {
                Self::Respond(LocalResponse::check(response, bounds.response_body)?)
            }
        })
    }

    pub(super) fn check_response(said: response_body_hook::Outcome, most: u64) -> Result<Self, Cause> {
        Ok(match said {
            response_body_hook::Outcome::Next => Self::Next,
            response_body_hook::Outcome::Replace(body) => Self::Replace(bounded(body, most)?),
            response_body_hook::Outcome::ReplaceResponse(response) => {
                Self::Respond(LocalResponse::check(response, most)?)
            }
        })
    }
}

impl ResponseOutcome {
    pub(super) fn check(said: response_hook::Outcome, most: u64) -> Result<Self, Cause> {
        Ok(match said {
            response_hook::Outcome::Next => Self::Next,
            response_hook::Outcome::Replace(response) => Self::Replace(LocalResponse::check(response, most)?),
        })
    }
}

impl ChunkOutcome {
    pub(super) fn check(said: chunk_hook::Outcome, most: u64) -> Result<Self, Cause> {
        Ok(match said {
            chunk_hook::Outcome::Forward => Self::Forward,
            chunk_hook::Outcome::Replace(bytes) => Self::Replace(bounded(bytes, most)?),
            chunk_hook::Outcome::Hold => Self::Hold,
            chunk_hook::Outcome::Abort => Self::Abort,
        })
    }
}

impl Routing {
    fn check(said: request_hook::Routing) -> Result<Self, Cause> {
        if said.timeout_ms == Some(0) {
            return impossible("a timeout of 0");
        }
        let pick = match said.pick {
            request_hook::Pick::Policy => Pick::Policy,
            request_hook::Pick::HashKey(key) => Pick::Key(key.into()),
            request_hook::Pick::Endpoint(address) => match address.parse() {
                Ok(address) => Pick::Endpoint(address),
                Err(_) => return impossible(format!("endpoint {address:?} is not an address with a port")),
            },
        };
        Ok(Self {
            upstream: said.upstream,
            pick,
            timeout: said.timeout_ms.map(|ms| Duration::from_millis(ms.into())),
            retries: said.max_retries,
        })
    }
}

impl LocalResponse {
    fn check(said: types::LocalResponse, most: u64) -> Result<Self, Cause> {
        let status = match said.status {
            200..=599 => {
                StatusCode::from_u16(said.status).map_err(|error| Cause::Outcome(error.to_string()))?
            }
            other => return impossible(format!("status {other}")),
        };
        if said.headers.len() > LINES {
            return impossible(format!("{} header lines, more than {LINES}", said.headers.len()));
        }
        let mut headers = HeaderMap::with_capacity(said.headers.len());
        for types::Field { name, value } in said.headers {
            let (name, value) = field(&name, value)?;
            headers.append(name, value);
        }
        let body = bounded(said.body, most)?;
        // RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5.
        if !body.is_empty() && matches!(status.as_u16(), 204 | 205 | 304) {
            return impossible(format!("a body with status {}", status.as_u16()));
        }
        Ok(Self {
            status,
            headers,
            body,
        })
    }
}

fn field(name: &str, value: Vec<u8>) -> Result<(HeaderName, HeaderValue), Cause> {
    let Ok(parsed) = HeaderName::from_bytes(name.as_bytes()) else {
        return impossible(format!("header name {:?}", shortened(name)));
    };
    if is_owned(&parsed, Side::Response) {
        return impossible(format!("header {parsed}, which is the gateway's own"));
    }
    if value.len() > VALUE {
        return impossible(format!("{} bytes in header {parsed}", value.len()));
    }
    match HeaderValue::from_maybe_shared(Bytes::from(value)) {
        Ok(value) => Ok((parsed, value)),
        Err(_) => impossible(format!("a control character in header {parsed}")),
    }
}

fn bounded(body: Vec<u8>, most: u64) -> Result<Bytes, Cause> {
    if body.len() as u64 > most {
        return impossible(format!("a body of {} bytes, more than {most}", body.len()));
    }
    Ok(body.into())
}

fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(64)]
}

fn impossible<T>(why: impl Into<String>) -> Result<T, Cause> {
    Err(Cause::Outcome(why.into()))
}

impl From<types::PluginError> for Cause {
    fn from(error: types::PluginError) -> Self {
        match error {
            types::PluginError::Rejected(why) => Self::Rejected(why),
            types::PluginError::Unavailable(why) => Self::Unavailable(why),
            types::PluginError::Internal(why) => Self::Internal(why),
        }
    }
}

impl From<Direction> for chunk_hook::Direction {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Request => Self::Request,
            Direction::Response => Self::Response,
        }
    }
}

impl From<Summary> for log_hook::Summary {
    fn from(summary: Summary) -> Self {
        let attribute = |(key, value): (Box<str>, Attribute)| (key.into_string(), value.into());
        Self {
            request_id: String::from_utf8_lossy(summary.id.as_bytes()).into_owned(),
            route: summary.route.to_string(),
            status: summary.status,
            duration_us: u64::try_from(summary.duration.as_micros()).unwrap_or(u64::MAX),
            bytes_in: summary.bytes_in,
            bytes_out: summary.bytes_out,
            ended_by: summary.ended_by.to_owned(),
            attributes: summary.attributes.into_iter().map(attribute).collect(),
        }
    }
}

impl From<Attribute> for types::Attribute {
    fn from(attribute: Attribute) -> Self {
        match attribute {
            Attribute::Text(text) => Self::Text(text),
            Attribute::Integer(integer) => Self::Integer(integer),
            Attribute::Number(number) => Self::Number(number),
            Attribute::Boolean(boolean) => Self::Boolean(boolean),
            Attribute::Bytes(bytes) => Self::Bytes(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Result<LocalResponse, Cause> {
        let field = |(name, value): &(&str, &str)| types::Field {
            name: (*name).to_owned(),
            value: value.as_bytes().to_owned(),
        };
        let headers = headers.iter().map(field).collect();
        LocalResponse::check(
            types::LocalResponse {
                status,
                headers,
                body: body.to_owned(),
            },
            10,
        )
    }

    #[test]
    fn a_valid_response_is_taken_as_it_is() {
        let lines = [
            ("content-type", "text/plain"),
            ("set-cookie", "a"),
            ("set-cookie", "b"),
        ];
        let response = said(429, &lines, b"slow down").unwrap();
        assert_eq!(response.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers.get_all("set-cookie").iter().count(), 2);
        assert_eq!(response.body, "slow down");
    }

    #[test]
    fn what_cannot_be_sent_is_refused_and_named() {
        let many = vec![("x", "y"); LINES + 1];
        for (result, why) in [
            (said(0, &[], b""), "status 0"),
            (said(101, &[], b""), "status 101"),
            (said(199, &[], b""), "status 199"),
            (said(600, &[], b""), "status 600"),
            (said(200, &[], b"eleven char"), "a body of 11 bytes, more than 10"),
            (said(204, &[], b"x"), "a body with status 204"),
            (said(304, &[], b"x"), "a body with status 304"),
            (said(200, &[("a b", "c")], b""), "header name \"a b\""),
            (said(200, &[("", "c")], b""), "header name \"\""),
            (
                said(200, &[("a", "b\r\nc: d")], b""),
                "a control character in header a",
            ),
            (
                said(200, &[("Content-Length", "1")], b""),
                "header content-length, which is the gateway's own",
            ),
            (
                said(200, &[("transfer-encoding", "chunked")], b""),
                "header transfer-encoding",
            ),
            (said(200, &[("connection", "close")], b""), "header connection"),
            (said(200, &many, b""), "257 header lines"),
        ] {
            match result {
                Err(Cause::Outcome(said)) => assert!(said.starts_with(why), "{said:?} is not {why:?}"),
                other => panic!("{why}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_route_that_leads_nowhere_is_refused() {
        let routing = |pick, timeout_ms| {
            let upstream = Some("blue".to_owned());
            Routing::check(request_hook::Routing {
                upstream,
                pick,
                timeout_ms,
                max_retries: Some(0),
            })
        };
        let routed = routing(request_hook::Pick::Endpoint("[::1]:80".into()), Some(20)).unwrap();
        assert_eq!(routed.pick, Pick::Endpoint("[::1]:80".parse().unwrap()));
        assert_eq!(routed.timeout, Some(Duration::from_millis(20)));
        assert!(routing(request_hook::Pick::Endpoint("localhost".into()), None).is_err());
        assert!(routing(request_hook::Pick::Policy, Some(0)).is_err());
    }
}
