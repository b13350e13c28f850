//! Rate budgets against tables, at their extremes, and under load.

use std::net::Ipv6Addr;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::*;

const SECOND: u64 = 1_000_000_000;

fn config(count: u64, period: Duration, burst: u64, keys: usize) -> Arc<config::RateBudget> {
    Arc::new(config::RateBudget {
        name: "b".to_owned(),
        count,
        period,
        burst,
        keys,
    })
}

fn budget(count: u64, period: Duration, burst: u64) -> Budget {
    Budget::new(&config(count, period, burst, 1000), None)
}

fn per_second(count: u64, burst: u64) -> Budget {
    budget(count, Duration::from_secs(1), burst)
}

#[test]
fn takes_follow_the_table() {
    let budget = per_second(10, 3);
    // (time in ms, cost) -> (allowed, remaining, reset after in ms, retry after in ms)
    let table = [
        ((0, 1), (true, 2, 100, Some(0))),
        ((0, 1), (true, 1, 200, Some(0))),
        ((0, 2), (false, 1, 200, Some(100))),
        ((0, 1), (true, 0, 300, Some(0))),
        ((0, 1), (false, 0, 300, Some(100))),
        ((0, 0), (true, 0, 300, Some(0))),
        ((99, 1), (false, 0, 201, Some(1))),
        ((100, 1), (true, 0, 300, Some(0))),
        ((100, 3), (false, 0, 300, Some(300))),
        ((100, 4), (false, 0, 300, None)),
        ((250, 0), (true, 1, 150, Some(0))),
        ((400, 3), (true, 0, 300, Some(0))),
        ((100_000, 0), (true, 3, 0, Some(0))),
    ];
    for ((at, cost), (allowed, remaining, reset, retry)) in table {
        let verdict = budget.take_at(b"k", cost, at * 1_000_000);
        let expected = Verdict {
            allowed,
            limit: 3,
            remaining,
            reset_after: Duration::from_millis(reset),
            retry_after: retry.map(Duration::from_millis),
        };
        assert_eq!(verdict, expected, "{cost} at {at} ms");
    }
}

/// Fixed windows allow twice their number around an edge.
#[test]
fn no_second_sees_more_than_the_rate_and_one_burst() {
    let budget = per_second(50, 50);
    let mut allowed = Vec::new();
    for at in (0..5 * SECOND).step_by(1_000_000) {
        if budget.take_at(b"k", 1, at).allowed {
            allowed.push(at);
        }
    }
    assert_eq!(allowed.len(), 50 + 249, "a burst, and then the rate");
    for start in (0..4 * SECOND).step_by(100_000_000) {
        let within = allowed
            .iter()
            .filter(|at| (start..start + SECOND).contains(at))
            .count();
        assert!(within <= 100, "{within} from {start}");
        assert!(start == 0 || within <= 51, "{within} from {start}");
    }
}

/// A rate whose interval is no whole number of nanoseconds does not drift.
#[test]
fn nothing_is_lost_by_rounding() {
    let budget = per_second(3, 2);
    let thirds = 300_000_u64;
    let last = thirds * SECOND / 3;
    let takes = (0..=thirds).map(|third| (third * SECOND).div_ceil(3));
    assert!(takes.clone().all(|at| budget.take_at(b"k", 1, at).allowed));
    let early = budget.take_at(b"k", 1, last);
    assert_eq!(
        early.retry_after,
        Some(Duration::from_nanos(1)),
        "takes came in up to a nanosecond early"
    );
    assert!(budget.take_at(b"k", 1, last + 1).allowed);
}

#[test]
fn parallel_takes_are_one_decision_each() {
    let budget = budget(50, Duration::from_secs(1_000_000), 50);
    let (threads, barrier, allowed) = (10, Barrier::new(10), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                barrier.wait();
                let count = (0..50).filter(|_| budget.take(b"one", 1).allowed).count();
                allowed.fetch_add(count as u64, Ordering::Relaxed);
            });
        }
    });
    assert_eq!(allowed.into_inner(), 50);
}

