//! From the request as it was received to the request that is forwarded.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Method, Request, Uri, Version};
use hyper::body::{Body as _, Incoming};
use hyper::upgrade::OnUpgrade;
use ipnet::IpNet;
use xxhash_rust::xxh3::xxh3_64;

use super::headers::{self, Forwarded};
use super::response::Pin;
use super::{Error, Exchange, is_http1, refuse, upgrade};
use crate::body::Upload;
use crate::config::{self, Forward, HashKey, Policy, Route};
use crate::listener::Wait;
use crate::router::{self, Captures, Match, canonical, rewrite as rewriting};
use crate::snapshot::Snapshot;
use crate::upstream::Want;

/// What a request means.
pub(super) struct Told {
    pub(super) head: Parts,
    pub(super) body: Incoming,
    /// Canonical.
    pub(super) path: Path,
    /// Whether the client waits for 100.
    pub(super) expects: bool,
    /// Whether the peer is a trusted proxy.
    pub(super) trusted: bool,
    /// The protocol that the client wants to change to.
    pub(super) upgrade: Option<(HeaderValue, OnUpgrade)>,
}

/// The one canonical path, and host, that everything looks at.
pub(super) struct Path {
    pub(super) path: Canonical,
    pub(super) host: Canonical,
}

/// Canonical text: usually as received, and then not copied.
pub(super) enum Canonical {
    AsReceived,
    Rewritten(Box<str>),
    /// The first bytes of what was received (a host without its port).
    Start(usize),
}

impl Canonical {
    fn of(raw: &str, canonical: Cow<'_, str>) -> Self {
        match canonical {
            Cow::Borrowed(text) if text.len() == raw.len() => Self::AsReceived,
            Cow::Borrowed(text) if raw.starts_with(text) => Self::Start(text.len()),
            text => Self::Rewritten(text.into()),
        }
    }

    pub(super) fn of_raw<'a>(&'a self, raw: &'a str) -> &'a str {
        match self {
            Self::AsReceived => raw,
            Self::Rewritten(text) => text,
            Self::Start(length) => raw.get(..*length).unwrap_or(raw),
        }
    }
}

/// Reads the head: refuses what means nothing or two things, and removes what the client may not say.
pub(super) fn understand(
    exchange: &mut Exchange,
    snapshot: &Snapshot,
    mut request: Request<Incoming>,
    shed: bool,
) -> Result<Told, Error> {
    if shed {
        return Err(Error::Shed);
    }
    if !is_http1(request.version()) {
        return Err(Error::Malformed("This version of HTTP is not served here."));
    }
    refuse(request.method())?;
    if request.method() == Method::OPTIONS && forwards_left(request.headers()) == Some(0) {
        return Err(Error::LastHop);
    }
    if !headers::is_plainly_coded(request.headers()) {
        return Err(Error::Malformed("The transfer coding is not supported."));
    }
    let host = authority(&request)?;
    let path = Path {
        path: Canonical::of(
            request.uri().path(),
            canonical::path(request.uri().path()).map_err(|_| Error::Malformed("The path is ambiguous."))?,
        ),
        host: {
            let text = host
                .to_str()
                .map_err(|_| Error::Malformed("The host is not valid."))?;
            let (name, _) = canonical::host(text).map_err(|_| Error::Malformed("The host is not valid."))?;
            Canonical::of(text, name)
        },
    };
    exchange.host = host;
    let expects = expectation(&request)?;
    let trusted = is_trusted(&snapshot.config.trusted_proxies, exchange.peer.address.ip());
    if trusted {
        exchange.client_ip = client(
            request.headers(),
            &snapshot.config.trusted_proxies,
            exchange.peer.address,
        );
        if let Some(id) = request.headers().get("x-request-id").filter(|id| is_plain(id)) {
            exchange.request_id = id.clone();
        }
    }
    headers::distrust(request.headers_mut(), trusted);
    let downstream = request.extensions_mut().remove::<OnUpgrade>();
    let protocol = headers::take_hop_by_hop(request.headers_mut()).filter(|name| !upgrade::is_refused(name));
    let upgrade = protocol.zip(downstream);
    let (head, body) = request.into_parts();
    Ok(Told {
        head,
        body,
        path,
        expects,
        trusted,
        upgrade,
    })
}

/// RFC 9112 section 3.2: exactly one `Host` (none only in HTTP/1.0); an absolute target replaces it.
fn authority(request: &Request<Incoming>) -> Result<HeaderValue, Error> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => Some(host),
        (None, _) if request.version() == Version::HTTP_10 => None,
        (None, _) => return Err(Error::Malformed("The host is missing.")),
        (Some(_), Some(_)) => return Err(Error::Malformed("There is more than one host.")),
    };
    if let Some(authority) = request.uri().authority() {
        match request.uri().scheme_str() {
            Some("http" | "https") => {}
            Some(_) => return Err(Error::Malformed("The scheme is not served here.")),
            // RFC 9112 section 3.2.3: a bare authority belongs to CONNECT.
            None => return Err(Error::Malformed("The request target is not valid.")),
        }
        return HeaderValue::from_str(authority.as_str())
            .map_err(|_| Error::Malformed("The host is not valid."));
    }
    Ok(host.cloned().unwrap_or_else(|| HeaderValue::from_static("")))
}

