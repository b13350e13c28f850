//! What was said → what it means.
//!
//! [`Config`] is the resolved tree: nothing in it is optional that has a default, no name is
//! unresolved, no pattern unparsed. Reading it from TOML, with every problem reported at once,
//! is the work of the files beside this one. Nothing here knows of sockets, DNS answers or wasm.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use ipnet::IpNet;

pub use crate::telemetry::access_log::{Format as AccessLogFormat, Settings as AccessLog};
pub use additions::{Additions, Kind};
pub use diagnostics::{Code, Diagnostic, Diagnostics, End, Location, Severity};
pub use flow_proxy::{FlowProxy, Prefix};
pub use load::{DEFAULT, Inactive, Loaded, Source, for_proxy, load, load_without_secrets};
pub use parse::Malformed;
pub use plugin::{
    AUTHENTICATION, BUNDLED, Bounds, Component, Failure, Grants, Isolation, Json, Key, KeyMaterial,
    NamedSecret, Plugin, RateBudget, Reaction, Store, Use, Verifier, VerifierKeys,
};
pub use render::{MASK, render, render_toml};
pub use schema::schema;
pub use types::{Authority, Element, Host, HostPattern, PathPattern, Secret, Size, ValuePattern};
pub use units::duration;

pub(crate) use suggest::nearest;
pub(crate) use variables::sensitive;

pub mod cases;

pub mod additions;
mod advice;
pub mod defaults;
mod diagnostics;
mod disk;
mod excerpt;
mod fit;
mod flow_proxy;
mod include;
mod json;
mod keys;
mod load;
mod meaning;
mod parse;
mod path;
mod plugin;
mod rate;
mod reading;
mod render;
mod schema;
mod section;
mod shape;
mod suggest;
mod tree;
mod types;
mod units;
mod variables;

/// Everything that one configuration means. Immutable once built.
#[derive(Clone, Debug)]
pub struct Config {
    /// Addresses that accept requests, at least one.
    pub listeners: Vec<Listener>,
    /// The admin listener; `None` when switched off.
    pub admin: Option<Admin>,
    /// The listener for calls made for Docker Flow Proxy; `None` without `[flow_proxy]`.
    pub flow_proxy: Option<FlowProxy>,
    /// Routes in file order (order only decides between equally specific routes).
    pub routes: Vec<Arc<Route>>,
    /// Every upstream that is declared, or that a route or a plugin's grant names (`to = "app:12345"`); names are unique.
    pub upstreams: Vec<Arc<Upstream>>,
    /// Every plugin that is declared, and every bundled one that is used; names are unique.
    pub plugins: Vec<Arc<Plugin>>,
    /// Rate budgets that plugins may be granted.
    pub budgets: Vec<Arc<RateBudget>>,
    /// Verifiers of tokens that plugins may be granted.
    pub verifiers: Vec<Arc<Verifier>>,
    /// Key-value stores that plugins may be granted.
    pub stores: Vec<Arc<Store>>,
    /// Keys that plugins may be granted.
    pub keys: Vec<Arc<Key>>,
    /// Secrets that plugins may be granted.
    pub secrets: Vec<Arc<NamedSecret>>,
    /// Where compiled components, downloads and components given by API are kept; `None` where nothing can be.
    pub state: Option<PathBuf>,
    /// Whether responses carry a `Server-Timing` header with the time of every plugin. Off by default.
    pub server_timing: bool,
    /// Authorities that are believed besides the system's, wherever the gateway is a client.
    pub authorities: Option<Authorities>,
    /// How names become addresses.
    pub dns: Dns,
    /// Peers whose `X-Forwarded-*` and `Forwarded` are believed; none by default.
    pub trusted_proxies: Vec<IpNet>,
    /// Time limits on the downstream side and of stopping.
    pub timeouts: Timeouts,
    /// Bounds on what is accepted.
    pub limits: Limits,
    /// The access log.
    pub access_log: AccessLog,
    /// Every file that was read, the main one first, secret files included; empty for the embedded default.
    pub files: Vec<PathBuf>,
    /// Folders whose listing decides what is read (`include` with a `*`).
    pub folders: Vec<PathBuf>,
    /// 16 hex digits over everything that was said (secrets included, irreversibly).
    pub hash: String,
    /// What was read, for showing the lines that [`Diagnostics::at`] is about.
    texts: excerpt::Texts,
    /// What was read, for [`Config::with`].
    read: Arc<load::Read>,
}

