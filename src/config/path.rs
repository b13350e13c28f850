//! Path patterns, path templates and regular expressions.

use std::ops::Range;
use std::str::FromStr;

use super::parse::{Malformed, shown};
use super::types::{Element, PathPattern, ValuePattern};

impl FromStr for PathPattern {
    type Err = Malformed;

    /// An element prefix, with captures when it has braces: `/orders/{id}`.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        canonical(text)?;
        let bare = text.strip_suffix('/').unwrap_or(text);
        if !text.contains(['{', '}']) {
            return Ok(Self::Prefix(respelled(bare)));
        }
        let mut elements = Vec::new();
        let mut at = 1;
        for part in bare.split('/').skip(1) {
            let element = element(part).map_err(|wrong| wrong.within(0..part.len()).shifted(at))?;
            if let Element::Capture(name) = &element
                && elements.contains(&element)
            {
                return Err(Malformed::new(format!("`{{{name}}}` stands there twice"))
                    .help("give one of them another name")
                    .at(at..at + part.len()));
            }
            elements.push(element);
            at += part.len() + 1;
        }
        Ok(Self::Template(elements))
    }
}

fn element(part: &str) -> Result<Element, Malformed> {
    if !part.contains(['{', '}']) {
        return Ok(Element::Literal(respelled(part)));
    }
    let name = part
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .filter(|name| !name.contains(['{', '}']));
    let Some(name) = name else {
        return Err(
            Malformed::new("a capture is a whole path element").help("write `/{name}/`, or use `path_regex`")
        );
    };
    if !is_capture_name(name) {
        return Err(Malformed::new(format!("`{name}` is not a capture name"))
            .help("letters, digits and `_`, beginning with a letter"));
    }
    Ok(Element::Capture(name.to_owned()))
}

fn is_capture_name(name: &str) -> bool {
    name.starts_with(|char: char| char.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Refuses what a canonical request path never is: it could not match anything.
fn canonical(text: &str) -> Result<(), Malformed> {
    if !text.starts_with('/') {
        if text.contains("://") {
            return Err(Malformed::new("a path, not a URL").help("the host has a key of its own: `host`"));
        }
        return Err(Malformed::new("a path begins with `/`").help(format!("write `/{text}`")));
    }
    if let Some(at) = text.find(['?', '#']) {
        return Err(Malformed::new("a path has no query and no fragment")
            .help("match the query with `query = { name = \"value\" }`")
            .at(at..text.len()));
    }
    if let Some(at) = text.find("//") {
        return Err(
            Malformed::new("`//` never matches: requests are brought into one form first")
                .help("write a single `/`")
                .at(at..at + 2),
        );
    }
    if text
        .split('/')
        .map(respelled)
        .any(|part| part == "." || part == "..")
    {
        return Err(
            Malformed::new("`.` and `..` never match: requests are brought into one form first")
                .help("write the path that is meant"),
        );
    }
    if let Some((at, char)) = text.char_indices().find(|(_, char)| !is_path_char(*char)) {
        return Err(Malformed::new(format!("{} cannot stand in a path", shown(char)))
            .help(format!("write it percent-encoded: `{}`", encoded(char)))
            .at(at..at + char.len_utf8()));
    }
    text.match_indices('%')
        .try_for_each(|(at, _)| escape(&text[at..]).map_err(|wrong| wrong.shifted(at)))
}

/// Refuses escapes that are none, and those with which every request is refused.
fn escape(text: &str) -> Result<(), Malformed> {
    match escaped(text) {
        None => Err(Malformed::new("`%` without two hexadecimal digits")
            .help("a percent sign itself is `%25`")
            .at(0..1)),
        Some(byte) if matches!(byte, b'/' | b'\\') || byte.is_ascii_control() => {
            let message =
                format!("requests with `%{byte:02X}` are refused: servers disagree about what it means");
            Err(Malformed::new(message).at(0..3))
        }
        Some(_) => Ok(()),
    }
}

/// The byte that the escape at the beginning stands for.
fn escaped(text: &str) -> Option<u8> {
    let digits = text.strip_prefix('%')?.get(..2)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u8::from_str_radix(digits, 16).ok()
}

/// The one spelling that requests have: no needless escapes, the others in upper case (RFC 3986 section 6.2.2).
fn respelled(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(percent) = rest.find('%') {
        out.push_str(&rest[..percent]);
        rest = &rest[percent..];
        match escaped(rest) {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                out.push(char::from(byte))
            }
            Some(byte) => out.push_str(&format!("%{byte:02X}")),
            None => {
                out.push('%');
                rest = &rest[1..];
                continue;
            }
        }
        rest = &rest[3..];
    }
    out.push_str(rest);
    out
}

/// RFC 3986 section 3.3, `pchar` and `/`, and the braces of captures.
fn is_path_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@%/{}".contains(char)
}

