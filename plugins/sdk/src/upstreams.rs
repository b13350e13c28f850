//! What DNS and health say now, of the upstreams listed in the grant `upstreams`, and the route's own.

use crate::host::upstreams;

pub use crate::bindings::imports::gatewit::plugin::upstreams::Endpoint;

/// The upstreams that may be named.
pub fn names() -> Vec<String> {
    upstreams::names()
}

/// The endpoints of one; `None` when it may not be named.
pub fn endpoints(upstream: &str) -> Option<Vec<Endpoint>> {
    upstreams::endpoints(upstream)
}
