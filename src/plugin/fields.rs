//! Header fields under edit: a log of edits on top of a map that stays untouched until they are carried out; and which
//! names a plugin may not touch.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::overlay::EditError;

/// Which message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// The request.
    Request,
    /// The response.
    Response,
}

/// Framing and connection-specific fields (RFC 9110 section 7.6.1): the gateway's own, on both sides.
const FRAMING: [&str; 13] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What the gateway says of the client, and of the exchange (`proxy/headers.rs`).
const FORWARDED: [&str; 5] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-request-id",
];

/// Whether the gateway owns a field of a message that a plugin edits or makes; `_` and `.` count as `-`, because some
/// servers read them so.
pub fn is_owned(name: &HeaderName, side: Side) -> bool {
    let owned = |name: &str| FRAMING.contains(&name) || (side == Side::Request && FORWARDED.contains(&name));
    let name = name.as_str();
    if name.bytes().any(is_alias_byte) {
        return owned(&name.replace(['_', '.'], "-"));
    }
    owned(name)
}

fn is_alias_byte(byte: u8) -> bool {
    matches!(byte, b'_' | b'.')
}

/// Whether `other` is `name` to a server that reads `_` or `.` as `-`.
fn is_alias(other: &HeaderName, name: &HeaderName) -> bool {
    let (other, name) = (other.as_str().as_bytes(), name.as_str().as_bytes());
    other.len() == name.len()
        && other
            .iter()
            .zip(name)
            .all(|(a, b)| a == b || (*b == b'-' && is_alias_byte(*a)))
}

/// A name as a plugin wrote it, if it may be edited.
pub(super) fn editable(name: &str, side: Side) -> Result<HeaderName, EditError> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| EditError::InvalidSyntax)?;
    if is_owned(&name, side) {
        return Err(EditError::Forbidden);
    }
    Ok(name)
}

/// Edits in their order.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<Line>);

#[derive(Debug)]
pub(super) enum Line {
    /// In place of every line of this name.
    Set(HeaderName, HeaderValue),
    /// One more.
    Append(HeaderName, HeaderValue),
    /// None any more.
    Remove(HeaderName),
}

impl Line {
    /// Whether it takes away what was there under `name`; on a request also what looks like it.
    fn hides(&self, name: &HeaderName, side: Side) -> bool {
        match self {
            Self::Append(..) => false,
            Self::Set(own, _) | Self::Remove(own) => {
                own == name || (side == Side::Request && is_alias(name, own))
            }
        }
    }

    fn added(&self) -> Option<(&HeaderName, &HeaderValue)> {
        match self {
            Self::Set(name, value) | Self::Append(name, value) => Some((name, value)),
            Self::Remove(_) => None,
        }
    }
}

impl Lines {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn push(&mut self, line: Line) {
        self.0.push(line);
    }

    /// Takes over all of `others`, behind its own.
    pub(super) fn append(&mut self, others: &mut Self) {
        self.0.append(&mut others.0);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Carries them out.
    pub(super) fn apply(&mut self, headers: &mut HeaderMap, side: Side) {
        for line in self.0.drain(..) {
            if side == Side::Request
                && let Line::Set(name, _) | Line::Remove(name) = &line
            {
                remove_aliases(headers, name);
            }
            // Never refused: lines are counted when an edit is made, far below what a map can hold.
            match line {
                Line::Set(name, value) => drop(headers.try_insert(name, value)),
                Line::Append(name, value) => drop(headers.try_append(name, value)),
                Line::Remove(name) => drop(headers.remove(name)),
            }
        }
    }
}

fn remove_aliases(headers: &mut HeaderMap, name: &HeaderName) {
    if !name.as_str().contains('-') {
        return;
    }
    // Nearly no request has a name with such a character, so nearly always this allocates nothing.
    let aliases: Vec<_> = headers
        .keys()
        .filter(|key| is_alias(key, name) && *key != name)
        .cloned()
        .collect();
    for alias in aliases {
        headers.remove(alias);
    }
}

/// The fields of a message as its hooks see them.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    base: &'a HeaderMap,
    /// Never empty.
    edits: Option<&'a [Line]>,
    side: Side,
}

impl<'a> Fields<'a> {
    pub(super) fn new(base: &'a HeaderMap, edits: Option<&'a Lines>, side: Side) -> Self {
        let edits = edits.map(|lines| &lines.0[..]).filter(|lines| !lines.is_empty());
        Self { base, edits, side }
    }

    /// Every line of one name, in order. A name that is not valid has none.
    pub fn of(self, name: &str) -> impl Iterator<Item = &'a HeaderValue> {
        let (mut kept, mut added) = (None, None);
        match self.edits {
            None => kept = Some(self.base.get_all(name).into_iter()),
            Some(edits) => {
                if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                    let hidden = edits.iter().rposition(|line| line.hides(&name, self.side));
                    if hidden.is_none() {
                        kept = Some(self.base.get_all(&name).into_iter());
                    }
                    let rest = edits[hidden.unwrap_or(0)..].iter().filter_map(Line::added);
                    added = Some(rest.filter(move |(own, _)| **own == name).map(|(_, value)| value));
                }
            }
        }
        kept.into_iter().flatten().chain(added.into_iter().flatten())
    }

    /// Every line. Those of one name stand in their order.
    pub fn all(self) -> impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)> {
        let edits = self.edits.unwrap_or(&[]);
        let side = self.side;
        let kept = self
            .base
            .iter()
            .filter(move |(name, _)| !edits.iter().any(|line| line.hides(name, side)));
        let added = edits.iter().enumerate().filter_map(move |(at, line)| {
            let (name, value) = line.added()?;
            let hidden = edits[at + 1..].iter().any(|line| line.hides(name, side));
            (!hidden).then_some((name, value))
        });
        kept.chain(added)
    }

    /// All lines of one name as one: joined with `, `, those of `cookie` with `; ` (RFC 9113 section 8.2.3). `None`
    /// when there is no line.
    pub fn joined(self, name: &str) -> Option<Vec<u8>> {
        let mut lines = self.of(name);
        let mut joined = lines.next()?.as_bytes().to_vec();
        for line in lines {
            let is_cookie = name.eq_ignore_ascii_case(header::COOKIE.as_str());
            joined.extend_from_slice(if is_cookie { b"; " } else { b", " });
            joined.extend_from_slice(line.as_bytes());
        }
        Some(joined)
    }

    /// The value of the first cookie of this name (RFC 6265 section 4.2), without the quotes that it may stand in.
    pub fn cookie(self, name: &str) -> Option<&'a [u8]> {
        self.of(header::COOKIE.as_str())
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
            .filter_map(|pair| {
                let pair = pair.trim_ascii();
                let equals = pair.iter().position(|byte| *byte == b'=')?;
                Some((&pair[..equals], &pair[equals + 1..]))
            })
            .find_map(|(key, value)| (key == name.as_bytes()).then_some(value))
            .map(|value| {
                let inner = value
                    .strip_prefix(b"\"")
                    .and_then(|rest| rest.strip_suffix(b"\""));
                inner.unwrap_or(value)
            })
    }
}
