//! `crypto`: the host's library, and the keys that a plugin was granted. Work that takes long is done off the worker.

use aws_lc_rs::digest;
use subtle::ConstantTimeEq;

use super::is_granted;
use crate::plugin::bindings::gatewit::plugin::crypto::{CryptoError, Digest, Host, Signature};
use crate::plugin::guest::Guest;
use crate::plugin::keys::Key;
use crate::plugin::password;

/// Bytes of one call: a few milliseconds, in which the worker does nothing else.
const MOST: usize = 8 << 20;

type Answer<T> = wasmtime::Result<Result<T, CryptoError>>;

impl Guest {
    fn key(&self, name: &str) -> Result<&Key, CryptoError> {
        let granted = is_granted(&self.binding.plugin.grants.keys, name);
        let found = self.binding.powers.keys.get(name).filter(|_| granted);
        found.ok_or(CryptoError::NoSuchKey)
    }
}

impl Host for Guest {
    fn hash(&mut self, algorithm: Digest, data: Vec<u8>) -> wasmtime::Result<Vec<u8>> {
        wasmtime::ensure!(data.len() <= MOST, "hashes more than 8 MiB at once");
        let algorithm = match algorithm {
            Digest::Sha256 => &digest::SHA256,
            Digest::Sha384 => &digest::SHA384,
            Digest::Sha512 => &digest::SHA512,
        };
        Ok(digest::digest(algorithm, &data).as_ref().to_vec())
    }

    fn hmac(&mut self, algorithm: Digest, key: String, data: Vec<u8>) -> Answer<Vec<u8>> {
        if data.len() > MOST {
            return Ok(Err(CryptoError::BadInput));
        }
        let authenticated = |key: &Key| key.authenticate(algorithm, &data).ok_or(CryptoError::Refused);
        Ok(self.key(&key).and_then(authenticated))
    }

    fn verify(&mut self, scheme: Signature, key: String, data: Vec<u8>, signature: Vec<u8>) -> Answer<bool> {
        if data.len() > MOST {
            return Ok(Err(CryptoError::BadInput));
        }
        let verified = |key: &Key| key.verify(scheme, &data, &signature).ok_or(CryptoError::Refused);
        Ok(self.key(&key).and_then(verified))
    }

    fn equal(&mut self, a: Vec<u8>, b: Vec<u8>) -> wasmtime::Result<bool> {
        Ok(a.ct_eq(&b).into())
    }

    async fn verify_password(&mut self, hash: String, password: Vec<u8>) -> Answer<bool> {
        let verified = self.binding.powers.passwords.verify(hash, password).await;
        Ok(verified.map_err(|error| match error {
            password::Error::Unreadable => CryptoError::BadInput,
            password::Error::TooMuch => CryptoError::Refused,
        }))
    }
}
