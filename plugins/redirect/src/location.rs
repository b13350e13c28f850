//! Parts of a `Location` (RFC 9110 section 10.2.2) that come from the client, made harmless.

/// With every byte encoded that has no place in a path or a query (RFC 3986 section 3.3), also `\`, which browsers read
/// as `/`. `also` is what else may stand as it is. Escapes stay what they are.
pub(crate) fn encoded(text: &str, also: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let stands = byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&byte);
        if stands || also.as_bytes().contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// With exactly one `/` in front: two of them would name a host (RFC 3986 section 4.2).
pub(crate) fn rooted(path: &str) -> String {
    format!("/{}", path.trim_start_matches(['/', '\\']))
}

/// The host of an authority, without its port; `None` when it is not one.
pub(crate) fn host(authority: &str) -> Option<&str> {
    let end = match authority.find(']') {
        Some(end) => end + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at(end);
    let name = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .map(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_host = name.unwrap_or_else(|| !host.is_empty() && host.bytes().all(letter));
    let is_port = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    (is_host && is_port).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_told_from_what_is_none() {
        for (authority, is) in [
            ("example.com", Some("example.com")),
            ("example.com:8080", Some("example.com")),
            ("[::1]:8080", Some("[::1]")),
            ("[::1]", Some("[::1]")),
            ("", None),
            (":80", None),
            ("u@example.com", None),
            ("example.com/evil", None),
            ("example.com\\evil", None),
            ("example.com:80@evil.test", None),
            ("example.com\r\nx: y", None),
            ("[::1]evil.test", None),
            ("[evil.test]", None),
            ("a]b", None),
        ] {
            assert_eq!(host(authority), is, "{authority}");
        }
    }
}
