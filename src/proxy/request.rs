//! From the request as it was received to what it means, or to the reason why it means nothing.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Version};
use hyper::body::{Body as _, Incoming};
use hyper::upgrade::OnUpgrade;
use ipnet::IpNet;

use super::{Error, Exchange, headers, upgrade};
use crate::body::Upload;
use crate::router::{self, Match, canonical};
use crate::snapshot::Snapshot;

/// What a request means.
pub(super) struct Told {
    pub(super) head: Parts,
    pub(super) body: Payload,
    /// Canonical.
    pub(super) path: Path,
    /// What is sent upstream in place of the client's `Host`, when somebody wants that.
    pub(super) authority: Option<HeaderValue>,
    /// Whether the client waits for 100.
    pub(super) expects: bool,
    /// Whether the peer is a trusted proxy.
    pub(super) trusted: bool,
    /// The protocol that the client wants to change to.
    pub(super) upgrade: Option<(HeaderValue, OnUpgrade)>,
}

/// A request's body.
pub(super) enum Payload {
    /// There is none.
    None,
    /// As it arrives.
    Arriving(Incoming),
    /// Taken over already.
    Taken(Upload, Framing),
}

/// What the head that is forwarded says of a body's length.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Framing {
    /// As the client said.
    Said,
    /// As long as it is: it was read whole and replaced.
    Length(u64),
    /// Nothing.
    Chunked,
}

impl Framing {
    /// Of a body as the client announced it.
    pub(super) fn of(body: &Incoming) -> Self {
        if body.size_hint().exact().is_some() {
            Self::Said
        } else {
            Self::Chunked
        }
    }
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

impl Told {
    /// Takes the head out.
    pub(super) fn take_head(&mut self) -> Parts {
        let (none, ()) = Request::new(()).into_parts();
        std::mem::replace(&mut self.head, none)
    }
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
) -> Result<Told, Error> {
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
        body: if body.is_end_stream() {
            Payload::None
        } else {
            Payload::Arriving(body)
        },
        path,
        authority: None,
        expects,
        trusted,
        upgrade,
    })
}

/// The versions that a request may have here.
fn is_http1(version: Version) -> bool {
    matches!(version, Version::HTTP_10 | Version::HTTP_11)
}

/// Methods that never reach an endpoint.
fn refuse(method: &Method) -> Result<(), Error> {
    match *method {
        Method::CONNECT => Err(Error::NotAProxy),
        Method::TRACE => Err(Error::MethodRefused),
        _ => Ok(()),
    }
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

pub(super) fn find<'s>(snapshot: &'s Snapshot, exchange: &Exchange, told: &Told) -> Result<Match<'s>, Error> {
    let Told { head, path, .. } = told;
    let request = router::Request {
        host: path.host.of_raw(exchange.host.to_str().unwrap_or_default()),
        path: path.path.of_raw(exchange.uri.path()),
        query: exchange.uri.query(),
        method: &head.method,
        headers: &head.headers,
    };
    snapshot.router.find(&request).ok_or(Error::NoRoute)
}

/// `Max-Forwards` (RFC 9110 section 7.6.2).
pub(super) fn forwards_left(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::MAX_FORWARDS)?.to_str().ok()?.parse().ok()
}
