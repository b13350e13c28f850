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
            added: false,
            file: None,
            span: 0..0,
            line: 1,
            column: 1,
        },
    }
}

fn build(
    declared: config::Verifier,
    previous: Option<&Arc<Verifiers>>,
    tls: &tls::Client,
) -> Result<Arc<Verifiers>, Vec<Problem>> {
    match Verifiers::build(&[Arc::new(declared)], previous, tls, Some(&Handle::current())) {
        (verifiers, problems) if problems.is_empty() => Ok(verifiers),
        (verifiers, problems) => {
            assert!(verifiers.find("v").is_none(), "nobody is believed");
            Err(problems)
        }
    }
}

fn only(verifiers: &Verifiers) -> &Arc<Verifier> {
    verifiers.find("v").unwrap()
}
