//! New instances on two threads at once, 20,000 a second: whether they are in each other's way.

use std::thread;
use std::time::{Duration, Instant};

use gatewit::plugin::Instances;

use crate::world::Chain;
use crate::{micros, runtime};

/// Calls of one thread.
const CALLS: usize = 50_000;

/// Of one thread: with two of them, 20,000 calls a second.
const PACE: Duration = Duration::from_micros(100);

/// Prints how long calls took.
pub(crate) fn measure(chain: &Chain) {
    println!(
        "\n{:46} {:>9} {:>9} {:>9} {:>9}",
        "fresh instances: µs of a call", "median", "p99", "p99.9", "slowest"
    );
    for (name, threads, pace) in [
        ("one thread, without a pause", 1, Duration::ZERO),
        ("two threads, without a pause", 2, Duration::ZERO),
        ("two threads, 20,000 a second in all", 2, PACE),
    ] {
        let mut times: Vec<f64> = thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(|| calls(chain, pace))).collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap())
                .collect()
        });
        times.sort_by(f64::total_cmp);
        let at = |part: f64| times[(part * (times.len() - 1) as f64) as usize];
        println!(
            "{name:46} {:9.2} {:9.2} {:9.2} {:9.2}",
            at(0.5),
            at(0.99),
            at(0.999),
            at(1.0)
        );
    }
}

fn calls(chain: &Chain, pace: Duration) -> Vec<f64> {
    runtime().block_on(async {
        let instances = Instances::default();
        let mut times = Vec::with_capacity(CALLS);
        let mut next = Instant::now();
        for _ in 0..CALLS {
            let mut scene = chain.scene();
            while Instant::now() < next {
                std::hint::spin_loop();
            }
            next += pace;
            let began = Instant::now();
            chain.down(&instances, &mut scene).await;
            times.push(micros(began.elapsed()));
        }
        times
    })
}
