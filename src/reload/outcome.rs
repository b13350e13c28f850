//! How a change ended: what is told to whoever asked for it, and remembered.

use std::time::SystemTime;

use serde::{Serialize, Serializer};

use crate::config::Diagnostics;
use crate::plugin;
use crate::telemetry::Rfc3339;

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
    /// What could not be had before is tried again from time to time.
    Retry,
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
        /// [`Config::hash`](crate::config::Config::hash).
        hash: String,
        /// [`Version::number`](super::Version::number) of what is added.
        version: u64,
        /// What is different, one sentence each.
        changed: Vec<String>,
        /// Generations of plugins that began to run with it.
        plugins: Vec<plugin::Change>,
        /// Warnings of the new configuration.
        warnings: Diagnostics,
    },
    /// What was read says what runs already.
    Unchanged {
        /// [`Config::hash`](crate::config::Config::hash).
        hash: String,
    },
    /// It would have been applied.
    Valid {
        /// [`Config::hash`](crate::config::Config::hash), as it would be.
        hash: String,
        /// What would be different, one sentence each.
        changed: Vec<String>,
        /// Warnings of that configuration.
        warnings: Diagnostics,
    },
    /// The old configuration runs on.
    Rejected {
        /// Every problem.
        diagnostics: Diagnostics,
    },
    /// What was asked is not even tried.
    Refused {
        /// Why.
        reason: Refusal,
    },
}

/// Why something that was asked is not even tried.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The configuration has no such plugin.
    #[error("the configuration has no plugin of this name")]
    NoSuchPlugin,
    /// There is nowhere to keep it.
    #[error(
        "a component that is given here has to outlive a restart: set `state` to a folder in the configuration"
    )]
    NoState,
    /// There is no earlier generation, or none of this number.
    #[error("there is no such generation to go back to")]
    NoGeneration,
    /// There is nowhere to keep what is added.
    #[error("what is added has to outlive a restart: set `state` to a folder in the configuration")]
    NowhereToKeep,
    /// The folder is there, but does not take it.
    #[error("the state folder does not take it: {0}")]
    Disk(String),
    /// Nothing of this name was added.
    #[error("there is nothing of this name")]
    NoTable,
    /// The configuration file has it.
    #[error("the configuration file has it, and only there it can be changed")]
    InFile,
    /// Somebody else was faster.
    #[error("it is not as the condition says: read it again")]
    Precondition,
    /// It never was, or too long ago.
    #[error("this version is not known, or not any more")]
    NoVersion,
}

fn rfc3339<S: Serializer>(time: &SystemTime, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(&Rfc3339(*time))
}
