//! Origins, and patterns of them (RFC 6454 section 6.2: scheme, host, and port when it is not the scheme's own).

use gatewit_plugin::config;

/// An origin, such as `https://app.example.com`; a pattern, such as `https://*.example.com`; `null`; or `*`.
#[config]
#[serde(try_from = "String")]
pub(crate) enum Origin {
    /// Everybody.
    Any,
    /// Exactly this one.
    One(String),
    /// Every host below: what stands in front of it, and what behind.
    Below(String, String),
}

impl Origin {
    pub(crate) fn admits(&self, origin: &str) -> bool {
        match self {
            Self::Any => true,
            Self::One(own) => own == origin,
            Self::Below(scheme, rest) => origin
                .strip_prefix(scheme.as_str())
                .and_then(|host| host.strip_suffix(rest.as_str()))
                .is_some_and(are_labels),
        }
    }
}

impl TryFrom<String> for Origin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Any);
        }
        if text == "null" {
            return Ok(Self::One(text));
        }
        let not_one =
            || format!("`{text}` is not an origin, such as https://app.example.com or https://*.example.com");
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(format!("`{text}`: browsers write origins in lower case"));
        }
        let (scheme, authority) = text.split_once("://").ok_or_else(not_one)?;
        if let Some(own) = authority.strip_suffix('/') {
            return Err(format!("an origin has no path: `{scheme}://{own}`"));
        }
        let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        if scheme.is_empty() || !scheme.bytes().all(is_scheme) {
            return Err(not_one());
        }
        let (host, port) = host_and_port(authority).ok_or_else(not_one)?;
        if let Some(port) = port
            && matches!((scheme, port), ("http", "80") | ("https", "443"))
        {
            return Err(format!(
                "browsers leave the scheme's own port out: `{scheme}://{host}`"
            ));
        }
        match host.strip_prefix("*.") {
            // One label would be a whole top-level domain.
            Some(below) if are_labels(below) && below.contains('.') => {
                Ok(Self::Below(format!("{scheme}://"), authority[1..].to_owned()))
            }
            None if are_labels(host) || is_ipv6(host) => Ok(Self::One(text)),
            _ => Err(not_one()),
        }
    }
}

fn host_and_port(authority: &str) -> Option<(&str, Option<&str>)> {
    let after_address = authority.rfind(']').map_or(0, |end| end + 1);
    let Some(colon) = authority[after_address..].find(':') else {
        return Some((authority, None));
    };
    let (host, port) = authority.split_at(after_address + colon);
    let port = &port[1..];
    port.parse::<u16>()
        .ok()
        .filter(|number| number.to_string() == port)?;
    Some((host, Some(port)))
}

fn is_ipv6(host: &str) -> bool {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    inner.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
}

/// Labels of a host name with `.` between them; nothing that could end a host.
fn are_labels(text: &str) -> bool {
    let is_label_byte = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    text.split('.')
        .all(|label| !label.is_empty() && label.bytes().all(is_label_byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_meant_is_admitted() {
        for (pattern, origin, admitted) in [
            ("https://app.example.com", "https://app.example.com", true),
            ("https://app.example.com", "http://app.example.com", false),
            ("https://app.example.com", "https://app.example.com:8443", false),
            (
                "https://app.example.com",
                "https://app.example.com.evil.test",
                false,
            ),
            ("https://app.example.com", "https://appXexample.com", false),
            ("http://localhost:3000", "http://localhost:3000", true),
            ("http://[::1]:3000", "http://[::1]:3000", true),
            ("null", "null", true),
            ("*", "https://anybody.test", true),
            ("https://*.example.com", "https://a.example.com", true),
            ("https://*.example.com", "https://a.b.example.com", true),
            ("https://*.example.com", "https://example.com", false),
            ("https://*.example.com", "https://.example.com", false),
            ("https://*.example.com", "https://evilexample.com", false),
            ("https://*.example.com", "http://a.example.com", false),
            ("https://*.example.com", "https://evil.test/.example.com", false),
            ("https://*.example.com", "https://evil.test#.example.com", false),
            ("https://*.example.com", "https://evil.test?.example.com", false),
            ("https://*.example.com", "https://evil.test:1.example.com", false),
            (
                "https://*.example.com",
                "https://u@evil.test\\.example.com",
                false,
            ),
            ("https://*.example.com", "https://a..example.com", false),
            ("https://*.example.com", "https://a.example.com:8443", false),
            ("https://*.example.com:8443", "https://a.example.com:8443", true),
            ("https://*.example.com", "null", false),
        ] {
            let pattern = Origin::try_from(pattern.to_owned()).unwrap();
            assert_eq!(pattern.admits(origin), admitted, "{pattern:?} {origin}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in [
            "",
            "example.com",
            "https://",
            "https://example.com/",
            "https://example.com/a",
            "https://Example.com",
            "https://example.com:443",
            "http://example.com:80",
            "https://example.com:080",
            "https://a b",
            "https://*",
            "https://*.com",
            "https://a.*.example.com",
            "https://*example.com",
            "https://u@example.com",
            "https://[::1",
            "https://[x]",
            "https://example.com:99999",
            "://example.com",
        ] {
            assert!(Origin::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
