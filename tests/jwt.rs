//! Whose tokens are believed: every algorithm, what may not be confused, and keys that come from a URL.

mod fixed;
mod remote;

use std::sync::Arc;
use std::time::Duration;

use gatewit::config::{self, Place, VerifierKeys};
use gatewit::jwt::{Problem, Verifier, Verifiers};
use gatewit::tls;
use tokio::runtime::Handle;

/// A verifier of these algorithms with these keys, and no rules but `exp`.
fn declared(algorithms: &[&str], keys: VerifierKeys) -> config::Verifier {
    config::Verifier {
        name: "v".to_owned(),
        keys,
        algorithms: algorithms.iter().map(|&name| name.to_owned()).collect(),
        issuer: Vec::new(),
        audience: Vec::new(),
        required: vec!["exp".to_owned()],
        leeway: Duration::ZERO,
        cache: 100,
        place: Place {
            file: None,
            span: 0..0,
            line: 1,
            column: 1,
        },
    }
}

fn build(
    declared: config::Verifier,
    previous: Option<&Verifiers>,
    tls: &tls::Client,
) -> Result<Verifiers, Vec<Problem>> {
    Verifiers::build(&[Arc::new(declared)], previous, tls, &Handle::current())
}

fn only(verifiers: &Verifiers) -> &Arc<Verifier> {
    verifiers.find("v").unwrap()
}
