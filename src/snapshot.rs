//! One configuration made real: immutable, swapped as one value.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::Handle;

use crate::config::{self, Action, Config};
use crate::jwt::{self, Verifiers};
use crate::plugin::{self, Powers};
use crate::router::Router;
use crate::telemetry::metrics::Custom;
use crate::tls;
use crate::upstream::{self, Upstream};

/// Everything that an exchange needs to know; it keeps the one it began with.
pub struct Snapshot {
    /// What was meant.
    pub config: Arc<Config>,
    /// Finds routes.
    pub router: Router,
    /// Every upstream by name.
    pub upstreams: Arc<upstream::Set>,
    /// Every plugin, bound to its routes.
    pub plugins: plugin::Set,
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
    /// Makes a configuration real; upstreams, plugins and what plugins were granted are taken over where their
    /// definition did not change. Names are resolved on `control`. What is said about plugins is for the caller: this
    /// snapshot can run, with those that cannot be loaded broken.
    pub async fn build(
        config: Arc<Config>,
        previous: Option<&Self>,
        loader: &plugin::Loader,
        order: Option<&plugin::Order>,
        control: &Handle,
    ) -> (Self, plugin::Loading) {
        let upstreams = upstream::Set::build(&config, previous.map(|snapshot| &*snapshot.upstreams), control);
        let before = previous.map(|snapshot| &snapshot.plugins);
        let known = before.map(plugin::Set::powers);
        let verifiers = verifiers(&config, known, upstreams.tls(), Some(control));
        let powers = Powers::build(&config, known, loader.custom(), verifiers);
        let (plugins, loading) = loader
            .load(&config, before, &powers, order, upstreams.tls())
            .await;
        let targets = config
            .routes
            .iter()
            .map(|route| Targets::resolve(route, &upstreams))
            .collect();
        let snapshot = Self {
            router: Router::new(&config.routes),
            upstreams: Arc::new(upstreams),
            plugins,
            targets,
            config,
        };
        (snapshot, loading)
    }

    /// From now on plugins see these upstreams: to be called when this snapshot goes live.
    pub fn show_upstreams(&self) {
        let powers = self.plugins.powers();
        powers.upstreams.show(Arc::clone(&self.upstreams));
    }

    /// Waits until every name and every key set was asked for once, but no longer than `limit`.
    pub async fn first_answers(&self, limit: Duration) {
        let verifiers = &self.plugins.powers().verifiers;
        tokio::join!(
            self.upstreams.first_answers(limit),
            verifiers.first_answers(limit)
        );
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

/// Loads the plugins of a configuration and tries them with what is configured of them; nothing of it stays. Nobody is
/// believed meanwhile: keys of verifiers are not fetched.
pub async fn try_plugins(config: &Config) -> plugin::Loading {
    let custom = Custom::default();
    let authorities = config.authorities.as_ref().map(|it| it.pem.as_str());
    let tls = tls::Client::new(authorities);
    let powers = Powers::build(config, None, &custom, verifiers(config, None, &tls, None));
    let loader = plugin::Loader::new(None, &custom);
    loader.load(config, None, &powers, None, &tls).await.1
}

/// Whose tokens are believed; the same as before when nothing of it changed.
fn verifiers(
    config: &Config,
    before: Option<&Arc<Powers>>,
    tls: &tls::Client,
    control: Option<&Handle>,
) -> Arc<Verifiers> {
    let known = before.map(|powers| &powers.verifiers);
    let (verifiers, problems) = Verifiers::build(&config.verifiers, known, tls, control);
    // `jwt::accept` has refused them, unless the configuration came from elsewhere.
    for jwt::Problem { verifier, message } in problems {
        tracing::error!(
            verifier,
            message,
            "nobody is believed by a verifier that can not be made"
        );
    }
    verifiers
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