fn encoded(char: char) -> String {
    let mut bytes = [0; 4];
    char.encode_utf8(&mut bytes)
        .bytes()
        .map(|byte| format!("%{byte:02X}"))
        .collect()
}

impl PathPattern {
    /// `path_exact`: byte for byte.
    ///
    /// # Errors
    /// When it is not a path that a request can have.
    pub fn exact(text: &str) -> Result<Self, Malformed> {
        if text == "*" {
            // The target of `OPTIONS *` (RFC 9112 section 3.2.4).
            return Ok(Self::Exact(text.to_owned()));
        }
        canonical(text)?;
        match text.find(['{', '}']) {
            Some(at) => Err(Malformed::new("an exact path has no captures")
                .help("use `path`")
                .at(at..at + 1)),
            None => Ok(Self::Exact(respelled(text))),
        }
    }

    /// `path_regex`: anchored at both ends.
    ///
    /// # Errors
    /// When it is not a regular expression.
    pub fn regex(text: &str) -> Result<Self, Malformed> {
        anchored(text).map(Self::Regex)
    }
}

impl ValuePattern {
    /// A regular expression, anchored at both ends.
    ///
    /// # Errors
    /// When it is not a regular expression.
    pub fn regex(text: &str) -> Result<Self, Malformed> {
        anchored(text).map(Self::Regex)
    }
}

/// Longest program of a regular expression, bytes: many routes may have one each.
const REGEX_SIZE: usize = 1 << 20;

fn anchored(text: &str) -> Result<regex::Regex, Malformed> {
    let compile = |text: &str| regex::RegexBuilder::new(text).size_limit(REGEX_SIZE).build();
    // Compiled alone first: `a)(b` must not become valid by the group around it.
    compile(text)
        .and_then(|_| compile(&format!("^(?:{text})$")))
        .map_err(|error| refused(text, &error))
}

/// The parser's words and its caret, without its picture of both.
fn refused(text: &str, error: &regex::Error) -> Malformed {
    let said = error.to_string();
    let reason = said
        .lines()
        .last()
        .and_then(|line| line.strip_prefix("error: "))
        .map(str::to_owned);
    let caret = said.lines().find_map(|line| {
        let caret = line.strip_prefix("    ")?;
        (!caret.is_empty() && caret.trim_matches([' ', '^']).is_empty()).then(|| caret.find('^'))?
    });
    match reason {
        Some(reason) => {
            let wrong = Malformed::new(format!("not a regular expression: {reason}"));
            let start = caret.and_then(|column| text.char_indices().nth(column));
            match start {
                Some((start, char)) => wrong.at(start..start + char.len_utf8()),
                None => wrong,
            }
        }
        None => Malformed::new("the regular expression becomes too large")
            .help("repeat less: `a{1,1000}` means a thousand copies of `a`"),
    }
}

/// The captures of a path template and where they stand; what is around them is a path.
pub(super) fn template(text: &str) -> Result<Vec<(String, Range<usize>)>, Malformed> {
    canonical(text)?;
    let mut holes = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find(['{', '}']) {
        let open = at + found;
        let close = text[open..].find('}').filter(|_| text[open..].starts_with('{'));
        let Some(close) = close.map(|close| open + close) else {
            return Err(Malformed::new("a brace without its partner")
                .help("captures are written `{id}`")
                .at(open..open + 1));
        };
        let name = &text[open + 1..close];
        if !is_capture_name(name) {
            return Err(Malformed::new(format!("`{name}` is not a capture name"))
                .help("letters, digits and `_`, beginning with a letter")
                .at(open..close + 1));
        }
        holes.push((name.to_owned(), open..close + 1));
        at = close + 1;
    }
    Ok(holes)
}
