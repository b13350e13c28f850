//! Where the token is.

use gatewit_plugin::prelude::*;

/// What was found.
pub(crate) enum Found {
    /// One token.
    Token(String),
    /// Several, or something that is no token: whoever is behind the gateway might look at another one.
    Ambiguous,
    /// None.
    Nothing,
}

/// Looks into the header, unless it is `authorization`, which the gateway itself reads; then the cookie; then the query.
pub(crate) fn find(request: &Request, header: &str, cookie: Option<&str>, query: Option<&str>) -> Found {
    if !header.eq_ignore_ascii_case("authorization") {
        match request.header_values(header).as_slice() {
            [] => {}
            [line] => return token(line.clone()),
            _ => return Found::Ambiguous,
        }
    }
    if let Some(value) = cookie.and_then(|name| request.cookie(name)) {
        return token(value);
    }
    match query.and_then(|name| request.query_param(name)) {
        Some(value) => token(value.into_bytes()),
        None => Found::Nothing,
    }
}

fn token(value: Vec<u8>) -> Found {
    let Ok(text) = String::from_utf8(value) else {
        return Found::Ambiguous;
    };
    let text = text.trim();
    let bare = match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
        _ => text,
    };
    if bare.is_empty() || bare.contains([' ', ',']) {
        Found::Ambiguous
    } else {
        Found::Token(bare.to_owned())
    }
}

/// Removes the token from wherever it may stand.
pub(crate) fn remove(
    request: &mut Request,
    header: &str,
    cookie: Option<&str>,
    query: Option<&str>,
) -> Result<()> {
    request.remove_header(header)?;
    if let Some(name) = cookie
        && let Some(cookies) = request.header("cookie")
    {
        let is_it = |pair: &[u8]| {
            pair.strip_prefix(name.as_bytes())
                .is_some_and(|rest| rest.trim_ascii_start().starts_with(b"="))
        };
        let pairs = cookies.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let others: Vec<&[u8]> = pairs.filter(|pair| !pair.is_empty() && !is_it(pair)).collect();
        if others.is_empty() {
            request.remove_header("cookie")?;
        } else {
            request.set_header("cookie", others.join(&b"; "[..]))?;
        }
    }
    if let Some(name) = query
        && request.query_param(name).is_some()
        && let Some((path, pairs)) = request.path_with_query().split_once('?')
    {
        let key = |pair: &str| decoded(pair.split_once('=').map_or(pair, |(key, _)| key));
        let others: Vec<&str> = pairs
            .split('&')
            .filter(|pair| key(pair) != name.as_bytes())
            .collect();
        let target = if others.is_empty() {
            path.to_owned()
        } else {
            format!("{path}?{}", others.join("&"))
        };
        request.set_path_with_query(&target)?;
    }
    Ok(())
}

/// A query key without its percent-encoding.
fn decoded(key: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after.get(..2).filter(|_| *first == b'%');
        let code = code.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(code.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    bytes
}
