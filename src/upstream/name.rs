//! One DNS name over time: asked again and again by one task, whoever and however many use it.
//!
//! What is known is what was last answered; failures change nothing but its standing. How long the
//! endpoints of a name without addresses are kept is decided by each upstream's keeper.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::clock::micros;
use super::dns::{Lookup, Resolver, Trust};
use super::identity::Owners;
use super::view::{LookupResult, NameState, NameView};
use crate::config;

/// One name, shared by the upstreams that use it, with whatever port.
#[derive(Debug)]
pub(super) struct Name {
    host: String,
    known: ArcSwap<Known>,
    /// A request found no endpoint since the last question.
    wanted: AtomicBool,
    /// The longest `hold` of its upstreams, in microseconds.
    hold: AtomicU64,
    subscribers: Mutex<Vec<Weak<Notify>>>,
    /// Whose tasks the addresses are; nobody's for names that are no Swarm service's.
    owners: Mutex<Owners>,
    report: Mutex<Report>,
}

/// What is known of a name.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Of the last good answer, sorted.
    pub(super) addresses: Vec<IpAddr>,
    pub(super) standing: Standing,
    /// When `tasks.NAME` last had addresses.
    tasks_answered: Option<Instant>,
}

/// How far the addresses of a name can be relied on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Standing {
    /// Nothing was heard yet.
    #[default]
    Pending,
    /// The last question was answered with these.
    Fresh,
    /// The last question failed.
    Stale,
    /// There are none, since then.
    Empty(Instant),
}

/// For the admin API and the metrics.
#[derive(Debug, Default)]
struct Report {
    last: Option<Lookup>,
    good_at: Option<Instant>,
    lookups: BTreeMap<LookupResult, u64>,
    duration: Duration,
    truncated: u64,
    added: u64,
    removed: u64,
    guarded: u64,
    bogus: u64,
}

impl Name {
    /// `seed` is what an earlier configuration knew of the same name.
    pub(super) fn new(host: &str, seed: Option<&Self>) -> Self {
        Self {
            host: host.to_owned(),
            known: seed.map_or_else(ArcSwap::default, |seed| ArcSwap::new(seed.known())),
            wanted: AtomicBool::new(false),
            hold: AtomicU64::new(0),
            subscribers: Mutex::default(),
            owners: Mutex::new(seed.map(|seed| seed.owners().clone()).unwrap_or_default()),
            report: Mutex::default(),
        }
    }

