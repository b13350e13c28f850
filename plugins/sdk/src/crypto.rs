//! Cryptography by the gateway. Named keys (`[key.NAME]`) need the grant `keys`.

use crate::host::crypto;

pub use crate::bindings::imports::gatewit::plugin::crypto::{CryptoError, Digest, Signature};

/// Hashes.
pub fn hash(algorithm: Digest, data: impl AsRef<[u8]>) -> Vec<u8> {
    crypto::hash(algorithm, data.as_ref())
}

/// Authenticates with a named secret key (RFC 2104).
///
/// # Errors
/// No such key is granted, or it is of another kind.
pub fn hmac(algorithm: Digest, key: &str, data: impl AsRef<[u8]>) -> Result<Vec<u8>, CryptoError> {
    crypto::hmac(algorithm, key, data.as_ref())
}

/// Verifies with a named public key.
///
/// # Errors
/// No such key is granted, it is of another kind, or the signature is not one.
pub fn verify(
    scheme: Signature,
    key: &str,
    data: impl AsRef<[u8]>,
    signature: impl AsRef<[u8]>,
) -> Result<bool, CryptoError> {
    crypto::verify(scheme, key, data.as_ref(), signature.as_ref())
}

/// Compares in a time that does not depend on the contents.
pub fn equal(a: impl AsRef<[u8]>, b: impl AsRef<[u8]>) -> bool {
    crypto::equal(a.as_ref(), b.as_ref())
}

/// Whether a password belongs to a hash: bcrypt, or argon2id in PHC format. Slow by design, done off the worker, and
/// remembered for a minute.
///
/// # Errors
/// Not a hash that is known, or too much work at once.
pub fn verify_password(hash: &str, password: impl AsRef<[u8]>) -> Result<bool, CryptoError> {
    crypto::verify_password(hash, password.as_ref())
}
