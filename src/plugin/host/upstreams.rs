//! `upstreams`: what DNS and health say of those that a plugin may name.

use std::time::Duration;

use crate::config::Action;
use crate::plugin::bindings::gatewit::plugin::upstreams::{Endpoint, Host};
use crate::plugin::guest::Guest;
use crate::plugin::scene::Scene;
use crate::upstream::{EndpointView, State};

/// Endpoints told at once.
const MOST: usize = 1024;

impl Guest {
    /// Granted, or the route's own.
    fn may_name(&self, upstream: &str) -> bool {
        self.binding.may_name(upstream) || self.own().any(|own| own == upstream)
    }

    /// The upstreams of the route of this exchange.
    fn own(&self) -> impl Iterator<Item = &str> {
        let forward = self.scene.as_deref().and_then(|scene| match &scene.route.action {
            Action::Forward(forward) => Some(forward),
            Action::Redirect(_) => None,
        });
        let targets = forward
            .map(|forward| forward.targets.as_slice())
            .unwrap_or_default();
        let chosen = self.scene.as_deref().map(|scene: &Scene| &*scene.upstream);
        let targets = targets.iter().map(|target| target.upstream.as_str());
        targets.chain(chosen.filter(|name| !name.is_empty()))
    }
}

impl Host for Guest {
    fn names(&mut self) -> wasmtime::Result<Vec<String>> {
        let grants = &self.binding.plugin.grants;
        let mut names = grants.upstreams.clone();
        if grants.everything {
            names.extend(self.binding.powers.upstreams.names());
        }
        names.extend(self.own().map(str::to_owned));
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    fn endpoints(&mut self, upstream: String) -> wasmtime::Result<Option<Vec<Endpoint>>> {
        if !self.may_name(&upstream) {
            return Ok(None);
        }
        let view = self.binding.powers.upstreams.view(&upstream);
        Ok(view.map(|view| {
            // What has left DNS only finishes what it began.
            let listed = view
                .endpoints
                .iter()
                .filter(|endpoint| endpoint.state != State::Draining);
            listed.take(MOST).map(Endpoint::from).collect()
        }))
    }
}

impl From<&EndpointView> for Endpoint {
    fn from(view: &EndpointView) -> Self {
        Self {
            address: view.address.to_string(),
            healthy: matches!(view.state, State::Active | State::Probing),
            in_flight: u32::try_from(view.in_flight).unwrap_or(u32::MAX),
            latency_us: view.latency.map_or(0, micros),
            age_ms: Duration::try_from_secs_f64(view.age)
                .map_or(0, |age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            weight: u16::try_from(view.weight).unwrap_or(u16::MAX),
        }
    }
}

fn micros(seconds: f64) -> u32 {
    let micros = Duration::try_from_secs_f64(seconds).map_or(0, |latency| latency.as_micros());
    u32::try_from(micros).unwrap_or(u32::MAX)
}
