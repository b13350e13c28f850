//! How a hook fails, and what the configuration wants to happen then.

use std::fmt;

use crate::config::{Failure, Reaction};

/// Why a hook did not end well. What it had edited is gone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Cause {
    /// The component could not be loaded.
    Load,
    /// It trapped, exited, or exhausted its stack or memory. The text is for the log.
    Trap(String),
    /// Its CPU time is over.
    Cpu,
    /// Its time is over, waiting included.
    Time,
    /// No free instance.
    Busy,
    /// What it returned cannot be carried out. The text is for the log.
    Outcome(String),
    /// It said `unavailable`.
    Unavailable(String),
    /// It said `internal`.
    Internal(String),
    /// It said `rejected`.
    Rejected(String),
    /// It kept failing and is not asked for now; this is the cause's name of the failure that led to it.
    Quarantined(&'static str),
}

/// A hook that failed, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failed {
    /// The plugin's name.
    pub plugin: String,
    /// What happened.
    pub cause: Cause,
    /// What the configuration wants to happen; `None` for the cause's own answer.
    pub reaction: Option<Reaction>,
}

impl Cause {
    /// The name in logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Trap(_) => "trap",
            Self::Cpu => "cpu",
            Self::Time => "time",
            Self::Busy => "busy",
            Self::Outcome(_) => "outcome",
            Self::Unavailable(_) => "unavailable",
            Self::Internal(_) => "internal",
            Self::Rejected(_) => "rejected",
            Self::Quarantined(_) => "quarantined",
        }
    }

    /// What `failure` says about it.
    pub fn reaction(&self, failure: &Failure) -> Option<Reaction> {
        match self {
            Self::Load => failure.load,
            Self::Trap(_) => failure.trap,
            Self::Cpu | Self::Time => failure.timeout,
            Self::Busy => failure.busy,
            Self::Outcome(_) => failure.outcome,
            Self::Unavailable(_) => failure.unavailable,
            Self::Internal(_) => failure.internal,
            Self::Rejected(_) => failure.rejected,
            Self::Quarantined("cpu" | "time") => failure.timeout,
            Self::Quarantined("outcome") => failure.outcome,
            Self::Quarantined("unavailable") => failure.unavailable,
            Self::Quarantined("internal") => failure.internal,
            Self::Quarantined(_) => failure.trap,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load => f.write_str("could not be loaded"),
            Self::Trap(why) => write!(f, "trapped: {why}"),
            Self::Cpu => f.write_str("used up its CPU time"),
            Self::Time => f.write_str("did not answer in time"),
            Self::Busy => f.write_str("has no free instance"),
            Self::Outcome(why) => write!(f, "returned an impossible outcome: {why}"),
            Self::Unavailable(why) => write!(f, "said it is unavailable: {why}"),
            Self::Internal(why) => write!(f, "reported an internal error: {why}"),
            Self::Rejected(why) => write!(f, "rejected the request: {why}"),
            Self::Quarantined(cause) => write!(f, "kept failing ({cause}) and is not asked for now"),
        }
    }
}
