//! Which header fields cross the gateway, and which it adds. Pure.
//!
//! The order matters (a client must not be able to shadow or remove what the gateway says): first the client's
//! copies of what only a proxy may say go ([`distrust`]), then the route is found, then hop-by-hop fields go
//! ([`take_hop_by_hop`]), then the gateway's own are added ([`Forwarded::add`]).

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::config::HeaderEdits;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What only a proxy that we trust may say about the client, besides everything that begins with `x-forwarded-`.
const OF_PROXIES: [&str; 9] = [
    "forwarded",
    "true-client-ip",
    "x-client-ip",
    "x-forwarded",
    "x-original-url",
    "x-real-ip",
    "x-request-id",
    "x-rewrite-url",
    "x-url-scheme",
];

/// RFC 9110 section 7.6.1, and what older software means by it.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("http2-settings"),
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Fields that `Connection` can not name away (RFC 9110 section 7.6.1 forbids end-to-end ones there).
const STAY: [HeaderName; 4] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONTENT_TYPE,
];

/// Removes what an untrusted peer may not say, and (from everyone) its look-alikes: servers that map header
/// names to variables read `X_Forwarded_For` and `X.Forwarded.For` as the real one.
pub fn distrust(headers: &mut HeaderMap, trusted: bool) {
    let mut refused = Vec::new();
    for name in headers.keys() {
        let text = name.as_str();
        if (!trusted && is_of_proxies(text)) || (text.contains(['_', '.']) && is_alias(text)) {
            refused.push(name.clone());
        }
    }
    for name in refused {
        headers.remove(name);
    }
}

fn is_of_proxies(name: &str) -> bool {
    // Nearly all names fail at the first letter.
    matches!(name.as_bytes().first(), Some(b'x' | b'f' | b't'))
        && (name.starts_with("x-forwarded-") || OF_PROXIES.binary_search(&name).is_ok())
}

fn is_alias(name: &str) -> bool {
    let dashed: String = name
        .chars()
        .map(|c| if matches!(c, '_' | '.') { '-' } else { c })
        .collect();
    is_of_proxies(&dashed) || is_framing(&dashed)
}

fn is_framing(name: &str) -> bool {
    matches!(
        name,
        "host" | "content-length" | "transfer-encoding" | "connection" | "authorization"
    )
}

/// Removes hop-by-hop fields and those that `Connection` names; returns the protocol that the sender wants to
/// change to, when it asks for that properly.
pub fn take_hop_by_hop(headers: &mut HeaderMap) -> Option<HeaderValue> {
    // Few messages have more than one: a look at the names is cheaper than asking for each that there might be.
    let present = headers
        .keys()
        .filter_map(hop_by_hop)
        .fold(0_u16, |bits, index| bits | 1 << index);
    if present == 0 {
        return None;
    }
    let named = connection_options(headers);
    let upgrade = headers
        .get(header::UPGRADE)
        .filter(|_| named.contains(&header::UPGRADE))
        .cloned();
    let trailers = wants_trailers(headers);
    for name in named.iter().filter(|name| !STAY.contains(name)) {
        headers.remove(name);
    }
    for (index, name) in HOP_BY_HOP.iter().enumerate() {
        if present & 1 << index != 0 {
            headers.remove(name);
        }
    }
    if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    upgrade
}

/// Where in [`HOP_BY_HOP`] a name stands.
fn hop_by_hop(name: &HeaderName) -> Option<usize> {
    // Lengths are nearly always enough to tell.
    if !matches!(name.as_str().len(), 2 | 7 | 10 | 14 | 16..=19) {
        return None;
    }
    HOP_BY_HOP.iter().position(|hop| hop == name)
}

/// Only a sole `chunked`, or nothing, says how long a message is in one way (RFC 9112 section 6.1); other
/// codings would have to be undone here.
pub fn is_plainly_coded(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"),
        _ => false,
    }
}

fn connection_options(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|option| {
            !option.eq_ignore_ascii_case(b"close") && !option.eq_ignore_ascii_case(b"keep-alive")
        })
        .filter_map(|option| HeaderName::from_bytes(option).ok())
        .collect()
}

fn wants_trailers(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::TE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
}

/// What the gateway says about the client.
#[derive(Debug)]
pub struct Forwarded<'a> {
    /// The socket peer.
    pub peer: &'a HeaderValue,
    /// Whether the peer is a trusted proxy, whose own words are kept and added to.
    pub trusted: bool,
    /// `Host` as the client sent it.
    pub host: Option<&'a HeaderValue>,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The exchange's id.
    pub request_id: &'a HeaderValue,
}

