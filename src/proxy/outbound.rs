//! From what a request means to what every attempt sends.

use std::net::IpAddr;

use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Method, Uri};
use hyper::body::{Body as _, Incoming};
use hyper::upgrade::OnUpgrade;
use xxhash_rust::xxh3::xxh3_64;

use super::course::Course;
use super::forward::Outbound;
use super::headers::{self, Forwarded};
use super::request::{Framing, Payload, Told, forwards_left};
use super::response::Pin;
use super::{Error, Exchange};
use crate::body::Upload;
use crate::config::{self, Forward, HashKey, Policy, Route};
use crate::listener::Wait;
use crate::router::{Captures, Match, rewrite as rewriting};
use crate::upstream::Want;

/// What has to be remembered for the response.
pub(super) struct Back {
    /// The protocol that the client wants to change to.
    pub(super) upgrade: Option<(HeaderValue, OnUpgrade)>,
    /// The cookie of the sticky policy.
    pub(super) pin: Option<Pin>,
}

/// Rewrites, adds what the gateway says, and takes the body over. The head is taken out of `told` when everything else
/// is done.
///
/// # Errors
///
/// When there is no path to forward, or the body is announced too large.
pub(super) fn build(
    exchange: &mut Exchange,
    told: &mut Told,
    found: &Match<'_>,
    forward: &Forward,
    course: &Course,
    upstream: &config::Upstream,
) -> Result<(Outbound, Back), Error> {
    let path = told.path.path.of_raw(told.head.uri.path());
    let (mut want, pin) = want(upstream, exchange, &told.head, path);
    want.pick = course.pick;
    rewrite(told, forward, &found.captures)?;
    prepare(told, exchange, found.route, forward);
    let upload = upload(exchange, told, found.route, upstream)?;
    let outbound = Outbound {
        head: told.take_head(),
        upload,
        want,
        timeout: course.timeout,
        retries: course.retries,
    };
    let upgrade = told.upgrade.take();
    Ok((outbound, Back { upgrade, pin }))
}

/// Puts the path that goes upstream into `head`, in origin form.
fn rewrite(told: &mut Told, forward: &Forward, captures: &Captures) -> Result<(), Error> {
    let Told { head, path, .. } = told;
    let raw = head.uri.path();
    let rewritten = rewriting::rewrite(&forward.rewrite, raw, path.path.of_raw(raw), captures)?;
    if *rewritten == *raw && head.uri.scheme().is_none() {
        return Ok(());
    }
    let target = match head.uri.query() {
        Some(query) => format!("{rewritten}?{query}"),
        None => rewritten.into_owned(),
    };
    let target = PathAndQuery::try_from(target).map_err(|_| Error::Malformed("The path is not valid."))?;
    head.uri = Uri::from(target);
    Ok(())
}

/// What the balancing policy looks at, and the cookie that may have to be set.
fn want(upstream: &config::Upstream, exchange: &Exchange, head: &Parts, path: &str) -> (Want, Option<Pin>) {
    let mut want = Want::default();
    match &upstream.policy {
        Policy::LeastRequest | Policy::RoundRobin | Policy::Random => (want, None),
        Policy::Hash(key) => {
            want.key = match key {
                HashKey::Header(name) => head.headers.get(name).map(|value| xxh3_64(value.as_bytes())),
                HashKey::Cookie(name) => cookie(&head.headers, name).map(xxh3_64),
                HashKey::ClientIp => Some(hash_ip(exchange.client_ip)),
                HashKey::Path => Some(xxh3_64(path.as_bytes())),
            };
            (want, None)
        }
        Policy::Sticky { cookie: name, ttl } => {
            want.sticky = cookie(&head.headers, name)
                .and_then(|value| std::str::from_utf8(value).ok())
                .and_then(|value| u64::from_str_radix(value, 16).ok());
            let pin = Pin {
                name: name.clone(),
                ttl: *ttl,
                has: want.sticky,
            };
            (want, Some(pin))
        }
    }
}

fn hash_ip(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(address) => xxh3_64(&address.octets()),
        IpAddr::V6(address) => xxh3_64(&address.octets()),
    }
}

fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| {
            let pair = pair.trim_ascii();
            let equals = pair.iter().position(|byte| *byte == b'=')?;
            Some((&pair[..equals], &pair[equals + 1..]))
        })
        .find_map(|(key, value)| (key == name.as_bytes()).then_some(value))
}

/// Makes the fields those of a request from this gateway.
fn prepare(told: &mut Told, exchange: &Exchange, route: &Route, forward: &Forward) {
    let fields = &mut told.head.headers;
    let said = (!exchange.host.is_empty()).then_some(&exchange.host);
    let forwarded = Forwarded {
        peer: &exchange.peer.ip,
        trusted: told.trusted,
        host: said,
        scheme: "http",
        request_id: &exchange.request_id,
    };
    forwarded.add(fields);
    match told.authority.as_ref().or(forward.host.as_ref()) {
        Some(host) => fields.insert(header::HOST, host.clone()),
        None if exchange.uri.authority().is_some() || said.is_none() => {
            fields.insert(header::HOST, exchange.host.clone())
        }
        None => None,
    };
    if let Some((protocol, _)) = &told.upgrade {
        fields.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        fields.insert(header::UPGRADE, protocol.clone());
    }
    count_down(&mut told.head);
    headers::edit(&mut told.head.headers, &route.request_headers);
}

/// RFC 9110 section 7.6.2. Zero was answered before.
fn count_down(head: &mut Parts) {
    if head.method == Method::OPTIONS
        && let Some(left) = forwards_left(&head.headers)
    {
        head.headers
            .insert(header::MAX_FORWARDS, HeaderValue::from(left.saturating_sub(1)));
    }
}

/// The body as attempts send it, and what the head says of its length.
fn upload(
    exchange: &mut Exchange,
    told: &mut Told,
    route: &Route,
    upstream: &config::Upstream,
) -> Result<Option<Upload>, Error> {
    let (upload, framing) = match std::mem::replace(&mut told.body, Payload::None) {
        Payload::None => return Ok(None),
        Payload::Arriving(body) => {
            let framing = Framing::of(&body);
            let upload = take(exchange, body, route, upstream.replay_body, told.expects)?;
            (upload, framing)
        }
        Payload::Taken(upload, framing) => (upload, framing),
    };
    let fields = &mut told.head.headers;
    match framing {
        Framing::Said => {}
        Framing::Length(length) => {
            fields.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        Framing::Chunked => {
            fields.remove(header::CONTENT_LENGTH);
            // Unless told, hyper takes a GET without a length for one without a body.
            fields.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
    }
    Ok(Some(upload))
}

/// Takes the client's body over. A length that is announced too large is refused before anything is sent.
///
/// # Errors
///
/// When it is announced too large.
pub(super) fn take(
    exchange: &mut Exchange,
    body: Incoming,
    route: &Route,
    replay: u64,
    expects: bool,
) -> Result<Upload, Error> {
    let limit = route.request_body;
    if limit > 0 && body.size_hint().lower() > limit {
        return Err(Error::BodyTooLarge);
    }
    let line = std::sync::Arc::clone(&exchange.peer.line);
    let waiting = move |waits| match waits {
        true => line.begin(Wait::RequestBody),
        false => line.end(Wait::RequestBody),
    };
    // Trusted or not: nobody reads claims about the client from trailers, but for servers that mix them up.
    let screen = |trailers: &mut HeaderMap| headers::distrust(trailers, false);
    let upload = Upload::new(body, limit, replay, screen, waiting);
    if expects {
        upload.hold_back();
    }
    exchange.upload = Some(upload.clone());
    Ok(upload)
}
