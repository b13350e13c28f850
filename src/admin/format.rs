//! In which form something is asked for: `?format=` says it, else `Accept`.

use http::{HeaderMap, header};

/// `application/toml`, as registered with IANA.
pub(super) const TOML: &str = "application/toml";

const JSON: &str = "application/json";

/// A form.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Format {
    /// The usual one.
    Json,
    /// The one of configuration files.
    Toml,
}

/// What is wanted.
///
/// # Errors
/// For an unknown `?format=`, with the known ones. An `Accept` that names neither gets JSON.
pub(super) fn asked(query: Option<&str>, headers: &HeaderMap) -> Result<Format, &'static str> {
    let mut pairs = query.unwrap_or_default().split('&');
    match pairs.find_map(|pair| pair.strip_prefix("format=")) {
        Some("json") => Ok(Format::Json),
        Some("toml") => Ok(Format::Toml),
        Some(_) => Err("there is no such format; there are ?format=json and ?format=toml"),
        None if quality(headers, TOML) > quality(headers, JSON) => Ok(Format::Toml),
        None => Ok(Format::Json),
    }
}

/// The weight of a media type that `Accept` names (RFC 9110 section 12.5.1); 0 when it does not.
fn quality(headers: &HeaderMap, kind: &str) -> f32 {
    let lines = headers.get_all(header::ACCEPT).into_iter();
    let ranges = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    let weights = ranges.filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        if !parts.next()?.eq_ignore_ascii_case(kind) {
            return None;
        }
        let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        weight.map_or(Some(1.0), |weight| weight.parse().ok())
    });
    weights.fold(0.0, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_decides_and_then_accept() {
        use Format::{Json, Toml};
        for (query, accept, format) in [
            (None, "", Ok(Json)),
            (Some("format=json"), "application/toml", Ok(Json)),
            (Some("a=b&format=toml"), "application/json", Ok(Toml)),
            (Some("a=b"), "", Ok(Json)),
            (None, "*/*", Ok(Json)),
            (None, "application/toml", Ok(Toml)),
            (None, "Application/TOML; q=0.2, */*;q=0.1", Ok(Toml)),
            (None, "application/toml, application/json", Ok(Json)),
            (None, "application/toml, application/json;q=0.9", Ok(Toml)),
            (None, "application/toml;q=0", Ok(Json)),
            (None, "application/toml;q=x", Ok(Json)),
            (None, "application/toml-patch", Ok(Json)),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(asked(query, &headers), format, "{query:?} {accept}");
        }
        for wrong in ["format=", "format=yaml", "format=TOML"] {
            let message = asked(Some(wrong), &HeaderMap::new()).unwrap_err();
            assert!(message.contains("json") && message.contains("toml"));
        }
    }
}