impl Forwarded<'_> {
    /// Adds the gateway's fields.
    pub fn add(&self, headers: &mut HeaderMap) {
        let chain = if self.trusted && headers.contains_key(&X_FORWARDED_FOR) {
            joined(headers, self.peer)
        } else {
            self.peer.clone()
        };
        headers.insert(X_FORWARDED_FOR, chain);
        if !(self.trusted && headers.contains_key(X_FORWARDED_PROTO)) {
            headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(self.scheme));
        }
        if let Some(host) = self.host
            && !(self.trusted && headers.contains_key(X_FORWARDED_HOST))
        {
            headers.insert(X_FORWARDED_HOST, host.clone());
        }
        headers.insert(X_REQUEST_ID, self.request_id.clone());
        if self.trusted && headers.contains_key(header::FORWARDED) {
            self.extend_forwarded(headers);
        }
    }

    /// RFC 7239 section 4: each proxy appends its element.
    fn extend_forwarded(&self, headers: &mut HeaderMap) {
        let peer = self.peer.to_str().unwrap_or("unknown");
        let node = if peer.contains(':') {
            format!("\"[{peer}]\"")
        } else {
            peer.to_owned()
        };
        if let Ok(element) = HeaderValue::from_str(&format!("for={node};proto={}", self.scheme)) {
            headers.append(header::FORWARDED, element);
        }
    }
}

fn joined(headers: &HeaderMap, peer: &HeaderValue) -> HeaderValue {
    let mut chain = Vec::new();
    for value in headers.get_all(X_FORWARDED_FOR) {
        chain.extend_from_slice(value.as_bytes());
        chain.extend_from_slice(b", ");
    }
    chain.extend_from_slice(peer.as_bytes());
    HeaderValue::from_bytes(&chain).unwrap_or_else(|_| peer.clone())
}

/// Applies a route's edits.
pub fn edit(headers: &mut HeaderMap, edits: &HeaderEdits) {
    for name in &edits.remove {
        headers.remove(name);
    }
    for (name, value) in &edits.set {
        headers.insert(name, value.clone());
    }
    for (name, value) in &edits.add {
        headers.append(name, value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        headers
    }

    #[test]
    fn every_hop_by_hop_name_has_a_length_that_is_looked_for() {
        assert!(HOP_BY_HOP.iter().all(|name| hop_by_hop(name).is_some()));
    }

    #[test]
    fn the_table_of_proxy_fields_is_sorted() {
        assert!(OF_PROXIES.is_sorted());
        assert!(
            OF_PROXIES
                .iter()
                .all(|name| matches!(name.as_bytes()[0], b'x' | b'f' | b't'))
        );
    }

    #[test]
    fn untrusted_claims_and_their_aliases_go() {
        let mut map = headers(&[
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-user", "root"),
            ("x_forwarded_for", "1.1.1.1"),
            ("x.real.ip", "1.1.1.1"),
            ("x-forwarded_proto", "https"),
            ("forwarded", "for=1.1.1.1"),
            ("content_length", "5"),
            ("x-other_thing", "stays"),
            ("accept", "stays"),
        ]);
        distrust(&mut map, false);
        let left: Vec<_> = map.keys().map(HeaderName::as_str).collect();
        assert_eq!(left.len(), 2, "{left:?}");
        assert!(map.contains_key("x-other_thing") && map.contains_key("accept"));
    }

    #[test]
    fn a_trusted_peer_keeps_its_claims_but_not_their_aliases() {
        let mut map = headers(&[("x-forwarded-for", "1.1.1.1"), ("x_forwarded_for", "2.2.2.2")]);
        distrust(&mut map, true);
        assert!(map.contains_key("x-forwarded-for") && !map.contains_key("x_forwarded_for"));
    }

    #[test]
    fn what_connection_names_goes_in_any_spelling_but_not_what_frames_the_message() {
        let mut map = headers(&[
            ("connection", "X-One ,close"),
            ("connection", "\tx-TWO,host,Content-Length"),
            ("x-one", "1"),
            ("x-two", "2"),
            ("x-three", "3"),
            ("host", "h"),
            ("content-length", "0"),
            ("keep-alive", "timeout=5"),
            ("te", "gzip, Trailers"),
            ("proxy-connection", "keep-alive"),
        ]);
        assert_eq!(take_hop_by_hop(&mut map), None);
        let mut left: Vec<_> = map
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        left.sort_unstable();
        assert_eq!(
            left,
            [
                ("content-length", "0"),
                ("host", "h"),
                ("te", "trailers"),
                ("x-three", "3")
            ]
        );
    }

    #[test]
    fn an_upgrade_counts_only_when_connection_names_it() {
        let mut asked = headers(&[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")]);
        assert_eq!(take_hop_by_hop(&mut asked).unwrap(), "websocket");
        let mut mentioned = headers(&[("upgrade", "websocket")]);
        assert_eq!(take_hop_by_hop(&mut mentioned), None);
        assert!(mentioned.is_empty() && asked.is_empty());
    }

    #[test]
    fn the_chain_of_a_trusted_proxy_is_extended_and_nobody_elses() {
        let (peer, id) = (
            HeaderValue::from_static("10.0.0.9"),
            HeaderValue::from_static("id"),
        );
        for (trusted, expected) in [(true, "1.1.1.1, 2.2.2.2, 10.0.0.9"), (false, "10.0.0.9")] {
            let mut map = headers(&[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "2.2.2.2")]);
            distrust(&mut map, trusted);
            let forwarded = Forwarded {
                peer: &peer,
                trusted,
                host: None,
                scheme: "http",
                request_id: &id,
            };
            forwarded.add(&mut map);
            let lines: Vec<_> = map.get_all("x-forwarded-for").iter().collect();
            assert_eq!(lines, [expected]);
        }
    }
}
