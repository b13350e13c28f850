//! Who may ask. No I/O: what is known of a request goes in, a verdict comes out.
//!
//! A token protects against everybody. Without one, only this machine is served, and then a browser on this
//! machine is the danger: a page of another site can post to `127.0.0.1` (its `Origin` tells), or reach it
//! by a name of its own that resolves to a loopback address (its `Host` tells).

use std::net::IpAddr;

use http::uri::Authority;
use http::{HeaderMap, header};
use ipnet::IpNet;
use subtle::ConstantTimeEq;

use crate::config::Secret;

/// What to do with a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Serve,
    /// 401: a token is asked for, and there is none or a wrong one.
    Unauthorized,
    /// 403, with the reason for people.
    Forbidden(&'static str),
}

/// Judges a request. `open` is for paths that a token does not protect.
pub(crate) fn judge(peer: IpAddr, headers: &HeaderMap, token: Option<&Secret>, open: bool) -> Verdict {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    if headers.contains_key(header::ORIGIN) && !same_origin(headers, host) {
        return Verdict::Forbidden("requests from pages of other sites are refused");
    }
    match token {
        _ if open && token.is_some() => Verdict::Serve,
        Some(token) if bears(headers, token) => Verdict::Serve,
        Some(_) => Verdict::Unauthorized,
        None if !peer.to_canonical().is_loopback() => {
            Verdict::Forbidden("without a token only loopback addresses are served")
        }
        None if host.is_some_and(|host| !is_local(host)) => {
            Verdict::Forbidden("without a token the host must be an IP address or localhost")
        }
        None => Verdict::Serve,
    }
}

/// Judges a call that may change something whatever its method, from one of the networks that are let in. With
/// networks and a token both are asked for; with neither, it is as for the admin API.
///
/// Without a token a page of another site is the danger: an image on it is a `GET`, which has no `Origin`. So what a
/// browser sends is refused, and so is a host that a name of somebody else's may stand for.
pub(crate) fn judge_call(
    peer: IpAddr,
    headers: &HeaderMap,
    token: Option<&Secret>,
    networks: &[IpNet],
) -> Verdict {
    if !networks.is_empty()
        && !networks
            .iter()
            .any(|network| network.contains(&peer.to_canonical()))
    {
        return Verdict::Forbidden("calls from this address are not taken");
    }
    if token.is_none() && is_of_browser(headers) {
        return Verdict::Forbidden("without a token browsers are refused: a page could call; use curl");
    }
    if token.is_some() || networks.is_empty() {
        return judge(peer, headers, token, false);
    }
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    if headers.contains_key(header::ORIGIN) && !same_origin(headers, host) {
        return Verdict::Forbidden("requests from pages of other sites are refused");
    }
    if host.is_some_and(|host| !is_local(host) && !is_service(host)) {
        return Verdict::Forbidden("without a token the host must be an IP address or the name of a service");
    }
    Verdict::Serve
}

fn is_of_browser(headers: &HeaderMap) -> bool {
    let agent = headers.get(header::USER_AGENT);
    let browser = agent.is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"));
    browser || headers.contains_key("sec-fetch-site") || headers.contains_key("sec-fetch-mode")
}

/// What services call each other in a Swarm: `proxy`, `tasks.proxy`. Names of others have a dot.
fn is_service(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let name = authority.host();
    let name = name.strip_prefix("tasks.").unwrap_or(name);
    !name.is_empty() && !name.contains('.')
}

/// RFC 6750 section 2.1. The comparison takes as long for a wrong token as for the right one.
fn bears(headers: &HeaderMap, token: &Secret) -> bool {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return false;
    };
    let Some((scheme, credentials)) = line.as_bytes().split_at_checked(7) else {
        return false;
    };
    let right: bool = credentials.trim_ascii_start().ct_eq(token.0.as_bytes()).into();
    scheme.eq_ignore_ascii_case(b"bearer ") && right
}

/// The origin is `null` or `scheme://host[:port]`; only the last can be the same.
fn same_origin(headers: &HeaderMap, host: Option<&str>) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let (Some(origin), None) = (origins.next(), origins.next()) else {
        return false;
    };
    let origin = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.strip_prefix("http://"));
    origin.is_some_and(|origin| host.is_some_and(|host| origin.eq_ignore_ascii_case(host)))
}

