//! `upstreams`: endpoints of the test.

use super::with;
use crate::upstreams::Endpoint;

pub(crate) fn names() -> Vec<String> {
    with(|host| host.world.upstreams.keys().cloned().collect())
}

pub(crate) fn endpoints(upstream: &str) -> Option<Vec<Endpoint>> {
    with(|host| host.world.upstreams.get(upstream).cloned())
}