    /// As configured: lower case, without trailing dot.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn known(&self) -> Arc<Known> {
        self.known.load_full()
    }

    /// Whether its addresses are believed to be those of a Swarm service, or of its tasks.
    pub(super) fn is_service(&self, tasks: config::Tasks) -> bool {
        !matches!(Plan::new(&self.host, tasks), Plan::Plain(Trust::Plain))
    }

    pub(super) fn owners(&self) -> MutexGuard<'_, Owners> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request wants it: no back-off.
    pub(super) fn want(&self) {
        if !self.wanted.load(Ordering::Relaxed) {
            self.wanted.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn subscribe(&self, changed: &Arc<Notify>) {
        let mut subscribers = self.subscribers.lock().unwrap_or_else(PoisonError::into_inner);
        subscribers.retain(|other| other.strong_count() > 0);
        subscribers.push(Arc::downgrade(changed));
    }

    /// The longest time that an upstream keeps endpoints of this name without an answer that has them.
    pub(super) fn hold_for(&self, hold: Duration) {
        self.hold.store(micros(hold), Ordering::Relaxed);
    }

    fn hold(&self) -> Duration {
        Duration::from_micros(self.hold.load(Ordering::Relaxed))
    }

    pub(super) fn state(&self, known: &Known) -> NameState {
        match known.standing {
            Standing::Pending => NameState::Pending,
            Standing::Fresh => NameState::Fresh,
            Standing::Stale => NameState::Stale,
            Standing::Empty(since) if since.elapsed() < self.hold() => NameState::Held,
            Standing::Empty(_) => NameState::Empty,
        }
    }

    pub(super) fn view(&self) -> NameView {
        let known = self.known();
        let report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        let last = report.last.as_ref();
        NameView {
            name: self.host.clone(),
            state: self.state(&known),
            addresses: known.addresses.clone(),
            mixed: self.owners().mixture(),
            asked: last.map(|last| last.question.clone()),
            result: last.map(|last| last.result),
            server: last.and_then(|last| last.server),
            good_age: report.good_at.map(|at| at.elapsed().as_secs_f64()),
            duration: last.map(|last| last.took.as_secs_f64()),
            duration_total: report.duration.as_secs_f64(),
            lookups: report
                .lookups
                .iter()
                .map(|(&result, &count)| (result, count))
                .collect(),
            truncated: report.truncated,
            added: report.added,
            removed: report.removed,
            guarded: report.guarded,
            bogus: report.bogus,
            refused: last
                .map(|last| last.guarded.iter().chain(&last.bogus).copied().collect())
                .unwrap_or_default(),
        }
    }

    /// Keeps what a question brought, and wakes the upstreams when that is something new.
    fn learn(&self, lookup: Lookup, tasks_answered: Option<Instant>) {
        let known = self.known();
        let next = known.after(&lookup, tasks_answered);
        self.note_refusals(&lookup);
        let changed = next.addresses != known.addresses || next.standing != known.standing;
        if changed {
            self.note_change(&known, &next, &lookup);
        }
        if !lookup.addresses.is_empty() {
            self.report.lock().unwrap_or_else(PoisonError::into_inner).good_at = Some(Instant::now());
        }
        self.report.lock().unwrap_or_else(PoisonError::into_inner).last = Some(lookup);
        self.known.store(Arc::new(next));
        if changed {
            self.tell();
        }
    }

    /// Takes an address out until DNS names it again. Only the task of the name calls it, as it does `learn`.
    pub(super) fn disown(&self, address: IpAddr) {
        let mut known = Known::clone(&self.known());
        known.addresses.retain(|other| *other != address);
        self.known.store(Arc::new(known));
        self.report.lock().unwrap_or_else(PoisonError::into_inner).removed += 1;
        self.tell();
    }

    fn tell(&self) {
        let subscribers = self.subscribers.lock().unwrap_or_else(PoisonError::into_inner);
        subscribers
            .iter()
            .filter_map(Weak::upgrade)
            .for_each(|changed| changed.notify_one());
    }

    /// Counts one question.
    fn count(&self, lookup: &Lookup) {
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        *report.lookups.entry(lookup.result).or_default() += 1;
        report.duration += lookup.took;
        report.truncated += u64::from(lookup.truncated);
        report.guarded += lookup.guarded.len() as u64;
        report.bogus += lookup.bogus.len() as u64;
    }

    fn note_change(&self, known: &Known, next: &Known, lookup: &Lookup) {
        let missing = |from: &[IpAddr], of: &[IpAddr]| of.iter().filter(|one| !from.contains(one)).count();
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.added += missing(&known.addresses, &next.addresses) as u64;
        report.removed += missing(&next.addresses, &known.addresses) as u64;
        let (name, asked, result) = (&self.host, &lookup.question, lookup.result);
        let addresses = next.addresses.len();
        match next.standing {
            Standing::Fresh | Standing::Pending => tracing::info!(name, asked, addresses, "name resolved"),
            Standing::Stale => tracing::warn!(name, asked, ?result, addresses, "name not answered"),
            Standing::Empty(_) => tracing::warn!(name, asked, ?result, "name without addresses"),
        }
    }

    /// Says once for each set of refused addresses that they were refused.
    fn note_refusals(&self, lookup: &Lookup) {
        let refused = |lookup: &Lookup| [lookup.guarded.clone(), lookup.bogus.clone()];
        let report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        let before = report.last.as_ref().map(refused).unwrap_or_default();
        let [guarded, bogus] = &refused(lookup);
        if !guarded.is_empty() && before[0] != *guarded {
            let asked = &lookup.question;
            tracing::warn!(name = self.host, asked, addresses = ?guarded, "addresses outside the attached subnets refused");
        }
        if !bogus.is_empty() && before[1] != *bogus {
            tracing::warn!(name = self.host, addresses = ?bogus, "impossible addresses refused");
        }
    }
}

impl Known {
    fn after(&self, lookup: &Lookup, tasks_answered: Option<Instant>) -> Self {
        let standing = match (lookup.result, self.standing) {
            (LookupResult::Found | LookupResult::Local, _) => {
                let addresses = lookup.addresses.clone();
                return Self {
                    addresses,
                    standing: Standing::Fresh,
                    tasks_answered,
                };
            }
            // What was said to be gone does not come back by a failure.
            (_, gone @ Standing::Empty(_)) => gone,
            (result, _) if result.is_failure() => Standing::Stale,
            _ => Standing::Empty(Instant::now()),
        };
        Self {
            addresses: self.addresses.clone(),
            standing,
            tasks_answered,
        }
    }
}

/// Asks for a name for ever.
pub(super) async fn refresh(name: Arc<Name>, resolver: Arc<Resolver>, dns: config::Dns) {
    let mut asker = Asker::new(&name, &resolver, &dns);
    let mut pause = dns.refresh;
    loop {
        let wanted = name.wanted.swap(false, Ordering::Relaxed);
        let lookup = asker.ask().await;
        let found = matches!(lookup.result, LookupResult::Found | LookupResult::Local);
        name.learn(lookup, asker.tasks_answered);
        let longest = dns.backoff.max(dns.refresh);
        pause = if found || wanted {
            dns.refresh
        } else {
            (pause * 2).min(longest)
        };
        rest(&name, pause, dns.refresh).await;
    }
}

/// Waits, but no longer than `refresh` when a request wants the name. ±20 %, so that names and replicas spread.
async fn rest(name: &Name, pause: Duration, refresh: Duration) {
    let mut left = pause.mul_f64(0.8 + 0.4 * fastrand::f64());
    loop {
        let slice = left.min(refresh);
        sleep(slice).await;
        left = left.saturating_sub(slice);
        if left.is_zero() || name.wanted.load(Ordering::Relaxed) {
            return;
        }
    }
}

/// What to ask for a name, given what was answered before.
struct Asker<'a> {
    name: &'a Name,
    resolver: &'a Resolver,
    backoff: Duration,
    plan: Plan,
    tasks_answered: Option<Instant>,
    /// `tasks.NAME` is not asked before this.
    tasks_resume: Option<Instant>,
}

