//! How texts become hosts, ports, addresses and networks. Paths and units have files of their own.
//!
//! Each parser says what is wrong, where in the text, and what to write instead.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::Range;
use std::str::FromStr;

use super::Listener;
use super::types::{Authority, Host, HostPattern};
use ipnet::IpNet;

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
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
            range: None,
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn at(mut self, range: Range<usize>) -> Self {
        self.range = Some(range);
        self
    }

    pub(super) fn within(mut self, whole: Range<usize>) -> Self {
        self.range.get_or_insert(whole);
        self
    }

    pub(super) fn shifted(mut self, by: usize) -> Self {
        self.range = self.range.map(|range| range.start + by..range.end + by);
        self
    }
}

impl FromStr for Authority {
    type Err = Malformed;

    /// `host:port`, `http://host[:port]` or `https://host[:port]`; one slash may stand behind.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let Some(end) = text.find("://") else {
            return authority(text, None);
        };
        let (tls, port) = match text[..end].to_ascii_lowercase().as_str() {
            "http" => (false, 80),
            "https" => (true, 443),
            _ => {
                return Err(
                    Malformed::new("an upstream is reached by `http://` or by `https://`")
                        .help(format!("write `{}`", text[end + 3..].trim_end_matches('/')))
                        .at(0..end + 3),
                );
            }
        };
        let start = end + 3;
        let rest = &text[start..];
        let bare = rest.strip_suffix('/').unwrap_or(rest);
        if let Some(slash) = bare.find('/') {
            return Err(has_path(text, start + slash));
        }
        let whole = start..start + bare.len();
        let authority =
            authority(bare, Some(port)).map_err(|wrong| wrong.shifted(start).within(whole.clone()))?;
        if tls && !crate::tls::can_be_server(&authority.host.to_string()) {
            return Err(Malformed::new("no certificate can be for this name").at(whole));
        }
        Ok(Self { tls, ..authority })
    }
}

fn has_path(text: &str, slash: usize) -> Malformed {
    let help = format!(
        "write `{}`; `rewrite` changes the path of requests",
        &text[..slash]
    );
    Malformed::new("an upstream address has no path")
        .help(help)
        .at(slash..text.len())
}

/// `host:port`, or `host` where there is a port that goes without saying.
pub(super) fn authority(text: &str, usual: Option<u16>) -> Result<Authority, Malformed> {
    if let Some(slash) = text.find('/') {
        return Err(has_path(text, slash));
    }
    let colon = text.rfind(':').filter(|colon| !text[*colon..].contains(']'));
    let (host, port) = match (colon, usual) {
        (Some(colon), _) => {
            if text[..colon].contains(':') && !text.starts_with('[') {
                let help = format!("write `[{}]:{}`", &text[..colon], &text[colon + 1..]);
                return Err(Malformed::new("an IPv6 address needs brackets here")
                    .help(help)
                    .at(0..colon));
            }
            let port = port(&text[colon + 1..]).map_err(|wrong| wrong.within(colon + 1..text.len()))?;
            (&text[..colon], port)
        }
        (None, Some(usual)) => (text, usual),
        (None, None) => {
            return Err(Malformed::new("the port is missing").help(format!("write `{text}:PORT`")));
        }
    };
    Ok(Authority {
        host: host
            .parse()
            .map_err(|wrong: Malformed| wrong.within(0..host.len()))?,
        port,
        tls: false,
    })
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

pub(super) fn shown(char: char) -> String {
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

/// An address to bind: `:PORT` for every address, or `IP:PORT`. Port 0 is any that is free.
pub(super) fn bind_address(text: &str) -> Result<SocketAddr, Malformed> {
    if let Some(host) = text.strip_suffix(":0") {
        let mut address = bind_address(&format!("{host}:1"))?;
        address.set_port(0);
        return Ok(address);
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Malformed::new("a bare port is not an address").help(format!("write `:{text}`")));
    }
    let authority = match text.strip_prefix(':') {
        Some(digits) => {
            let port = port(digits).map_err(|wrong| wrong.at(1..text.len()))?;
            return Ok(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)));
        }
        None => authority(text, None)?,
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

/// `10.0.0.2` or `10.0.0.2:5353`.
pub(super) fn name_server(text: &str) -> Result<SocketAddr, Malformed> {
    if let Ok(ip) = text
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>()
    {
        return Ok(SocketAddr::new(ip, 53));
    }
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() == 0 => Err(Malformed::new("port 0 is not a port")),
        Ok(address) => Ok(address),
        Err(_) => Err(
            Malformed::new("a name server is an IP address: names cannot be resolved to find it")
                .help("write `127.0.0.11` or `10.0.0.2:5353`"),
        ),
    }
}

/// `10.0.0.0/8`, or an address for itself.
pub(super) fn network(text: &str) -> Result<IpNet, Malformed> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(ip));
    }
    match text.parse::<IpNet>() {
        Ok(network) if network.trunc() == network => Ok(network),
        Ok(network) => Err(
            Malformed::new("the address has bits behind the prefix").help(format!(
                "write `{}` for the network, or `{}` for one address",
                network.trunc(),
                network.addr()
            )),
        ),
        Err(_) => Err(Malformed::new("neither a network nor an IP address")
            .help("write `10.0.0.0/8`, `fd00::/8` or `192.0.2.7`; names are not looked up")),
    }
}

impl FromStr for HostPattern {
    type Err = Malformed;

    /// `api.example.com`, `*.example.com` or an IP address.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        if let Some(scheme) = text.find("://") {
            let rest = text[scheme + 3..].split('/').next().unwrap_or_default();
            return Err(Malformed::new("a host, not a URL").help(format!("write `{rest}`")));
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_scheme() {
        for (text, expected) in [
            ("app:8080", Ok("app:8080")),
            ("http://app:8080", Ok("app:8080")),
            ("http://app/", Ok("app:80")),
            ("https://api.example.com", Ok("https://api.example.com")),
            ("HTTPS://API.example.com:443/", Ok("https://api.example.com")),
            ("https://my_stack_app:8443", Ok("https://my_stack_app:8443")),
            ("https://10.0.0.7", Ok("https://10.0.0.7")),
            ("https://[fd00::7]:8443", Ok("https://[fd00::7]:8443")),
            ("https://", Err(None)),
            ("https:///", Err(None)),
            ("https://api/v1", Err(Some(11..14))),
            ("https://api//", Err(Some(11..13))),
            ("https://api:0", Err(Some(12..13))),
            ("https://me@api", Err(None)),
            ("tcp://app:80", Err(Some(0..6))),
            ("app", Err(None)),
            ("app:80/", Err(Some(6..7))),
        ] {
            match (text.parse::<Authority>(), expected) {
                (Ok(read), Ok(shown)) => {
                    assert_eq!(read.to_string(), shown);
                    assert_eq!(shown.parse::<Authority>(), Ok(read));
                }
                (Err(_), Err(None)) => {}
                (Err(wrong), Err(range)) => assert_eq!(wrong.range, range, "{text}"),
                (read, _) => panic!("{text}: {read:?}"),
            }
        }
    }
}
