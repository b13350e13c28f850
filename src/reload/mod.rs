//! One configuration change: load everything, build, swap once, or leave all as it was and say why.
//!
//! One at a time, on the control runtime. What starts one (a signal, a changed file, the API) asks through
//! [`Handle`] and is told how it ended.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

use crate::config::{self, Code, Config, Diagnostics, Inactive, Loaded, Source};
use crate::jwt;
use crate::plugin::{self, Loader};
use crate::router;
use crate::snapshot::{Live, Snapshot};
use crate::telemetry::metrics::{self, Metrics};

mod added;
pub mod change;
mod differences;
mod files;
mod outcome;
mod versions;

pub use added::Added;
pub use change::Change;
use differences::differences;
pub use files::Files;
pub use outcome::{Outcome, Refusal, Result, Trigger};
pub use versions::{Version, Versions};

/// How often files are looked at. Looking is cheap, needs no rights, and works for bind mounts and Docker
/// configs, where file events do not arrive.
const LOOK: Duration = Duration::from_secs(1);

/// Between two tries to load a plugin whose component could not be had: from the first to the longest, doubling.
const PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_mins(1));

/// How long the first answers for new names are waited for; until then the old configuration serves.
const FIRST_ANSWERS: Duration = Duration::from_secs(2);

/// Asks for reloads. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    requests: mpsc::Sender<Request>,
    added: Arc<ArcSwap<Added>>,
    last: Arc<ArcSwapOption<Outcome>>,
}

/// What is asked, by whom, and who waits for the outcome.
type Request = (Trigger, Task, oneshot::Sender<Arc<Outcome>>);

enum Task {
    /// Read everything again.
    Load,
    /// One plugin alone.
    Plugin(plugin::Order),
    /// What was added.
    Change(Change),
}

impl Handle {
    /// Reloads now; waits for a reload that is running. `None` when the gateway is stopping.
    pub async fn reload(&self, trigger: Trigger) -> Option<Arc<Outcome>> {
        self.ask(trigger, Task::Load).await
    }

    /// Has one plugin loaded again, replaced, or rolled back; the configuration stays as it is.
    pub async fn plugin(&self, order: plugin::Order) -> Option<Arc<Outcome>> {
        self.ask(Trigger::Api, Task::Plugin(order)).await
    }

    /// Changes what is added to the configuration.
    pub async fn change(&self, change: Change) -> Option<Arc<Outcome>> {
        self.ask(Trigger::Api, Task::Change(change)).await
    }

    /// What is added to the configuration, as it is and as it was.
    pub fn added(&self) -> Arc<Added> {
        self.added.load_full()
    }

    async fn ask(&self, trigger: Trigger, task: Task) -> Option<Arc<Outcome>> {
        let (reply, outcome) = oneshot::channel();
        self.requests.send((trigger, task, reply)).await.ok()?;
        outcome.await.ok()
    }

    /// How the last reload ended that was not [`Result::Unchanged`].
    pub fn last(&self) -> Option<Arc<Outcome>> {
        self.last.load_full()
    }
}

/// What must be ready before a configuration can be swapped in, and is not part of the snapshot: listeners.
/// Implemented above.
pub trait Rim {
    /// What was prepared.
    type Ready;

    /// Binds what is new, without disturbing what runs.
    ///
    /// # Errors
    ///
    /// What could not be bound; then nothing changes.
    fn prepare(&mut self, config: &Config) -> std::result::Result<Self::Ready, Diagnostics>;

    /// Takes over what was prepared and lets go of what is gone.
    fn commit(&mut self, ready: Self::Ready) -> impl Future<Output = ()> + Send + use<Self>;
}

/// Carries reloads out.
pub struct Reloader<R> {
    source: Source,
    live: Live,
    loader: Arc<Loader>,
    metrics: Arc<Metrics>,
    rim: R,
    requests: mpsc::Receiver<Request>,
    added: Arc<ArcSwap<Added>>,
    last: Arc<ArcSwapOption<Outcome>>,
    /// When what may come right by itself was last tried again, and the pause after it.
    tried: (Instant, Duration),
}

impl<R: Rim> Reloader<R> {
    /// Reloads from `source` into `live`, where `added` is part of the configuration already.
    pub fn new(
        source: Source,
        added: Added,
        live: Live,
        loader: Arc<Loader>,
        metrics: Arc<Metrics>,
        rim: R,
    ) -> (Self, Handle) {
        let (sender, requests) = mpsc::channel(8);
        let last = Arc::new(ArcSwapOption::empty());
        let added = Arc::new(ArcSwap::from_pointee(added));
        let handle = Handle {
            requests: sender,
            added: Arc::clone(&added),
            last: Arc::clone(&last),
        };
        (
            Self {
                source,
                live,
                loader,
                metrics,
                rim,
                requests,
                added,
                last,
                tried: (Instant::now(), PAUSES.0),
            },
            handle,
        )
    }

