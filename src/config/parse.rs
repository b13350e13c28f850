//! How the words of a configuration become values: addresses, patterns, durations, sizes.
//!
//! Each parser says what is wrong, where in the text, and what to write instead.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use super::Listener;
use super::types::{Authority, Element, Host, HostPattern, PathPattern, Size, ValuePattern};

/// Why a text is not a value.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Malformed {
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Which bytes of the text are wrong; all of them when `None`.
    pub range: Option<Range<usize>>,
}

impl Malformed {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
            range: None,
        }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn at(mut self, range: Range<usize>) -> Self {
        self.range = Some(range);
        self
    }
}

impl FromStr for Authority {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if let Some(scheme) = text.find("://") {
            let rest = text[scheme + 3..].trim_end_matches('/');
            return Err(
                Malformed::new("an upstream address is `host:port`, without a scheme")
                    .help(format!("write `{rest}`"))
                    .at(0..scheme + 3),
            );
        }
        let Some(colon) = text.rfind(':').filter(|colon| !text[*colon..].contains(']')) else {
            return Err(Malformed::new("the port is missing").help(format!("write `{text}:PORT`")));
        };
        let port = port(&text[colon + 1..]).map_err(|wrong| wrong.at(colon + 1..text.len()))?;
        Ok(Self {
            host: text[..colon]
                .parse()
                .map_err(|wrong: Malformed| wrong.within(0..colon))?,
            port,
        })
    }
}

impl Malformed {
    fn within(mut self, whole: Range<usize>) -> Self {
        self.range.get_or_insert(whole);
        self
    }
}

impl FromStr for Host {
    type Err = Malformed;

    /// A DNS name (underscores allowed), an IPv4 address, or an IPv6 address in brackets.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let ip: Ipv6Addr = inner.parse().map_err(|_| Malformed::new("not an IPv6 address"))?;
            return Ok(Self::Ip(IpAddr::V6(ip)));
        }
        if text.parse::<Ipv6Addr>().is_ok() || text.contains(':') {
            return Err(
                Malformed::new("an IPv6 address needs brackets here").help(format!("write `[{text}]`"))
            );
        }
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self::Ip(ip));
        }
        name(text).map(Self::Name)
    }
}

/// A DNS name as RFC 1035 section 2.3.1 has it, but for underscores, in lower case without trailing dot.
fn name(text: &str) -> Result<String, Malformed> {
    let bare = text.strip_suffix('.').unwrap_or(text);
    if bare.is_empty() {
        return Err(Malformed::new("the host is empty"));
    }
    if let Some((at, char)) = text.char_indices().find(|(_, char)| !is_name_char(*char)) {
        let wrong = Malformed::new(format!("{} cannot be part of a host name", shown(char)))
            .at(at..at + char.len_utf8());
        return Err(if char.is_ascii() {
            wrong
        } else {
            wrong.help("write the name in its `xn--` form")
        });
    }
    if bare.len() > 253 || bare.split('.').any(|label| label.is_empty() || label.len() > 63) {
        return Err(Malformed::new(
            "not a host name: labels have 1 to 63 characters, the whole at most 253",
        ));
    }
    let last = bare.rsplit('.').next().unwrap_or(bare);
    if last.bytes().all(|byte| byte.is_ascii_digit()) && bare.contains('.') {
        return Err(Malformed::new("looks like an IP address but is none"));
    }
    Ok(bare.to_ascii_lowercase())
}

fn is_name_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.')
}

fn shown(char: char) -> String {
    if char.is_control() {
        format!("the control character U+{:04X}", u32::from(char))
    } else {
        format!("`{char}`")
    }
}

fn port(text: &str) -> Result<u16, Malformed> {
    match text.parse::<u16>() {
        Ok(0) => Err(Malformed::new("port 0 is not a port").help("ports go from 1 to 65535")),
        Ok(port) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(port),
        _ if text.is_empty() => Err(Malformed::new("the port is missing").help("ports go from 1 to 65535")),
        _ => Err(Malformed::new(format!("`{text}` is not a port")).help("ports go from 1 to 65535")),
    }
}

impl FromStr for Listener {
    type Err = Malformed;

    /// `:2015` (every address), `127.0.0.1:8080` or `[::1]:8080`.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        Ok(Self {
            name: text.to_owned(),
            address: bind_address(text)?,
        })
    }
}

/// An address to bind: `:PORT` for every address, or `IP:PORT`.
pub(super) fn bind_address(text: &str) -> Result<SocketAddr, Malformed> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Malformed::new("a bare port is not an address").help(format!("write `:{text}`")));
    }
    let authority = match text.strip_prefix(':') {
        Some(digits) => {
            let port = port(digits).map_err(|wrong| wrong.at(1..text.len()))?;
            return Ok(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)));
        }
        None => text.parse::<Authority>()?,
    };
    match authority.host {
        Host::Ip(ip) => Ok(SocketAddr::new(ip, authority.port)),
        Host::Name(name) => Err(Malformed::new(format!(
            "`{name}` is a name: only an IP address can be listened on"
        ))
        .help(format!(
            "write `:{port}` for every address, or `127.0.0.1:{port}` for this machine only",
            port = authority.port
        ))),
    }
}

impl FromStr for HostPattern {
    type Err = Malformed;

