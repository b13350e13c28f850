//! Endpoints that are alive now.

use gatewit_plugin::prelude::*;
use gatewit_plugin::upstreams::{self, Endpoint as Live};

/// Which endpoint. Only one that is healthy is picked; the upstream's policy decides when there is none.
#[config]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Endpoint {
    /// The one that has been there for the shortest time.
    Newest,
    /// The one that has been there for the longest time.
    Oldest,
    /// The one whose responses lately came soonest.
    Fastest,
    /// The one with the fewest requests in flight.
    Idlest,
    /// The one whose `address:port` stands in this header.
    Header(String),
    /// The one whose `address:port` stands in this cookie.
    Cookie(String),
}

pub(crate) fn pick(endpoint: &Endpoint, upstream: Option<&str>, request: &Request) -> Pick {
    let upstream = upstream.map_or_else(|| request.upstream(), str::to_owned);
    let mut live = upstreams::endpoints(&upstream).unwrap_or_default();
    live.retain(|endpoint| endpoint.healthy);
    let found = match endpoint {
        Endpoint::Newest => live.into_iter().min_by_key(|live| live.age_ms),
        Endpoint::Oldest => live.into_iter().max_by_key(|live| live.age_ms),
        Endpoint::Fastest => live.into_iter().min_by_key(latency),
        Endpoint::Idlest => live
            .into_iter()
            .min_by_key(|live| (live.in_flight, latency(live))),
        Endpoint::Header(name) => named(live, request.header_text(name)),
        Endpoint::Cookie(name) => named(live, request.cookie_text(name)),
    };
    found.map_or(Pick::Policy, |live| Pick::Endpoint(live.address))
}

/// 0 is not known: it has to be asked to become known, so it counts as fast.
fn latency(live: &Live) -> u32 {
    live.latency_us
}

/// A client chooses among what there is, and nothing else.
fn named(live: Vec<Live>, address: Option<String>) -> Option<Live> {
    let address = address?;
    live.into_iter().find(|live| live.address == address.trim())
}
