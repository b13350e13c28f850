//! The bearer token of a request (RFC 6750 section 2.1).

use super::Error;

/// The token, given every line of `authorization`. The scheme may be written in any case.
///
/// # Errors
///
/// [`Error::Missing`] without a line or with another scheme; [`Error::Malformed`] when there are several lines, several
/// of them joined by commas, or no single token: whoever is behind the gateway might look at another one.
pub fn bearer<'v>(lines: impl IntoIterator<Item = &'v [u8]>) -> Result<&'v str, Error> {
    let mut lines = lines.into_iter();
    let line = lines.next().ok_or(Error::Missing)?;
    if lines.next().is_some() || has(line, [b',', b',']) {
        return Err(Error::Malformed);
    }
    let line = std::str::from_utf8(line)
        .map_err(|_| Error::Malformed)?
        .trim_ascii();
    let (scheme, token) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Error::Missing);
    }
    let token = token.trim_ascii();
    if token.is_empty() || has(token.as_bytes(), [b' ', b'\t']) {
        return Err(Error::Malformed);
    }
    Ok(token)
}

/// Whether one of two bytes is there. Looks to the end in any case, because that is done many bytes at a time: tokens are
/// long, and nearly none has any.
fn has(text: &[u8], [one, other]: [u8; 2]) -> bool {
    let is_it = |byte: u8| (byte == one) | (byte == other);
    text.iter().fold(false, |found, byte| found | is_it(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_token_of_one_header_is_found() {
        for (lines, expected) in [
            (&["Bearer a.b.c"][..], Ok("a.b.c")),
            (&["bearer a.b.c"], Ok("a.b.c")),
            (&["BEARER   a.b.c "], Ok("a.b.c")),
            (&[], Err(Error::Missing)),
            (&[""], Err(Error::Missing)),
            (&["Basic dTpw"], Err(Error::Missing)),
            (&["Bearera.b.c"], Err(Error::Missing)),
            (&["Bearer"], Err(Error::Malformed)),
            (&["Bearer  "], Err(Error::Malformed)),
            (&["Bearer a.b.c d.e.f"], Err(Error::Malformed)),
            (&["Bearer a.b.c, Bearer d.e.f"], Err(Error::Malformed)),
            (&["Basic dTpw, Bearer a.b.c"], Err(Error::Malformed)),
            (&["Bearer a.b.c", "Bearer a.b.c"], Err(Error::Malformed)),
            (&["Basic dTpw", "Bearer a.b.c"], Err(Error::Malformed)),
        ] {
            assert_eq!(
                bearer(lines.iter().map(|line| line.as_bytes())),
                expected,
                "{lines:?}"
            );
        }
        assert_eq!(bearer([&b"Bearer \xff"[..]]), Err(Error::Malformed));
    }
}
