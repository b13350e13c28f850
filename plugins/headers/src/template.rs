//! Values with places for what is known of an exchange.

use gatewit_plugin::config::did_you_mean;
use gatewit_plugin::context::{self, Attribute};
use gatewit_plugin::prelude::*;
use gatewit_plugin::{jwt, value};

/// A text; `{client_ip}` and the like stand for what they name, `{{` and `}}` for braces.
#[config]
#[serde(try_from = "String")]
pub(crate) struct Template(Vec<Part>);

#[config]
enum Part {
    Text(String),
    ClientIp,
    Host,
    Method,
    Path,
    RequestId,
    Route,
    Scheme,
    Upstream,
    Attribute(String),
    Claim(String),
    Cookie(String),
    Header(String),
    PathParam(String),
    Query(String),
}

/// What stands alone.
const PLAIN: [&str; 8] = [
    "client_ip",
    "host",
    "method",
    "path",
    "request_id",
    "route",
    "scheme",
    "upstream",
];

/// What is followed by `.NAME`.
const NAMED: [&str; 6] = ["attribute", "claim", "cookie", "header", "path_param", "query"];

impl Template {
    /// The value; `None` when something that it names is not there.
    pub(crate) fn value(&self, request: &Request) -> Option<Vec<u8>> {
        // Most are one part, and then there is nothing to put together.
        let Some((first, rest)) = self.0.split_first() else {
            return Some(Vec::new());
        };
        let mut value = first.value(request)?;
        for part in rest {
            match part {
                Part::Text(text) => value.extend_from_slice(text.as_bytes()),
                part => value.extend_from_slice(&part.value(request)?),
            }
        }
        Some(value)
    }
}

impl Part {
    fn value(&self, request: &Request) -> Option<Vec<u8>> {
        let text = match self {
            Self::Text(text) => text.clone(),
            Self::ClientIp => request.client().ip,
            Self::Host => value::of_text(&request.authority()?),
            Self::Method => request.method(),
            Self::Path => return Some(harmless(request.path().into_bytes())),
            Self::RequestId => value::of_text(&request.id()),
            Self::Route => value::of_text(&request.route()),
            Self::Scheme => request.scheme(),
            Self::Upstream => value::of_text(&request.upstream()),
            Self::Attribute(name) => attribute(name)?,
            Self::Claim(name) => value::of_json(&jwt::claim(name)?)?,
            Self::Cookie(name) => return request.cookie(name).map(harmless),
            Self::Header(name) => return request.header(name).map(harmless),
            Self::PathParam(name) => value::of_text(&request.path_param(name)?),
            Self::Query(name) => value::of_text(&request.query_param(name)?),
        };
        Some(text.into_bytes())
    }

    fn read(place: &str) -> Result<Self, String> {
        let (word, name) = match place.split_once('.') {
            None => (place, None),
            Some((word, name)) => (word, Some(name.to_owned()).filter(|name| !name.is_empty())),
        };
        let known = PLAIN.into_iter().chain(NAMED);
        match (word, name) {
            ("client_ip", None) => Ok(Self::ClientIp),
            ("host", None) => Ok(Self::Host),
            ("method", None) => Ok(Self::Method),
            ("path", None) => Ok(Self::Path),
            ("request_id", None) => Ok(Self::RequestId),
            ("route", None) => Ok(Self::Route),
            ("scheme", None) => Ok(Self::Scheme),
            ("upstream", None) => Ok(Self::Upstream),
            ("attribute", Some(name)) => Ok(Self::Attribute(name)),
            ("claim", Some(name)) => Ok(Self::Claim(name)),
            ("cookie", Some(name)) => Ok(Self::Cookie(name)),
            ("header", Some(name)) => Ok(Self::Header(name)),
            ("path_param", Some(name)) => Ok(Self::PathParam(name)),
            ("query", Some(name)) => Ok(Self::Query(name)),
            (word, _) if NAMED.contains(&word) => {
                Err(format!("`{{{place}}}` lacks a name: `{{{word}.NAME}}`"))
            }
            (word, _) => Err(format!("there is no `{{{place}}}`{}", did_you_mean(word, known))),
        }
    }
}

/// What came in one header can stand in another one; only what no header can hold is encoded.
fn harmless(bytes: Vec<u8>) -> Vec<u8> {
    let is_fine = |byte: &u8| !byte.is_ascii_control() || *byte == b'\t';
    if bytes.iter().all(is_fine) {
        return bytes;
    }
    let mut out = Vec::with_capacity(bytes.len() + 8);
    for byte in bytes {
        if is_fine(&byte) {
            out.push(byte);
        } else {
            out.extend(format!("%{byte:02X}").into_bytes());
        }
    }
    out
}

fn attribute(name: &str) -> Option<String> {
    Some(match context::get(name)? {
        Attribute::Text(text) => value::of_text(&text),
        Attribute::Integer(integer) => integer.to_string(),
        Attribute::Number(number) => number.to_string(),
        Attribute::Boolean(boolean) => boolean.to_string(),
        Attribute::Bytes(bytes) => value::of_text(std::str::from_utf8(&bytes).ok()?),
    })
}

impl TryFrom<String> for Template {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err("printable ASCII: a header holds nothing else".to_owned());
        }
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            plain.push_str(before);
            if let Some(after) = brace.strip_prefix("{{").or_else(|| brace.strip_prefix("}}")) {
                plain.push_str(&brace[..1]);
                rest = after;
                continue;
            }
            let place = brace.strip_prefix('{').and_then(|inner| inner.split_once('}'));
            let (place, after) =
                place.ok_or("a brace without its other half: write `{{` or `}}` for a brace")?;
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::read(place)?);
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }
}
