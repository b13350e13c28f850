//! The services, and what changes them: one change at a time, each whole or not at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use super::plan::{self, Origin};
use super::service::Service;
use super::translate::{Rules, translate};
use super::understand::{Understood, Wrong};
use crate::config::{Additions, Config, FlowProxy};
use crate::reload::change::{Change, Condition, Edit, Wish};
use crate::reload::{self, Refusal, Result as Outcome, Version};
use crate::snapshot::Live;

/// Why a change did not happen.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The call is wrong.
    #[error(transparent)]
    Wrong(#[from] Wrong),
    /// The reader of the configuration does not take what came of it.
    #[error("{0}")]
    Rejected(String),
    /// The configuration file has a route or an upstream of this name.
    #[error("the configuration file has a route or an upstream of the same name")]
    InFile,
    /// It could not be carried out.
    #[error("{0}")]
    Failed(String),
}

/// The services of this gateway.
pub(super) struct Services {
    live: Live,
    reload: reload::Handle,
    /// Held from looking at what is kept until it is changed.
    turn: Mutex<()>,
}

/// All services that somebody names.
pub(super) struct Roll<'a> {
    /// Those that are understood.
    pub(super) services: &'a [Understood],
    /// Names of those that are not, and keep what they have.
    pub(super) kept: &'a [String],
    /// What was known when somebody was asked: a service that somebody else changed since is left alone.
    pub(super) before: &'a Additions,
}

impl Services {
    pub(super) fn new(live: Live, reload: reload::Handle) -> Self {
        Self {
            live,
            reload,
            turn: Mutex::new(()),
        }
    }

    /// What `[flow_proxy]` says now; the defaults when it was taken out while the listener is still there.
    pub(super) fn settings(&self) -> FlowProxy {
        self.live.load().config.flow_proxy.clone().unwrap_or_default()
    }

    /// All that is kept, as it is now.
    pub(super) fn known(&self) -> Arc<Version> {
        Arc::clone(self.reload.added().versions.current())
    }

    /// Whether a service is one that this gateway takes.
    pub(super) fn is_ours(&self, service: &Service) -> bool {
        let instance = self
            .live
            .load()
            .config
            .flow_proxy
            .as_ref()
            .and_then(|flow| flow.instance.clone());
        instance.is_none() || instance == service.instance
    }

    /// Has the routes of one service.
    pub(super) async fn put(&self, understood: &Understood, origin: Origin) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        let edits = self.edits(&understood.service, origin).await?;
        self.change(edits, origin != Origin::Call).await
    }

    /// Forgets one service; false when it was not known.
    pub(super) async fn remove(&self, name: &str, listened: bool) -> Result<bool, Error> {
        let _turn = self.turn.lock().await;
        let edits = plan::remove(&self.known().added, name);
        let known = !edits.is_empty();
        if known {
            self.change(edits, listened).await?;
        }
        Ok(known)
    }

    /// Has exactly the services of the roll of those that `origin` names; all at once when they go together, else each
    /// that can be. What can not is returned.
    pub(super) async fn replace(
        &self,
        roll: &Roll<'_>,
        origin: Origin,
    ) -> Result<BTreeMap<String, Error>, Error> {
        let _turn = self.turn.lock().await;
        let known = self.known();
        let overtaken = |name: &str| plan::differs(&known.added, roll.before, name);
        let mut failed = BTreeMap::new();
        let mut plans = Vec::new();
        for Understood { service, .. } in roll.services.iter().filter(|it| !overtaken(&it.service.name)) {
            match self.edits(service, origin).await {
                Ok(edits) => plans.push((service.name.clone(), edits)),
                Err(error) => drop(failed.insert(service.name.clone(), error)),
            }
        }
        let named = |name: &String| {
            roll.kept.contains(name) || roll.services.iter().any(|it| it.service.name == *name)
        };
        let vanished = plan::named_by(&known.added, origin)
            .into_iter()
            .filter(|name| !named(name) && !overtaken(name));
        for name in vanished {
            plans.push((name.clone(), plan::remove(&known.added, &name)));
        }
        let all: Vec<Edit> = plans.iter().flat_map(|(_, edits)| edits.clone()).collect();
        match self.change(all, true).await {
            Err(Error::Rejected(_) | Error::InFile) => {}
            other => return other.map(|()| failed),
        }
        for (name, edits) in plans {
            if let Err(error) = self.change(edits, true).await {
                failed.insert(name, error);
            }
        }
        Ok(failed)
    }

    async fn edits(&self, service: &Service, origin: Origin) -> Result<Vec<Edit>, Error> {
        let known = self.known();
        let users = hashed(service, &known.added).await?;
        let tables =
            translate(service, rules(&self.live.load().config), &users).map_err(Wrong::Parameters)?;
        Ok(plan::put(
            &known.added,
            &service.name,
            &service.shown(),
            origin,
            &tables,
        ))
    }

    async fn change(&self, edits: Vec<Edit>, volatile: bool) -> Result<(), Error> {
        if edits.is_empty() {
            return Ok(());
        }
        let change = Change {
            wish: Wish::Edits(edits),
            condition: Condition::default(),
            dry_run: false,
            volatile,
        };
        let Some(outcome) = self.reload.change(change).await else {
            return Err(Error::Failed("the gateway is stopping".to_owned()));
        };
        match &outcome.result {
            Outcome::Applied { .. } | Outcome::Unchanged { .. } | Outcome::Valid { .. } => Ok(()),
            Outcome::Rejected { diagnostics } => {
                let told = diagnostics.iter().map(|problem| match &problem.help {
                    Some(help) => format!("{}: {help}", problem.message),
                    None => problem.message.clone(),
                });
                Err(Error::Rejected(told.collect::<Vec<_>>().join("; ")))
            }
            Outcome::Refused {
                reason: Refusal::InFile,
            } => Err(Error::InFile),
            Outcome::Refused { reason } => Err(Error::Failed(reason.to_string())),
        }
    }
}

fn rules(config: &Config) -> Rules {
    Rules {
        prefix: config.flow_proxy.clone().unwrap_or_default().prefix,
        trusting: !config.trusted_proxies.is_empty(),
        ports: config
            .listeners
            .iter()
            .map(|listener| listener.address.port())
            .collect(),
    }
}

/// Lines `NAME:HASH`. Hashing takes long: on a thread of its own.
async fn hashed(service: &Service, known: &Additions) -> Result<Vec<String>, Error> {
    if service.users.is_empty() {
        return Ok(Vec::new());
    }
    let (users, earlier) = (service.users.clone(), plan::users(known, &service.name));
    let lines = spawn_blocking(move || {
        let lines = users.iter().map(|user| user.line(&earlier));
        lines.collect::<Result<Vec<_>, _>>()
    });
    let failed =
        |error: &dyn std::fmt::Display| Error::Failed(format!("the passwords can not be hashed: {error}"));
    lines
        .await
        .map_err(|error| failed(&error))?
        .map_err(|error| failed(&error))
}
