//! The control task of one upstream: turns what names say into endpoints, and finds out which
//! endpoints that requests no longer see are alive.
//!
//! Endpoints that DNS no longer confirms are kept (for ever when DNS fails, for `hold` when it says that
//! there are none) but not trusted: each is asked for a connection every second and is out
//! while it does not accept one.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::endpoint::Endpoint;
use super::health::{Cause, Health};
use super::members::Wanted;
use super::name::{Known, Standing};
use super::probe::{KNOCK_TIMEOUT, knock, probe};
use super::{Origin, Source, Upstream};
use crate::config::{Probe, ProbeKind};

/// Knocks at an endpoint that is not trusted are this far apart, or as far as DNS questions when that is less.
pub(super) const PERIOD: Duration = Duration::from_secs(1);

/// An endpoint younger than this that refuses connections may just be starting: it is asked twice as often.
const YOUTH: Duration = Duration::from_secs(30);

/// Probes are never further apart, whatever was configured.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// Checks in flight for one upstream.
const MOST_CHECKS: usize = 64;

impl Upstream {
    /// Makes the endpoints be what the sources say now. Only the keeper calls it, and whoever makes the upstream.
    pub(super) fn apply(&self) {
        let now = self.clock.now();
        let wanted = self
            .sources
            .iter()
            .enumerate()
            .flat_map(|(index, source)| source.wanted(index, self.config.hold))
            .collect();
        let step = self
            .members
            .load()
            .next(wanted, now, |want| self.endpoint(want, now));
        if !step.is_none() {
            tracing::info!(
                upstream = self.name(),
                added = ?step.added,
                removed = ?step.removed,
                endpoints = step.members.endpoints.len(),
                "endpoints changed"
            );
            self.members.store(Arc::new(step.members));
        }
        if self
            .names()
            .all(|name| name.known().standing != Standing::Pending)
        {
            self.settled.send_replace(true);
        }
    }
}

impl Source {
    fn wanted(&self, index: usize, hold: Duration) -> Vec<Wanted> {
        let name = match &self.origin {
            Origin::Literal(ip) => {
                let address = SocketAddr::new(*ip, self.port);
                return vec![Wanted {
                    address,
                    weight: self.weight,
                    source: index,
                    confirmed: true,
                    task: None,
                }];
            }
            Origin::Name(name) => name,
        };
        let (known, owners) = (name.known(), name.owners());
        let addresses = if known.is_gone(hold) {
            &[]
        } else {
            known.addresses.as_slice()
        };
        let want = |ip| Wanted {
            address: SocketAddr::new(ip, self.port),
            weight: self.weight,
            source: index,
            confirmed: known.standing == Standing::Fresh,
            task: owners.task(ip).cloned(),
        };
        addresses.iter().copied().map(want).collect()
    }
}

impl Known {
    fn is_gone(&self, hold: Duration) -> bool {
        matches!(self.standing, Standing::Empty(since) if since.elapsed() >= hold)
    }
}

/// Keeps an upstream for ever.
pub(super) async fn keep(upstream: Arc<Upstream>, period: Duration) {
    let mut ticks = interval(period / 4);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut keeper = Keeper {
        upstream,
        period,
        files: HashMap::new(),
        checks: JoinSet::new(),
    };
    loop {
        tokio::select! {
            () = keeper.upstream.changed.notified() => keeper.renew(),
            _ = ticks.tick() => keeper.renew(),
            Some(verdict) = keeper.checks.join_next() => {
                match verdict {
                    Ok(verdict) => keeper.judge(&verdict),
                    // It panicked, and with it went whose check it was: all begin anew.
                    Err(_) => keeper.files.clear(),
                }
            }
        }
    }
}

struct Keeper {
    upstream: Arc<Upstream>,
    period: Duration,
    /// By [`Endpoint::id`].
    files: HashMap<u64, File>,
    checks: JoinSet<Verdict>,
}

/// What the keeper remembers of an endpoint.
struct File {
    /// One check at a time.
    busy: bool,
    knocked: Instant,
    next_probe: Instant,
    healthy: u32,
    unhealthy: u32,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Check {
    Knock,
    Probe,
}

struct Verdict {
    endpoint: Arc<Endpoint>,
    check: Check,
    /// `None`: this side could not even try.
    passed: Option<bool>,
}

impl Keeper {
    fn renew(&mut self) {
        self.upstream.apply();
        let now = self.upstream.clock.now();
        if let Some(swept) = self.upstream.members.load().swept(now) {
            self.upstream.members.store(Arc::new(swept));
        }
        self.look();
    }

    /// Starts the checks that are due, those first that have waited longest.
    fn look(&mut self) {
        let members = self.upstream.members.load_full();
        let now = Instant::now();
        self.files
            .retain(|id, _| members.endpoints.iter().any(|endpoint| endpoint.id() == *id));
        let mut due: Vec<_> = members
            .endpoints
            .iter()
            .filter_map(|endpoint| Some((endpoint, self.due(endpoint, now)?)))
            .collect();
        due.sort_by_key(|(endpoint, _)| self.files.get(&endpoint.id()).map(|file| file.knocked));
        for (endpoint, check) in due
            .into_iter()
            .take(MOST_CHECKS.saturating_sub(self.checks.len()))
        {
            self.start(Arc::clone(endpoint), check, now);
        }
    }

