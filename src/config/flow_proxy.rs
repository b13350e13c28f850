//! What `[flow_proxy]` means: who may call as if this were Docker Flow Proxy, and how parameters are understood.
//! The parameters themselves are not a matter of the configuration.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::Secret;

/// The listener for calls made for Docker Flow Proxy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FlowProxy {
    /// Default `127.0.0.1:8080`.
    pub address: SocketAddr,
    /// Bearer token asked of every call.
    pub token: Option<Secret>,
    /// Networks whose calls are taken, besides bringing the token where there is one. Without networks and token,
    /// only loopback peers are served.
    pub allow: Vec<IpNet>,
    /// Swarm listeners that are asked for every service: URLs without a path.
    pub listeners: Vec<String>,
    /// How long a service outlives answers of swarm listeners that do not name it. Default 30 s.
    pub grace: Duration,
    /// Only services whose `proxyInstanceName` is this are taken; `None` takes all.
    pub instance: Option<String>,
    /// What `servicePath` means. Default [`Prefix::Segment`].
    pub prefix: Prefix,
    /// What stands between the values of one parameter; never empty. Default a comma.
    pub separator: String,
    /// Where the secrets `dfp_users_*` are. Default `/run/secrets`.
    pub secrets: PathBuf,
}

/// What a path prefix is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Prefix {
    /// Whole elements of the path; the most specific route wins.
    Segment,
    /// Any text that the path begins with; among routes of equal hosts the first by name wins.
    String,
}

impl Default for FlowProxy {
    fn default() -> Self {
        Self {
            // The port of Docker Flow Proxy, on this machine alone until somebody is let in.
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
            token: None,
            allow: Vec::new(),
            listeners: Vec::new(),
            // Longer than the pause after which a listener announces what it left out, 5 s, a few times over.
            grace: Duration::from_secs(30),
            instance: None,
            prefix: Prefix::Segment,
            separator: ",".to_owned(),
            secrets: PathBuf::from("/run/secrets"),
        }
    }
}
