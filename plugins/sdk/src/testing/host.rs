//! The fake gateway, as a test sets it up and looks at it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::state::{Budget, Lines, LogLine, State, Store, Verifier, swap};
use crate::bindings::imports::gatewit::plugin::http_client::{Call, CallError, Reply};
use crate::body::Body;
use crate::context::Attribute;
use crate::request::{Field, text};
use crate::upstreams::Endpoint;
use crate::{
    BodyOutcome, Outcome, Plugin, Problem, Request, Response, ResponseHead, ResponseOutcome, Result, config,
};

/// A gateway with one exchange.
pub struct Host(State);

/// A plugin with a configuration, read by a gateway that has nothing: no budgets, no verifiers.
///
/// # Errors
/// Every problem of the configuration.
#[expect(clippy::needless_pass_by_value, reason = "`configured(json!({ ... }))`")]
pub fn configured<P: Plugin>(configuration: Value) -> Result<P, Vec<Problem>> {
    config::read(&configuration.to_string())
}

impl Host {
    /// A `GET` of a target, such as `/orders?page=2`, by a client at 192.0.2.1.
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// Any request.
    pub fn new(method: &str, target: &str) -> Self {
        let mut host = Self(State::default());
        host.0.exchange.method = method.to_owned();
        host.0.exchange.target = target.to_owned();
        host
    }

