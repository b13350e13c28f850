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
    if let Some(name) = cookie {
        request.remove_cookie(name)?;
    }
    if let Some(name) = query {
        request.remove_query_param(name)?;
    }
    Ok(())
}
