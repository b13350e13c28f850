//! Header edits, and which headers are nobody's to edit.

use http::{HeaderName, HeaderValue};

use super::settings::secret;
use crate::config::HeaderEdits;
use crate::config::diagnostics::{At, Code};
use crate::config::reading::Reading;
use crate::config::section::{Section, What};
use crate::config::tree::Text;
use crate::config::variables::sensitive;

/// Framing and the connection are the gateway's own business (RFC 9110 section 7.6.1, RFC 9112 section 6).
const OWNED: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Which way the edited headers go.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Direction {
    Request,
    Response,
}

/// The edits of one direction.
pub(super) fn edits(
    section: Option<Section>,
    direction: Direction,
    reading: &mut Reading<'_>,
) -> HeaderEdits {
    let mut edits = HeaderEdits::default();
    let Some(mut section) = section else { return edits };
    for text in section.texts("remove") {
        if let Some(name) = editable(
            &text.value,
            text.part(Some(0..text.value.len())),
            direction,
            reading,
        ) {
            edits.remove.push(name);
        }
    }
    for (key, said) in section.section("set").into_iter().flat_map(Section::into_entries) {
        let Some(name) = editable(&key.name, key.at, direction, reading) else {
            continue;
        };
        if edits.set.iter().any(|(other, _)| *other == name) {
            let message = format!("`{name}` is set twice");
            reading
                .problems
                .error(Code::Duplicate, key.at, message)
                .help("header names ignore case; use `add`");
        }
        edits
            .set
            .extend(value(&name, said, reading).map(|value| (name, value)));
    }
    for (key, said) in section.section("add").into_iter().flat_map(Section::into_entries) {
        let Some(name) = editable(&key.name, key.at, direction, reading) else {
            continue;
        };
        let lines = match said {
            What::List(list) => list,
            one => vec![one],
        };
        for line in lines {
            edits
                .add
                .extend(value(&name, line, reading).map(|value| (name.clone(), value)));
        }
    }
    edits
}

fn editable(name: &str, at: At, direction: Direction, reading: &mut Reading<'_>) -> Option<HeaderName> {
    let name = checked_name(name, at, reading)?;
    if OWNED.contains(&name.as_str()) {
        let message = format!(
            "`{name}` cannot be edited: it belongs to the connection, which the gateway keeps in order"
        );
        return reading.invalid(at, message, "leave it out");
    }
    if name == http::header::HOST && direction == Direction::Request {
        return reading.invalid(
            at,
            "`Host` is not edited here",
            "write `host_header = \"…\"` in the route",
        );
    }
    Some(name)
}

/// A header name that stands in a text.
pub(super) fn header_name(text: &Text, reading: &mut Reading<'_>) -> Option<HeaderName> {
    checked_name(&text.value, text.at, reading)
}

/// RFC 9110 section 5.1, in lower case.
pub(super) fn checked_name(name: &str, at: At, reading: &mut Reading<'_>) -> Option<HeaderName> {
    match HeaderName::from_bytes(name.as_bytes()) {
        Ok(name) => Some(name),
        Err(_) => reading.invalid(
            at,
            "not a header name",
            "letters, digits and `-`, such as `x-request-id`",
        ),
    }
}

/// Values that may be secret are marked so: they are masked wherever the configuration is shown.
fn value(name: &HeaderName, said: What, reading: &mut Reading<'_>) -> Option<HeaderValue> {
    let (text, at, hidden) = match said {
        What::Text(text) if sensitive(name.as_str()) => {
            let at = text.at;
            let said = secret(Some(What::Text(text)), name.as_str(), reading)?;
            (said.0, at, true)
        }
        What::Text(text) => {
            let hidden = !text.variables.is_empty();
            (text.value, text.at, hidden)
        }
        What::Table(table) => {
            let at = table.at;
            (
                secret(Some(What::Table(table)), name.as_str(), reading)?.0,
                at,
                true,
            )
        }
        _ => return None,
    };
    let Ok(mut value) = HeaderValue::from_str(&text) else {
        return reading.invalid(
            at,
            format!("not a value for `{name}`"),
            "visible ASCII characters on one line",
        );
    };
    if text.trim() != text {
        return reading.invalid(
            at,
            format!("the value of `{name}` begins or ends with a blank"),
            "leave the blank out",
        );
    }
    value.set_sensitive(hidden);
    Some(value)
}
