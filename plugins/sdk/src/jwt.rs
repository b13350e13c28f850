//! Verifiers of the gateway's configuration (`[verifier.NAME]`): keys, algorithms and rules are theirs. Nothing here
//! waits for the network. Needs the grant `verifiers`.

use crate::host::jwt;

pub use crate::bindings::imports::gatewit::plugin::jwt::{JwtError, Verified};

/// Verifies a token.
///
/// # Errors
/// Why it is not believed. Clients are told nothing of it.
pub fn verify(verifier: &str, token: &str) -> Result<Verified, JwtError> {
    jwt::verify(verifier, token)
}

/// Verifies the bearer token of the request's `authorization` header. Cheaper than [`verify`]: ask [`claim`] for what
/// matters.
///
/// # Errors
/// As for [`verify`]; [`JwtError::Missing`] without a bearer token.
pub fn verify_bearer(verifier: &str) -> Result<(), JwtError> {
    jwt::verify_bearer(verifier)
}

/// A claim of the token that was last verified in this exchange, also by another plugin; `/` in front makes it a JSON
/// Pointer.
pub fn claim(name: &str) -> Option<serde_json::Value> {
    serde_json::from_str(&jwt::claim(name)?).ok()
}
