//! One configuration change: load everything, build, swap once, or leave all as it was and say why.
//!
//! One at a time, on the control runtime. What starts one (a signal, a changed file, the API) asks through
//! [`Handle`] and is told how it ended.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use serde::{Serialize, Serializer};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

use crate::config::{self, Code, Config, Diagnostics, Source};
use crate::router;
use crate::snapshot::{Live, Snapshot};
use crate::telemetry::metrics::{self, Metrics};

/// How often files are looked at. Looking is cheap, needs no rights, and works for bind mounts and Docker
/// configs, where file events do not arrive.
const LOOK: Duration = Duration::from_secs(1);

/// How long the first answers for new names are waited for; until then the old configuration serves.
const FIRST_ANSWERS: Duration = Duration::from_secs(2);

/// What asked for a reload.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// SIGHUP.
    Signal,
    /// A file changed.
    File,
    /// The admin API.
    Api,
}

/// How a reload ended.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// When.
    #[serde(serialize_with = "rfc3339")]
    pub at: SystemTime,
    /// What asked for it.
    pub trigger: Trigger,
    /// How it ended.
    #[serde(flatten)]
    pub result: Result,
}

/// See [`Outcome`].
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Result {
    /// The new configuration runs.
    Applied {
        /// [`Config::hash`].
        hash: String,
        /// What is different, one sentence each.
        changed: Vec<String>,
        /// Warnings of the new configuration.
        warnings: Diagnostics,
    },
    /// What was read says what runs already.
    Unchanged {
        /// [`Config::hash`].
        hash: String,
    },
    /// The old configuration runs on.
    Rejected {
        /// Every problem.
        diagnostics: Diagnostics,
    },
}

/// Asks for reloads. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    requests: mpsc::Sender<Request>,
    last: Arc<ArcSwapOption<Outcome>>,
}

type Request = (Trigger, oneshot::Sender<Arc<Outcome>>);

impl Handle {
    /// Reloads now; waits for a reload that is running. `None` when the gateway is stopping.
    pub async fn reload(&self, trigger: Trigger) -> Option<Arc<Outcome>> {
        let (reply, outcome) = oneshot::channel();
        self.requests.send((trigger, reply)).await.ok()?;
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
    metrics: Arc<Metrics>,
    rim: R,
    requests: mpsc::Receiver<Request>,
    last: Arc<ArcSwapOption<Outcome>>,
}

impl<R: Rim> Reloader<R> {
    /// Reloads from `source` into `live`.
    pub fn new(source: Source, live: Live, metrics: Arc<Metrics>, rim: R) -> (Self, Handle) {
        let (sender, requests) = mpsc::channel(8);
        let last = Arc::new(ArcSwapOption::empty());
        let handle = Handle {
            requests: sender,
            last: Arc::clone(&last),
        };
        (
            Self {
                source,
                live,
                metrics,
                rim,
                requests,
                last,
            },
            handle,
        )
    }

