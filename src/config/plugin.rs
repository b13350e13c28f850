//! Plugins as configured, and what they may be granted: budgets, verifiers, stores, keys, secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Place, Secret};

/// The plugins that are part of this binary.
pub const BUNDLED: [&str; 12] = [
    "jwt",
    "rate-limit",
    "router",
    "headers",
    "api-key",
    "basic-auth",
    "cors",
    "request-id",
    "ip-allow",
    "ext-auth",
    "body-transform",
    "redirect",
];

/// Those of [`BUNDLED`] that decide who may pass: [`Use::authentication`] unless said otherwise.
pub const AUTHENTICATION: [&str; 5] = ["jwt", "api-key", "basic-auth", "ext-auth", "ip-allow"];

/// One `[plugin.NAME]`; also one for every bundled plugin that is used without a table of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Plugin {
    /// The table's name: what `plugins = [...]` says, and the label of logs and metrics.
    pub name: String,
    /// Where the component comes from.
    pub source: Component,
    /// What it may use.
    pub grants: Grants,
    /// Environment variables it sees; none by default. Where a value came from is forgotten, so all may be secret.
    pub env: Vec<(String, Secret)>,
    /// Pause between two calls of its `tick-hook`. Default 10 s.
    pub tick: Duration,
    /// Whether imports that it was not granted, or that nobody offers, are stubs: a component that only drags them along
    /// loads, and calling one that nobody offers is a trap.
    pub stub_ungranted: bool,
    /// Where it was declared; for a bundled plugin without a table, where it was first used.
    pub place: Place,
}

/// Where a component comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Component {
    /// One that is part of this binary.
    Bundled(String),
    /// A file, watched for changes.
    File(PathBuf),
    /// Downloaded once, and kept in the state folder.
    Url {
        /// `https://…`
        url: String,
        /// SHA-256 of the component.
        sha256: [u8; 32],
    },
}

/// What a plugin may use.
///
/// Those that are everything are equal whatever upstreams there are: another one changes nothing for the plugin.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    /// Whatever the configuration declares, and upstreams that come later too: a bundled plugin that does not say.
    pub everything: bool,
    /// Upstreams whose endpoints it sees and may route to. The route's own are always among them.
    pub upstreams: Vec<String>,
    /// Upstreams that it may send requests to.
    pub http: Vec<String>,
    /// Budgets.
    pub budgets: Vec<String>,
    /// Verifiers.
    pub verifiers: Vec<String>,
    /// Key-value stores.
    pub stores: Vec<String>,
    /// Keys.
    pub keys: Vec<String>,
    /// Secrets.
    pub secrets: Vec<String>,
}

impl PartialEq for Grants {
    fn eq(&self, other: &Self) -> bool {
        let upstreams = self.upstreams == other.upstreams && self.http == other.http;
        self.everything == other.everything
            && (self.everything || upstreams)
            && self.budgets == other.budgets
            && self.verifiers == other.verifiers
            && self.stores == other.stores
            && self.keys == other.keys
            && self.secrets == other.secrets
    }
}

impl Eq for Grants {}

/// One entry of `plugins = [...]`: a plugin with its configuration, bound to a route.
///
/// Two uses that are equal but for their place are one: they share instances.
#[derive(Clone, Debug)]
pub struct Use {
    /// [`Plugin::name`].
    pub plugin: String,
    /// What the plugin is given: `config` of the plugin's table, overlaid by the keys of the use.
    pub config: Json,
    /// Bounds.
    pub bounds: Bounds,
    /// What happens when it fails.
    pub failure: Failure,
    /// Whether requests must not pass without it: failing open has to be said twice.
    pub authentication: bool,
    /// Whether instances are used again.
    pub isolation: Isolation,
    /// Where it stands.
    pub place: Place,
}

impl PartialEq for Use {
    fn eq(&self, other: &Self) -> bool {
        self.plugin == other.plugin
            && self.config.value == other.config.value
            && self.bounds == other.bounds
            && self.failure == other.failure
            && self.authentication == other.authentication
            && self.isolation == other.isolation
    }
}

/// A JSON value that knows where its parts stand. Made of a value alone, nothing is known of places.
#[derive(Clone, Default)]
pub struct Json {
    /// Always an object.
    pub value: serde_json::Value,
    /// The place of every part, by its JSON Pointer (RFC 6901); the empty one for all of it.
    pub places: Arc<BTreeMap<String, Place>>,
    /// Pointers of the texts that may be secret: made of variables, or named like one. They are never shown.
    pub secrets: Arc<BTreeSet<String>>,
}

impl From<serde_json::Value> for Json {
    fn from(value: serde_json::Value) -> Self {
        Self {
            value,
            ..Self::default()
        }
    }
}

/// Without secrets.
impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.masked(), f)
    }
}

impl Json {
    /// Where a part stands, or the nearest part around it that stands anywhere.
    pub fn place(&self, pointer: &str) -> Option<&Place> {
        let mut pointer = pointer;
        loop {
            if let Some(place) = self.places.get(pointer) {
                return Some(place);
            }
            pointer = &pointer[..pointer.rfind('/')?];
        }
    }

