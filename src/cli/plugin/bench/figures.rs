//! What was measured, as a table and as JSON; and what the figures are not.

use std::hint::black_box;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::{FRESH, ROUNDS};
use crate::cli::plugin::component::Component;
use crate::cli::plugin::size;
use crate::cli::routes::table;

/// Medians that differ by more than this share are not to be trusted.
const NOISE: f64 = 0.1;

/// What the calls of one hook took.
pub(super) struct Figures {
    pub(super) hook: &'static str,
    pub(super) instance: &'static str,
    /// Sorted.
    pub(super) times: Vec<Duration>,
    /// Of each round, sorted.
    pub(super) medians: Vec<Duration>,
}

/// Everything that was measured.
pub(super) struct Report {
    pub(super) figures: Vec<Figures>,
    pub(super) compile: Duration,
    pub(super) instantiate: Duration,
    pub(super) memory: usize,
    /// What looking at the clock twice takes.
    pub(super) clock: Duration,
}

/// What looking at the clock twice takes: it is in every figure.
pub(super) fn clock() -> Duration {
    let mut times: Vec<_> = (0..10_001).map(|_| black_box(Instant::now()).elapsed()).collect();
    times.sort_unstable();
    at(&times, 0.5)
}

/// A quantile of what is sorted: the smallest that so large a share does not exceed.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "far below 2^52, never negative, and rounded before"
)]
pub(super) fn at(sorted: &[Duration], share: f64) -> Duration {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

impl Figures {
    const SHARES: [(&'static str, f64); 5] = [
        ("p50", 0.5),
        ("p90", 0.9),
        ("p99", 0.99),
        ("p99.9", 0.999),
        ("max", 1.0),
    ];

    fn mean(&self) -> Duration {
        let calls = u32::try_from(self.times.len()).unwrap_or(u32::MAX).max(1);
        self.times.iter().sum::<Duration>() / calls
    }

    /// By which share the medians of the rounds differ.
    fn spread(&self) -> f64 {
        match self.medians.as_slice() {
            [first, .., last] => last.as_secs_f64() / first.as_secs_f64().max(1e-9) - 1.0,
            _ => 0.0,
        }
    }

    fn row(&self) -> [String; 9] {
        let [p50, p90, p99, p999, max] = Self::SHARES.map(|(_, share)| micros(at(&self.times, share)));
        let (hook, instance) = (self.hook.to_owned(), self.instance.to_owned());
        let spread = format!("{:.0} %", self.spread() * 100.0);
        [
            hook,
            instance,
            p50,
            p90,
            p99,
            p999,
            max,
            micros(self.mean()),
            spread,
        ]
    }

    fn json(&self) -> Value {
        let us = |duration: Duration| json!(duration.as_secs_f64() * 1e6);
        let mut figures = Map::new();
        figures.insert("hook".to_owned(), self.hook.into());
        figures.insert("instance".to_owned(), self.instance.into());
        figures.insert("calls".to_owned(), self.times.len().into());
        for (name, share) in Self::SHARES {
            figures.insert(format!("{name}_us"), us(at(&self.times, share)));
        }
        figures.insert("mean_us".to_owned(), us(self.mean()));
        figures.insert("spread".to_owned(), json!(self.spread()));
        figures.into()
    }
}

fn micros(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64() * 1e6)
}

impl Report {
    pub(super) fn json(&self) -> String {
        let value = json!({
            "hooks": self.figures.iter().map(Figures::json).collect::<Vec<_>>(),
            "compile_ms": self.compile.as_secs_f64() * 1e3,
            "instantiate_us": self.instantiate.as_secs_f64() * 1e6,
            "memory": self.memory,
            "clock_us": self.clock.as_secs_f64() * 1e6,
            "optimized": !cfg!(debug_assertions),
        });
        format!("{value:#}\n")
    }

    pub(super) fn text(&self, component: &Component) -> String {
        let calls: Vec<_> = self.figures.iter().map(|figures| figures.times.len()).collect();
        let most = calls.iter().max().copied().unwrap_or(0);
        let head = [
            "HOOK", "INSTANCE", "P50", "P90", "P99", "P99.9", "MAX", "MEAN", "ROUNDS",
        ];
        let mut text = format!(
            "{}: {most} calls of each hook, {} with a new instance each; one thread, times in µs\n\n{}\n",
            component.shown(),
            most / FRESH,
            table(Some(head), self.figures.iter().map(Figures::row).collect())
        );
        text.push_str(&format!(
            "compile      {:.1} ms\ninstantiate  {} µs (median, not configured yet)\nmemory       {} an instance\n",
            self.compile.as_secs_f64() * 1e3,
            micros(self.instantiate),
            size(u64::try_from(self.memory).unwrap_or(u64::MAX)),
        ));
        text.push_str(&self.doubts());
        text
    }

    /// What the figures are not.
    fn doubts(&self) -> String {
        let mut text = format!(
            "\nEach figure holds {} µs of looking at the clock. Log lines are not written, and nobody else works on \
             this thread.\nROUNDS is how far the medians of {ROUNDS} rounds lie apart.\n",
            micros(self.clock)
        );
        if self.figures.iter().any(|figures| figures.spread() > NOISE) {
            text.push_str("They lie far apart: something else keeps this machine busy. Run it again when it is quiet.\n");
        }
        if cfg!(debug_assertions) {
            text.push_str("This gatewit is not optimized: a release build is several times faster.\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(times: &[u64], medians: &[u64]) -> Figures {
        let all = |list: &[u64]| list.iter().copied().map(Duration::from_micros).collect();
        Figures {
            hook: "request",
            instance: "reused",
            times: all(times),
            medians: all(medians),
        }
    }

    #[test]
    fn quantiles_are_what_so_many_calls_do_not_exceed() {
        let times: Vec<_> = (1..=1000).collect();
        let figures = figures(&times, &[500, 550]);
        let row = figures.row();
        assert_eq!(
            row[2..],
            [
                "500.00", "900.00", "990.00", "999.00", "1000.00", "500.50", "10 %"
            ]
            .map(str::to_owned)
        );
        assert_eq!(at(&[], 0.5), Duration::ZERO);
    }

    #[test]
    fn doubts_are_said() {
        let report = |medians: &[u64]| Report {
            figures: vec![figures(&[1], medians)],
            compile: Duration::ZERO,
            instantiate: Duration::ZERO,
            memory: 0,
            clock: Duration::from_nanos(30),
        };
        assert!(report(&[10, 12]).doubts().contains("far apart"));
        let quiet = report(&[10, 10]).doubts();
        assert!(
            quiet.contains("0.03 µs") && !quiet.contains("far apart"),
            "{quiet}"
        );
    }
}
