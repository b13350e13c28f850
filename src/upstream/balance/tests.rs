//! Tables for every policy and every reason not to pick.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::config::{HashKey, Policy};
use crate::upstream::Failure;

/// A field that owns what it shows.
struct Meadow {
    endpoints: Vec<Arc<Endpoint>>,
    wheel: Wheel,
    turns: AtomicU64,
    now: Moment,
    config: config::Upstream,
}

fn endpoint(last: u8, weight: u32, born: Moment) -> Arc<Endpoint> {
    Arc::new(Endpoint::new("a", last.into(), address(last), weight, born))
}

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, last], 80))
}

fn config(policy: Policy) -> config::Upstream {
    let second = Duration::from_secs(1);
    config::Upstream {
        name: "a".to_owned(),
        sources: Vec::new(),
        policy,
        connect_timeout: second,
        idle_timeout: second,
        idle_connections: 1,
        max_in_flight: 0,
        tcp_keepalive: second,
        hedge: config::Hedge {
            enabled: false,
            floor: second,
            factor: 2.0,
        },
        budget: config::Budget { floor: 0, ratio: 0.0 },
        replay_body: 0,
        ejection: config::Ejection {
            failures: 1,
            errors: 0,
            time: 5 * second,
            panic: 0.5,
        },
        probe: None,
        slow_start: Duration::ZERO,
        hold: second,
    }
}

fn meadow(policy: Policy, weights: &[u32]) -> Meadow {
    let endpoints: Vec<_> = (1..)
        .zip(weights)
        .map(|(last, weight)| endpoint(last, *weight, Moment(0)))
        .collect();
    Meadow {
        wheel: Wheel::new(&endpoints),
        endpoints,
        turns: AtomicU64::new(fastrand::u32(..).into()),
        now: Moment(1_000_000),
        config: config(policy),
    }
}

impl Meadow {
    fn pick<'a>(&'a self, want: &Want, tried: &'a [SocketAddr]) -> Result<&'a Arc<Endpoint>, Error> {
        let field = Field {
            endpoints: &self.endpoints,
            wheel: &self.wheel,
            turns: &self.turns,
            tried,
            now: self.now,
            config: &self.config,
        };
        pick(field, want)
    }

    fn counts(&self, picks: usize) -> Vec<usize> {
        let mut counts = BTreeMap::new();
        for _ in 0..picks {
            *counts
                .entry(self.pick(&Want::default(), &[]).unwrap().id())
                .or_insert(0) += 1;
        }
        self.endpoints
            .iter()
            .map(|endpoint| counts.get(&endpoint.id()).copied().unwrap_or(0))
            .collect()
    }

    fn eject(&self, index: usize) {
        let rules = self.config.ejection;
        self.endpoints[index]
            .health
            .update(|health| health.failed(Failure::Reset, self.now, &rules));
    }

    fn add(&mut self, endpoint: Arc<Endpoint>) {
        self.endpoints.push(endpoint);
        self.wheel = Wheel::new(&self.endpoints);
    }
}

fn within(counts: &[usize], expected: &[usize], percent: usize) {
    for (count, expected) in counts.iter().zip(expected) {
        assert!(
            count.abs_diff(*expected) * 100 <= expected * percent,
            "{counts:?}, expected {expected}"
        );
    }
}

#[test]
fn requests_one_after_the_other_are_spread_exactly() {
    for policy in [Policy::LeastRequest, Policy::RoundRobin] {
        assert_eq!(meadow(policy.clone(), &[1; 3]).counts(300), [100; 3]);
        assert_eq!(meadow(policy, &[7; 10]).counts(300), [30; 10]);
    }
}

#[test]
fn they_are_spread_evenly_with_one_endpoint_out() {
    for policy in [Policy::LeastRequest, Policy::RoundRobin] {
        let meadow = meadow(policy, &[1; 4]);
        meadow.eject(1);
        within(&meadow.counts(300), &[100, 0, 100, 100], 5);
    }
}

