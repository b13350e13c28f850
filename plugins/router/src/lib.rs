//! Routing decisions: which upstream a request goes to, and which endpoint of it. The first rule whose conditions hold
//! decides; without one the route decides alone.

mod condition;
mod share;
mod target;

use condition::Conditions;
use gatewit_plugin::config::did_you_mean;
use gatewit_plugin::prelude::*;
use gatewit_plugin::{context, upstreams};
use share::{Split, Subject};
use target::Endpoint;

/// Sends requests to other upstreams, or to chosen endpoints.
#[config]
struct Router {
    /// The first rule whose conditions hold decides.
    rules: Vec<Rule>,
}

/// Where requests go, and which.
#[config]
#[serde(default)]
#[derive(Default)]
struct Rule {
    /// Written to the access log as the attribute `router` of the requests that it decides.
    name: Option<String>,
    /// What must hold; every request when it is not there.
    when: Conditions,
    /// Part of these requests that the rule is for, in percent; the others go on to the next rule. 0.01 is the finest.
    percent: Option<f64>,
    /// Whose requests stay together when there is a `percent` or a `split`.
    sticky: Subject,
    /// Rules with the same word draw the same lots: who is in the first 10 percent of one is in those of the other, too.
    /// By default every rule draws its own.
    lot: Option<String>,
    /// Where they go: an upstream.
    upstream: Option<String>,
    /// Where they go: upstreams with their shares.
    split: Option<Split>,
    /// The same value, the same endpoint.
    hash: Option<Subject>,
    /// An endpoint that is alive now.
    endpoint: Option<Endpoint>,
    /// In place of the route's `timeout`, milliseconds.
    timeout_ms: Option<u32>,
    /// In place of the route's `retries`.
    retries: Option<u8>,
}

impl Plugin for Router {
    fn check(&self) -> Vec<Problem> {
        let rules = self.rules.iter().enumerate();
        rules
            .flat_map(|(at, rule)| rule.problems(&format!("/rules/{at}")))
            .collect()
    }

    fn request(&self, request: &mut Request) -> Result<Outcome> {
        for (at, rule) in self.rules.iter().enumerate() {
            if rule.when.hold(request) && rule.is_drawn(at, request) {
                if let Some(name) = &rule.name {
                    context::set("router", name.as_str())?;
                }
                return Ok(rule.route(at, request).into());
            }
        }
        Ok(Outcome::Next)
    }
}

impl Rule {
    fn problems(&self, at: &str) -> Vec<Problem> {
        let mut problems = self.when.problems(&format!("{at}/when"));
        let split = self.split.iter().flat_map(|split| split.shares.keys());
        let split = split.map(|name| {
            (
                name,
                format!("{at}/split/{}", name.replace('~', "~0").replace('/', "~1")),
            )
        });
        let named = self
            .upstream
            .iter()
            .map(|name| (name, format!("{at}/upstream")))
            .chain(split);
        let known = upstreams::names();
        // None at all: there is no gateway around, the plugin is being looked at.
        for (name, at) in named.filter(|(name, _)| !known.is_empty() && !known.contains(name)) {
            let hint = did_you_mean(name, known.iter().map(String::as_str));
            problems.push(Problem::at(
                at,
                format!("there is no upstream `{name}` that the plugin may name{hint}"),
            ));
        }
        if self
            .percent
            .is_some_and(|percent| !(0.0..=100.0).contains(&percent))
        {
            problems.push(Problem::at(format!("{at}/percent"), "0 to 100"));
        }
        if self.upstream.is_some() && self.split.is_some() {
            problems.push(Problem::at(format!("{at}/split"), "either `upstream` or `split`"));
        }
        if self.split.as_ref().is_some_and(|split| split.total() == 0) {
            problems.push(Problem::at(format!("{at}/split"), "the shares are all 0"));
        }
        if self.hash.is_some() && self.endpoint.is_some() {
            problems.push(Problem::at(
                format!("{at}/endpoint"),
                "either `hash` or `endpoint`",
            ));
        }
        problems
    }

    fn is_drawn(&self, at: usize, request: &Request) -> bool {
        match self.percent {
            None => true,
            Some(percent) => share::is_within(percent, self.lot(at, "percent", request)),
        }
    }

    fn route(&self, at: usize, request: &Request) -> Route {
        let split = self
            .split
            .as_ref()
            .map(|split| split.draw(self.lot(at, "split", request)));
        let upstream = split.or(self.upstream.as_deref());
        let pick = match (&self.hash, &self.endpoint) {
            (Some(subject), _) => subject.value(request).map_or(Pick::Policy, Pick::HashKey),
            (None, Some(endpoint)) => target::pick(endpoint, upstream, request),
            (None, None) => Pick::Policy,
        };
        Route {
            upstream: upstream.map(str::to_owned),
            pick,
            timeout_ms: self.timeout_ms,
            max_retries: self.retries,
        }
    }

    /// The lot that a request draws. What a rule takes by percent and how it splits what it took are independent.
    fn lot(&self, at: usize, purpose: &str, request: &Request) -> u64 {
        let salt = self.lot.clone().unwrap_or_else(|| at.to_string());
        share::lot(&salt, purpose, &self.sticky.value_or_client(request))
    }
}

gatewit_plugin::export!(Router: request);

#[cfg(test)]
mod tests;
