//! Every default with its reason. Only values here; what they mean is said beside the fields.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::{
    AccessLog, AccessLogFormat, Admin, Authority, Bounds, Budget, Dns, Ejection, Guard, Hedge, Limits,
    Policy, Probe, ProbeKind, Tasks, Timeouts, Upstream,
};

/// The port of the embedded default.
pub const LISTEN: &str = ":2015";

/// Loopback: the admin API is never reachable from outside unless asked for.
pub const ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9901);

/// Longer than a healthy API takes, shorter than a browser user waits.
pub const TIMEOUT: Duration = Duration::from_secs(15);

/// With three replicas, enough to reach the last one when a node with two of them is lost.
pub const RETRIES: u32 = 2;

impl Default for Admin {
    fn default() -> Self {
        Self {
            address: ADMIN,
            token: None,
        }
    }
}

impl Upstream {
    /// An upstream called `name` with one source and every default.
    pub fn new(name: impl Into<String>, source: Authority) -> Self {
        Self {
            name: name.into(),
            sources: vec![(source, 1)],
            policy: Policy::LeastRequest,
            connect_timeout: Duration::from_secs(1), // a LAN round trip and one SYN retransmission do not fit less
            idle_timeout: Duration::from_secs(4),    // Node.js closes its idle connections after 5 s
            idle_connections: 1024,
            max_in_flight: 0,
            tcp_keepalive: Duration::from_secs(30), // below every common NAT's and IPVS's (900 s) idle limit
            hedge: Hedge::default(),
            budget: Budget::default(),
            replay_body: 64 << 10, // the usual JSON call fits, a hundred at once cost 6 MiB
            ejection: Ejection::default(),
            probe: None,
            slow_start: Duration::ZERO,
            hold: Duration::from_secs(10), // outlives a DNS server that restarts
        }
    }
}

impl Default for Hedge {
    fn default() -> Self {
        // A second is three times what a slow API usually takes; a frozen task is left within 3 s.
        Self {
            enabled: true,
            floor: Duration::from_secs(1),
            factor: 2.0,
        }
    }
}

impl Default for Budget {
    fn default() -> Self {
        // A fifth more load is survivable when everything fails at once; the floor lets small services retry.
        Self {
            floor: 20,
            ratio: 0.2,
        }
    }
}

impl Default for Ejection {
    fn default() -> Self {
        Self {
            failures: 1,
            errors: 0,
            time: Duration::from_secs(5),
            panic: 0.5,
        }
    }
}

impl Probe {
    /// A probe of this kind with every default.
    pub fn new(kind: ProbeKind) -> Self {
        Self {
            kind,
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(2),
            unhealthy_after: 2,
            healthy_after: 1,
        }
    }
}

/// Name of the cookie of the sticky policy.
pub const COOKIE: &str = "gatewit";

/// Statuses that a probe takes for healthy: success and redirects (a login page is a sign of life).
pub const PROBE_STATUS: (u16, u16) = (200, 399);

impl Default for Dns {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            refresh: Duration::from_secs(1), // Swarm removes a task from DNS 2 s before SIGTERM
            timeout: Duration::from_secs(1),
            backoff: Duration::from_secs(5),
            tasks: Tasks::Auto,
            guard: Guard::Auto,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            request_head: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75), // above the 60 s of common load balancers, so that they close first
            request_body_idle: Duration::from_secs(30),
            response_write_idle: Duration::from_secs(30),
            response_body_idle: Duration::from_secs(60),
            tunnel_idle: Duration::from_secs(3600),
            stop_delay: Duration::from_secs(2), // Swarm's own pause between DNS removal and SIGTERM
            stop_grace: Duration::from_secs(7), // with the delay inside Docker's 10 s
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            request_head: 64 << 10,
            request_headers: 100,
            request_body: 1 << 30,
            requests_per_connection: 0,
            memory: None,
        }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            cpu: Duration::from_millis(10), // a thousand times what a header check takes
            time: Duration::from_millis(100),
            memory: 64 << 20,
            instances: 256,
            calls: 10_000, // what leaks in a plugin has an end
            request_body: 1 << 20,
            response_body: 1 << 20,
            log_lines: 100,
        }
    }
}

/// Time of a call of a plugin that asks others over HTTP: a database behind a service may be slow once.
pub const WAITING_TIME: Duration = Duration::from_secs(2);

/// Pause between two calls of a `tick-hook`.
pub const TICK: Duration = Duration::from_secs(10);

/// Keys that a budget remembers: about 10 MiB.
pub const BUDGET_KEYS: usize = 100_000;

/// Entries of a store.
pub const STORE_ENTRIES: usize = 10_000;

/// Bytes of a value in a store.
pub const STORE_VALUE: u64 = 64 << 10;

/// Algorithms of a verifier that has a secret.
pub const SECRET_ALGORITHMS: [&str; 1] = ["HS256"];

/// Algorithms of a verifier that has public keys: those that issuers use. A key fits only algorithms of its own kind, so
/// several of them do not weaken each other; HMAC is never among them, for a public key would be its secret.
pub const PUBLIC_ALGORITHMS: [&str; 4] = ["RS256", "PS256", "ES256", "EdDSA"];

/// Claims that a token must have: one that never ends cannot be taken back.
pub const REQUIRED_CLAIMS: [&str; 1] = ["exp"];

/// Clocks of issuers and gateways differ; most verifiers forgive a minute.
pub const LEEWAY: Duration = Duration::from_secs(60);

/// Verified tokens that are remembered: about 10 MiB.
pub const VERIFIED_TOKENS: usize = 10_000;

/// Between two fetches of a key set: issuers announce new keys hours before they sign with them.
pub const KEYS_REFRESH: Duration = Duration::from_secs(300);

/// How long keys outlive their issuer's silence.
pub const KEYS_GRACE: Duration = Duration::from_secs(24 * 3600);

impl Default for AccessLog {
    fn default() -> Self {
        Self {
            format: AccessLogFormat::Json,
            path: None,
            headers: Vec::new(),
            query: false,
        }
    }
}
