//! What the fake gateway knows.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::bindings::imports::gatewit::plugin::{
    http_client::{Call, CallError, Reply},
    kv::Entry,
    log::Level,
    request::ClientInfo,
    types::{Attribute, EditError},
    upstreams::Endpoint,
};

/// A line that a plugin has written to the log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLine {
    /// How grave it is.
    pub level: Level,
    /// What it says.
    pub message: String,
    /// With what.
    pub fields: Vec<(String, String)>,
}

pub(crate) type Lines = Vec<(String, Vec<u8>)>;

/// An edit of one header, with its value.
pub(crate) type LineEdit = fn(&mut Lines, &str, &[u8]) -> Result<(), EditError>;

pub(crate) type Service = Box<dyn FnMut(&Call) -> Result<Reply, CallError>>;

/// The exchange, as its edits have left it.
#[derive(Clone)]
pub(crate) struct Exchange {
    pub(crate) method: String,
    pub(crate) authority: Option<String>,
    pub(crate) target: String,
    pub(crate) client: ClientInfo,
    pub(crate) route: String,
    pub(crate) upstream: String,
    pub(crate) params: BTreeMap<String, String>,
    pub(crate) sent: Lines,
    pub(crate) status: u16,
    pub(crate) endpoint: Option<String>,
    pub(crate) received: Lines,
    /// Edits of the response before there is one.
    pub(crate) advance: Vec<(LineEdit, String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) private: Vec<u8>,
    pub(crate) attributes: BTreeMap<String, Attribute>,
    pub(crate) claims: Value,
}

/// Everything else.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) now: Duration,
    pub(crate) logs: Vec<LogLine>,
    pub(crate) metrics: BTreeMap<String, f64>,
    pub(crate) budgets: BTreeMap<String, Budget>,
    pub(crate) verifiers: BTreeMap<String, Verifier>,
    pub(crate) stores: BTreeMap<String, Store>,
    pub(crate) keys: BTreeMap<String, Vec<u8>>,
    pub(crate) passwords: BTreeMap<String, Vec<u8>>,
    pub(crate) secrets: BTreeMap<String, Vec<u8>>,
    pub(crate) upstreams: BTreeMap<String, Vec<Endpoint>>,
    pub(crate) services: BTreeMap<String, Service>,
}

/// Refills at once when its period is over: enough to see what a plugin does with a verdict.
pub(crate) struct Budget {
    pub(crate) limit: u64,
    pub(crate) period: Duration,
    /// What is taken by key, and since when.
    pub(crate) taken: BTreeMap<Vec<u8>, (u64, Duration)>,
}

/// Believes the tokens it knows; one without keys believes none.
pub(crate) enum Verifier {
    WithoutKeys,
    Knows(BTreeMap<String, Value>),
}

#[derive(Default)]
pub(crate) struct Store {
    pub(crate) revision: u64,
    pub(crate) entries: BTreeMap<String, (Entry, Option<Duration>)>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) exchange: Exchange,
    pub(crate) world: World,
}

thread_local! {
    static CURRENT: RefCell<State> = RefCell::default();
}

/// Looks at, and changes, the gateway that this thread's plugin talks to.
pub(crate) fn with<T>(look: impl FnOnce(&mut State) -> T) -> T {
    CURRENT.with_borrow_mut(look)
}

pub(crate) fn swap(state: &mut State) {
    with(|current| std::mem::swap(current, state));
}

impl Default for Exchange {
    fn default() -> Self {
        Self {
            method: "GET".to_owned(),
            authority: Some("example.com".to_owned()),
            target: "/".to_owned(),
            client: ClientInfo {
                ip: "192.0.2.1".to_owned(),
                port: 40_000,
                tls_version: None,
                sni: None,
                cert_subject: None,
                cert_sha256: None,
            },
            route: "test".to_owned(),
            upstream: "test".to_owned(),
            params: BTreeMap::new(),
            sent: Vec::new(),
            status: 0,
            endpoint: None,
            received: Vec::new(),
            advance: Vec::new(),
            body: Vec::new(),
            private: Vec::new(),
            attributes: BTreeMap::new(),
            claims: Value::Null,
        }
    }
}
