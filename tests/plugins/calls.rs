//! Calls of hooks: what ends them, what is left of the exchange, and of the instance.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gatewit::plugin::{Cause, ChunkOutcome, Direction, Hook, LoadError, RequestOutcome};

use crate::support::plugin::{GRANTS, Given, configured, fixture, load, route, scene, scene_on};

/// An act, and whether a cause is the one that it leads to.
type Row = (&'static str, fn(&Cause) -> bool);

/// What ends an instance.
const FATAL: [Row; 10] = [
    (
        "trap",
        |cause| matches!(cause, Cause::Trap(why) if why.contains("unreachable")),
    ),
    ("panic", |cause| matches!(cause, Cause::Trap(_))),
    ("abort", |cause| matches!(cause, Cause::Trap(_))),
    (
        "exit:3",
        |cause| matches!(cause, Cause::Trap(why) if why == "it exited with status 1"),
    ),
    (
        "exit:0",
        |cause| matches!(cause, Cause::Trap(why) if why == "it exited with status 0"),
    ),
    // A stack in memory, as Rust has one, ends before that of WebAssembly.
    (
        "recurse",
        |cause| matches!(cause, Cause::Trap(why) if why.contains("stack") || why.contains("out of bounds")),
    ),
    (
        "allocate",
        |cause| matches!(cause, Cause::Trap(why) if why.contains("more memory than its limit")),
    ),
    ("loop", |cause| *cause == Cause::Cpu),
    ("spin:5000", |cause| *cause == Cause::Cpu),
    ("sleep:60000", |cause| *cause == Cause::Time),
];

/// What is wrong without that.
const HARMLESS: [Row; 8] = [
    ("rejected:no", |cause| *cause == Cause::Rejected("no".into())),
    ("unavailable:gone", |cause| {
        *cause == Cause::Unavailable("gone".into())
    }),
    ("internal:oh", |cause| *cause == Cause::Internal("oh".into())),
    ("respond:101", |cause| {
        *cause == Cause::Outcome("status 101".into())
    }),
    ("respond-header:content-length=5", |cause| {
        matches!(cause, Cause::Outcome(_))
    }),
    ("respond-header:x=a%0d%0ab", |cause| {
        matches!(cause, Cause::Outcome(_))
    }),
    (
        "respond-large:2000000",
        |cause| matches!(cause, Cause::Outcome(why) if why.contains("2000000")),
    ),
    ("endpoint:nowhere", |cause| matches!(cause, Cause::Outcome(_))),
];

#[tokio::test]
async fn whatever_ends_a_call_the_exchange_is_as_before_and_the_instance_is_not_used_again() {
    for (act, is_expected) in FATAL {
        let given = Given::using("limits = { memory = \"16MiB\" }").await;
        assert_eq!(given.learns("count").await, "0");
        assert_eq!(given.learns("count").await, "1");
        let (result, scene) = given.told(&format!("set:x-a=b + {act}")).await;
        let cause = result.unwrap_err();
        assert!(is_expected(&cause), "{act}: {cause:?}");
        assert_eq!(scene.head.headers.len(), 1, "{act}: {:?}", scene.head.headers);
        assert_eq!(given.bound.stats().instances(), 0, "{act}");
        assert_eq!(given.learns("count").await, "0", "{act}");
    }
}

#[tokio::test]
async fn what_a_plugin_says_or_decides_wrongly_costs_the_edits_but_not_the_instance() {
    for (act, is_expected) in HARMLESS {
        let given = Given::using("").await;
        assert_eq!(given.learns("count").await, "0");
        let (result, scene) = given.told(&format!("set:x-a=b + {act}")).await;
        let cause = result.unwrap_err();
        assert!(is_expected(&cause), "{act}: {cause:?}");
        assert_eq!(scene.head.headers.len(), 1, "{act}: {:?}", scene.head.headers);
        assert_eq!(given.learns("count").await, "1", "{act}");
    }
}

#[tokio::test]
async fn edits_are_there_when_a_hook_has_returned_well() {
    let given = Given::using("say = \"hello\"").await;
    let (result, scene) = given.told("set:x-a=b + say + respond:429").await;
    let Ok(RequestOutcome::Respond(response)) = result else {
        panic!("{result:?}")
    };
    assert_eq!(
        (response.status.as_u16(), &response.body[..]),
        (429, &b"hello"[..])
    );
    assert_eq!(scene.head.headers["x-a"], "b");
}

#[tokio::test]
async fn a_busy_guest_gives_way() {
    let given = Given::using("limits = { cpu = \"300ms\", time = \"10s\" }").await;
    let turns = Cell::new(0);
    let over = Cell::new(false);
    let others = async {
        while !over.get() {
            turns.set(turns.get() + 1);
            tokio::task::yield_now().await;
        }
    };
    let busy = async {
        let (result, _) = given.told("loop").await;
        over.set(true);
        result
    };
    let (result, ()) = tokio::join!(busy, others);
    assert_eq!(result, Err(Cause::Cpu));
    assert!(turns.get() > 20, "{} turns", turns.get());
}

#[tokio::test]
async fn waiting_is_not_cpu_time() {
    let given = Given::using("limits = { cpu = \"5ms\", time = \"10s\" }").await;
    let acts = ["sleep:3"; 20].join(" + ");
    let (result, _) = given.told(&acts).await;
    assert_eq!(result, Ok(RequestOutcome::Next));
}

#[tokio::test]
async fn time_is_kept_by_the_gateway() {
    let given = Given::using("limits = { time = \"50ms\" }").await;
    let began = Instant::now();
    let (result, _) = given.told("sleep:60000").await;
    assert_eq!(result, Err(Cause::Time));
    assert!(
        began.elapsed() >= Duration::from_millis(50),
        "{:?}",
        began.elapsed()
    );
    assert!(given.instances.took() >= Duration::from_millis(50));
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_any_more_gives_the_exchange_back() {
    let given = Given::using("limits = { time = \"60s\" }").await;
    let mut exchange = Some(scene(&[("x-fixture", "set:x-a=b + sleep:60000")]));
    {
        let call = given.instances.request(&given.bound, &mut exchange);
        let gone = tokio::time::timeout(Duration::from_millis(20), call).await;
        assert!(gone.is_err());
    }
    let exchange = exchange.expect("the scene is back");
    assert_eq!(exchange.head.headers.len(), 1);
    assert_eq!(given.bound.stats().instances(), 0);
    assert_eq!(given.learns("count").await, "0");
}

#[tokio::test]
async fn a_call_that_computes_ends_when_nobody_waits_for_it_any_more() {
    let given = Given::using("limits = { cpu = \"10s\", time = \"60s\" }").await;
    let mut exchange = Some(scene(&[("x-fixture", "loop")]));
    {
        let call = given.instances.request(&given.bound, &mut exchange);
        let gone = tokio::time::timeout(Duration::from_millis(50), call).await;
        assert!(gone.is_err());
    }
    assert!(exchange.is_none(), "it was on another thread");
    let patience = Instant::now() + Duration::from_secs(8);
    while given.bound.stats().instances() > 0 {
        assert!(Instant::now() < patience, "it goes on");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(
        given.learns("count").await,
        "0",
        "the next one has an instance of its own"
    );
}

#[tokio::test]
async fn fresh_instances_know_nothing_of_each_other() {
    let reused = Given::using("").await;
    let fresh = Given::using("isolation = \"fresh\"").await;
    let mut seen = Vec::new();
    for given in [&reused, &fresh] {
        for secret in ["one", "two"] {
            let mut exchange = Some(scene(&[("x-fixture", "leak"), ("x-secret", secret)]));
            given
                .instances
                .request(&given.bound, &mut exchange)
                .await
                .unwrap();
            let exchange = exchange.unwrap();
            seen.push(
                exchange.head.headers["x-fixture-result"]
                    .to_str()
                    .unwrap()
                    .to_owned(),
            );
        }
    }
    assert_eq!(seen, ["", "one", "", ""]);
    assert_eq!(
        (reused.bound.stats().instances(), fresh.bound.stats().instances()),
        (1, 0)
    );
}

#[tokio::test]
async fn instances_are_replaced_after_so_many_calls_and_when_they_have_grown() {
    let given = Given::using("limits = { calls = 2 }").await;
    for expected in ["0", "1", "0", "1"] {
        assert_eq!(given.learns("count").await, expected);
    }
    let given = Given::using("limits = { memory = \"16MiB\" }").await;
    assert_eq!(given.learns("count").await, "0");
    assert_eq!(given.learns("count + allocate:2").await, "1");
    assert_eq!(given.learns("count + allocate:12").await, "2");
    assert_eq!(given.learns("count").await, "0");
}

#[tokio::test]
async fn no_more_instances_are_busy_than_may_be() {
    let given = Given::using("limits = { instances = 1, time = \"10s\" }").await;
    let (waiting, other) = tokio::join!(given.told("sleep:50"), given.told("next"));
    assert_eq!(waiting.0, Ok(RequestOutcome::Next));
    assert_eq!(other.0, Err(Cause::Busy));
    assert_eq!(given.told("next").await.0, Ok(RequestOutcome::Next));
}

#[tokio::test]
async fn a_use_that_keeps_failing_is_not_asked_on_that_route() {
    let given = Given::using("").await;
    for _ in 0..5 {
        assert!(matches!(given.told("trap").await.0, Err(Cause::Trap(_))));
    }
    assert_eq!(given.told("next").await.0, Err(Cause::Quarantined("trap")));
    assert_eq!(given.bound.quarantined(), [("r".into(), "trap")]);
    let mut exchange = Some(scene_on(&route("other"), &[]));
    let elsewhere = given.instances.request(&given.bound, &mut exchange).await;
    assert_eq!(elsewhere, Ok(RequestOutcome::Next));
}

#[tokio::test]
async fn a_guest_that_floods_its_output_does_no_harm() {
    let given = Given::using("").await;
    for acts in ["print:2000", "log:2000x100", "random:2000"] {
        let given = Given::using("limits = { cpu = \"5s\", time = \"10s\" }").await;
        assert_eq!(given.told(acts).await.0, Ok(RequestOutcome::Next), "{acts}");
    }
    assert!(given.learns("files").await.starts_with("Err("));
    assert_eq!(given.learns("env").await, "[]");
}

#[tokio::test]
async fn calls_are_counted() {
    let given = Given::using("").await;
    given.told("next").await.0.unwrap();
    given.told("rejected:no").await.0.unwrap_err();
    given.instances.sweep();
    let calls = given.bound.stats().calls(Hook::Request);
    assert_eq!((calls.calls, calls.failures), (2, 1));
    assert!(calls.slowest <= calls.time && calls.time > Duration::ZERO);
    assert!(given.bound.stats().memory() >= 1 << 20);
    assert_eq!(given.bound.stats().instances(), 1);
}

#[tokio::test]
async fn instances_go_with_the_last_who_may_use_them() {
    let given = Given::using("").await;
    given.told("next").await.0.unwrap();
    let Given { bound, instances } = given;
    let used = Arc::downgrade(bound.used());
    drop(bound);
    instances.sweep();
    assert_eq!(used.strong_count(), 0);
}

#[tokio::test]
async fn one_instance_sees_a_body_to_its_end() {
    tokio::task::LocalSet::new()
        .run_until(async {
            let given = Given::using("chunk = \"upper\"").await;
            let mut exchange = Some(scene(&[]));
            let opened = given
                .instances
                .open_body(&given.bound, &mut exchange, Direction::Response)
                .await;
            let mut stream = opened.unwrap().expect("it is interested");
            for (chunk, last) in [("abc", false), ("def", true)] {
                let outcome = stream.chunk(&mut exchange, Bytes::from(chunk), last).await;
                let expected = chunk.to_ascii_uppercase();
                assert_eq!(outcome, Ok(ChunkOutcome::Replace(expected.into())));
            }
            assert_eq!(
                given.learns("count").await,
                "0",
                "another instance is asked meanwhile"
            );
            drop(stream);
            given.instances.sweep();
            tokio::task::yield_now().await;
            assert_eq!(given.bound.stats().instances(), 2);
            let calls = |given: &Given| given.bound.stats().calls(Hook::Chunk).calls;
            given.instances.sweep();
            assert_eq!(calls(&given), 4, "open, two pieces, close");
        })
        .await;
}

#[tokio::test]
async fn a_body_that_ended_an_instance_is_not_shown_to_another() {
    let given = Given::using("chunk = \"trap\"").await;
    let mut exchange = Some(scene(&[]));
    let opened = given
        .instances
        .open_body(&given.bound, &mut exchange, Direction::Request)
        .await;
    let mut stream = opened.unwrap().expect("it is interested");
    let first = stream.chunk(&mut exchange, Bytes::from_static(b"a"), false).await;
    assert!(matches!(first, Err(Cause::Trap(_))), "{first:?}");
    let second = stream.chunk(&mut exchange, Bytes::from_static(b"b"), true).await;
    assert!(matches!(second, Err(Cause::Internal(_))), "{second:?}");
    assert_eq!(given.bound.stats().instances(), 0);
    assert!(exchange.is_some());
}

#[tokio::test]
async fn a_plugin_that_is_not_interested_does_not_hold_an_instance() {
    let given = Given::using("").await;
    let opened = given
        .instances
        .open_body(&given.bound, &mut None, Direction::Request)
        .await;
    assert!(opened.unwrap().is_none());
    assert_eq!(given.learns("count").await, "0");
    assert_eq!(given.bound.stats().instances(), 1);
}

#[tokio::test]
async fn a_configuration_is_refused_at_its_place() {
    let problems = Given::try_using("refuse = \"not this\"").await.err().unwrap();
    assert_eq!(
        (problems[0].pointer.as_str(), problems[0].message.as_str()),
        ("/refuse", "not this")
    );
    for (act, expected) in [
        ("loop", "used up its CPU time"),
        ("trap", "trapped"),
        ("exit:1", "status 1"),
    ] {
        let problems = Given::try_using(&format!("configure = {act:?}"))
            .await
            .err()
            .unwrap();
        assert_eq!(problems[0].pointer, "");
        assert!(problems[0].message.contains(expected), "{problems:?}");
    }
}

#[tokio::test]
async fn a_component_that_cannot_say_what_it_is_is_not_loaded() {
    let component = fixture();
    let said = b"gatewit fixture describe next                   ";
    let at = component
        .windows(said.len())
        .position(|window| window == said)
        .unwrap();
    for (act, expected) in [
        ("trap", "trapped"),
        ("loop", "used up its CPU time"),
        ("exit:1", "status 1"),
    ] {
        let mut component = component.to_vec();
        component[at + 25..at + 48].fill(b' ');
        component[at + 25..at + 25 + act.len()].copy_from_slice(act.as_bytes());
        let error = load(component.into(), GRANTS).await.unwrap_err();
        assert!(matches!(error, LoadError::Describe(_)), "{act}: {error}");
        assert!(error.to_string().contains(expected), "{act}: {error}");
    }
}

#[test]
fn a_use_is_what_its_table_says() {
    let (plugin, used) = configured("", "limits = { cpu = \"7ms\" }");
    assert_eq!(
        (plugin.name.as_str(), used.bounds.cpu),
        ("p", Duration::from_millis(7))
    );
}