    /// Runs until every handle is gone. `files` is how the files looked before they were read.
    pub async fn run(mut self, mut files: Files) {
        let mut seen = files.clone();
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                request = self.requests.recv() => {
                    let Some((trigger, task, reply)) = request else { return };
                    let before = Files::of(&self.live.load().config);
                    // Nobody listens any more: the caller has given up waiting.
                    let _ = reply.send(self.reload(trigger, &task).await);
                    files = Files::of(&self.live.load().config).dated(&before);
                }
                _ = look.tick() => {
                    let now = Files::of(&self.live.load().config);
                    // Looked at twice: a file that is just being written is left alone until it rests.
                    if now != files && now == seen {
                        self.reload(Trigger::File, &Task::Load).await;
                        files = Files::of(&self.live.load().config).dated(&now);
                    }
                    seen = now;
                    self.try_again().await;
                }
            }
        }
    }

    /// A server that a component comes from may be there later than the gateway.
    async fn try_again(&mut self) {
        let old = self.live.load_full();
        if !old.plugins.problems().any(|problem| problem.passing) {
            self.tried.1 = PAUSES.0;
            return;
        }
        let (last, pause) = self.tried;
        if last.elapsed() < pause {
            return;
        }
        let config = Arc::clone(&old.config);
        let result = self.swap(&old, Next::of(config)).await;
        self.tried = (Instant::now(), (pause * 2).min(PAUSES.1));
        if let Ok(result @ Result::Applied { .. }) = result {
            self.finish(Trigger::Retry, result);
        }
    }

    async fn reload(&mut self, trigger: Trigger, task: &Task) -> Arc<Outcome> {
        let result = match task {
            Task::Load => self.load(trigger).await,
            Task::Plugin(order) => self.carry_out(order).await,
            Task::Change(change) => self.change(change).await,
        };
        self.finish(
            trigger,
            result.unwrap_or_else(|diagnostics| Result::Rejected { diagnostics }),
        )
    }

    fn finish(&self, trigger: Trigger, result: Result) -> Arc<Outcome> {
        let outcome = Arc::new(Outcome {
            at: SystemTime::now(),
            trigger,
            result,
        });
        self.tell(&outcome);
        let idle = matches!(
            outcome.result,
            Result::Unchanged { .. } | Result::Refused { .. } | Result::Valid { .. }
        );
        if !idle {
            self.last.store(Some(Arc::clone(&outcome)));
        }
        outcome
    }

    fn tell(&self, outcome: &Outcome) {
        let trigger = outcome.trigger;
        match &outcome.result {
            Result::Applied { hash, changed, .. } => {
                info!(
                    ?trigger,
                    hash,
                    changed = changed.join("; "),
                    "configuration applied"
                );
                self.metrics.config_live(hash, outcome.at);
                self.metrics.reloaded(metrics::Reload::Applied);
            }
            Result::Unchanged { hash } => {
                info!(?trigger, hash, "configuration unchanged");
                self.metrics.reloaded(metrics::Reload::Unchanged);
            }
            Result::Rejected { diagnostics } => {
                error!(?trigger, problems = %diagnostics, "configuration rejected, the old one runs on");
                self.metrics.reloaded(metrics::Reload::Rejected);
            }
            Result::Valid { .. } => info!(?trigger, "tried only, nothing changed"),
            Result::Refused { reason } => info!(?trigger, %reason, "nothing changed"),
        }
    }

    async fn load(&mut self, trigger: Trigger) -> std::result::Result<Result, Diagnostics> {
        let old = self.live.load_full();
        if matches!(self.source, Source::Stdin) {
            if trigger == Trigger::File {
                // Only components can have changed.
                let config = Arc::clone(&old.config);
                return self.swap(&old, Next::of(config)).await;
            }
            let message = "the configuration came from standard input and can not be read again";
            return Err(Diagnostics::from_message(Code::File, message));
        }
        let loaded = config::load(self.source.clone())?;
        let loaded = self.added.load().join(loaded)?;
        let next = Next::loaded(loaded, &old)?;
        self.swap(&old, next).await
    }

    /// What is added, in the configuration that runs: its files are not read again.
    async fn change(&mut self, change: &Change) -> std::result::Result<Result, Diagnostics> {
        let old = self.live.load_full();
        let added = self.added.load_full();
        let next = match added.next(change, &old.config) {
            Ok(next) => next,
            Err(reason) => return Ok(Result::Refused { reason }),
        };
        let Some(version) = next else {
            let hash = old.config.hash.clone();
            return Ok(Result::Unchanged { hash });
        };
        let loaded = added.fitting(change, old.config.with(&version.added)?)?;
        let next = Next {
            version: Some(version),
            dry_run: change.dry_run,
            ..Next::loaded(loaded, &old)?
        };
        self.swap(&old, next).await
    }

    /// One plugin alone, in the configuration that runs.
    async fn carry_out(&mut self, order: &plugin::Order) -> std::result::Result<Result, Diagnostics> {
        let old = self.live.load_full();
        if let Some(reason) = self.refusal(&old.config, order) {
            return Ok(Result::Refused { reason });
        }
        let config = Arc::clone(&old.config);
        let next = Next {
            order: Some(order),
            ..Next::of(config)
        };
        self.swap(&old, next).await
    }

    fn refusal(&self, config: &Config, order: &plugin::Order) -> Option<Refusal> {
        let known = config.plugins.iter().any(|plugin| plugin.name == order.plugin);
        let history = self.loader.ledger(&order.plugin).unwrap_or_default().history;
        match order.wish {
            _ if !known => Some(Refusal::NoSuchPlugin),
            plugin::Wish::Put(_) if !self.loader.has_state() => Some(Refusal::NoState),
            plugin::Wish::Back(number) if history.earlier(number).is_none() => Some(Refusal::NoGeneration),
            _ => None,
        }
    }

    /// Has a version on the disk before it runs.
    async fn keep(
        &self,
        version: Option<Arc<Version>>,
        inactive: Option<Vec<Inactive>>,
    ) -> std::io::Result<()> {
        let mut added = Added::clone(&self.added.load());
        if let Some(inactive) = inactive {
            added.inactive = inactive;
        }
        if let Some(version) = version {
            let mut versions = added.versions;
            let kept = tokio::task::spawn_blocking(move || versions.append(version).map(|()| versions));
            added.versions = kept
                .await
                .unwrap_or_else(|panic| Err(std::io::Error::other(panic)))?;
        }
        self.added.store(Arc::new(added));
        Ok(())
    }

    async fn swap(
        &mut self,
        old: &Arc<Snapshot>,
        next: Next<'_>,
    ) -> std::result::Result<Result, Diagnostics> {
        let Next {
            config,
            order,
            version,
            inactive,
            dry_run,
            mut warnings,
        } = next;
        let control = tokio::runtime::Handle::current();
        let same = Arc::ptr_eq(&config, &old.config);
        let hash = config.hash.clone();
        let (snapshot, loading) =
            Snapshot::build(Arc::clone(&config), Some(old), &self.loader, order, &control).await;
        // What was broken and still is stands in nobody's way, but is not passed over in silence either.
        let known = |problem: &plugin::Problem| old.plugins.problems().any(|known| known.is_same(problem));
        let worse = !loading.problems.iter().all(known);
        let healed = old.plugins.problems().count() > loading.problems.len();
        let idle = same && !healed && loading.changes.is_empty() && version.is_none();
        let failed = loading.failures().next().is_some();
        if failed {
            self.loader.note_failures(loading.failures());
        }
        if worse || (idle && failed) {
            return Err(loading.diagnostics(&config));
        }
        if idle {
            // It may have become wanted, or no longer be.
            let _ = self.loader.commit(&loading).await;
            return Ok(Result::Unchanged { hash });
        }
        let ready = if same {
            None
        } else {
            Some(self.rim.prepare(&config)?)
        };
        let mut changed = differences(&old.config, &config);
        changed.extend(loading.changes.iter().map(plugin::Change::to_string));
        if dry_run {
            return Ok(Result::Valid {
                hash,
                changed,
                warnings,
            });
        }
        // Names that are new get an answer before the first request asks for them.
        snapshot.first_answers(FIRST_ANSWERS).await;
        if let Err(error) = self.keep(version, inactive).await {
            let reason = Refusal::Disk(error.to_string());
            return Ok(Result::Refused { reason });
        }
        self.loader.commit(&loading).await.map_err(|error| {
            Diagnostics::from_message(
                Code::File,
                format!("the component cannot be kept in the state folder: {error}"),
            )
        })?;
        snapshot.show_upstreams();
        self.live.store(Arc::new(snapshot));
        if let Some(ready) = ready {
            self.rim.commit(ready).await;
        }
        for warning in &warnings {
            warn!(message = warning.message, "configuration warning");
        }
        if failed {
            let problems = loading.diagnostics(&config);
            error!(%problems, "what could not be loaded changes nothing");
            warnings.extend(problems);
        }
        Ok(Result::Applied {
            hash,
            version: self.added.load().versions.current().number,
            changed,
            plugins: loading.changes,
            warnings,
        })
    }
}

/// What is to run.
struct Next<'o> {
    config: Arc<Config>,
    order: Option<&'o plugin::Order>,
    /// What is added in it, when that is new.
    version: Option<Arc<Version>>,
    /// What was added and is not in it; `None` when that is as it was.
    inactive: Option<Vec<Inactive>>,
    /// Only find out whether it could.
    dry_run: bool,
    warnings: Diagnostics,
}

impl<'o> Next<'o> {
    fn of(config: Arc<Config>) -> Self {
        Self {
            config,
            order: None,
            version: None,
            inactive: None,
            dry_run: false,
            warnings: Diagnostics::default(),
        }
    }

    /// What was understood; the configuration that runs when it means the same.
    fn loaded(loaded: Loaded, old: &Snapshot) -> std::result::Result<Self, Diagnostics> {
        let mut loaded = jwt::accept(loaded)?;
        router::warn_of_unreachable(&mut loaded);
        let config = if loaded.config.hash == old.config.hash {
            Arc::clone(&old.config)
        } else {
            Arc::new(loaded.config)
        };
        Ok(Self {
            inactive: Some(loaded.inactive),
            warnings: loaded.warnings,
            ..Self::of(config)
        })
    }
}