/// Certificates of authorities.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Authorities {
    /// Where they were read.
    pub file: PathBuf,
    /// At least one, and all of them can be read.
    pub pem: String,
}

/// One address that accepts requests.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listener {
    /// As written by the user; the label of logs and metrics (`:2015`).
    pub name: String,
    /// Addresses to bind: `:2015` means both `[::]:2015` (dual stack), or `0.0.0.0` where IPv6 is missing.
    pub address: SocketAddr,
}

/// The admin listener.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Admin {
    /// Default `127.0.0.1:9901`.
    pub address: SocketAddr,
    /// Bearer token asked of every request but `/healthz` and `/readyz`. Without one, only loopback peers are served.
    pub token: Option<Secret>,
}

/// match → plugin chain → action.
#[derive(Clone, Debug)]
pub struct Route {
    /// Unique; given, or made of host and path. Label of logs and metrics.
    pub name: String,
    /// Any of these; empty means every host.
    pub hosts: Vec<HostPattern>,
    /// How the path must look.
    pub path: PathPattern,
    /// And how it must not look: none of these.
    pub path_except: Vec<PathPattern>,
    /// Any of these; empty means every method.
    pub methods: Vec<Method>,
    /// All of these must match.
    pub headers: Vec<(HeaderName, ValuePattern)>,
    /// All of these query parameters must match (percent-decoded names and values).
    pub query: Vec<(String, ValuePattern)>,
    /// Plugins that the request goes through, in this order.
    pub chain: Vec<Arc<Use>>,
    /// What to do with a request that matched.
    pub action: Action,
    /// Edits to the request before it is forwarded.
    pub request_headers: HeaderEdits,
    /// Edits to the response before it is sent to the client.
    pub response_headers: HeaderEdits,
    /// How long the response head may take, over all attempts, counted from the last byte of the request: a slow
    /// client has limits of its own. Then the body may take as long as it moves. Default 15 s.
    pub timeout: Duration,
    /// Further attempts after the first, when it is safe. Default 2.
    pub retries: u32,
    /// Largest request body, bytes; 0 for no bound. Default [`Limits::request_body`].
    pub request_body: u64,
    /// Where it was declared, as `file:line:column`; for diagnostics and `gatewit routes`.
    pub place: Place,
}

/// A place in a configuration file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Place {
    /// Index into [`Config::files`]; `None` for the embedded default and the command line.
    pub file: Option<usize>,
    /// Whether the API added it: it stands in no file.
    pub added: bool,
    /// Byte range in that file.
    pub span: std::ops::Range<usize>,
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
}

/// What a route does.
#[derive(Clone, Debug)]
pub enum Action {
    /// Forward to one upstream, chosen by weight.
    Forward(Forward),
    /// Answer with a redirect.
    Redirect(Redirect),
}

/// Forwarding to an upstream.
#[derive(Clone, Debug)]
pub struct Forward {
    /// At least one; the weights' sum is at least 1.
    pub targets: Vec<Target>,
    /// What happens to the path.
    pub rewrite: Rewrite,
    /// `Host` sent upstream; `None` keeps the client's.
    pub host: Option<HeaderValue>,
}

/// One choice of a weighted list.
#[derive(Clone, Debug)]
pub struct Target {
    /// Name of an upstream in [`Config::upstreams`].
    pub upstream: String,
    /// Share of the requests, relative to the sum of the list. 0 switches the target off.
    pub weight: u32,
}

/// What happens to the path of a forwarded request. The query is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Rewrite {
    /// Forward byte for byte.
    Keep,
    /// Remove the matched prefix (always the route's own prefix or a prefix of it); the rest begins with `/`.
    StripPrefix(String),
    /// Replace the matched prefix.
    ReplacePrefix {
        /// Prefix to remove.
        from: String,
        /// What stands in its place.
        to: String,
    },
    /// Replace the whole path by a template with `{capture}` placeholders.
    Path(String),
}