#[test]
fn parallel_takes_of_many_keys_are_exact_for_each() {
    let budget = budget(7, Duration::from_secs(1_000_000), 7);
    let allowed = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for round in 0..20_u32 {
                    for key in 0..100_u32 {
                        let verdict = budget.take(&key.to_be_bytes(), 1);
                        allowed.fetch_add(u64::from(verdict.allowed), Ordering::Relaxed);
                        assert!(verdict.remaining < 7, "{round}");
                    }
                }
            });
        }
    });
    assert_eq!(allowed.into_inner(), 700);
}

#[test]
fn a_count_of_zero_allows_nothing() {
    for budget in [per_second(0, 0), per_second(0, 5)] {
        assert_eq!(budget.take(b"k", 1), Verdict::NEVER);
        assert_eq!(budget.take(b"k", 0), Verdict::NEVER);
    }
}

#[test]
fn a_burst_of_zero_allows_nothing() {
    assert!(!per_second(10, 0).take(b"k", 1).allowed);
}

#[test]
fn extremes_do_not_overflow() {
    let numbers = [1, 2, u64::from(u32::MAX), u64::MAX - 1, u64::MAX];
    let periods = [
        Duration::ZERO,
        Duration::from_nanos(1),
        Duration::from_secs(1),
        Duration::MAX,
    ];
    for count in numbers {
        for burst in numbers {
            for period in periods {
                let budget = budget(count, period, burst);
                for now in [0, 1, SECOND, u64::MAX, 0] {
                    for cost in [0, 1, u32::MAX] {
                        let verdict = budget.take_at(b"k", cost, now);
                        assert!(verdict.remaining <= burst);
                        assert_eq!(verdict.retry_after.is_none(), u64::from(cost) > burst);
                        assert!(!verdict.allowed || verdict.retry_after == Some(Duration::ZERO));
                    }
                }
            }
        }
    }
    let widest = budget(u64::MAX, Duration::MAX, u64::MAX);
    assert!(widest.take_at(b"k", u32::MAX, 0).allowed);
    assert_eq!(
        widest.take_at(b"k", 0, 0).remaining,
        u64::MAX - u64::from(u32::MAX)
    );
}

#[test]
fn a_clock_that_goes_back_gives_and_takes_nothing() {
    let budget = per_second(1, 1);
    assert!(budget.take_at(b"k", 1, 3600 * SECOND).allowed);
    assert_eq!(
        budget.take_at(b"k", 1, 0).retry_after,
        Some(Duration::from_secs(1))
    );
    assert!(budget.take_at(b"k", 1, 3601 * SECOND).allowed);
}

#[test]
fn keys_are_told_apart_whatever_their_length() {
    let budget = budget(1, Duration::from_secs(1000), 1);
    let long = vec![b'x'; 100_000];
    let digest = digest(&SHA512, &long);
    let keys: [&[u8]; 6] = [b"", b"x", &long[..63], &long[..64], &long, digest.as_ref()];
    for key in keys {
        assert!(budget.take(key, 1).allowed, "{}", key.len());
    }
    for key in keys {
        assert!(!budget.take(key, 1).allowed, "{}", key.len());
    }
}

#[test]
fn what_costs_nothing_is_not_remembered() {
    let budget = per_second(10, 10);
    budget.take(b"looked", 0);
    budget.take(b"too much", 11);
    assert_eq!(budget.keys(), 0);
}

/// Who has used up a budget does not get it back by making the gateway forget.
#[test]
fn a_flood_of_keys_is_bounded_and_resets_nobody() {
    let budget = Budget::new(&config(5, Duration::from_secs(60), 5, 10_000), None);
    let own = |now| budget.take_at(b"own", 1, now);
    assert!((0..5).all(|_| own(0).allowed));
    for number in 0..300_000_u128 {
        let now = u64::try_from(number).unwrap() * 1000;
        budget.take_at(&Ipv6Addr::from(number << 64).octets(), 1, now);
    }
    assert!(budget.keys() <= 10_064, "{}", budget.keys());
    assert!(!own(300_000_000).allowed);
}