fn is_local(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    let labels = name.trim_end_matches('.').to_ascii_lowercase();
    name.parse::<IpAddr>().is_ok() || labels == "localhost" || labels.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    const LOCAL: &str = "127.0.0.1";
    const OTHER: &str = "10.0.0.9";

    fn verdict(peer: &str, token: Option<&str>, lines: &[(&'static str, &'static str)]) -> Verdict {
        let headers = lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        judge(
            peer.parse().unwrap(),
            &headers,
            token.map(|token| Secret(token.to_owned())).as_ref(),
            false,
        )
    }

    #[test]
    fn without_a_token_only_loopback_peers_are_served() {
        let host = [("host", "127.0.0.1:9901")];
        assert_eq!(verdict(LOCAL, None, &host), Verdict::Serve);
        assert_eq!(verdict("::1", None, &host), Verdict::Serve);
        assert_eq!(verdict("::ffff:127.0.0.1", None, &host), Verdict::Serve);
        assert!(matches!(verdict(OTHER, None, &host), Verdict::Forbidden(_)));
        assert!(matches!(
            verdict("::ffff:10.0.0.9", None, &host),
            Verdict::Forbidden(_)
        ));
    }

    #[test]
    fn a_name_that_was_made_to_resolve_to_loopback_is_refused() {
        for host in [
            "127.0.0.1",
            "[::1]:9901",
            "localhost",
            "LOCALHOST:9901",
            "gw.localhost",
            "10.0.0.1:1",
        ] {
            assert_eq!(verdict(LOCAL, None, &[("host", host)]), Verdict::Serve, "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:9901",
            "a@127.0.0.1@b",
            "",
        ] {
            assert!(
                matches!(verdict(LOCAL, None, &[("host", host)]), Verdict::Forbidden(_)),
                "{host}"
            );
        }
        assert_eq!(
            verdict(LOCAL, Some("t"), &[("host", "gw"), ("authorization", "Bearer t")]),
            Verdict::Serve
        );
    }

    #[test]
    fn a_page_of_another_site_is_refused_even_with_the_token() {
        let cases = [
            ("http://127.0.0.1:9901", true),
            ("http://127.0.0.1:8080", false),
            ("https://127.0.0.1:9901", false),
            ("http://evil.example", false),
            ("null", false),
            ("", false),
        ];
        for (origin, served) in cases {
            let lines = [
                ("host", "127.0.0.1:9901"),
                ("origin", origin),
                ("authorization", "Bearer t"),
            ];
            for token in [None, Some("t")] {
                assert_eq!(
                    verdict(LOCAL, token, &lines) == Verdict::Serve,
                    served,
                    "{origin:?} {token:?}"
                );
            }
        }
    }

    #[test]
    fn calls_are_taken_from_networks_and_with_the_token_that_are_asked_for() {
        let call =
            |peer: &str, token: Option<&str>, networks: &[&str], lines: &[(&'static str, &'static str)]| {
                let headers = lines
                    .iter()
                    .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                    .collect();
                let networks: Vec<IpNet> = networks.iter().map(|network| network.parse().unwrap()).collect();
                let token = token.map(|token| Secret(token.to_owned()));
                judge_call(peer.parse().unwrap(), &headers, token.as_ref(), &networks) == Verdict::Serve
            };
        let (ten, bearer) = (["10.0.0.0/8"], ("authorization", "Bearer t"));
        let (ip, service) = (("host", "10.0.0.1:8080"), ("host", "proxy:8080"));
        for (peer, token, networks, lines, served) in [
            (LOCAL, None, &[][..], vec![("host", "localhost:8080")], true),
            (OTHER, None, &[], vec![ip], false),
            (OTHER, None, &ten, vec![ip], true),
            ("::ffff:10.0.0.9", None, &ten, vec![service], true),
            (OTHER, None, &ten, vec![("host", "tasks.proxy:8080")], true),
            (
                OTHER,
                None,
                &ten,
                vec![("host", "proxy.evil.example:8080")],
                false,
            ),
            (
                OTHER,
                None,
                &ten,
                vec![ip, ("origin", "http://evil.example")],
                false,
            ),
            (OTHER, None, &ten, vec![ip, ("user-agent", "Mozilla/5.0")], false),
            (
                OTHER,
                None,
                &ten,
                vec![ip, ("sec-fetch-site", "cross-site")],
                false,
            ),
            (LOCAL, None, &[], vec![("user-agent", "Mozilla/5.0")], false),
            (LOCAL, None, &ten, vec![ip], false),
            (OTHER, Some("t"), &ten, vec![ip], false),
            (OTHER, Some("t"), &ten, vec![ip, bearer], true),
            (LOCAL, Some("t"), &ten, vec![ip, bearer], false),
            (
                OTHER,
                Some("t"),
                &[],
                vec![ip, bearer, ("user-agent", "Mozilla/5.0")],
                true,
            ),
        ] {
            assert_eq!(
                call(peer, token, networks, &lines),
                served,
                "{peer} {token:?} {networks:?} {lines:?}"
            );
        }
    }

    #[test]
    fn only_the_whole_token_opens() {
        for (line, served) in [
            ("Bearer secret", true),
            ("bearer secret", true),
            ("Bearer secre", false),
            ("Bearer secrets", false),
            ("Bearer", false),
            ("Bearer ", false),
            ("Basic secret", false),
            ("secret", false),
        ] {
            let expected = if served {
                Verdict::Serve
            } else {
                Verdict::Unauthorized
            };
            assert_eq!(
                verdict(OTHER, Some("secret"), &[("authorization", line)]),
                expected,
                "{line:?}"
            );
        }
        assert_eq!(verdict(LOCAL, Some("secret"), &[]), Verdict::Unauthorized);
        let twice = [
            ("authorization", "Bearer secret"),
            ("authorization", "Bearer secret"),
        ];
        let headers: HeaderMap = twice.iter().fold(HeaderMap::new(), |mut headers, (name, value)| {
            headers.append(*name, HeaderValue::from_static(value));
            headers
        });
        let token = Secret("secret".to_owned());
        let peer = LOCAL.parse().unwrap();
        assert_eq!(judge(peer, &headers, Some(&token), false), Verdict::Unauthorized);
        assert_eq!(judge(peer, &HeaderMap::new(), Some(&token), true), Verdict::Serve);
    }
}