    /// Adds a line to the request.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.0
            .exchange
            .sent
            .push((name.to_ascii_lowercase(), value.as_ref().to_vec()));
        self
    }

    /// The client's address.
    #[must_use]
    pub fn client(mut self, ip: &str) -> Self {
        self.0.exchange.client.ip = ip.to_owned();
        self
    }

    /// The route's name.
    #[must_use]
    pub fn route(mut self, name: &str) -> Self {
        self.0.exchange.route = name.to_owned();
        self
    }

    /// A capture of the route's path pattern.
    #[must_use]
    pub fn path_param(mut self, name: &str, value: &str) -> Self {
        self.0.exchange.params.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The body of the request, or of the response in [`Host::response_body`].
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.0.exchange.body = body.into();
        self
    }

    /// A response that an endpoint has given.
    #[must_use]
    pub fn answered(mut self, status: u16, headers: &[(&str, &str)]) -> Self {
        let lines = headers.iter();
        let lines = lines.map(|(name, value)| (name.to_ascii_lowercase(), value.as_bytes().to_vec()));
        self.receive(status, Some("192.0.2.100:80"), lines.collect());
        self
    }

    /// A response that a plugin behind this one has made.
    #[must_use]
    pub fn answered_by_plugin(mut self, response: Response) -> Self {
        self.receive(response.status, None, response.headers);
        self
    }

    /// A verifier, with the tokens that it believes and their claims.
    #[must_use]
    pub fn verifier<const N: usize>(mut self, name: &str, tokens: [(&str, Value); N]) -> Self {
        let known = tokens.map(|(token, claims)| (token.to_owned(), claims));
        let known = Verifier::Knows(BTreeMap::from(known));
        self.0.world.verifiers.insert(name.to_owned(), known);
        self
    }

    /// A verifier that has no keys yet.
    #[must_use]
    pub fn verifier_without_keys(mut self, name: &str) -> Self {
        self.0
            .world
            .verifiers
            .insert(name.to_owned(), Verifier::WithoutKeys);
        self
    }

    /// A budget: so much for every key, in so long.
    #[must_use]
    pub fn budget(mut self, name: &str, limit: u64, period: Duration) -> Self {
        let budget = Budget {
            limit,
            period,
            taken: BTreeMap::new(),
        };
        self.0.world.budgets.insert(name.to_owned(), budget);
        self
    }

    /// An empty store.
    #[must_use]
    pub fn store(mut self, name: &str) -> Self {
        self.0.world.stores.insert(name.to_owned(), Store::default());
        self
    }

    /// A secret key for `hmac`.
    #[must_use]
    pub fn key(mut self, name: &str, key: impl AsRef<[u8]>) -> Self {
        self.0.world.keys.insert(name.to_owned(), key.as_ref().to_vec());
        self
    }

    /// What [`crypto::verify_password`](crate::crypto::verify_password) finds in a hash.
    #[must_use]
    pub fn password(mut self, hash: &str, password: impl AsRef<[u8]>) -> Self {
        self.0
            .world
            .passwords
            .insert(hash.to_owned(), password.as_ref().to_vec());
        self
    }

    /// A secret.
    #[must_use]
    pub fn secret(mut self, name: &str, secret: impl AsRef<[u8]>) -> Self {
        self.0
            .world
            .secrets
            .insert(name.to_owned(), secret.as_ref().to_vec());
        self
    }

    /// An upstream whose endpoints are seen.
    #[must_use]
    pub fn upstream(mut self, name: &str, endpoints: impl Into<Vec<Endpoint>>) -> Self {
        self.0.world.upstreams.insert(name.to_owned(), endpoints.into());
        self
    }

    /// An upstream that may be called, and what it answers.
    #[must_use]
    pub fn service(
        mut self,
        upstream: &str,
        mut answer: impl FnMut(&Call) -> Result<Response, CallError> + 'static,
    ) -> Self {
        let service = Box::new(move |call: &Call| {
            let response = answer(call)?;
            let headers = response.headers.into_iter();
            Ok(Reply {
                status: response.status,
                headers: headers.map(|(name, value)| Field { name, value }).collect(),
                body: response.body,
            })
        });
        self.0.world.services.insert(upstream.to_owned(), service);
        self
    }

    /// Another exchange with the same gateway.
    #[must_use]
    pub fn next(self, method: &str, target: &str) -> Self {
        let mut next = Self::new(method, target);
        next.0.world = self.0.world;
        next
    }

    /// This gateway, with the exchange of another one.
    #[must_use]
    pub fn with_request_of(mut self, other: Self) -> Self {
        self.0.exchange = other.0.exchange;
        self
    }

    /// A plugin with a configuration, read by this gateway: [`Plugin::check`] may ask it for what it has.
    ///
    /// # Errors
    /// Every problem of the configuration.
    #[expect(clippy::needless_pass_by_value, reason = "`host.configure(json!({ ... }))`")]
    pub fn configure<P: Plugin>(&mut self, configuration: Value) -> Result<P, Vec<Problem>> {
        self.run(|| config::read(&configuration.to_string()))
    }

    /// Lets time go by.
    pub fn advance(&mut self, by: Duration) {
        self.0.world.now += by;
    }

    /// Calls [`Plugin::request`]. As in the gateway, edits are forgotten when it fails.
    ///
    /// # Errors
    /// What the plugin returns.
    pub fn request(&mut self, plugin: &impl Plugin) -> Result<Outcome> {
        self.hook(|| plugin.request(&mut Request::current()))
    }

    /// Calls [`Plugin::response`].
    ///
    /// # Errors
    /// What the plugin returns.
    pub fn response(&mut self, plugin: &impl Plugin) -> Result<ResponseOutcome> {
        self.hook(|| plugin.response(&Request::current(), &mut ResponseHead::current()))
    }

    /// Calls [`Plugin::request_body`].
    ///
    /// # Errors
    /// What the plugin returns.
    pub fn request_body(&mut self, plugin: &impl Plugin) -> Result<BodyOutcome> {
        self.hook(|| plugin.request_body(&mut Request::current(), &Body::current()))
    }

    /// Calls [`Plugin::response_body`].
    ///
    /// # Errors
    /// What the plugin returns.
    pub fn response_body(&mut self, plugin: &impl Plugin) -> Result<BodyOutcome> {
        self.hook(|| {
            plugin.response_body(
                &Request::current(),
                &mut ResponseHead::current(),
                &Body::current(),
            )
        })
    }

    /// Runs anything that talks to the gateway. What it edits stays.
    pub fn run<T>(&mut self, run: impl FnOnce() -> T) -> T {
        swap(&mut self.0);
        let returned = run();
        swap(&mut self.0);
        returned
    }

    /// A header of the request, as it would be forwarded.
    pub fn sent(&self, name: &str) -> Option<String> {
        joined(&self.0.exchange.sent, name)
    }

    /// Path and query, as they would be forwarded.
    pub fn target(&self) -> &str {
        &self.0.exchange.target
    }

    /// A header of the response.
    pub fn received(&self, name: &str) -> Option<String> {
        joined(&self.0.exchange.received, name)
    }

    /// The response's status.
    pub fn status(&self) -> u16 {
        self.0.exchange.status
    }

    /// An attribute that was set.
    pub fn attribute(&self, key: &str) -> Option<&Attribute> {
        self.0.exchange.attributes.get(key)
    }

    /// What was logged, by all exchanges.
    pub fn logs(&self) -> &[LogLine] {
        &self.0.world.logs
    }

    /// A metric: the sum of what was added to it or observed, or what it was set to last. Labels are not told apart.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.0.world.metrics.get(name).copied()
    }

    /// A response comes, and what hooks wanted of it in advance is done.
    fn receive(&mut self, status: u16, endpoint: Option<&str>, headers: Lines) {
        let exchange = &mut self.0.exchange;
        exchange.status = status;
        exchange.endpoint = endpoint.map(str::to_owned);
        exchange.received = headers;
        for (edit, name, value) in exchange.advance.drain(..) {
            // It was tried when it was made.
            let _ = edit(&mut exchange.received, &name, &value);
        }
    }

    fn hook<T>(&mut self, run: impl FnOnce() -> Result<T>) -> Result<T> {
        let before = self.0.exchange.clone();
        let returned = self.run(run);
        if returned.is_err() {
            self.0.exchange = before;
        }
        returned
    }
}

fn joined(lines: &Lines, name: &str) -> Option<String> {
    super::fake::joined(lines, name).map(text)
}
