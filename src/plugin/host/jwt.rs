//! `jwt`: the verifiers that a plugin was granted. The token that was verified is remembered with the exchange, so that
//! its claims can be asked for one by one, in later hooks and by the plugins behind.

use std::sync::Arc;

use http::HeaderValue;

use super::is_granted;
use crate::jwt::{self, Verifier};
use crate::plugin::bindings::gatewit::plugin::jwt::{Host, JwtError, Verified};
use crate::plugin::guest::{Binding, Guest};

impl Host for Guest {
    fn verify(&mut self, verifier: String, token: String) -> wasmtime::Result<Result<Verified, JwtError>> {
        let Some(verifier) = granted(&self.binding, &verifier) else {
            return Ok(Err(JwtError::NoSuchVerifier));
        };
        let verified = verifier.verify_at(&token, self.binding.powers.date.now());
        Ok(verified.map(|it| self.remember(&it)).map_err(JwtError::from))
    }

    fn verify_bearer(&mut self, verifier: String) -> wasmtime::Result<Result<(), JwtError>> {
        let Some(verifier) = granted(&self.binding, &verifier) else {
            return Ok(Err(JwtError::NoSuchVerifier));
        };
        let now = self.binding.powers.date.now();
        let Some(scene) = self.scene.as_deref_mut() else {
            return Ok(Err(JwtError::Missing));
        };
        let lines = scene.fields().of("authorization").map(HeaderValue::as_bytes);
        let verified = jwt::bearer(lines).and_then(|token| verifier.verify_at(token, now));
        Ok(verified
            .map(|verified| scene.set_verified(verified))
            .map_err(JwtError::from))
    }

    fn claim(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        let verified = self.scene.as_deref().and_then(|scene| scene.verified());
        Ok(verified.and_then(|verified| verified.claim(&name)))
    }
}

fn granted<'b>(binding: &'b Binding, name: &str) -> Option<&'b Arc<Verifier>> {
    let granted = is_granted(&binding.plugin.grants.verifiers, name);
    binding.powers.verifiers.find(name).filter(|_| granted)
}

impl Guest {
    fn remember(&mut self, verified: &Arc<jwt::Verified>) -> Verified {
        if let Some(scene) = &mut self.scene {
            scene.set_verified(Arc::clone(verified));
        }
        Verified {
            subject: verified.subject.as_deref().map(str::to_owned),
            issuer: verified.issuer.as_deref().map(str::to_owned),
            audience: verified.audience.iter().map(ToString::to_string).collect(),
            // Casting saturates: what is before 1970 is over anyway.
            expires_at: verified.expires_at.map(|seconds| seconds as u64),
            key_id: verified.key_id.as_deref().map(str::to_owned),
            claims_json: verified.claims_json(),
        }
    }
}

impl From<jwt::Error> for JwtError {
    fn from(error: jwt::Error) -> Self {
        match error {
            jwt::Error::Missing => Self::Missing,
            jwt::Error::Malformed => Self::Malformed,
            jwt::Error::BadSignature => Self::BadSignature,
            jwt::Error::Expired => Self::Expired,
            jwt::Error::NotYetValid => Self::NotYetValid,
            jwt::Error::WrongIssuer => Self::WrongIssuer,
            jwt::Error::WrongAudience => Self::WrongAudience,
            jwt::Error::AlgorithmRefused => Self::AlgorithmRefused,
            jwt::Error::KeysUnavailable => Self::KeysUnavailable,
        }
    }
}
