//! Where a request goes: what its route says, unless a plugin on the way said otherwise.

use std::sync::Arc;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use crate::config::Route;
use crate::plugin::{self, Routing};
use crate::router::Match;
use crate::snapshot::Snapshot;
use crate::upstream::{Pick, Upstream};

/// Where a request goes.
pub(super) struct Course {
    /// The route's own upstream, once a plugin has decided on another one.
    own: Option<Arc<Upstream>>,
    /// The upstream that it goes to; `None` on a route that does not forward.
    pub(super) upstream: Option<Arc<Upstream>>,
    /// In place of the upstream's policy.
    pub(super) pick: Option<Pick>,
    /// How long the response head may take.
    pub(super) timeout: Duration,
    /// Attempts after the first.
    pub(super) retries: u32,
}

impl Course {
    /// What the route says; of several upstreams the one that is drawn by weight.
    pub(super) fn of(snapshot: &Snapshot, found: &Match<'_>) -> Self {
        Self {
            own: None,
            upstream: snapshot.choose(found.index).cloned(),
            pick: None,
            timeout: found.route.timeout,
            retries: found.route.retries,
        }
    }

    /// Name of the upstream; empty where there is none.
    pub(super) fn name(&self) -> Arc<str> {
        let upstream = self.upstream.as_ref();
        upstream.map_or_else(Arc::default, |upstream| Arc::clone(upstream.shared_name()))
    }

    /// Goes where a plugin says: all of it is decided anew, from what the route says.
    ///
    /// # Errors
    ///
    /// In words, when it leads nowhere.
    pub(super) fn change(
        &mut self,
        routing: &Routing,
        snapshot: &Snapshot,
        route: &Route,
    ) -> Result<(), String> {
        let own = self.own.as_ref().or(self.upstream.as_ref());
        let own = Arc::clone(own.ok_or("the route does not forward")?);
        let upstream = match &routing.upstream {
            Some(name) => {
                let found = snapshot.upstreams.find(name);
                Arc::clone(found.ok_or_else(|| format!("there is no upstream {name:?}"))?)
            }
            None => Arc::clone(&own),
        };
        self.pick = match &routing.pick {
            plugin::Pick::Policy => None,
            plugin::Pick::Key(key) => Some(Pick::Hash(xxh3_64(key))),
            plugin::Pick::Endpoint(address) => Some(Pick::Endpoint(*address)),
        };
        self.upstream = Some(upstream);
        self.own = Some(own);
        self.timeout = routing.timeout.unwrap_or(route.timeout);
        self.retries = routing.retries.map_or(route.retries, u32::from);
        Ok(())
    }
}
