//! What a `Host` field or `:authority` says, validated and spelled in one way. Paths are in
//! `canonical.rs`.

use std::borrow::Cow;
use std::net::Ipv6Addr;

/// Longest host that DNS can hold, in characters (RFC 1035, 2.3.4, without the trailing dot).
const LONGEST: usize = 253;

/// Why an authority is refused. Always the client's fault (400).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HostError {
    /// A character that no host name has: user information, spaces, path, escapes, non-ASCII.
    #[error("the host contains a character that is not allowed")]
    Character,
    /// An empty label (`a..b`, `.a`), or a port without a host.
    #[error("the host has an empty label")]
    Empty,
    /// Longer than 253 characters.
    #[error("the host is too long")]
    Long,
    /// Brackets without an IPv6 address in them. Zones (`%eth0`) are refused too.
    #[error("the host is not a valid IPv6 address")]
    Ipv6,
    /// Not a number from 1 to 65535.
    #[error("the port is not valid")]
    Port,
}

/// Host, lower case, without port and trailing dot, and the port if one is said.
///
/// Borrowed when nothing had to change. An IPv6 literal keeps its brackets and gets the spelling
/// of RFC 5952. An empty value is valid for a target without authority (RFC 9112, 3.2) and gives
/// an empty host. A colon without a port means none (RFC 3986, 3.2.3).
///
/// # Errors
/// The value is not `host [":" port]`; see [`HostError`].
pub fn host(authority: &str) -> Result<(Cow<'_, str>, Option<u16>), HostError> {
    if authority.is_empty() {
        return Ok((Cow::Borrowed(""), None));
    }
    if authority.starts_with('[') {
        return ipv6(authority);
    }
    let (name, port) = match authority.split_once(':') {
        Some((name, digits)) => (name, port(digits)?),
        None => (authority, None),
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.len() > LONGEST {
        return Err(HostError::Long);
    }
    if !name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    {
        return Err(HostError::Character);
    }
    if name.split('.').any(str::is_empty) {
        return Err(HostError::Empty);
    }
    Ok((lower_case(name), port))
}

fn ipv6(authority: &str) -> Result<(Cow<'_, str>, Option<u16>), HostError> {
    let end = authority.find(']').ok_or(HostError::Ipv6)?;
    let (literal, after) = authority.split_at(end + 1);
    let address: Ipv6Addr = literal[1..end].parse().map_err(|_| HostError::Ipv6)?;
    let port = match after.strip_prefix(':') {
        Some(digits) => port(digits)?,
        None if after.is_empty() => None,
        None => return Err(HostError::Character),
    };
    let spelled = format!("[{address}]");
    let host = if spelled == literal {
        Cow::Borrowed(literal)
    } else {
        Cow::Owned(spelled)
    };
    Ok((host, port))
}

fn port(digits: &str) -> Result<Option<u16>, HostError> {
    if digits.is_empty() {
        return Ok(None);
    }
    // `parse` alone would take a plus sign.
    if digits.len() > 5 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(HostError::Port);
    }
    match digits.parse() {
        Ok(0) | Err(_) => Err(HostError::Port),
        Ok(port) => Ok(Some(port)),
    }
}

fn lower_case(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_one_spelling() {
        for (authority, expected, port) in [
            ("example.com", "example.com", None),
            ("EXAMPLE.com.", "example.com", None),
            ("Example.Com.:8080", "example.com", Some(8080)),
            ("example.com:", "example.com", None),
            ("example.com:00080", "example.com", Some(80)),
            ("localhost", "localhost", None),
            ("my_stack_app:65535", "my_stack_app", Some(65535)),
            ("10.0.0.1:80", "10.0.0.1", Some(80)),
            ("[::1]", "[::1]", None),
            ("[0:0::0:1]:2015", "[::1]", Some(2015)),
            ("[2001:DB8::A]:", "[2001:db8::a]", None),
            ("", "", None),
        ] {
            assert_eq!(
                host(authority),
                Ok((Cow::Borrowed(expected), port)),
                "{authority}"
            );
        }
    }

    #[test]
    fn a_spelled_host_is_borrowed() {
        for authority in ["example.com", "example.com.", "example.com:80", "[::1]:80"] {
            assert!(
                matches!(host(authority), Ok((Cow::Borrowed(_), _))),
                "{authority}"
            );
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        use HostError::*;
        for (authority, expected) in [
            ("user@example.com", Character),
            ("a b", Character),
            (" example.com", Character),
            ("example.com/x", Character),
            ("example.com?x", Character),
            ("example.com#x", Character),
            ("ex%61mple.com", Character),
            ("*.example.com", Character),
            ("a,b", Character),
            ("a\\b", Character),
            ("caf\u{e9}.fr", Character),
            ("a\0", Character),
            (".", Empty),
            ("..", Empty),
            ("a..b", Empty),
            (".example.com", Empty),
            ("example.com..", Empty),
            (":80", Empty),
            ("user:pass@example.com", Port),
            ("::1", Port),
            ("a:b", Port),
            ("a:80:80", Port),
            ("a:+80", Port),
            ("a:-1", Port),
            ("a:0", Port),
            ("a:65536", Port),
            ("a:000080", Port),
            ("a:8 0", Port),
            ("[::1", Ipv6),
            ("[]", Ipv6),
            ("[10.0.0.1]", Ipv6),
            ("[fe80::1%eth0]", Ipv6),
            ("[::1]x", Character),
            ("[::1]:x", Port),
        ] {
            assert_eq!(host(authority), Err(expected), "{authority}");
        }
        assert_eq!(host(&"a".repeat(254)), Err(Long));
        assert!(host(&"a".repeat(253)).is_ok());
    }
}