    fn due(&mut self, endpoint: &Endpoint, now: Instant) -> Option<Check> {
        let file = self
            .files
            .entry(endpoint.id())
            .or_insert_with(|| File::new(now, self.period));
        let apart = pause(endpoint.age(self.upstream.clock.now()), self.period);
        let suspect = !endpoint.is_confirmed() || endpoint.health.load().cause() == Some(Cause::Connect);
        if file.busy {
            None
        } else if suspect && now.duration_since(file.knocked) >= apart {
            Some(Check::Knock)
        } else if self.upstream.config.probe.is_some() && now >= file.next_probe {
            Some(Check::Probe)
        } else {
            None
        }
    }

    fn start(&mut self, endpoint: Arc<Endpoint>, check: Check, now: Instant) {
        let Some(file) = self.files.get_mut(&endpoint.id()) else {
            return;
        };
        file.busy = true;
        match (check, self.upstream.config.probe.clone()) {
            (Check::Probe, Some(settings)) => {
                file.next_probe = now
                    + settings
                        .interval
                        .min(LONGEST_WAIT)
                        .mul_f64(0.9 + 0.2 * fastrand::f64());
                self.checks.spawn(async move {
                    let passed = probe(&endpoint, &settings.kind, settings.timeout).await;
                    Verdict {
                        endpoint,
                        check,
                        passed,
                    }
                });
            }
            _ => {
                file.knocked = now;
                self.checks.spawn(async move {
                    let passed = knock(&endpoint, KNOCK_TIMEOUT).await;
                    Verdict {
                        endpoint,
                        check: Check::Knock,
                        passed,
                    }
                });
            }
        }
    }

    fn judge(&mut self, verdict: &Verdict) {
        let endpoint = &verdict.endpoint;
        let Some(file) = self.files.get_mut(&endpoint.id()) else {
            return;
        };
        file.busy = false;
        let Some(passed) = verdict.passed else { return };
        match (verdict.check, &self.upstream.config.probe) {
            (Check::Probe, Some(settings)) => {
                file.count(passed);
                let unhealthy = file.opinion(settings);
                self.note_probe(endpoint, passed.then_some(&settings.kind), unhealthy);
            }
            _ => self.note_knock(endpoint, passed),
        }
    }

    fn note_knock(&self, endpoint: &Endpoint, accepted: bool) {
        if accepted {
            let change = endpoint.health.update(Health::connected);
            self.upstream.note_change(endpoint, change);
        }
        // DNS may have confirmed it meanwhile; then its word counts.
        if (accepted || !endpoint.is_confirmed()) && endpoint.set_unanswering(!accepted) {
            let (upstream, endpoint) = (self.upstream.name(), endpoint.address());
            if accepted {
                tracing::info!(upstream, %endpoint, "endpoint answers again");
            } else {
                tracing::warn!(upstream, %endpoint, "endpoint is not confirmed by dns and does not answer");
            }
        }
    }

    fn note_probe(&self, endpoint: &Endpoint, passed: Option<&ProbeKind>, unhealthy: Option<bool>) {
        match passed {
            None => endpoint.note_failed_probe(),
            Some(ProbeKind::Tcp) => self
                .upstream
                .note_change(endpoint, endpoint.health.update(Health::connected)),
            Some(ProbeKind::Http { .. }) => {
                self.upstream
                    .note_change(endpoint, endpoint.health.update(|_| Health::default()));
            }
        }
        let Some(unhealthy) = unhealthy else { return };
        if endpoint.set_unhealthy(unhealthy) {
            let (upstream, endpoint) = (self.upstream.name(), endpoint.address());
            if unhealthy {
                tracing::warn!(upstream, %endpoint, "endpoint fails its probes");
            } else {
                tracing::info!(upstream, %endpoint, "endpoint passes its probes");
            }
        }
    }
}

/// Between two knocks at an endpoint of this age.
fn pause(age: Duration, period: Duration) -> Duration {
    if age < YOUTH { period / 2 } else { period }
}

impl File {
    /// A first knock is due at once, a first probe too.
    fn new(now: Instant, period: Duration) -> Self {
        let knocked = now.checked_sub(period).unwrap_or(now);
        Self {
            busy: false,
            knocked,
            next_probe: now,
            healthy: 0,
            unhealthy: 0,
        }
    }

    fn count(&mut self, passed: bool) {
        if passed {
            (self.healthy, self.unhealthy) = (self.healthy.saturating_add(1), 0);
        } else {
            (self.healthy, self.unhealthy) = (0, self.unhealthy.saturating_add(1));
        }
    }

    /// Whether it is unhealthy; `None` while the probes have not decided.
    fn opinion(&self, settings: &Probe) -> Option<bool> {
        if self.unhealthy >= settings.unhealthy_after.max(1) {
            Some(true)
        } else if self.healthy >= settings.healthy_after.max(1) {
            Some(false)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_young_endpoint_is_asked_twice_as_often() {
        for (seconds, millis) in [(0, 500), (29, 500), (30, 1000), (3600, 1000)] {
            assert_eq!(
                pause(Duration::from_secs(seconds), PERIOD),
                Duration::from_millis(millis)
            );
        }
    }

    #[test]
    fn probes_decide_after_as_many_in_a_row_as_configured() {
        let settings = Probe {
            unhealthy_after: 2,
            healthy_after: 3,
            ..Probe::new(ProbeKind::Tcp)
        };
        let mut file = File::new(Instant::now(), PERIOD);
        let told = [false, true, false, false, true, true, true, false].map(|passed| {
            file.count(passed);
            file.opinion(&settings)
        });
        let (bad, good) = (Some(true), Some(false));
        assert_eq!(told, [None, None, None, bad, None, None, good, None]);
    }
}