enum Plan {
    /// The name as it is.
    Plain(Trust),
    /// Its tasks, then the name as it is.
    TasksFirst(String),
}

impl Plan {
    fn new(host: &str, tasks: config::Tasks) -> Self {
        let tasks_first = match tasks {
            config::Tasks::Auto => !host.contains('.'),
            config::Tasks::Always => true,
            config::Tasks::Never => false,
        };
        if host.starts_with("tasks.") {
            Self::Plain(Trust::Guarded)
        } else if tasks_first {
            Self::TasksFirst(format!("tasks.{host}"))
        } else {
            Self::Plain(Trust::Plain)
        }
    }
}

impl<'a> Asker<'a> {
    fn new(name: &'a Name, resolver: &'a Resolver, dns: &config::Dns) -> Self {
        let tasks_answered = name.known().tasks_answered;
        Self {
            name,
            resolver,
            backoff: dns.backoff,
            plan: Plan::new(&name.host, dns.tasks),
            tasks_answered,
            tasks_resume: None,
        }
    }

    async fn ask(&mut self) -> Lookup {
        if let Some(lookup) = self.resolver.local(&self.name.host) {
            self.name.count(&lookup);
            return lookup;
        }
        match &self.plan {
            Plan::Plain(trust) => self.question(&self.name.host, *trust).await,
            Plan::TasksFirst(tasks) => {
                let tasks = tasks.clone();
                self.ask_tasks_first(&tasks).await
            }
        }
    }

    /// The service's tasks; its virtual address only when there is no reason to believe that it has tasks. A service
    /// scaled to zero must not be replaced by its virtual address, behind which nobody is, so that needs a real
    /// negative answer, and tasks that were not seen for as long as upstreams hold them.
    ///
    /// Where `tasks.` was never answered this may be no Swarm service at all. Some engines pass the unknown name on
    /// to resolvers outside, and it ends in a failure; then the name itself decides, and `tasks.` is asked only now
    /// and then.
    async fn ask_tasks_first(&mut self, tasks: &str) -> Lookup {
        let resumed = self.tasks_resume.is_none_or(|at| at <= Instant::now());
        if resumed {
            let lookup = self.question(tasks, Trust::Guarded).await;
            if lookup.result == LookupResult::Found {
                self.tasks_answered = Some(Instant::now());
                return lookup;
            }
            let failed = lookup.result.is_failure();
            let may_fall_back = match self.tasks_answered {
                None => true,
                Some(at) => !failed && at.elapsed() > self.name.hold(),
            };
            if !may_fall_back {
                return lookup;
            }
            self.tasks_resume = failed.then(|| Instant::now() + self.backoff);
        }
        let lookup = self.question(&self.name.host, Trust::Guarded).await;
        if lookup.result != LookupResult::Found {
            self.tasks_resume = None;
        }
        lookup
    }

    async fn question(&self, host: &str, trust: Trust) -> Lookup {
        let lookup = self.resolver.ask(host, trust).await;
        self.name.count(&lookup);
        lookup
    }
}
