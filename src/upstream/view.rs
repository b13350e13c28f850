//! What the admin API and the metrics are told about upstreams: plain data, times in seconds.

use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use super::identity::{Mixture, Task};

/// One upstream.
#[derive(Clone, Debug, Serialize)]
pub struct View {
    /// [`crate::config::Upstream::name`].
    pub name: String,
    /// Names that its endpoints come from.
    pub names: Vec<String>,
    /// How long an attempt may be silent now; `None` when hedging is off.
    pub patience: Option<f64>,
    /// Picks that found no endpoint to use.
    pub no_endpoint: u64,
    /// Picks that found every endpoint at its limit.
    pub overloaded: u64,
    /// Extra attempts (retries and hedges) that the budget allowed.
    pub extras: u64,
    /// Extra attempts that the budget refused.
    pub extras_refused: u64,
    /// In the order of addresses, those that drain last.
    pub endpoints: Vec<EndpointView>,
}

/// What an endpoint is good for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Gets requests.
    Active,
    /// Left DNS; finishes what is in flight.
    Draining,
    /// Gets none, because it fails.
    Ejected,
    /// The ejection is over; one request at a time finds out.
    Probing,
}

/// One endpoint.
#[derive(Clone, Debug, Serialize)]
pub struct EndpointView {
    /// Where it is.
    pub address: SocketAddr,
    /// Unique in this process.
    pub id: u64,
    /// The Swarm task that it is; `None` when nobody says, and for anything but Swarm services.
    pub task: Option<Task>,
    /// What it is good for.
    pub state: State,
    /// Why it is not active.
    pub reason: Option<&'static str>,
    /// Named by the last answer of DNS, or written in the configuration.
    pub confirmed: bool,
    /// Relative to the other endpoints.
    pub weight: u32,
    /// Requests in flight.
    pub in_flight: u64,
    /// Attempts begun.
    pub attempts: u64,
    /// Connections made by requests.
    pub connections: u64,
    /// Response heads received.
    pub responses: u64,
    /// Of these, with a status of 500 or more.
    pub errors: u64,
    /// Connections that could not be made.
    pub connect_failures: u64,
    /// Connections that broke before or in a response.
    pub resets: u64,
    /// Attempts given up because nothing came.
    pub silences: u64,
    /// Times it was ejected.
    pub ejections: u64,
    /// Active probes that failed.
    pub probe_failures: u64,
    /// Recent mean from the start of an attempt to its response head.
    pub latency: Option<f64>,
    /// Since it appeared.
    pub age: f64,
    /// Since its last response head.
    pub last_heard: Option<f64>,
}

/// Whether the addresses of a name can be relied on.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NameState {
    /// Not answered yet.
    #[default]
    Pending,
    /// The last question was answered with addresses.
    Fresh,
    /// The last question failed; the addresses are those of the last good answer, if any.
    Stale,
    /// DNS says that there are none; upstreams keep theirs for their `hold`.
    Held,
    /// DNS says that there are none, for longer than every `hold`.
    Empty,
}

/// One name and what DNS says about it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NameView {
    /// As configured.
    pub name: String,
    /// Whether its addresses can be relied on.
    pub state: NameState,
    /// Of the last good answer, sorted.
    pub addresses: Vec<IpAddr>,
    /// Set when the addresses are of more than one Swarm service or network.
    pub mixed: Option<Mixture>,
    /// The name that was asked last.
    pub asked: Option<String>,
    /// What came of the last question.
    pub result: Option<LookupResult>,
    /// Server that gave the last answer.
    pub server: Option<SocketAddr>,
    /// Since the last answer with addresses.
    pub good_age: Option<f64>,
    /// The last question.
    pub duration: Option<f64>,
    /// All questions together.
    pub duration_total: f64,
    /// Questions by result, those without any left out.
    pub lookups: Vec<(LookupResult, u64)>,
    /// Answers that did not fit into UDP and were asked for again over TCP.
    pub truncated: u64,
    /// Addresses that appeared.
    pub added: u64,
    /// Addresses that went away.
    pub removed: u64,
    /// Addresses refused because they lie outside the attached subnets, summed over all answers.
    pub guarded: u64,
    /// Addresses refused because nothing can be there (unspecified, multicast, broadcast), summed over all answers.
    pub bogus: u64,
    /// The refused addresses of the last answer.
    pub refused: Vec<IpAddr>,
}

/// What came of one question.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LookupResult {
    /// Addresses from a DNS answer.
    Found,
    /// Addresses from `/etc/hosts`, or `localhost`.
    Local,
    /// The name exists without addresses.
    Nodata,
    /// There is no such name.
    Nxdomain,
    /// Every address was refused.
    Refused,
    /// The server failed or declined.
    Servfail,
    /// No answer in time.
    Timeout,
    /// The answer was not one.
    Malformed,
    /// No server could be asked.
    Unreachable,
}
