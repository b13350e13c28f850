//! What is added to the configuration that runs: how it goes together with the file, and who gives way when it does not.
//!
//! The file owns its names. What was added and does not go together with it any more stays where it is kept, but is not
//! part of the configuration, until it fits again or is changed.

use std::sync::Arc;

use super::Refusal;
use super::change::Change;
use super::versions::{Version, Versions};
use crate::config::{Config, Diagnostics, Inactive, Loaded};

/// What is added to the configuration.
#[derive(Clone, Debug)]
pub struct Added {
    /// As it is and as it was.
    pub versions: Versions,
    /// What of it is not part of the configuration now, and why.
    pub inactive: Vec<Inactive>,
}

impl Added {
    /// What an earlier process was told, in a configuration that was just read. What is damaged or does not fit is logged.
    pub fn open(config: Config) -> (Self, Config) {
        let (versions, damaged) = Versions::open(config.state.as_deref());
        for problem in damaged {
            tracing::error!(%problem, "what was added can not be read: an earlier version counts");
        }
        let mut this = Self {
            versions,
            inactive: Vec::new(),
        };
        let added = this.versions.current().added.clone();
        if added.is_empty() {
            return (this, config);
        }
        match config.with(&added) {
            Ok(loaded) => {
                for Inactive { kind, name, problems } in &loaded.inactive {
                    tracing::error!(%kind, name, %problems, "what was added does not go together with the file");
                }
                this.inactive = loaded.inactive;
                (this, loaded.config)
            }
            Err(problems) => {
                tracing::error!(%problems, "nothing that was added goes together with the file");
                (this, config)
            }
        }
    }

    /// A configuration that was just read, with what is added to it.
    pub(super) fn join(&self, loaded: Loaded) -> Result<Loaded, Diagnostics> {
        let added = &self.versions.current().added;
        if added.is_empty() {
            return Ok(loaded);
        }
        let mut loaded = loaded.config.with(added)?;
        for inactive in &loaded.inactive {
            loaded.warnings.extend(inactive.problems.clone().as_warnings());
        }
        Ok(loaded)
    }

    /// What is added after a change; `None` when that is what is added already.
    pub(super) fn next(&self, change: &Change, config: &Config) -> Result<Option<Arc<Version>>, Refusal> {
        let now = self.versions.current();
        let version = |number| Some(self.versions.find(number)?.added.clone());
        let next = change.apply(&now.added, version, config)?;
        if next == now.added {
            return Ok(None);
        }
        if !self.versions.has_folder() && !change.volatile {
            return Err(Refusal::NowhereToKeep);
        }
        Ok(Some(self.versions.next(change.to_string(), next)))
    }

    /// Whether a change fits: what it names has to, and what did before.
    pub(super) fn fitting(&self, change: &Change, loaded: Loaded) -> Result<Loaded, Diagnostics> {
        let known = |it: &Inactive| {
            let mut known = self.inactive.iter();
            known.any(|known| (known.kind, &known.name) == (it.kind, &it.name))
        };
        let mut problems = Diagnostics::default();
        for it in &loaded.inactive {
            if change.names(it.kind, &it.name) || !known(it) {
                problems.extend(it.problems.clone());
            }
        }
        if problems.has_errors() {
            Err(problems)
        } else {
            Ok(loaded)
        }
    }
}
