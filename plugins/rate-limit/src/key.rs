//! Who shares a budget.

use std::net::{IpAddr, Ipv6Addr};

use gatewit_plugin::config::header_problem;
use gatewit_plugin::jwt;
use gatewit_plugin::prelude::*;

/// What a budget is kept by.
#[config]
#[serde(
    untagged,
    expecting = "expected `client`, `route`, `path`, { header = NAME }, { cookie = NAME }, { claim = NAME }, or a list of them"
)]
pub(crate) enum Key {
    /// One thing.
    One(Part),
    /// All of these together. An empty list: everybody shares the budget.
    Together(Vec<Part>),
}

/// A property of a request.
#[config]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Part {
    /// The client's address. An IPv4 address written as an IPv6 one is the same.
    Client,
    /// The route.
    Route,
    /// The canonical path, without the query.
    Path,
    /// The value of a header.
    Header(String),
    /// The value of a cookie.
    Cookie(String),
    /// A claim of the token that a plugin in front has verified. `/` in front makes it a JSON Pointer.
    Claim(String),
}

/// What happens to a request that lacks a part of the key.
#[config]
#[serde(rename_all = "kebab-case")]
#[derive(Clone, Copy)]
pub(crate) enum Missing {
    /// The client's address stands for it.
    Client,
    /// All requests without it share one budget.
    Share,
    /// It is not limited.
    Pass,
    /// It is refused: 403, unless `failure` says otherwise.
    Refuse,
}

/// By what a request is counted.
pub(crate) enum Keyed {
    By(Vec<u8>),
    Unlimited,
    Refused,
}

/// What a property is.
enum Value {
    V4([u8; 4]),
    V6([u8; 16]),
    Bytes(Vec<u8>),
}

impl Value {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::V4(octets) => octets,
            Self::V6(octets) => octets,
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl Default for Key {
    fn default() -> Self {
        Self::One(Part::Client)
    }
}

impl Key {
    fn parts(&self) -> &[Part] {
        match self {
            Self::One(part) => std::slice::from_ref(part),
            Self::Together(parts) => parts,
        }
    }

    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (at, part) in self.parts().iter().enumerate() {
            let at = if matches!(self, Self::One(_)) {
                "/key".to_owned()
            } else {
                format!("/key/{at}")
            };
            match part {
                // Reading what belongs to the gateway is fine; only a name that is none can never be there.
                Part::Header(name) if name.is_empty() || header_problem(&format!("x-{name}")).is_some() => {
                    problems.push(Problem::at(
                        format!("{at}/header"),
                        format!("`{name}` is not the name of a header"),
                    ));
                }
                Part::Cookie(name) if name.is_empty() => {
                    problems.push(Problem::at(format!("{at}/cookie"), "a cookie needs a name"))
                }
                Part::Claim(name) if name.is_empty() => {
                    problems.push(Problem::at(format!("{at}/claim"), "a claim needs a name"))
                }
                _ => {}
            }
        }
        problems
    }

    pub(crate) fn of(&self, request: &Request, ipv6_prefix: u8, missing: Missing) -> Keyed {
        // Room for an address, so that the usual key is made at once.
        let mut key = Vec::with_capacity(32);
        for part in self.parts() {
            match part.value(request, ipv6_prefix) {
                Some(value) => push(&mut key, part.tag(), value.as_bytes()),
                None => match missing {
                    Missing::Client => push(&mut key, b'c', client(request, ipv6_prefix).as_bytes()),
                    Missing::Share => push(&mut key, b'-', b""),
                    Missing::Pass => return Keyed::Unlimited,
                    Missing::Refuse => return Keyed::Refused,
                },
            }
        }
        Keyed::By(key)
    }
}

impl Part {
    fn value(&self, request: &Request, ipv6_prefix: u8) -> Option<Value> {
        Some(match self {
            Self::Client => client(request, ipv6_prefix),
            Self::Route => Value::Bytes(request.route().into_bytes()),
            Self::Path => Value::Bytes(request.path().into_bytes()),
            Self::Header(name) => Value::Bytes(request.header(name)?),
            Self::Cookie(name) => Value::Bytes(request.cookie(name)?),
            Self::Claim(name) => Value::Bytes(jwt::claim(name)?.to_string().into_bytes()),
        })
    }

    /// Tells values of different kinds from each other.
    fn tag(&self) -> u8 {
        match self {
            Self::Client => b'c',
            Self::Route => b'r',
            Self::Path => b'p',
            Self::Header(_) => b'h',
            Self::Cookie(_) => b'k',
            Self::Claim(_) => b'j',
        }
    }
}

/// With its length, so that no two lists of values make the same key.
fn push(key: &mut Vec<u8>, tag: u8, value: &[u8]) {
    key.push(tag);
    key.extend_from_slice(&(value.len() as u64).to_le_bytes()[..4]);
    key.extend_from_slice(value);
}

fn client(request: &Request, ipv6_prefix: u8) -> Value {
    let text = request.client().ip;
    match text.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V4(address)) => Value::V4(address.octets()),
        Ok(IpAddr::V6(address)) => Value::V6(network(address, ipv6_prefix).octets()),
        Err(_) => Value::Bytes(text.into_bytes()),
    }
}

fn network(address: Ipv6Addr, prefix: u8) -> Ipv6Addr {
    let host_bits = 128 - u32::from(prefix);
    let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
    Ipv6Addr::from_bits(address.to_bits() & mask)
}