/// A redirect answer.
#[derive(Clone, Debug)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308. Default 308.
    pub status: StatusCode,
    /// `None` keeps the request's.
    pub scheme: Option<String>,
    /// `None` keeps the request's.
    pub host: Option<String>,
    /// `None` keeps the request's.
    pub port: Option<u16>,
    /// Path template with `{capture}` placeholders; `None` keeps the request's path.
    pub path: Option<String>,
    /// Whether the query is carried over.
    pub keep_query: bool,
    /// A complete location that replaces all of the above.
    pub to: Option<Uri>,
}

/// Header edits, applied in the order remove, set, add.
#[derive(Clone, Debug, Default)]
pub struct HeaderEdits {
    /// Names to remove.
    pub remove: Vec<HeaderName>,
    /// Replace all lines of this name by one.
    pub set: Vec<(HeaderName, HeaderValue)>,
    /// Append a line.
    pub add: Vec<(HeaderName, HeaderValue)>,
}

/// A named set of endpoints and how to use them.
#[derive(Clone, Debug, PartialEq)]
pub struct Upstream {
    /// The table's name, or the authority for an implied upstream (`app:12345`).
    pub name: String,
    /// Where its endpoints come from, with the weight of each source; at least one.
    pub sources: Vec<(Authority, u32)>,
    /// Which endpoint gets the next request.
    pub policy: Policy,
    /// TCP connect. Default 1 s.
    pub connect_timeout: Duration,
    /// How long an idle pooled connection is kept. Default 4 s: below the 5 s after which common servers (Node.js) close theirs.
    pub idle_timeout: Duration,
    /// Connections that one worker keeps idle for one endpoint: as many as were just in use, for they are
    /// closed after `idle_timeout`, and a smaller bound opens one for each request of a crowd. Default 1024.
    pub idle_connections: usize,
    /// Requests in flight to one endpoint over all workers; more are sent elsewhere or answered 503. 0: unlimited (default).
    pub max_in_flight: u64,
    /// TCP keep-alive probes. Default 30 s.
    pub tcp_keepalive: Duration,
    /// Trying elsewhere when an endpoint says nothing.
    pub hedge: Hedge,
    /// Retry and hedge budget.
    pub budget: Budget,
    /// Largest request body that is kept for replay on another endpoint. Default 64 KiB.
    pub replay_body: u64,
    /// Passive ejection.
    pub ejection: Ejection,
    /// Active probes; `None` (default) for none.
    pub probe: Option<Probe>,
    /// Ramp-up of a new endpoint; zero (default) for none.
    pub slow_start: Duration,
    /// How long endpoints outlive a DNS answer that says there are none. Default 10 s.
    pub hold: Duration,
}

/// Which endpoint gets the next request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Policy {
    /// Of two random endpoints the one with fewer requests in flight (default).
    LeastRequest,
    /// One after the other, by weight.
    RoundRobin,
    /// Any.
    Random,
    /// Rendezvous hashing on a key; falls back to least request when the request lacks it.
    Hash(HashKey),
    /// A cookie set by the gateway pins a client to an endpoint while it lives. It holds a keyed digest, never an address.
    Sticky {
        /// Cookie name.
        cookie: String,
        /// `Max-Age`; zero for a session cookie.
        ttl: Duration,
    },
}

/// What the hash policy looks at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HashKey {
    /// A request header's value.
    Header(HeaderName),
    /// A cookie's value.
    Cookie(String),
    /// The client's address (after trusted proxies).
    ClientIp,
    /// The canonical path.
    Path,
}

/// When an attempt without a response head is tried elsewhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hedge {
    /// Off when false.
    pub enabled: bool,
    /// Never sooner than this. Default 1 s.
    pub floor: Duration,
    /// The wait is this many times what the upstream normally takes (mean + 4 deviations). Default 2.
    pub factor: f64,
}

/// Extra attempts (retries and hedges) allowed, counted over the last ten seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Always allowed. Default 20.
    pub floor: u32,
    /// Share of the requests. Default 0.2.
    pub ratio: f64,
}

