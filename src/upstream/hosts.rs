//! The two files of the system that say how names are found: `hosts` and `resolv.conf`.
//!
//! Each is read again when it changed. Search domains and options are left out on purpose: names are
//! asked for as they are, so that a service's name never ends up in somebody else's domain.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// A file and what it meant when it was last looked at.
#[derive(Debug)]
pub(super) struct Watched<T> {
    path: PathBuf,
    parse: fn(&str) -> T,
    seen: Mutex<Seen<T>>,
}

#[derive(Debug)]
struct Seen<T> {
    /// `None` when there was no such file.
    version: Option<Version>,
    meaning: Arc<T>,
}

type Version = (SystemTime, u64);

impl<T> Watched<T> {
    pub(super) fn new(path: impl Into<PathBuf>, parse: fn(&str) -> T) -> Self {
        let seen = Mutex::new(Seen {
            version: None,
            meaning: Arc::new(parse("")),
        });
        Self {
            path: path.into(),
            parse,
            seen,
        }
    }

    /// What the file means now; that of an empty file when there is none. A file that cannot be read at the
    /// moment means what it meant before.
    pub(super) fn current(&self) -> Arc<T> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let version = match std::fs::metadata(&self.path) {
            Ok(data) => data.modified().ok().map(|modified| (modified, data.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(_) => seen.version,
        };
        if version != seen.version {
            let text = if version.is_some() {
                std::fs::read(&self.path).ok()
            } else {
                Some(Vec::new())
            };
            if let Some(text) = text {
                *seen = Seen {
                    version,
                    meaning: Arc::new((self.parse)(&String::from_utf8_lossy(&text))),
                };
            }
        }
        Arc::clone(&seen.meaning)
    }
}

/// Names in lower case, without trailing dot.
pub(super) type Hosts = HashMap<String, Vec<IpAddr>>;

/// Reads `hosts(5)`. A name that has IPv4 addresses has only those.
pub(super) fn parse_hosts(text: &str) -> Hosts {
    let mut hosts = Hosts::new();
    for line in text.lines() {
        let mut words = line
            .split('#')
            .next()
            .unwrap_or_default()
            .split_ascii_whitespace();
        let Some(address) = words.next().and_then(|word| word.parse::<IpAddr>().ok()) else {
            continue;
        };
        for name in words {
            let known = hosts
                .entry(name.trim_end_matches('.').to_ascii_lowercase())
                .or_default();
            if !known.contains(&address) {
                known.push(address);
            }
        }
    }
    for addresses in hosts.values_mut() {
        if addresses.iter().any(IpAddr::is_ipv4) {
            addresses.retain(IpAddr::is_ipv4);
        }
        addresses.sort_unstable();
    }
    hosts
}

/// Reads the `nameserver` lines of `resolv.conf(5)`, three at most. Without any it is the local machine.
pub(super) fn parse_servers(text: &str) -> Vec<SocketAddr> {
    let server = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        (words.next() == Some("nameserver")).then_some(())?;
        Some(SocketAddr::new(words.next()?.parse().ok()?, 53))
    };
    let mut servers: Vec<_> = text.lines().filter_map(server).take(3).collect();
    if servers.is_empty() {
        servers.push(SocketAddr::from((Ipv4Addr::LOCALHOST, 53)));
    }
    servers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn hosts_lines_have_an_address_and_names_and_comments() {
        let hosts = parse_hosts(
            "# a comment\n10.0.0.2 App app.local. # trailing\n::1 six\n\nnonsense here\n10.0.0.1\tapp\n\
             fe80::1 app\n10.0.0.2 app\n10.0.0.9",
        );
        assert_eq!(hosts["app"], [ip("10.0.0.1"), ip("10.0.0.2")]);
        assert_eq!(hosts["app.local"], [ip("10.0.0.2")]);
        assert_eq!(hosts["six"], [ip("::1")]);
        assert_eq!(hosts.len(), 3);
    }

    #[test]
    fn nameserver_lines_are_read_and_the_rest_is_not() {
        let at = |text: &str| SocketAddr::new(ip(text), 53);
        for (text, expected) in [
            (
                "search example.org\nnameserver 127.0.0.11\noptions ndots:0\n",
                vec![at("127.0.0.11")],
            ),
            (
                "#nameserver 1.1.1.1\n nameserver 10.0.0.1\nnameserver ::1",
                vec![at("10.0.0.1"), at("::1")],
            ),
            (
                "nameserver fe80::1%eth0\nnameserver\nnameserver x",
                vec![at("127.0.0.1")],
            ),
            (
                "nameserver 1.0.0.1\nnameserver 1.0.0.2\nnameserver 1.0.0.3\nnameserver 1.0.0.4",
                vec![at("1.0.0.1"), at("1.0.0.2"), at("1.0.0.3")],
            ),
            ("", vec![at("127.0.0.1")]),
        ] {
            assert_eq!(parse_servers(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_file_is_read_again_when_it_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts");
        let watched = Watched::new(&path, parse_hosts);
        assert!(watched.current().is_empty(), "no file yet");
        std::fs::write(&path, "10.0.0.1 app\n").unwrap();
        let first = watched.current();
        assert_eq!(first["app"], [ip("10.0.0.1")]);
        assert!(
            Arc::ptr_eq(&first, &watched.current()),
            "unchanged, not read again"
        );
        std::fs::write(&path, "10.0.0.1 app\n10.0.0.2 app\n").unwrap();
        assert_eq!(watched.current()["app"].len(), 2);
        std::fs::remove_file(&path).unwrap();
        assert!(watched.current().is_empty());
    }
}