#[test]
fn idle_keys_go_first() {
    let budget = Budget::new(&config(1, Duration::from_secs(10), 1, 64), None);
    for key in 0..64_u8 {
        // Half of them are idle again after 20 s.
        let now = if key % 2 == 0 { 0 } else { 15 * SECOND };
        budget.take_at(&[key], 1, now);
    }
    for key in 64..72_u8 {
        budget.take_at(&[key], 1, 20 * SECOND);
    }
    let busy = (0..64).filter(|key| key % 2 == 1);
    let kept = busy
        .filter(|key| !budget.take_at(&[*key], 1, 20 * SECOND).allowed)
        .count();
    assert!(kept >= 31, "{kept} of 32");
}

#[test]
fn a_reload_keeps_what_was_used() {
    let of = |count, seconds, burst| [config(count, Duration::from_secs(seconds), burst, 1000)];
    let first = Budgets::build(&of(10, 10, 10), None);
    for _ in 0..10 {
        assert!(first.find("b").unwrap().take_at(b"k", 1, 0).allowed);
    }
    let same = Budgets::build(&of(10, 10, 10), Some(&first));
    assert!(Arc::ptr_eq(same.find("b").unwrap(), first.find("b").unwrap()));

    // (new numbers) -> remaining at once, time until one fits.
    let table = [
        ((10, 10, 10), 0, 1000),
        ((10, 10, 15), 5, 0),
        ((20, 10, 10), 0, 500),
        ((10, 20, 10), 0, 2000),
        ((10, 3600, 10), 0, 360_000),
        ((1, 1, 4), 0, 1000),
        ((1000, 1, 1000), 990, 0),
    ];
    for ((count, seconds, burst), remaining, millis) in table {
        let first = Budgets::build(&of(10, 10, 10), None);
        first.find("b").unwrap().take_at(b"k", 10, 0);
        let changed = Budgets::build(&of(count, seconds, burst), Some(&first));
        let looked = changed.find("b").unwrap().take_at(b"k", 0, 0);
        assert_eq!(looked.remaining, remaining, "{count} in {seconds} s");
        let taken = changed.find("b").unwrap().take_at(b"k", 1, 0);
        assert_eq!(
            taken.retry_after,
            Some(Duration::from_millis(millis)),
            "{count} in {seconds} s"
        );
    }
}

/// Exchanges that began before a reload still use the old numbers.
#[test]
fn old_and_new_numbers_take_from_the_same_key() {
    let first = Budgets::build(&[config(7, Duration::from_secs(7), 10, 10)], None);
    let second = Budgets::build(&[config(13, Duration::from_secs(13), 10, 10)], Some(&first));
    let (first, second) = (first.find("b").unwrap(), second.find("b").unwrap());
    for round in 0..10 {
        let budget = if round % 2 == 0 { first } else { second };
        assert_eq!(budget.take_at(b"k", 1, 0).remaining, 9 - round);
    }
    assert!(!first.take_at(b"k", 1, 0).allowed && !second.take_at(b"k", 1, 0).allowed);
}

#[test]
fn a_budget_that_was_renamed_is_new() {
    let first = Budgets::build(&[config(1, Duration::from_secs(100), 1, 10)], None);
    first.find("b").unwrap().take(b"k", 1);
    let mut other = (*config(1, Duration::from_secs(100), 1, 10)).clone();
    other.name = "c".to_owned();
    let second = Budgets::build(&[Arc::new(other)], Some(&first));
    assert!(second.find("b").is_none());
    assert!(second.find("c").unwrap().take(b"k", 1).allowed);
}

#[test]
fn a_clock_that_was_stopped_goes_on_by_word_only() {
    let budgets = Budgets::build(&[config(1, Duration::from_secs(3600), 1, 10)], None);
    let take = |at| {
        budgets.stop_clock(Duration::from_secs(at));
        budgets.find("b").unwrap().take(b"k", 1).allowed
    };
    assert!(take(0));
    assert!(!take(0));
    assert!(!take(3599));
    assert!(take(3600));
}
