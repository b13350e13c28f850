//! Asks whose task each address of a Swarm name is, beside the questions for the name itself and at a pace
//! of its own: nothing waits for it, and without answers all is as it would be otherwise.
//!
//! An address is asked for when it is new. While DNS does not confirm the addresses, those of known tasks are
//! asked for again and again: one that was given to another service meanwhile is no address of the name.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::dns::Resolver;
use super::identity::Task;
use super::name::{Name, Standing};
use super::view::NameState;

/// Questions in flight for one name.
const MOST_QUESTIONS: usize = 4;

/// Periods between two questions for an address of which nothing is known.
const UNKNOWN: u32 = 30;

/// Periods between two questions for an address that DNS does not confirm.
const UNCONFIRMED: u32 = 3;

/// No more addresses than this are asked for again in one period, on average.
const PER_PERIOD: u32 = 20;

/// Asks for ever.
pub(super) async fn identify(name: Arc<Name>, resolver: Arc<Resolver>, period: Duration) {
    let changed = Arc::new(Notify::new());
    name.subscribe(&changed);
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut clerk = Clerk {
        name,
        resolver,
        period,
        files: HashMap::new(),
        asking: JoinSet::new(),
        fresh_since: None,
        mixed: false,
    };
    loop {
        tokio::select! {
            () = changed.notified() => {}
            _ = ticks.tick() => {}
            Some(answer) = clerk.asking.join_next() => clerk.learn(answer),
        }
        clerk.ask();
        clerk.note_mixture();
    }
}

struct Clerk {
    name: Arc<Name>,
    resolver: Arc<Resolver>,
    period: Duration,
    files: HashMap<IpAddr, File>,
    asking: JoinSet<(IpAddr, Option<Task>)>,
    fresh_since: Option<Instant>,
    mixed: bool,
}

/// What is remembered of an address.
#[derive(Clone, Copy, Debug, Default)]
struct File {
    /// When the last question ended; `None` while one is in flight.
    asked: Option<Instant>,
    /// When the last answer named a task.
    told: Option<Instant>,
}

impl Clerk {
    /// Starts the questions that are due.
    fn ask(&mut self) {
        let known = self.name.known();
        let state = self.name.state(&known);
        let addresses = match state {
            // Upstreams have let go of them.
            NameState::Empty => &[],
            _ => known.addresses.as_slice(),
        };
        self.forget_all_but(addresses);
        if state == NameState::Fresh {
            self.fresh_since.get_or_insert_with(Instant::now);
        } else {
            self.fresh_since = None;
        }
        let mut due: Vec<_> = {
            let owners = self.name.owners();
            let is_due = |address: &IpAddr| {
                let identified = owners.task(*address).is_some();
                self.is_due(*address, state, identified, addresses.len())
            };
            addresses.iter().copied().filter(is_due).collect()
        };
        // Those first that have waited longest, or no answer for some would keep the others from being asked for.
        due.sort_by_key(|address| self.files.get(address).and_then(|file| file.asked));
        due.truncate(MOST_QUESTIONS.saturating_sub(self.asking.len()));
        // What the machine itself says of a name says nothing of tasks.
        if due.is_empty() || self.resolver.local(self.name.host()).is_some() {
            return;
        }
        for address in due {
            self.files.entry(address).or_default().asked = None;
            let resolver = Arc::clone(&self.resolver);
            self.asking.spawn(async move {
                let owner = resolver.owner(address).await;
                (address, owner.as_deref().and_then(Task::parse))
            });
        }
    }

    fn forget_all_but(&mut self, addresses: &[IpAddr]) {
        self.files
            .retain(|address, _| addresses.binary_search(address).is_ok());
        self.name.owners().keep_only(addresses);
    }

    fn is_due(&self, address: IpAddr, state: NameState, identified: bool, addresses: usize) -> bool {
        let Some(file) = self.files.get(&address) else {
            return state == NameState::Fresh || pause(state, identified, addresses).is_some();
        };
        let Some(asked) = file.asked else {
            return false;
        };
        // While DNS did not confirm it, the task may have been replaced.
        let is_outdated = |at: Instant| self.fresh_since.is_some_and(|since| at < since);
        let pause = if identified && is_outdated(asked) {
            pause(NameState::Stale, true, addresses)
        } else {
            let identified = identified && !file.told.is_some_and(is_outdated);
            pause(state, identified, addresses)
        };
        pause.is_some_and(|periods| asked.elapsed() >= self.period * periods)
    }

    fn learn(&mut self, answer: Result<(IpAddr, Option<Task>), JoinError>) {
        let Ok((address, task)) = answer else {
            // It panicked, and with it went whose question it was: all begin anew.
            self.files.clear();
            return;
        };
        let Some(file) = self.files.get_mut(&address) else {
            return;
        };
        file.asked = Some(Instant::now());
        if let Some(task) = task {
            file.told = file.asked;
            self.name.identified(address, task);
        }
    }

    /// Says once that the name means more than it should, and once that it no longer does.
    fn note_mixture(&mut self) {
        let mixture = self.name.owners().mixture();
        let name = self.name.host();
        match &mixture {
            Some(mixture) if !self.mixed => tracing::warn!(
                name,
                services = ?mixture.services,
                networks = ?mixture.networks,
                instead = ?mixture.instead,
                "name means several services or networks, write one of those instead"
            ),
            None if self.mixed => tracing::info!(name, "name means one service on one network again"),
            _ => {}
        }
        self.mixed = mixture.is_some();
    }
}

/// Periods between two questions for an address, of so many; `None`: it is not asked for again.
fn pause(state: NameState, identified: bool, addresses: usize) -> Option<u32> {
    let periods = match (state, identified) {
        (NameState::Fresh, false) => UNKNOWN,
        (NameState::Stale | NameState::Held, true) => UNCONFIRMED,
        _ => return None,
    };
    let addresses = u32::try_from(addresses).unwrap_or(u32::MAX);
    Some(periods.max(addresses / PER_PERIOD))
}

impl Name {
    fn identified(&self, address: IpAddr, task: Task) {
        let name = self.host();
        let confirmed = self.known().standing == Standing::Fresh;
        tracing::debug!(name, %address, service = task.service, slot = task.slot, task = task.id, "task found");
        let service = task.service.clone();
        let recycled = self.owners().learn(address, task, confirmed);
        if let Some(was) = recycled {
            tracing::warn!(name, %address, service, was = was.service, "address was given to another service");
            self.disown(address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_asked_for_again_only_when_that_can_tell_something_new_and_slowly() {
        use NameState::{Empty, Fresh, Held, Pending, Stale};
        for (state, identified, addresses, expected) in [
            (Fresh, false, 1, Some(30)),
            (Fresh, true, 1, None),
            (Stale, true, 1, Some(3)),
            (Held, true, 60, Some(3)),
            (Held, true, 500, Some(25)),
            (Fresh, false, 4096, Some(204)),
            (Stale, false, 1, None),
            (Held, false, 1, None),
            (Empty, true, 1, None),
            (Pending, false, 1, None),
        ] {
            assert_eq!(
                pause(state, identified, addresses),
                expected,
                "{state:?} {identified}"
            );
        }
    }
}
