//! The endpoints that an upstream has at one moment, and how one set becomes the next.
//!
//! Pure: what DNS said and how long endpoints are kept is decided in `keeper`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::balance::Wheel;
use super::clock::Moment;
use super::endpoint::Endpoint;
use super::identity::Task;

/// A draining endpoint is listed no longer than this, whatever is still in flight (tunnels may be, for days).
const LONGEST_DRAIN: Duration = Duration::from_secs(600);

/// Immutable; replaced as a whole.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// Those that may be picked, sorted by address.
    pub(super) endpoints: Vec<Arc<Endpoint>>,
    pub(super) wheel: Wheel,
    /// Those that left and have requests in flight.
    pub(super) draining: Vec<Arc<Endpoint>>,
}

/// An address that the next set shall have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Wanted {
    pub(super) address: SocketAddr,
    pub(super) weight: u32,
    /// Index of the source that it comes from.
    pub(super) source: usize,
    /// Named by the last answer.
    pub(super) confirmed: bool,
    /// Whose it is, when that is known.
    pub(super) task: Option<Arc<Task>>,
}

/// The next set, and what is different.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) members: Members,
    pub(super) added: Vec<SocketAddr>,
    pub(super) removed: Vec<SocketAddr>,
    /// A weight is another one.
    pub(super) reweighed: bool,
}

impl Step {
    pub(super) fn is_none(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && !self.reweighed
    }
}

impl Members {
    /// An address that stays keeps its endpoint, with health and counters; one that goes is retired at once; one
    /// that is new is made, also when an endpoint of the same address still drains. Of the same address wanted
    /// twice the first counts.
    pub(super) fn next(
        &self,
        mut wanted: Vec<Wanted>,
        now: Moment,
        make: impl Fn(&Wanted) -> Endpoint,
    ) -> Step {
        wanted.sort_by_key(|want| want.address);
        wanted.dedup_by_key(|want| want.address);
        let mut added = Vec::new();
        let mut reweighed = false;
        let endpoints: Vec<_> = wanted
            .iter()
            .map(|want| {
                let endpoint = self.find(want.address).cloned().unwrap_or_else(|| {
                    added.push(want.address);
                    Arc::new(make(want))
                });
                reweighed |= endpoint.weigh(want.weight);
                endpoint.confirm(want.confirmed);
                endpoint.identify(want.task.as_ref());
                endpoint
            })
            .collect();
        let stays = |old: &Arc<Endpoint>| {
            wanted
                .binary_search_by_key(&old.address(), |want| want.address)
                .is_ok()
        };
        let gone: Vec<_> = self.endpoints.iter().filter(|old| !stays(old)).cloned().collect();
        gone.iter().for_each(|old| old.retire(now));
        let removed = gone.iter().map(|old| old.address()).collect();
        let draining = self.draining.iter().cloned().chain(gone).collect();
        Step {
            members: Self {
                wheel: Wheel::new(&endpoints),
                endpoints,
                draining,
            },
            added,
            removed,
            reweighed,
        }
    }

    /// Without the endpoints that have drained; `None` when there are none.
    pub(super) fn swept(&self, now: Moment) -> Option<Self> {
        let drains = |old: &&Arc<Endpoint>| old.in_flight() > 0 && old.retired_for(now) < LONGEST_DRAIN;
        if self.draining.iter().all(|old| drains(&old)) {
            return None;
        }
        let endpoints = self.endpoints.clone();
        let draining = self.draining.iter().filter(drains).cloned().collect();
        Some(Self {
            wheel: Wheel::new(&endpoints),
            endpoints,
            draining,
        })
    }

    fn find(&self, address: SocketAddr) -> Option<&Arc<Endpoint>> {
        let place = self
            .endpoints
            .binary_search_by_key(&address, |endpoint| endpoint.address())
            .ok()?;
        self.endpoints.get(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(last: u8) -> Wanted {
        Wanted {
            address: SocketAddr::from(([10, 0, 0, last], 80)),
            weight: 1,
            source: 0,
            confirmed: true,
            task: None,
        }
    }

    fn next(members: &Members, wanted: Vec<Wanted>, now: u64) -> Step {
        let make = |want: &Wanted| Endpoint::new("a", now, want.address, want.weight, Moment(now));
        members.next(wanted, Moment(now), make)
    }

    fn addresses(endpoints: &[Arc<Endpoint>]) -> Vec<SocketAddr> {
        endpoints.iter().map(|endpoint| endpoint.address()).collect()
    }

    #[test]
    fn order_and_duplicates_of_an_answer_change_nothing() {
        let first = next(&Members::default(), vec![want(2), want(1), want(2)], 0);
        assert_eq!(
            addresses(&first.members.endpoints),
            [want(1).address, want(2).address]
        );
        let second = next(&first.members, vec![want(1), want(2), want(1), want(1)], 1);
        assert!(second.added.is_empty() && second.removed.is_empty());
        for (old, new) in first.members.endpoints.iter().zip(&second.members.endpoints) {
            assert!(Arc::ptr_eq(old, new));
        }
    }

    #[test]
    fn what_leaves_is_retired_and_listed_until_it_has_drained() {
        let first = next(&Members::default(), vec![want(1), want(2)], 0).members;
        let busy = Arc::clone(&first.endpoints[0]);
        assert!(busy.enter(0));
        let step = next(&first, vec![want(3)], 1);
        assert_eq!(
            (step.added, step.removed),
            (vec![want(3).address], vec![want(1).address, want(2).address])
        );
        assert!(busy.is_retired());
        let swept = step.members.swept(Moment(2)).unwrap();
        assert_eq!(addresses(&swept.draining), [want(1).address]);
        assert!(swept.swept(Moment(3)).is_none(), "nothing changed");
        busy.leave();
        assert!(swept.swept(Moment(4)).unwrap().draining.is_empty());
    }

    #[test]
    fn draining_ends_after_ten_minutes_at_the_latest() {
        let first = next(&Members::default(), vec![want(1)], 0).members;
        assert!(first.endpoints[0].enter(0));
        let second = next(&first, Vec::new(), 0).members;
        assert!(second.swept(Moment(599_000_000)).is_none());
        assert!(second.swept(Moment(600_000_000)).unwrap().draining.is_empty());
    }

    #[test]
    fn an_address_that_comes_back_is_a_new_endpoint() {
        let first = next(&Members::default(), vec![want(1)], 0).members;
        let old = Arc::clone(&first.endpoints[0]);
        assert!(old.enter(0));
        let back = next(&next(&first, Vec::new(), 1).members, vec![want(1)], 2).members;
        assert_ne!(back.endpoints[0].id(), old.id());
        assert!(!back.endpoints[0].is_retired() && old.is_retired());
        assert_eq!(back.draining.len(), 1);
    }
}
