//! `crypto`: real hashes, known passwords, and no public keys.

use hmac::{Hmac, Mac};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::with;
use crate::crypto::{CryptoError, Digest, Signature};

pub(crate) fn hash(algorithm: Digest, data: &[u8]) -> Vec<u8> {
    match algorithm {
        Digest::Sha256 => Sha256::digest(data).to_vec(),
        Digest::Sha384 => Sha384::digest(data).to_vec(),
        Digest::Sha512 => Sha512::digest(data).to_vec(),
    }
}

pub(crate) fn hmac(algorithm: Digest, key: &str, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
    macro_rules! mac {
        ($hash:ty, $key:expr) => {{
            let mut mac = Hmac::<$hash>::new_from_slice($key).map_err(|_| CryptoError::Refused)?;
            mac.update(data);
            Ok(mac.finalize().into_bytes().to_vec())
        }};
    }
    with(|host| {
        let key = host.world.keys.get(key).ok_or(CryptoError::NoSuchKey)?;
        match algorithm {
            Digest::Sha256 => mac!(Sha256, key),
            Digest::Sha384 => mac!(Sha384, key),
            Digest::Sha512 => mac!(Sha512, key),
        }
    })
}

/// There are only secret keys here: a signature that is right equals HMAC-SHA-256.
pub(crate) fn verify(_: Signature, key: &str, data: &[u8], signature: &[u8]) -> Result<bool, CryptoError> {
    Ok(hmac(Digest::Sha256, key, data)? == signature)
}

pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    a == b
}

pub(crate) fn verify_password(hash: &str, password: &[u8]) -> Result<bool, CryptoError> {
    with(|host| {
        let known = host.world.passwords.get(hash).ok_or(CryptoError::BadInput)?;
        Ok(known == password)
    })
}