fn expectation(request: &Request<Incoming>) -> Result<bool, Error> {
    match request.headers().get(header::EXPECT) {
        None => Ok(false),
        Some(value) if value.as_bytes().eq_ignore_ascii_case(b"100-continue") => {
            Ok(request.version() == Version::HTTP_11 && !request.body().is_end_stream())
        }
        Some(_) => Err(Error::Expectation),
    }
}

pub(super) fn is_trusted(proxies: &[IpNet], address: IpAddr) -> bool {
    proxies.iter().any(|net| net.contains(&address))
}

/// The rightmost address of the chain that is not a trusted proxy's. What can not be read is not trusted, and
/// then whoever wrote it is the client.
fn client(headers: &HeaderMap, proxies: &[IpNet], peer: SocketAddr) -> IpAddr {
    let mut client = peer.ip();
    let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
    let entries = lines
        .iter()
        .rev()
        .flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    for entry in entries {
        let Some(address) = std::str::from_utf8(entry)
            .ok()
            .and_then(|entry| address(entry.trim()))
        else {
            break;
        };
        client = address;
        if !is_trusted(proxies, address) {
            break;
        }
    }
    client
}

/// An address as proxies write it: bare, in brackets, or with a port.
fn address(entry: &str) -> Option<IpAddr> {
    let bare = entry
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(entry);
    let address = bare
        .parse()
        .or_else(|_| entry.parse().map(|address: SocketAddr| address.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

/// What may be repeated in a header and a log line without surprises.
fn is_plain(id: &HeaderValue) -> bool {
    let id = id.as_bytes();
    (1..=128).contains(&id.len())
        && id
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:+/=".contains(byte))
}

pub(super) fn find<'s>(
    snapshot: &'s Snapshot,
    exchange: &Exchange,
    head: &Parts,
    path: &Path,
) -> Result<Match<'s>, Error> {
    let request = router::Request {
        host: path.host.of_raw(exchange.host.to_str().unwrap_or_default()),
        path: path.path.of_raw(exchange.uri.path()),
        query: exchange.uri.query(),
        method: &head.method,
        headers: &head.headers,
    };
    snapshot.router.find(&request).ok_or(Error::NoRoute)
}

/// Puts the path that goes upstream into `head`, in origin form.
pub(super) fn rewrite(
    head: &mut Parts,
    forward: &Forward,
    path: &Path,
    captures: &Captures,
) -> Result<(), Error> {
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
pub(super) fn want(
    upstream: &config::Upstream,
    exchange: &Exchange,
    head: &Parts,
    path: &Path,
) -> (Want, Option<Pin>) {
    let mut want = Want {
        key: None,
        sticky: None,
    };
    match &upstream.policy {
        Policy::LeastRequest | Policy::RoundRobin | Policy::Random => (want, None),
        Policy::Hash(key) => {
            want.key = match key {
                HashKey::Header(name) => head.headers.get(name).map(|value| xxh3_64(value.as_bytes())),
                HashKey::Cookie(name) => cookie(&head.headers, name).map(xxh3_64),
                HashKey::ClientIp => Some(hash_ip(exchange.client_ip)),
                HashKey::Path => Some(xxh3_64(path.path.of_raw(exchange.uri.path()).as_bytes())),
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
pub(super) fn prepare(
    head: &mut Parts,
    exchange: &Exchange,
    route: &Route,
    forward: &Forward,
    trusted: bool,
    upgrade: Option<&HeaderValue>,
) {
    let fields = &mut head.headers;
    let said = (!exchange.host.is_empty()).then_some(&exchange.host);
    let forwarded = Forwarded {
        peer: &exchange.peer.ip,
        trusted,
        host: said,
        scheme: "http",
        request_id: &exchange.request_id,
    };
    forwarded.add(fields);
    match &forward.host {
        Some(host) => fields.insert(header::HOST, host.clone()),
        None if exchange.uri.authority().is_some() || said.is_none() => {
            fields.insert(header::HOST, exchange.host.clone())
        }
        None => None,
    };
    if let Some(protocol) = upgrade {
        fields.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        fields.insert(header::UPGRADE, protocol.clone());
    }
    count_down(head);
    headers::edit(&mut head.headers, &route.request_headers);
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

fn forwards_left(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::MAX_FORWARDS)?.to_str().ok()?.parse().ok()
}

/// Takes the body over. A length that is announced too large is refused before anything is sent.
pub(super) fn upload(
    exchange: &mut Exchange,
    head: &mut Parts,
    route: &Route,
    upstream: &config::Upstream,
    body: Incoming,
    expects: bool,
) -> Result<Option<Upload>, Error> {
    if body.is_end_stream() {
        return Ok(None);
    }
    let limit = route.request_body;
    if limit > 0 && body.size_hint().lower() > limit {
        return Err(Error::BodyTooLarge);
    }
    if body.size_hint().exact().is_none() {
        // Unless told, hyper takes a GET without a length for one without a body.
        let chunked = HeaderValue::from_static("chunked");
        head.headers.insert(header::TRANSFER_ENCODING, chunked);
    }
    let line = std::sync::Arc::clone(&exchange.peer.line);
    let waiting = move |waits| match waits {
        true => line.begin(Wait::RequestBody),
        false => line.end(Wait::RequestBody),
    };
    // Trusted or not: nobody reads claims about the client from trailers, but for servers that mix them up.
    let screen = |trailers: &mut HeaderMap| headers::distrust(trailers, false);
    let upload = Upload::new(body, limit, upstream.replay_body, screen, waiting);
    if expects {
        upload.hold_back();
    }
    exchange.upload = Some(upload.clone());
    Ok(Some(upload))
}