#[test]
fn weights_are_shares() {
    for (policy, percent) in [
        (Policy::LeastRequest, 5),
        (Policy::RoundRobin, 5),
        (Policy::Random, 20),
    ] {
        within(
            &meadow(policy, &[5, 1, 1, 3]).counts(10_000),
            &[5000, 1000, 1000, 3000],
            percent,
        );
    }
    assert_eq!(
        meadow(Policy::RoundRobin, &[1, 0]).counts(100),
        [100, 0],
        "a weight of 0 is off"
    );
    assert_eq!(
        meadow(Policy::Random, &[0])
            .pick(&Want::default(), &[])
            .unwrap_err(),
        Error::NoEndpoint
    );
}

#[test]
fn the_busier_of_two_is_spared() {
    let meadow = meadow(Policy::LeastRequest, &[1, 1]);
    (0..10).for_each(|_| assert!(meadow.endpoints[0].enter(0)));
    assert_eq!(meadow.counts(100), [0, 100]);
}

#[test]
fn a_new_endpoint_gets_its_turn_and_no_flood() {
    let mut meadow = meadow(Policy::LeastRequest, &[1; 3]);
    meadow.counts(3000);
    meadow.add(endpoint(4, 1, meadow.now));
    within(&meadow.counts(400), &[100; 4], 5);
    // Nor when all the others are busy: one of two candidates is still the one in turn.
    meadow.endpoints[..3]
        .iter()
        .for_each(|endpoint| assert!(endpoint.enter(0)));
    let counts = meadow.counts(400);
    assert!(counts[3] < 260, "{counts:?}");
}

#[test]
fn slow_start_grows_to_a_full_share() {
    for (age, low, high) in [(0, 15, 75), (5, 90, 200), (10, 200, 300)] {
        let mut meadow = meadow(Policy::RoundRobin, &[1; 3]);
        meadow.config.slow_start = Duration::from_secs(10);
        meadow.now = Moment(100_000_000);
        meadow.add(endpoint(4, 1, Moment(meadow.now.0 - age * 1_000_000)));
        let count = meadow.counts(1000)[3];
        assert!((low..=high).contains(&count), "{count} of 1000 after {age} s");
    }
}

#[test]
fn what_was_tried_is_not_tried_again() {
    for policy in [
        Policy::LeastRequest,
        Policy::RoundRobin,
        Policy::Random,
        Policy::Hash(HashKey::Path),
    ] {
        let meadow = meadow(policy, &[1; 3]);
        let want = Want {
            key: Some(7),
            ..Want::default()
        };
        let tried = [address(1), address(3)];
        (0..50).for_each(|_| assert_eq!(meadow.pick(&want, &tried).unwrap().address(), address(2)));
        assert_eq!(
            meadow
                .pick(&want, &[address(1), address(2), address(3)])
                .unwrap_err(),
            Error::Tried
        );
    }
}

#[test]
fn a_full_endpoint_is_passed_over_until_all_are() {
    let mut meadow = meadow(Policy::LeastRequest, &[1; 2]);
    meadow.config.max_in_flight = 1;
    assert!(meadow.endpoints[0].enter(1));
    assert_eq!(meadow.counts(20), [0, 20]);
    assert_eq!(
        meadow.pick(&Want::default(), &[address(2)]).unwrap_err(),
        Error::Overloaded
    );
    assert!(meadow.endpoints[1].enter(1));
    assert_eq!(meadow.pick(&Want::default(), &[]).unwrap_err(), Error::Overloaded);
}

#[test]
fn ejections_count_until_more_than_the_panic_share_is_ejected() {
    let meadow = meadow(Policy::RoundRobin, &[1; 4]);
    meadow.eject(0);
    meadow.eject(1);
    assert_eq!(meadow.counts(100), [0, 0, 50, 50]);
    let both = [address(3), address(4)];
    assert_eq!(
        meadow.pick(&Want::default(), &both).unwrap_err(),
        Error::Tried,
        "half is not more than half"
    );
    meadow.eject(2);
    assert_eq!(meadow.counts(100), [0, 0, 0, 100], "what is left comes first");
    assert!(
        meadow.pick(&Want::default(), &[address(4)]).is_ok(),
        "then the others"
    );
    meadow.eject(3);
    within(&meadow.counts(400), &[100; 4], 5);
}

#[test]
fn a_single_endpoint_is_used_although_it_is_ejected_as_long_as_dns_confirms_it() {
    let mut meadow = meadow(Policy::LeastRequest, &[1]);
    meadow.config.ejection.panic = 1.0;
    meadow.eject(0);
    assert!(meadow.pick(&Want::default(), &[]).is_ok());
    meadow.endpoints[0].confirm(false);
    assert_eq!(meadow.pick(&Want::default(), &[]).unwrap_err(), Error::NoEndpoint);
}

