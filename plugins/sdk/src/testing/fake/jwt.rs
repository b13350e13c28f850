//! `jwt`: verifiers that know their tokens.

use serde_json::Value;

use super::{request, with};
use crate::jwt::{JwtError, Verified};
use crate::testing::state::Verifier;

pub(crate) fn verify(verifier: &str, token: &str) -> Result<Verified, JwtError> {
    with(|host| {
        let claims = match host.world.verifiers.get(verifier) {
            None => return Err(JwtError::NoSuchVerifier),
            Some(Verifier::WithoutKeys) => return Err(JwtError::KeysUnavailable),
            Some(Verifier::Knows(tokens)) => tokens.get(token).ok_or(JwtError::BadSignature)?,
        };
        let text = |name: &str| claims[name].as_str().map(str::to_owned);
        let audience = match &claims["aud"] {
            Value::Array(many) => many
                .iter()
                .filter_map(|one| Some(one.as_str()?.to_owned()))
                .collect(),
            one => one.as_str().map(str::to_owned).into_iter().collect(),
        };
        let verified = Verified {
            subject: text("sub"),
            issuer: text("iss"),
            audience,
            expires_at: claims["exp"].as_u64(),
            key_id: None,
            claims_json: claims.to_string(),
        };
        host.exchange.claims = claims.clone();
        Ok(verified)
    })
}

pub(crate) fn verify_bearer(verifier: &str) -> Result<(), JwtError> {
    let lines = request::header_values("authorization");
    let [line] = lines.as_slice() else {
        return Err(if lines.is_empty() {
            JwtError::Missing
        } else {
            JwtError::Malformed
        });
    };
    let line = String::from_utf8_lossy(line);
    let (scheme, token) = line.split_once(' ').ok_or(JwtError::Missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(JwtError::Missing);
    }
    verify(verifier, token.trim_matches(' ')).map(|_| ())
}

pub(crate) fn claim(name: &str) -> Option<String> {
    with(|host| {
        let claims = &host.exchange.claims;
        let found = if name.starts_with('/') {
            claims.pointer(name)
        } else {
            claims.get(name)
        };
        found.map(Value::to_string)
    })
}