/// Passive ejection of endpoints that fail.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ejection {
    /// Consecutive connection-level failures (connect, reset, silence) that eject. 0 switches it off. Default 1.
    pub failures: u32,
    /// Consecutive 5xx gateway-class responses (502, 503, 504) that eject. 0 (default) switches it off.
    pub errors: u32,
    /// First ejection time; doubles each time up to ten times this. Silence ejects for ten times this, or until
    /// the endpoint says something. Default 5 s.
    pub time: Duration,
    /// When more than this share of the endpoints is ejected, ejections are ignored (panic). Default 0.5.
    pub panic: f64,
}

/// Active health probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// HTTP GET of this path, or a bare TCP connect.
    pub kind: ProbeKind,
    /// Default 10 s.
    pub interval: Duration,
    /// Default 2 s.
    pub timeout: Duration,
    /// Failures in a row that mark it unhealthy. Default 2.
    pub unhealthy_after: u32,
    /// Successes in a row that mark it healthy. Default 1.
    pub healthy_after: u32,
}

/// How to probe.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ProbeKind {
    /// A TCP connection is enough.
    Tcp,
    /// `GET path`; healthy when the status is within the range.
    Http {
        /// Path and query.
        path: String,
        /// `Host` header; the endpoint's address when `None`.
        host: Option<String>,
        /// Inclusive bounds. Default 200–399.
        status: (u16, u16),
    },
}

/// How names become addresses.
#[derive(Clone, Debug, PartialEq)]
pub struct Dns {
    /// Empty: those of `/etc/resolv.conf`, read again when it changes.
    pub servers: Vec<SocketAddr>,
    /// Time between two questions for a name, ±20 %. Default 1 s.
    pub refresh: Duration,
    /// One question. Default 1 s.
    pub timeout: Duration,
    /// Longest pause when a name is down and nobody asks for it. Default 5 s.
    pub backoff: Duration,
    /// Whether `tasks.NAME` is asked first. Default `Auto`.
    pub tasks: Tasks,
    /// Refuse answers for Swarm task names that lie outside the attached subnets. Default `Auto`: inside a container.
    pub guard: Guard,
}

/// Whether `tasks.NAME` is asked before `NAME`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tasks {
    /// For names of one label: what a Swarm service is called. A dotted name may be public, and `tasks.` in
    /// front of it could match somebody's wildcard.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Whether answers outside the attached subnets are refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Guard {
    /// On inside a container.
    Auto,
    /// On.
    On,
    /// Off.
    Off,
}

/// Time limits on the downstream side and of stopping.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timeouts {
    /// Request head, from the first byte (or from accept). Default 10 s.
    pub request_head: Duration,
    /// Idle keep-alive connection. Default 75 s.
    pub keep_alive: Duration,
    /// No byte of the request body for this long. Default 30 s.
    pub request_body_idle: Duration,
    /// No byte taken by the client for this long while a response waits. Default 30 s.
    pub response_write_idle: Duration,
    /// No byte of the response body from the endpoint for this long. Default 60 s.
    pub response_body_idle: Duration,
    /// An upgraded connection (WebSocket) without a byte in either direction. Default 1 h.
    pub tunnel_idle: Duration,
    /// Between SIGTERM and closing the listeners: not ready, still serving. Default 2 s (Swarm's own window).
    pub stop_delay: Duration,
    /// Then: longest wait for exchanges. Default 7 s, so that both fit Docker's 10 s.
    pub stop_grace: Duration,
}

/// Bounds on what is accepted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Open downstream connections. Default 10 000; who opens them lowers it to what the file limit allows.
    pub connections: usize,
    /// Request head in bytes. Default 64 KiB.
    pub request_head: usize,
    /// Request fields. Default 100.
    pub request_headers: usize,
    /// Request body in bytes; 0 for no bound. Default 1 GiB: bodies are streamed, not stored.
    pub request_body: u64,
    /// Requests on one downstream connection, then it is closed. 0 for no bound. Default 0.
    pub requests_per_connection: u64,
    /// Resident memory above which new work is answered 503; `None`: 90 % of the cgroup's limit when there is one.
    pub memory: Option<u64>,
}
