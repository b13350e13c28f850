//! What became of each request, and the figures drawn from it, as tab-separated lines for `awk`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The outcome of a request that was answered by a replica, with 200.
const OK: &str = "ok";

pub struct Outcome {
    /// Since the run began.
    pub start: Duration,
    pub latency: Duration,
    pub connection: usize,
    pub kind: String,
    pub replica: Option<String>,
    pub retry_after: Option<String>,
}

impl Outcome {
    pub fn is_ok(&self) -> bool {
        self.kind == OK
    }
}

/// When a run began, on both clocks: the wall clock is what Docker's times can be compared to.
#[derive(Clone, Copy)]
pub struct Clock {
    began: Instant,
    epoch: Duration,
}

impl Clock {
    pub fn start() -> Self {
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            began: Instant::now(),
            epoch,
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

#[derive(Default)]
struct Replica {
    hits: usize,
    first: Duration,
    last: Duration,
}

/// Answers by replica; first and last are when the answer had come.
fn by_replica(outcomes: &[Outcome]) -> BTreeMap<&str, Replica> {
    let mut replicas = BTreeMap::<&str, Replica>::new();
    for outcome in outcomes {
        let Some(name) = &outcome.replica else { continue };
        let seen = outcome.start + outcome.latency;
        let replica = replicas.entry(name).or_insert(Replica {
            first: seen,
            ..Replica::default()
        });
        replica.hits += 1;
        replica.first = replica.first.min(seen);
        replica.last = replica.last.max(seen);
    }
    replicas
}

/// For people: who answered how often.
pub fn print_hits(outcomes: &[Outcome], to: &mut impl Write) -> io::Result<()> {
    for (name, replica) in by_replica(outcomes) {
        writeln!(to, "  {:>4}  {name}", replica.hits)?;
    }
    for outcome in outcomes.iter().filter(|outcome| !outcome.is_ok()) {
        writeln!(
            to,
            "  failed after {} ms: {}",
            outcome.latency.as_millis(),
            outcome.kind
        )?;
    }
    Ok(())
}

/// For machines: the `request` lines (the failed ones, or `all`), then the summary.
///
/// `request  start_ms  latency_ms  connection  outcome  replica  retry_after`
pub fn print(clock: Clock, outcomes: &mut [Outcome], all: bool, to: &mut impl Write) -> io::Result<()> {
    outcomes.sort_by_key(|outcome| outcome.start);
    for outcome in outcomes.iter().filter(|outcome| all || !outcome.is_ok()) {
        writeln!(
            to,
            "request\t{}\t{}\t{}\t{}\t{}\t{}",
            outcome.start.as_millis(),
            outcome.latency.as_millis(),
            outcome.connection,
            outcome.kind,
            outcome.replica.as_deref().unwrap_or("-"),
            outcome.retry_after.as_deref().unwrap_or("-"),
        )?;
    }
    let mut kinds = BTreeMap::<&str, usize>::new();
    for outcome in outcomes.iter() {
        *kinds.entry(&outcome.kind).or_default() += 1;
    }
    let ok = kinds.get(OK).copied().unwrap_or(0);
    let slowest = outcomes
        .iter()
        .map(|outcome| outcome.latency)
        .max()
        .unwrap_or_default();
    writeln!(to, "started_at_ms\t{}", clock.epoch.as_millis())?;
    writeln!(to, "lasted_ms\t{}", clock.elapsed().as_millis())?;
    writeln!(
        to,
        "total\t{}\nok\t{ok}\nfailed\t{}",
        outcomes.len(),
        outcomes.len() - ok
    )?;
    for (kind, count) in kinds.iter().filter(|(kind, _)| **kind != OK) {
        writeln!(to, "failed_by\t{kind}\t{count}")?;
    }
    writeln!(to, "slowest_ms\t{}", slowest.as_millis())?;
    for (name, replica) in by_replica(outcomes) {
        let (first, last) = (replica.first.as_millis(), replica.last.as_millis());
        writeln!(to, "replica\t{name}\t{}\t{first}\t{last}", replica.hits)?;
    }
    to.flush()
}

/// An answer counts as good only where a replica gave it.
pub fn outcome_kind(status: u16, replica: Option<&str>) -> String {
    match (status, replica) {
        (200, Some(_)) => OK.into(),
        (200, None) => "wrong-body".into(),
        (status, _) => format!("status-{status}"),
    }
}
