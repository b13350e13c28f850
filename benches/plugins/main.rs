//! What plugins cost: one call of a hook, chains, new instances, loading. The goals, the figures and how to read them are
//! in `README.md` here. What a gateway does around a call is not measured here; for that there is `benches/peers/run.py`.
//!
//!     cargo bench --bench plugins             everything
//!     cargo bench --bench plugins -- hs256    rows whose name holds this
#![allow(clippy::unwrap_used, reason = "a benchmark that fails may panic")]

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

use gatewit::plugin::Instances;
use tokio::runtime::{Builder, Runtime};

use crate::world::World;

mod load;
mod together;
mod tokens;
mod world;

/// As the gateway has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exchanges that are timed as one: looking at the clock costs nothing, and a pause falls into few of them.
const BATCH: u32 = 50;

/// Each row is measured for so long.
const ROW: Duration = Duration::from_secs(2);

/// Name, route, what is called, goal in microseconds.
const ROWS: [(&str, &str, Hooks, Option<f64>); 14] = [
    (
        "request hook that does nothing",
        "nothing",
        Hooks::Request,
        Some(0.5),
    ),
    (
        "read one header, set one",
        "read-and-set",
        Hooks::Request,
        Some(1.0),
    ),
    ("JWT HS256, remembered", "hs256", Hooks::Request, None),
    ("JWT HS256, first sight", "hs256-first", Hooks::Request, None),
    ("JWT RS256, remembered", "rs256", Hooks::Request, None),
    ("JWT RS256, first sight", "rs256-first", Hooks::Request, None),
    ("route by a header", "route", Hooks::Request, None),
    ("rate limit", "rate-limit", Hooks::Request, None),
    ("rate limit, there and back", "rate-limit", Hooks::Both, None),
    (
        "route + JWT HS256 + rate limit",
        "chain",
        Hooks::Request,
        Some(4.0),
    ),
    ("the same, there and back", "chain", Hooks::Both, Some(4.0)),
    (
        "route + JWT RS256 + rate limit, remembered",
        "chain-rs256",
        Hooks::Both,
        Some(5.0),
    ),
    (
        "route + JWT RS256 + rate limit, first sight",
        "chain-rs256-first",
        Hooks::Both,
        Some(20.0),
    ),
    (
        "fresh instance, hook that does nothing",
        "nothing-fresh",
        Hooks::Request,
        Some(10.0),
    ),
];

#[derive(Clone, Copy)]
enum Hooks {
    Request,
    Both,
}

fn main() {
    // `cargo bench` says `--bench`.
    let only = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let wanted = |name: &str| only.as_ref().is_none_or(|only| name.contains(only));
    let runtime = runtime();
    let mut world = World::new();
    println!("{:46} {:>9} {:>9} {:>7}", "µs", "lowest", "median", "goal");
    for (name, route, hooks, goal) in ROWS {
        if wanted(name) || wanted(route) {
            let chain = runtime.block_on(world.chain(route));
            tell(name, &mut runtime.block_on(calls(&chain, hooks)), goal);
        }
    }
    if wanted("host") {
        host(&world);
    }
    if wanted("together") {
        together::measure(&runtime.block_on(world.chain("nothing-fresh")));
    }
    if wanted("load") {
        runtime.block_on(load::measure(&world.config));
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Microseconds of an exchange, batch by batch.
async fn calls(chain: &world::Chain, hooks: Hooks) -> Vec<f64> {
    let instances = Instances::default();
    let mut times = Vec::new();
    let end = Instant::now() + ROW;
    while Instant::now() < end {
        let mut scenes: Vec<_> = (0..BATCH).map(|_| chain.scene()).collect();
        let began = Instant::now();
        for scene in &mut scenes {
            chain.down(&instances, scene).await;
            if matches!(hooks, Hooks::Both) {
                chain.up(&instances, scene).await;
            }
        }
        times.push(micros(began.elapsed()) / f64::from(BATCH));
        instances.sweep();
    }
    times
}

/// What is done by the host alone, without any plugin: what is above it is the price of the sandbox.
fn host(world: &World) {
    let now = SystemTime::now();
    for name in ["hs256", "hs256-first", "rs256", "rs256-first"] {
        let verifier = world.powers.verifiers.find(name).unwrap().clone();
        let token = world.token(name.trim_end_matches("-first"));
        let mut times = repeated(|| drop(black_box(verifier.verify_at(black_box(token), now).unwrap())));
        tell(&format!("the host alone: verify, {name}"), &mut times, None);
    }
    let budget = world.powers.budgets.find("default").unwrap();
    let mut times = repeated(|| {
        black_box(budget.take(black_box(b"192.0.2.1"), 1));
    });
    tell("the host alone: take from a budget", &mut times, None);
}

fn repeated(mut work: impl FnMut()) -> Vec<f64> {
    let mut times = Vec::new();
    let end = Instant::now() + ROW / 2;
    while Instant::now() < end {
        let began = Instant::now();
        (0..BATCH).for_each(|_| work());
        times.push(micros(began.elapsed()) / f64::from(BATCH));
    }
    times
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Sorts, and prints.
fn tell(name: &str, times: &mut [f64], goal: Option<f64>) {
    times.sort_by(f64::total_cmp);
    let (lowest, median) = (times[0], times[times.len() / 2]);
    let goal = goal.map_or_else(String::new, |goal| format!("{goal:7.1}"));
    println!("{name:46} {lowest:9.3} {median:9.3} {goal}");
}
