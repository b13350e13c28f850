//! What the admin API and the metrics show of verifiers.

use serde::Serialize;

/// One verifier.
#[derive(Clone, Debug, Serialize)]
pub struct View {
    /// Its name.
    pub name: String,
    /// Algorithms that it accepts.
    pub algorithms: Vec<String>,
    /// Its keys, but for those that none of its algorithms can use.
    pub keys: Vec<KeyView>,
    /// Verified tokens that it remembers.
    pub remembered: usize,
    /// Where its keys are fetched from, when they are.
    pub fetched: Option<Fetched>,
}

/// One key, without the key.
#[derive(Clone, Debug, Serialize)]
pub struct KeyView {
    /// `kid`.
    pub id: Option<String>,
    /// What it can be used for.
    pub algorithms: Vec<String>,
}

/// How fetching goes.
#[derive(Clone, Debug, Serialize)]
pub struct Fetched {
    /// Without its query, which may hold a secret.
    pub url: String,
    /// Seconds since the keys were last fetched; `None` when they never were.
    pub age: Option<f64>,
    /// Whether the keys are so old that they are not believed any more.
    pub too_old: bool,
    /// Fetches so far.
    pub fetches: u64,
    /// Those that brought no keys.
    pub failures: u64,
    /// Why the last fetch brought none; `None` when it did.
    pub error: Option<String>,
}
