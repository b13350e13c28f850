//! From the response as an endpoint sent it to the response that the client gets.

use std::time::Duration;

use http::header::{self, HeaderMap, HeaderValue};
use http::response::Parts;
use http::{Response, StatusCode, Version};
use hyper::body::Incoming;

use super::attempt::Lease;
use super::outbound::Back;
use super::{Error, Exchange, Reply, headers, upgrade};
use crate::config::Route;
use crate::upstream::Endpoint;

/// Makes an endpoint's response the client's.
///
/// # Errors
///
/// When it means two things, or changes to a protocol that nobody asked for.
pub(super) fn receive(
    response: Response<Incoming>,
    lease: Lease,
    exchange: &Exchange,
    route: &Route,
    back: Back,
) -> Result<Reply, Error> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let (response, tunnel) = upgrade::agree(response, lease, back.upgrade)?;
        return Ok(Reply::Tunnel(response, tunnel));
    }
    let (mut parts, body) = response.into_parts();
    prepare(&mut parts, route)?;
    if let Some(pin) = back.pin {
        pin.set(&mut parts.headers, lease.endpoint());
    }
    if exchange.version == Version::HTTP_10 && !parts.headers.contains_key(header::CONTENT_LENGTH) {
        exchange.peer.line.end_with_close(true);
    }
    Ok(Reply::Endpoint(Response::from_parts(parts, body), lease))
}

/// Makes the fields those of a response of this gateway, and applies the route's edits.
fn prepare(parts: &mut Parts, route: &Route) -> Result<(), Error> {
    plain(parts)?;
    headers::edit(&mut parts.headers, &route.response_headers);
    Ok(())
}

/// Refuses what means two things, and removes what belongs to the hop behind us.
pub(super) fn plain(parts: &mut Parts) -> Result<(), Error> {
    let fields = &mut parts.headers;
    // RFC 9112 section 6.3: two lengths are what response splitting looks like.
    if fields.contains_key(header::TRANSFER_ENCODING) && fields.contains_key(header::CONTENT_LENGTH) {
        return Err(Error::BadResponse(
            "Content-Length beside Transfer-Encoding".to_owned(),
        ));
    }
    if !headers::is_plainly_coded(fields) {
        return Err(Error::BadResponse("transfer coding".to_owned()));
    }
    headers::take_hop_by_hop(fields);
    // What the client said it could do with trailers is not for the response to repeat.
    fields.remove(header::TE);
    single_length(fields)?;
    // RFC 9110 section 8.6.
    if parts.status == StatusCode::NO_CONTENT {
        fields.remove(header::CONTENT_LENGTH);
    }
    parts.version = Version::HTTP_11;
    Ok(())
}

/// The same length said twice is said once (RFC 9112 section 6.3). hyper has read it for itself, but only where
/// there is a body.
fn single_length(fields: &mut HeaderMap) -> Result<(), Error> {
    let mut lines = fields.get_all(header::CONTENT_LENGTH).iter();
    let Some(line) = lines.next() else {
        return Ok(());
    };
    if lines.next().is_none() && is_number(line.as_bytes()) {
        return Ok(());
    }
    let mut lengths = fields
        .get_all(header::CONTENT_LENGTH)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii);
    let first = lengths.next().unwrap_or_default();
    if !is_number(first) || lengths.any(|length| length != first) {
        return Err(Error::BadResponse("two lengths".to_owned()));
    }
    if let Ok(length) = HeaderValue::from_bytes(first) {
        fields.insert(header::CONTENT_LENGTH, length);
    }
    Ok(())
}

fn is_number(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// The cookie of the sticky policy.
pub(super) struct Pin {
    pub(super) name: String,
    pub(super) ttl: Duration,
    /// What the client sent.
    pub(super) has: Option<u64>,
}

impl Pin {
    /// Pins the client to the endpoint that answered, unless it is already.
    pub(super) fn set(&self, fields: &mut HeaderMap, endpoint: &Endpoint) {
        let digest = endpoint.sticky();
        if self.has == Some(digest) {
            return;
        }
        let age = match self.ttl.as_secs() {
            0 => String::new(),
            seconds => format!("; Max-Age={seconds}"),
        };
        let cookie = format!("{}={digest:016x}; Path=/; HttpOnly; SameSite=Lax{age}", self.name);
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            fields.append(header::SET_COOKIE, cookie);
        }
    }
}