    /// Runs until every handle is gone.
    pub async fn run(mut self) {
        let mut files = Fingerprint::of(&self.live.load().config);
        let mut seen = files.clone();
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                request = self.requests.recv() => {
                    let Some((trigger, reply)) = request else { return };
                    let before = Fingerprint::of(&self.live.load().config);
                    // Nobody listens any more: the caller has given up waiting.
                    let _ = reply.send(self.reload(trigger).await);
                    files = Fingerprint::of(&self.live.load().config).dated(&before);
                }
                _ = look.tick() => {
                    let now = Fingerprint::of(&self.live.load().config);
                    // Looked at twice: a file that is just being written is left alone until it rests.
                    if now != files && now == seen {
                        self.reload(Trigger::File).await;
                        files = Fingerprint::of(&self.live.load().config).dated(&now);
                    }
                    seen = now;
                }
            }
        }
    }

    async fn reload(&mut self, trigger: Trigger) -> Arc<Outcome> {
        let result = self.load().await;
        let result = result.unwrap_or_else(|diagnostics| Result::Rejected { diagnostics });
        let outcome = Arc::new(Outcome {
            at: SystemTime::now(),
            trigger,
            result,
        });
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
        }
        if !matches!(outcome.result, Result::Unchanged { .. }) {
            self.last.store(Some(Arc::clone(&outcome)));
        }
        outcome
    }

    async fn load(&mut self) -> std::result::Result<Result, Diagnostics> {
        if matches!(self.source, Source::Stdin) {
            let message = "the configuration came from standard input and can not be read again";
            return Err(Diagnostics::from_message(Code::File, message));
        }
        let mut loaded = config::load(self.source.clone())?;
        let old = self.live.load_full();
        let hash = loaded.config.hash.clone();
        if hash == old.config.hash {
            return Ok(Result::Unchanged { hash });
        }
        router::warn_of_unreachable(&mut loaded);
        let changed = differences(&old.config, &loaded.config);
        let ready = self.rim.prepare(&loaded.config)?;
        let snapshot = Snapshot::build(loaded.config, Some(&old), &tokio::runtime::Handle::current());
        // Names that are new get an answer before the first request asks for them.
        snapshot.upstreams.first_answers(FIRST_ANSWERS).await;
        self.live.store(Arc::new(snapshot));
        self.rim.commit(ready).await;
        for warning in &loaded.warnings {
            warn!(message = warning.message, "configuration warning");
        }
        Ok(Result::Applied {
            hash,
            changed,
            warnings: loaded.warnings,
        })
    }
}

/// What is different, in words.
fn differences(old: &Config, new: &Config) -> Vec<String> {
    let mut changed = Vec::new();
    let names = |config: &Config| -> HashMap<String, String> {
        config
            .routes
            .iter()
            .map(|route| (route.name.clone(), format!("{route:?}")))
            .collect()
    };
    compare("route", &names(old), &names(new), &mut changed);
    let names = |config: &Config| -> HashMap<String, String> {
        config
            .upstreams
            .iter()
            .map(|upstream| (upstream.name.clone(), format!("{upstream:?}")))
            .collect()
    };
    compare("upstream", &names(old), &names(new), &mut changed);
    let names = |config: &Config| -> HashMap<String, String> {
        config
            .listeners
            .iter()
            .map(|listener| (listener.name.clone(), listener.address.to_string()))
            .collect()
    };
    compare("listener", &names(old), &names(new), &mut changed);
    if old.admin != new.admin {
        changed.push("admin: takes effect at the next start".to_owned());
    }
    changed.sort_unstable();
    changed
}

fn compare(
    kind: &str,
    old: &HashMap<String, String>,
    new: &HashMap<String, String>,
    changed: &mut Vec<String>,
) {
    for (name, meaning) in new {
        match old.get(name) {
            None => changed.push(format!("{kind} {name}: added")),
            Some(before) if before != meaning => changed.push(format!("{kind} {name}: changed")),
            Some(_) => {}
        }
    }
    changed.extend(
        old.keys()
            .filter(|name| !new.contains_key(*name))
            .map(|name| format!("{kind} {name}: removed")),
    );
}

/// What files looked like: enough to see that one was written, replaced, added or removed.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Fingerprint(Vec<(PathBuf, Option<(SystemTime, u64)>)>);

impl Fingerprint {
    fn of(config: &Config) -> Self {
        let paths = config.files.iter().chain(&config.folders).map(PathBuf::as_path);
        let look = |path: &Path| {
            let metadata = fs::metadata(path).ok()?;
            Some((
                metadata.modified().ok()?,
                if metadata.is_dir() { 0 } else { metadata.len() },
            ))
        };
        Self(paths.map(|path| (path.to_owned(), look(path))).collect())
    }

    /// With every file that both know as it looked `before` it was read: what was written meanwhile is another change.
    fn dated(self, before: &Self) -> Self {
        let earlier: HashMap<_, _> = before.0.iter().cloned().collect();
        let then = |(path, look)| {
            let look = earlier.get(&path).copied().unwrap_or(look);
            (path, look)
        };
        Self(self.0.into_iter().map(then).collect())
    }
}

fn rfc3339<S: Serializer>(time: &SystemTime, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(&crate::telemetry::Rfc3339(*time))
}
