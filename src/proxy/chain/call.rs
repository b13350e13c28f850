//! One call of a hook: what it came to, in words for logs and metrics, and what a failure means for the exchange.

use std::time::Duration;

use super::Gravity;
use crate::config::{Reaction, Use};
use crate::plugin::{BodyOutcome, Cause, Failed, Hook, RequestOutcome, ResponseOutcome};
use crate::proxy::exchange::Exchange;
use crate::proxy::{Error, Shared};

/// What a hook came to, as logs and metrics name it.
pub(super) trait Outcome {
    fn told(&self) -> (&'static str, Gravity);
}

impl Outcome for RequestOutcome {
    fn told(&self) -> (&'static str, Gravity) {
        match self {
            Self::Next => ("next", Gravity::Passed),
            Self::Route(_) => ("route", Gravity::Changed),
            Self::Respond(_) => ("respond", Gravity::Answered),
        }
    }
}

impl Outcome for BodyOutcome {
    fn told(&self) -> (&'static str, Gravity) {
        match self {
            Self::Next => ("next", Gravity::Passed),
            Self::Replace(_) => ("replace", Gravity::Changed),
            Self::Respond(_) => ("respond", Gravity::Answered),
        }
    }
}

impl Outcome for ResponseOutcome {
    fn told(&self) -> (&'static str, Gravity) {
        match self {
            Self::Next => ("next", Gravity::Passed),
            Self::Replace(_) => ("replace", Gravity::Answered),
        }
    }
}

/// One call of a hook: whose, and which.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    shared: &'a Shared,
    used: &'a Use,
    index: usize,
    hook: Hook,
}

impl<'a> Call<'a> {
    pub(super) fn of(shared: &'a Shared, used: &'a Use, index: usize, hook: Hook) -> Self {
        Self {
            shared,
            used,
            index,
            hook,
        }
    }

    /// Counts the call that has just returned, and decides on a failure: `None` when the exchange goes on as it was
    /// before.
    pub(super) fn end<T: Outcome>(
        self,
        exchange: &mut Exchange,
        result: Result<T, Cause>,
    ) -> Result<Option<T>, Error> {
        let judged = self.judge(exchange.id(), true, result);
        if let Some(visit) = &mut exchange.visit {
            visit.parts[self.index].add(&judged);
        }
        judged.result
    }

    /// Decides on a result, with the failure policy as far as the exchange `may_go_on` without it.
    pub(super) fn judge<T: Outcome>(
        &self,
        request_id: &str,
        may_go_on: bool,
        result: Result<T, Cause>,
    ) -> Judged<T> {
        let took = match &result {
            // Nobody was called.
            Err(Cause::Load) => Duration::ZERO,
            _ => self.shared.instances.took(),
        };
        let judged = match result {
            Ok(outcome) => {
                let (name, gravity) = outcome.told();
                Judged {
                    name,
                    gravity,
                    took,
                    result: Ok(Some(outcome)),
                }
            }
            Err(cause) => self.failed(request_id, may_go_on, took, cause),
        };
        let metrics = &mut self.shared.metrics.borrow_mut();
        metrics.called(&self.used.plugin, self.hook.name(), judged.name, took);
        judged
    }

    fn failed<T>(&self, request_id: &str, may_go_on: bool, took: Duration, cause: Cause) -> Judged<T> {
        let (plugin, hook) = (&self.used.plugin, self.hook.name());
        match &cause {
            // These are many when there is one, and told elsewhere: by the plugin, and when they begin.
            Cause::Rejected(_) | Cause::Busy | Cause::Load | Cause::Quarantined(_) => {
                tracing::debug!(plugin, hook, request_id, %cause, "plugin did not let the exchange pass");
            }
            _ => tracing::warn!(plugin, hook, request_id, %cause, "plugin failed"),
        }
        let name = cause.name();
        let reaction = cause.reaction(&self.used.failure);
        // Whoever rejects a request has not failed.
        if may_go_on && reaction == Some(Reaction::Open) && !matches!(cause, Cause::Rejected(_)) {
            return Judged {
                name,
                gravity: Gravity::Skipped,
                took,
                result: Ok(None),
            };
        }
        let failed = Failed {
            plugin: plugin.clone(),
            cause,
            reaction,
        };
        Judged {
            name,
            gravity: Gravity::Failed,
            took,
            result: Err(Error::Plugin(Box::new(failed))),
        }
    }
}

/// A call that has ended.
pub(super) struct Judged<T> {
    pub(super) name: &'static str,
    pub(super) gravity: Gravity,
    pub(super) took: Duration,
    pub(super) result: Result<Option<T>, Error>,
}