#[test]
fn unconfirmed_endpoints_that_do_not_answer_are_out_whatever_happens() {
    let meadow = meadow(Policy::LeastRequest, &[1; 2]);
    for endpoint in &meadow.endpoints {
        endpoint.confirm(false);
        endpoint.set_unanswering(true);
    }
    assert_eq!(meadow.pick(&Want::default(), &[]).unwrap_err(), Error::NoEndpoint);
    meadow.endpoints[0].confirm(true);
    assert_eq!(meadow.pick(&Want::default(), &[]).unwrap().address(), address(1));
}

#[test]
fn no_endpoints_are_no_endpoint() {
    for policy in [
        Policy::LeastRequest,
        Policy::RoundRobin,
        Policy::Random,
        Policy::Hash(HashKey::Path),
    ] {
        let want = Want {
            key: Some(1),
            sticky: Some(1),
            ..Want::default()
        };
        assert_eq!(
            meadow(policy, &[]).pick(&want, &[]).unwrap_err(),
            Error::NoEndpoint
        );
    }
}

#[test]
fn a_key_moves_only_when_its_endpoint_goes() {
    let meadow = meadow(Policy::Hash(HashKey::ClientIp), &[1; 5]);
    let place = |key: u64| {
        meadow
            .pick(
                &Want {
                    key: Some(key),
                    ..Want::default()
                },
                &[],
            )
            .unwrap()
            .id()
    };
    let keys = || (0..1000_u64).map(|key| key.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let before: Vec<_> = keys().map(place).collect();
    for id in 1..=5 {
        let share = before.iter().filter(|other| **other == id).count();
        assert!((140..260).contains(&share), "{share} of 1000 for {id}");
    }
    meadow.eject(2);
    for (key, old) in keys().zip(&before) {
        assert!(place(key) == *old || *old == 3);
    }
}

#[test]
fn a_client_stays_where_its_cookie_says_while_that_lives() {
    let policy = Policy::Sticky {
        cookie: "c".to_owned(),
        ttl: Duration::ZERO,
    };
    let meadow = meadow(policy, &[1; 3]);
    let want = Want {
        sticky: Some(meadow.endpoints[1].sticky()),
        ..Want::default()
    };
    (0..50).for_each(|_| assert_eq!(meadow.pick(&want, &[]).unwrap().address(), address(2)));
    meadow.eject(1);
    assert_ne!(meadow.pick(&want, &[]).unwrap().address(), address(2));
    let unknown = Want {
        sticky: Some(4711),
        ..Want::default()
    };
    assert!(meadow.pick(&unknown, &[]).is_ok());
}

#[test]
fn who_looked_at_the_request_decides_against_the_policy() {
    for policy in [
        Policy::LeastRequest,
        Policy::RoundRobin,
        Policy::Hash(HashKey::Path),
    ] {
        let meadow = meadow(policy, &[1; 3]);
        let want = |pick| Want {
            pick: Some(pick),
            ..Want::default()
        };
        let there = want(Pick::Endpoint(address(2)));
        (0..50).for_each(|_| assert_eq!(meadow.pick(&there, &[]).unwrap().address(), address(2)));
        let hashed = meadow.pick(&want(Pick::Hash(7)), &[]).unwrap().address();
        (0..50).for_each(|_| assert_eq!(meadow.pick(&want(Pick::Hash(7)), &[]).unwrap().address(), hashed));
    }
}

#[test]
fn a_wanted_endpoint_that_is_gone_ejected_or_tried_leaves_it_to_the_policy() {
    let meadow = meadow(Policy::LeastRequest, &[1; 3]);
    let want = |last| Want {
        pick: Some(Pick::Endpoint(address(last))),
        ..Want::default()
    };
    assert!(meadow.pick(&want(9), &[]).is_ok());
    assert_ne!(
        meadow.pick(&want(2), &[address(2)]).unwrap().address(),
        address(2)
    );
    meadow.eject(1);
    assert_ne!(meadow.pick(&want(2), &[]).unwrap().address(), address(2));
}
