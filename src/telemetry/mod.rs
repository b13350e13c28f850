//! What the gateway says about itself: logs, metrics, access records.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use http::{HeaderName, HeaderValue, Method, Version};

pub mod access_log;
pub mod logs;
pub mod metrics;
mod writer;

/// One finished exchange in plain values: becomes one access log line and one observation of the metrics.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// When the request head had been read.
    pub time: SystemTime,
    /// Chosen by the gateway, or taken from a trusted peer's `X-Request-Id`.
    pub request_id: &'a str,
    /// [`crate::config::Listener::name`].
    pub listener: &'a str,
    /// Route that matched.
    pub route: Option<&'a str>,
    /// Upstream that was chosen.
    pub upstream: Option<&'a str>,
    /// Endpoint of the last attempt.
    pub endpoint: Option<SocketAddr>,
    /// Client after trusted proxies.
    pub client_ip: IpAddr,
    /// Socket peer.
    pub peer: SocketAddr,
    /// Method.
    pub method: &'a Method,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// `Host` as received, without its port.
    pub host: &'a str,
    /// Path as received, without query.
    pub path: &'a str,
    /// Query as received.
    pub query: Option<&'a str>,
    /// Version of the request.
    pub version: Version,
    /// Status sent to the client; 0 when the client went away before there was one.
    pub status: u16,
    /// Status of the last endpoint that answered.
    pub upstream_status: Option<u16>,
    /// Request body bytes read.
    pub bytes_in: u64,
    /// Response body bytes handed to the connection.
    pub bytes_out: u64,
    /// From request head to the end of the response.
    pub duration: Duration,
    /// From request head to the response head that was handed to the connection; `None` when there was none.
    pub head: Option<Duration>,
    /// From the start of the last attempt to its response head.
    pub upstream_duration: Option<Duration>,
    /// Time spent waiting for endpoints, over all attempts, up to the response head.
    pub waiting: Duration,
    /// Attempts made.
    pub attempts: u32,
    /// Why the gateway answered or cut the exchange itself.
    pub flag: Option<Flag>,
    /// `User-Agent` as received.
    pub user_agent: Option<&'a HeaderValue>,
    /// `Referer` as received.
    pub referer: Option<&'a HeaderValue>,
    /// The request headers that the configuration asks to log, as received.
    pub extra: &'a [(HeaderName, HeaderValue)],
    /// What the plugins of the chain did, in its order; empty when none was called.
    pub plugins: &'a [PluginTime<'a>],
    /// What plugins noted.
    pub attributes: &'a [(&'a str, Attribute<'a>)],
}

/// One plugin's part in an exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PluginTime<'a> {
    /// Its name.
    pub name: &'a str,
    /// Time in its hooks, waiting included.
    pub time: Duration,
    /// The gravest of its outcomes.
    pub outcome: &'static str,
    /// Whether it failed, and the exchange went on without it.
    pub skipped: bool,
}

/// A value that a plugin noted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Attribute<'a> {
    /// Text.
    Text(&'a str),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// Bytes.
    Bytes(&'a [u8]),
}

/// Why the gateway answered by itself or cut an exchange short.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Flag {
    /// Malformed or refused request.
    BadRequest,
    /// No route matched.
    NoRoute,
    /// The upstream has no endpoint that may be used.
    NoEndpoint,
    /// No connection to any endpoint that was tried.
    ConnectFail,
    /// An endpoint broke the connection or its answer was malformed.
    UpstreamReset,
    /// No response head in time.
    Timeout,
    /// A bound was reached (body, connections, in flight, memory).
    Limit,
    /// The gateway is stopping.
    Drain,
    /// A redirect by the route.
    Redirect,
    /// The client went away.
    ClientGone,
    /// The response body broke off.
    BodyBroken,
    /// Something is wrong in the gateway (a panic in one exchange).
    Internal,
    /// A plugin answered, or rejected the request.
    Plugin,
    /// A plugin failed, and the exchange with it.
    PluginFailed,
}

impl Flag {
    /// Every flag, in the order of their discriminants.
    pub const ALL: [Self; 14] = [
        Self::BadRequest,
        Self::NoRoute,
        Self::NoEndpoint,
        Self::ConnectFail,
        Self::UpstreamReset,
        Self::Timeout,
        Self::Limit,
        Self::Drain,
        Self::Redirect,
        Self::ClientGone,
        Self::BodyBroken,
        Self::Internal,
        Self::Plugin,
        Self::PluginFailed,
    ];

    /// The name in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::NoRoute => "no_route",
            Self::NoEndpoint => "no_endpoint",
            Self::ConnectFail => "connect_fail",
            Self::UpstreamReset => "upstream_reset",
            Self::Timeout => "timeout",
            Self::Limit => "limit",
            Self::Drain => "drain",
            Self::Redirect => "redirect",
            Self::ClientGone => "client_gone",
            Self::BodyBroken => "body_broken",
            Self::Internal => "internal",
            Self::Plugin => "plugin",
            Self::PluginFailed => "plugin_failed",
        }
    }
}

#[cfg(test)]
pub(crate) mod sample {
    //! A record to vary.

    use super::*;

    static GET: Method = Method::GET;

    pub(crate) fn record() -> Record<'static> {
        Record {
            time: SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_358_820_123),
            request_id: "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
            listener: ":2015",
            route: Some("/"),
            upstream: Some("app:12345"),
            endpoint: Some(SocketAddr::from(([10, 0, 1, 7], 12345))),
            client_ip: IpAddr::from([192, 0, 2, 1]),
            peer: SocketAddr::from(([10, 0, 0, 2], 40000)),
            method: &GET,
            scheme: "http",
            host: "example.com",
            path: "/hello",
            query: Some("token=secret"),
            version: Version::HTTP_11,
            status: 200,
            upstream_status: Some(200),
            bytes_in: 0,
            bytes_out: 31,
            duration: Duration::from_micros(1_234),
            head: Some(Duration::from_micros(1_000)),
            upstream_duration: Some(Duration::from_micros(900)),
            waiting: Duration::from_micros(920),
            attempts: 1,
            flag: None,
            user_agent: None,
            referer: None,
            extra: &[],
            plugins: &[],
            attributes: &[],
        }
    }
}

/// A time in UTC with milliseconds, as RFC 3339 writes it.
#[derive(Clone, Copy, Debug)]
pub struct Rfc3339(pub SystemTime);

impl std::fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&access_log::rfc3339(self.0))
    }
}