    /// The value with [`super::MASK`] in the place of every secret.
    pub fn masked(&self) -> serde_json::Value {
        let mut value = self.value.clone();
        for pointer in self.secrets.iter() {
            if let Some(part) = value.pointer_mut(pointer) {
                *part = super::MASK.into();
            }
        }
        value
    }
}

/// Bounds of one use, `limits = { … }`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bounds {
    /// CPU time of one call of a hook, in ticks of 1 ms. Default 10 ms.
    pub cpu: Duration,
    /// Time of one call of a hook, waiting included. Default 100 ms; 2 s for a plugin with the grant `http`.
    pub time: Duration,
    /// Linear memory of one instance, bytes. Default 64 MiB.
    pub memory: u64,
    /// Instances of one use on one worker that are busy at once. Default 256.
    pub instances: usize,
    /// Calls after which an instance is replaced. Default 10 000.
    pub calls: u64,
    /// Largest request body that is buffered for `request-body-hook`. Default 1 MiB.
    pub request_body: u64,
    /// Largest body of a response that the plugin makes, reads whole, or is sent by a server it calls. Default 1 MiB.
    pub response_body: u64,
    /// Log lines a second. Default 100.
    pub log_lines: u32,
}

/// Whether an instance is used for another exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Isolation {
    /// Instances are used again (default).
    Reused,
    /// Every call gets a new one.
    Fresh,
}

/// What happens when a plugin fails, by cause; `None` for the cause's own answer (see `plugin::Cause`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Failure {
    /// It could not be loaded.
    pub load: Option<Reaction>,
    /// A trap, an exit, its stack or memory exhausted.
    pub trap: Option<Reaction>,
    /// Its CPU time or its time is over.
    pub timeout: Option<Reaction>,
    /// No free instance. Only [`Reaction::Open`].
    pub busy: Option<Reaction>,
    /// An outcome that cannot be carried out. Only [`Reaction::Open`].
    pub outcome: Option<Reaction>,
    /// It said `unavailable`.
    pub unavailable: Option<Reaction>,
    /// It said `internal`.
    pub internal: Option<Reaction>,
    /// It said `rejected`. Only [`Reaction::Status`].
    pub rejected: Option<Reaction>,
}

impl Failure {
    /// Whether a request may go on that the plugin has not seen to.
    pub fn opens(&self) -> bool {
        [
            self.load,
            self.trap,
            self.timeout,
            self.busy,
            self.outcome,
            self.unavailable,
            self.internal,
        ]
        .contains(&Some(Reaction::Open))
    }
}

/// What happens instead of a cause's own answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reaction {
    /// The exchange goes on as it was before the hook.
    Open,
    /// This status, 400 to 599.
    Status(http::StatusCode),
}

/// One `[budget.NAME]`: a generic cell rate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RateBudget {
    /// What plugins call it.
    pub name: String,
    /// So many...
    pub count: u64,
    /// ...in so long: `rate = "10/s"`, `"1000/h"`, `"5/10s"`. A count of 0 allows nothing.
    pub period: Duration,
    /// So many at once. Default: `count`.
    pub burst: u64,
    /// Keys that are remembered; the least used go first. Default 100 000.
    pub keys: usize,
}

/// One `[store.NAME]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Store {
    /// What plugins call it.
    pub name: String,
    /// Entries; the least used go first. Default 10 000.
    pub entries: usize,
    /// Bytes of one value. Default 64 KiB.
    pub value: u64,
}

/// One `[verifier.NAME]`: whose tokens are believed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verifier {
    /// What plugins call it.
    pub name: String,
    /// Where its keys come from.
    pub keys: VerifierKeys,
    /// Algorithms that are accepted (RFC 7518 section 3.1), by their names; never empty, never mixing HMAC with others.
    pub algorithms: Vec<String>,
    /// `iss` must be one of these; empty: any.
    pub issuer: Vec<String>,
    /// `aud` must hold one of these; empty: any.
    pub audience: Vec<String>,
    /// Claims that must be there. `exp` by default.
    pub required: Vec<String>,
    /// Clock difference that is forgiven. Default 60 s.
    pub leeway: Duration,
    /// Verified tokens that are remembered, until they expire; 0 for none. Default 10 000.
    pub cache: usize,
    /// Where it was declared.
    pub place: Place,
}

/// Where a verifier's keys come from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum VerifierKeys {
    /// A shared secret (HMAC).
    Secret(Secret),
    /// Public keys in PEM, as read.
    Pem(String),
    /// A JSON Web Key Set (RFC 7517), as read from a file (which is watched like every file of the configuration).
    Jwks(String),
    /// A JSON Web Key Set that is fetched.
    Url {
        /// `https://…`, or `http://…`.
        url: String,
        /// Between two fetches. Default 5 min.
        refresh: Duration,
        /// How long keys are believed that could not be refreshed. Default 24 h.
        grace: Duration,
    },
}

/// One `[key.NAME]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Key {
    /// What plugins call it.
    pub name: String,
    /// The key.
    pub material: KeyMaterial,
}

/// A key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum KeyMaterial {
    /// For HMAC.
    Secret(Secret),
    /// A public key in PEM (SubjectPublicKeyInfo).
    Public(String),
}

/// One `[secret.NAME]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NamedSecret {
    /// What plugins call it.
    pub name: String,
    /// Never printed.
    pub secret: Secret,
}