    /// `api.example.com`, `*.example.com` or an IP address.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        if text == "*" {
            return Err(Malformed::new("`*` alone is not a host pattern")
                .help("leave `host` out to match every host"));
        }
        if let Some(suffix) = text.strip_prefix("*.") {
            return match suffix.find('*') {
                Some(star) => Err(Malformed::new("only the first label may be `*`").at(star + 2..star + 3)),
                None => name(suffix)
                    .map(|name| Self::Suffix(format!(".{name}")))
                    .map_err(|wrong| wrong.shifted(2)),
            };
        }
        if let Some(star) = text.find('*') {
            return Err(Malformed::new("`*` stands for whole labels at the front")
                .help("write `*.example.com`")
                .at(star..star + 1));
        }
        if let Some(colon) = text
            .rfind(':')
            .filter(|_| !text.ends_with(']') && text.matches(':').count() == 1)
        {
            return Err(
                Malformed::new("a host pattern has no port: routes match on any listener")
                    .help(format!("write `{}`", &text[..colon]))
                    .at(colon..text.len()),
            );
        }
        match text.parse::<Host>()? {
            Host::Name(name) => Ok(Self::Exact(name)),
            Host::Ip(IpAddr::V4(ip)) => Ok(Self::Exact(ip.to_string())),
            Host::Ip(IpAddr::V6(ip)) => Ok(Self::Exact(format!("[{ip}]"))),
        }
    }
}

impl Malformed {
    fn shifted(mut self, by: usize) -> Self {
        self.range = self.range.map(|range| range.start + by..range.end + by);
        self
    }
}

impl FromStr for PathPattern {
    type Err = Malformed;

    /// An element prefix, with captures when it has braces: `/orders/{id}`.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        canonical(text)?;
        let bare = text.strip_suffix('/').unwrap_or(text);
        if !text.contains(['{', '}']) {
            return Ok(Self::Prefix(bare.to_owned()));
        }
        let mut elements = Vec::new();
        let mut at = 1;
        for part in bare.split('/').skip(1) {
            let element = element(part).map_err(|wrong| wrong.within(0..part.len()).shifted(at))?;
            if let Element::Capture(name) = &element
                && elements.contains(&element)
            {
                return Err(
                    Malformed::new(format!("`{{{name}}}` stands there twice")).at(at..at + part.len())
                );
            }
            elements.push(element);
            at += part.len() + 1;
        }
        Ok(Self::Template(elements))
    }
}

fn element(part: &str) -> Result<Element, Malformed> {
    if !part.contains(['{', '}']) {
        return Ok(Element::Literal(part.to_owned()));
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

pub(super) fn is_capture_name(name: &str) -> bool {
    name.starts_with(|char: char| char.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Refuses what a canonical request path never is: it could not match anything.
fn canonical(text: &str) -> Result<(), Malformed> {
    if !text.starts_with('/') {
        return Err(Malformed::new("a path begins with `/`").help(format!("write `/{text}`")));
    }
    if let Some(at) = text.find(['?', '#']) {
        return Err(Malformed::new("a path has no query and no fragment")
            .help("match the query with `query = { name = \"value\" }`")
            .at(at..text.len()));
    }
    if let Some(at) = text.find("//") {
        return Err(Malformed::new(
            "an empty path element never matches: requests with `//` are made canonical first",
        )
        .at(at..at + 2));
    }
    if text.split('/').any(|part| part == "." || part == "..") {
        return Err(Malformed::new(
            "`.` and `..` never match: requests are made canonical first",
        ));
    }
    match text.char_indices().find(|(_, char)| !is_path_char(*char)) {
        Some((at, char)) => Err(Malformed::new(format!("{} cannot stand in a path", shown(char)))
            .help(format!("write it percent-encoded: `{}`", encoded(char)))
            .at(at..at + char.len_utf8())),
        None => Ok(()),
    }
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
        canonical(text)?;
        match text.find(['{', '}']) {
            Some(at) => Err(Malformed::new("an exact path has no captures")
                .help("use `path`")
                .at(at..at + 1)),
            None => Ok(Self::Exact(text.to_owned())),
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

fn anchored(text: &str) -> Result<regex::Regex, Malformed> {
    // Compiled alone first: `a)(b` must not become valid by the group around it.
    regex::Regex::new(text)
        .and_then(|_| regex::Regex::new(&format!("^(?:{text})$")))
        .map_err(|error| Malformed::new(format!("not a regular expression: {error}")))
}

impl FromStr for Size {
    type Err = Malformed;

    /// `512`… never: a number and a unit, `64KiB`, `10MB`.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let digits = text
            .find(|char: char| !char.is_ascii_digit() && char != '.')
            .unwrap_or(text.len());
        let factor: u64 = match text[digits..].trim_start() {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "KB" | "kB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            _ => {
                return Err(Malformed::new("not a size")
                    .help("a number and a unit: `512B`, `64KiB`, `32MiB`, `1GiB`"));
            }
        };
        let whole = text[..digits]
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(factor));
        whole
            .map(Size)
            .ok_or_else(|| Malformed::new("not a size").help("a whole number and a unit: `64KiB`, `1536MiB`"))
    }
}

/// `250ms`, `1.5s`, `1h30m`.
///
/// # Errors
/// When a number has no unit, a unit is unknown, or nothing is there.
pub fn duration(text: &str) -> Result<Duration, Malformed> {
    let wrong = |what: &str| Malformed::new(what).help("a number and a unit: `250ms`, `1.5s`, `2m`, `1h30m`");
    let mut rest = text;
    let mut total = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest
            .find(|char: char| !char.is_ascii_digit() && char != '.')
            .unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().map_err(|_| wrong("not a duration"))?;
        let end = rest[digits..]
            .find(|char: char| char.is_ascii_digit())
            .map_or(rest.len(), |unit| digits + unit);
        total += number
            * match rest[digits..end].trim() {
                "us" | "µs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                "d" => 86_400.0,
                "" => return Err(wrong("a duration needs a unit")),
                _ => return Err(wrong("not a duration")),
            };
        rest = rest[end..].trim_start();
    }
    if text.is_empty() {
        return Err(wrong("a duration is missing"));
    }
    Duration::try_from_secs_f64(total).map_err(|_| wrong("too long a duration"))
}
