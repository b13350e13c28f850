//! Values that are parsed once and valid ever after.

use std::fmt;
use std::net::IpAddr;

/// A host and a port to forward to.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Authority {
    /// Name or address.
    pub host: Host,
    /// 1–65535.
    pub port: u16,
    /// Whether TLS is spoken to it; its certificate must be for `host`.
    pub tls: bool,
}

/// A name to resolve, or an address to use as it is.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Host {
    /// Lower case, without trailing dot. Underscores are allowed: Swarm's stack names have them.
    Name(String),
    /// Passed through unresolved.
    Ip(IpAddr),
}

/// `api.example.com`, or `*.example.com` (one or more labels in place of the star). Lower case.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum HostPattern {
    /// The whole name.
    Exact(String),
    /// The part behind the star, with its leading dot (`.example.com`).
    Suffix(String),
}

/// How a canonical path must look.
#[derive(Clone, Debug)]
pub enum PathPattern {
    /// Element prefix: `/abc` matches `/abc`, `/abc/` and `/abc/d`, never `/abcd`. Stored without trailing slash (`/` is empty).
    Prefix(String),
    /// Byte for byte.
    Exact(String),
    /// Element prefix with captures, one [`Element`] for each `/`-separated part.
    Template(Vec<Element>),
    /// Anchored at both ends; named groups are captures.
    Regex(regex::Regex),
}

/// One part of a [`PathPattern::Template`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Element {
    /// This text.
    Literal(String),
    /// Any one non-empty element, captured under this name.
    Capture(String),
}

/// What a header or query value must look like.
#[derive(Clone, Debug)]
pub enum ValuePattern {
    /// There, whatever it is.
    Present,
    /// Not there.
    Absent,
    /// Exactly this.
    Exact(String),
    /// Anchored at both ends.
    Regex(regex::Regex),
}

/// Bytes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Size(pub u64);

/// A value that is never printed.
#[derive(Clone, Eq, PartialEq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// As it is written in a configuration: `host:port`, or `https://host`.
impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.tls, self.port) {
            (true, 443) => write!(f, "https://{}", self.host),
            (true, port) => write!(f, "https://{}:{port}", self.host),
            (false, port) => write!(f, "{}:{port}", self.host),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(ip)) => write!(f, "{ip}"),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}

/// As it is written in a configuration.
impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Suffix(suffix) => write!(f, "*{suffix}"),
        }
    }
}

/// As it is written in a configuration, whatever the key: a prefix, an exact path or an expression.
impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix(prefix) if prefix.is_empty() => f.write_str("/"),
            Self::Prefix(text) | Self::Exact(text) => f.write_str(text),
            Self::Template(elements) => elements.iter().try_for_each(|element| match element {
                Element::Literal(text) => write!(f, "/{text}"),
                Element::Capture(name) => write!(f, "/{{{name}}}"),
            }),
            Self::Regex(regex) => f.write_str(unanchored(regex)),
        }
    }
}

/// The expression as it was written: without the anchors that the parser put around it.
fn unanchored(regex: &regex::Regex) -> &str {
    let text = regex.as_str();
    text.strip_prefix("^(?:")
        .and_then(|rest| rest.strip_suffix(")$"))
        .unwrap_or(text)
}

/// `= value`, `~ expression`, `is there` or `is not there`.
impl fmt::Display for ValuePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present => f.write_str("is there"),
            Self::Absent => f.write_str("is not there"),
            Self::Exact(text) => write!(f, "= {text}"),
            Self::Regex(regex) => write!(f, "~ {}", unanchored(regex)),
        }
    }
}
