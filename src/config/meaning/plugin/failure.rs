//! `failure`: what happens when a plugin fails.

use http::StatusCode;

use crate::config::section::{Section, What};
use crate::config::{Failure, Reaction};

/// Overwrites what is said. One word or status is for every cause that may have it, but never for `rejected`: a refusal
/// is the plugin at work, not its failure.
pub(super) fn failure(base: Failure, said: What) -> Failure {
    match said {
        What::Text(text) if text.value == "open" => all(base, Some(Reaction::Open)),
        What::Text(_) => all(base, None),
        What::Whole(_) => all(base, reaction(Some(said))),
        What::Table(table) => by_cause(base, table),
        _ => base,
    }
}

fn all(base: Failure, reaction: Option<Reaction>) -> Failure {
    let open = reaction.filter(|reaction| *reaction == Reaction::Open);
    Failure {
        load: reaction,
        trap: reaction,
        timeout: reaction,
        busy: open,
        outcome: open,
        unavailable: reaction,
        internal: reaction,
        rejected: base.rejected,
    }
}

fn by_cause(base: Failure, mut table: Section) -> Failure {
    let mut failure = base;
    for (cause, known) in [
        ("load", &mut failure.load),
        ("trap", &mut failure.trap),
        ("timeout", &mut failure.timeout),
        ("busy", &mut failure.busy),
        ("outcome", &mut failure.outcome),
        ("unavailable", &mut failure.unavailable),
        ("internal", &mut failure.internal),
        ("rejected", &mut failure.rejected),
    ] {
        if table.right(cause) {
            *known = reaction(table.take(cause));
        }
    }
    failure
}

fn reaction(said: Option<What>) -> Option<Reaction> {
    match said? {
        What::Text(text) if text.value == "open" => Some(Reaction::Open),
        What::Whole(status) => u16::try_from(status)
            .ok()
            .and_then(|status| StatusCode::from_u16(status).ok())
            .map(Reaction::Status),
        _ => None,
    }
}
