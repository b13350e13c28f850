//! Cases that a plugin is tested with: requests in, outcomes out.
//!
//! A file of cases says the world around the plugin (`[budget.NAME]`, `[verifier.NAME]`, …) in the words of a gateway's
//! configuration. It becomes one here, with a route for every case, so that nothing of it is read in another way than
//! a gateway does. Playing the cases is not done here.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, StatusCode};
use serde_json::Value;

use super::diagnostics::Diagnostics;
use super::reading::Reading;
use super::{Component, Config, Place, Plugin, Route, Source, ValuePattern};
use super::{fit, load, tree};

mod gateway;
mod keys;
mod read;
#[cfg(test)]
mod tests;

/// A file of cases, read.
#[derive(Clone, Debug)]
pub struct Cases {
    /// The world around the plugin; its routes are those of the cases, in their order.
    pub config: Config,
    /// The date when a case begins.
    pub now: SystemTime,
    /// The plugin. It may use all that is there, unless [`Cases::granted`].
    pub plugin: Arc<Plugin>,
    /// Whether the file says what the plugin may use.
    pub granted: bool,
    /// What is tried.
    pub list: Vec<Case>,
}

/// One case: a world of its own, in which some requests come one after the other.
#[derive(Clone, Debug)]
pub struct Case {
    /// Unique.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// The route that its requests take: its only plugin is the one that is tested.
    pub route: Arc<Route>,
    /// Part of why its configuration is refused; then there is nothing to send.
    pub refused: Option<Expected<String>>,
    /// What the servers say that the plugin asks.
    pub answers: Vec<Answer>,
    /// At least one.
    pub steps: Vec<Step>,
}

/// One request, and what should come of it.
#[derive(Clone, Debug)]
pub struct Step {
    /// Where it stands.
    pub place: Place,
    /// Time that passes before it.
    pub after: Duration,
    /// How often it is sent, at least once.
    pub times: u32,
    /// What the client sends.
    pub request: Request,
    /// What the upstream answers, if it is asked.
    pub response: Message,
    /// What should come of it.
    pub expect: Expect,
}

/// What a client sends.
#[derive(Clone, Debug)]
pub struct Request {
    /// Default `GET`.
    pub method: Method,
    /// Path and query. Default `/`.
    pub target: String,
    /// Default `localhost`.
    pub host: String,
    /// Whether the client spoke TLS.
    pub tls: bool,
    /// Default `192.0.2.1:40000`.
    pub client: SocketAddr,
    /// Fields and body; its status means nothing.
    pub message: Message,
}

/// Fields and a body.
#[derive(Clone, Debug)]
pub struct Message {
    /// Default 200.
    pub status: StatusCode,
    /// As sent.
    pub headers: HeaderMap,
    /// The body, in the pieces in which it arrives; empty for none.
    pub body: Vec<Bytes>,
}

/// What a server says that the plugin asks through `http-client`.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Where it stands.
    pub place: Place,
    /// The upstream that is asked.
    pub upstream: String,
    /// Any method when `None`.
    pub method: Option<Method>,
    /// Path and query; any when `None`.
    pub target: Option<String>,
    /// Time until it is said.
    pub delay: Duration,
    /// What it says.
    pub message: Message,
}

/// What is expected, and where that stands.
#[derive(Clone, Debug)]
pub struct Expected<T> {
    /// The expectation.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

/// What should come of a request. What is not said is not looked at.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// What the plugin decided.
    pub outcome: Option<Expected<Outcome>>,
    /// The status that the client gets.
    pub status: Option<Expected<u16>>,
    /// Fields that the client gets.
    pub headers: Vec<(HeaderName, Expected<ValuePattern>)>,
    /// The body that the client gets.
    pub body: Option<Expected<ValuePattern>>,
    /// The request as the upstream gets it.
    pub forwarded: Forwarded,
    /// Each of these is part of a line that the plugin logged.
    pub log: Vec<Expected<String>>,
    /// Attributes that the plugin left, as JSON.
    pub attributes: Vec<(String, Expected<Value>)>,
    /// The name of the cause of the plugin's failure: `trap`, `cpu`, `rejected`, …
    pub error: Option<Expected<String>>,
}

/// What should be forwarded.
#[derive(Clone, Debug, Default)]
pub struct Forwarded {
    /// Method.
    pub method: Option<Expected<String>>,
    /// Path and query.
    pub target: Option<Expected<ValuePattern>>,
    /// `Host`.
    pub host: Option<Expected<ValuePattern>>,
    /// Fields.
    pub headers: Vec<(HeaderName, Expected<ValuePattern>)>,
    /// Body.
    pub body: Option<Expected<ValuePattern>>,
    /// The upstream's name.
    pub upstream: Option<Expected<String>>,
    /// The endpoint that the plugin picked.
    pub endpoint: Option<Expected<String>>,
    /// The key that the endpoint is found by.
    pub hash_key: Option<Expected<String>>,
}

/// What a plugin decided about an exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The request went on to the route's upstream.
    Next,
    /// It went where the plugin said.
    Route,
    /// The plugin answered.
    Respond,
    /// The upstream's response gave way to one of the plugin's.
    Replace,
    /// The exchange was broken off.
    Abort,
    /// The plugin failed, and its failure policy answered.
    Fail,
}

impl Outcome {
    /// Every outcome with its name in a file, and its meaning.
    pub(super) const WORDS: [(&'static str, &'static str); 6] = [
        ("next", "the request goes on"),
        ("route", "it goes where the plugin says"),
        ("respond", "the plugin answers"),
        ("replace", "the plugin replaces the response"),
        ("abort", "the exchange is broken off"),
        ("fail", "the plugin fails, and its failure policy answers"),
    ];

    const ALL: [Self; 6] = [
        Self::Next,
        Self::Route,
        Self::Respond,
        Self::Replace,
        Self::Abort,
        Self::Fail,
    ];

    /// As a file of cases says it.
    pub fn name(self) -> &'static str {
        Self::WORDS[self as usize].0
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
}

impl Default for Message {
    fn default() -> Self {
        Self {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: Vec::new(),
        }
    }
}

/// Reads a file of cases for the plugin that comes from `component`, and is called `name`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load_cases(file: &Path, component: &Component, name: &str) -> Result<Cases, Diagnostics> {
    let mut reading = Reading::new(Diagnostics::default(), &|name| std::env::var_os(name));
    let text = reading.disk.configuration(file);
    let text = text.map_err(|error| load::unreadable(&Source::File(file.to_owned()), &error))?;
    let index = reading.open_file(file, &text);
    read_cases(index, &text, component, name, &mut reading)
}

/// The JSON Schema of a file of cases, without those tables that are as in a gateway's configuration.
pub fn schema() -> Value {
    super::schema::table(&keys::CASES)
}

/// One case that says nothing: what a plugin is measured with when nobody says more.
///
/// # Errors
/// When the plugin's name is none.
pub fn bare_case(component: &Component, name: &str) -> Result<Cases, Diagnostics> {
    const TEXT: &str = "[[case]]\nname = \"a request\"\n";
    let mut reading = Reading::new(Diagnostics::default(), &|_| None);
    let index = reading.open_text("<case>", TEXT);
    read_cases(index, TEXT, component, name, &mut reading)
}

fn read_cases(
    index: usize,
    text: &str,
    component: &Component,
    name: &str,
    reading: &mut Reading<'_>,
) -> Result<Cases, Diagnostics> {
    let root = tree::parse(text, index, reading.environment, &mut reading.problems);
    let said = fit::document(root, &keys::CASES, &mut reading.problems);
    gateway::cases(said, component, name, reading)
}
