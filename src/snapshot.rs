//! One configuration made real: immutable, swapped as one value.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::runtime::Handle;

use crate::config::{self, Action, Config};
use crate::router::Router;
use crate::upstream::{self, Upstream};

/// Everything that an exchange needs to know; it keeps the one it began with.
pub struct Snapshot {
    /// What was meant.
    pub config: Arc<Config>,
    /// Finds routes.
    pub router: Router,
    /// Every upstream by name.
    pub upstreams: upstream::Set,
    /// By index of the route in `config.routes`; empty for a route that does not forward.
    targets: Vec<Targets>,
}

#[derive(Default)]
struct Targets {
    choices: Vec<(Arc<Upstream>, u32)>,
    total: u32,
}

/// The cell that holds the running snapshot.
pub type Live = Arc<ArcSwap<Snapshot>>;

impl Snapshot {
    /// Makes a configuration real; upstreams whose definition did not change are taken over with their
    /// endpoints, health and numbers. Names are resolved on `control`.
    pub fn build(config: Config, previous: Option<&Self>, control: &Handle) -> Self {
        let upstreams = upstream::Set::build(&config, previous.map(|snapshot| &snapshot.upstreams), control);
        let targets = config
            .routes
            .iter()
            .map(|route| Targets::resolve(route, &upstreams))
            .collect();
        Self {
            router: Router::new(&config.routes),
            upstreams,
            targets,
            config: Arc::new(config),
        }
    }

    /// The upstream for one request on this route, by weight. `None` for a route that does not forward.
    pub fn choose(&self, route: usize) -> Option<&Arc<Upstream>> {
        let targets = self.targets.get(route)?;
        if let [(upstream, _)] = targets.choices.as_slice() {
            return Some(upstream);
        }
        let mut at = fastrand::u32(0..targets.total.max(1));
        targets
            .choices
            .iter()
            .find_map(|(upstream, weight)| match at.checked_sub(*weight) {
                Some(rest) => {
                    at = rest;
                    None
                }
                None => Some(upstream),
            })
    }
}

impl Targets {
    fn resolve(route: &config::Route, upstreams: &upstream::Set) -> Self {
        let Action::Forward(forward) = &route.action else {
            return Self::default();
        };
        let choices: Vec<_> = forward
            .targets
            .iter()
            .filter_map(|target| Some((Arc::clone(upstreams.find(&target.upstream)?), target.weight)))
            .collect();
        let total = choices.iter().map(|(_, weight)| weight).sum();
        Self { choices, total }
    }
}
