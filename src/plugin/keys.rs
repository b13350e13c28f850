//! `[key.NAME]`, ready for use: read once, when a configuration is made real.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;
use tracing::warn;

use super::bindings::gatewit::plugin::crypto::{Digest, Signature};
use crate::config::{self, KeyMaterial};

/// A key.
#[derive(Debug)]
pub(super) enum Key {
    /// For SHA-256, SHA-384, SHA-512.
    Secret(Box<[hmac::Key; 3]>),
    /// For each scheme that fits it.
    Public(Vec<Public>),
}

#[derive(Debug)]
pub(super) struct Public {
    scheme: Signature,
    /// Of the signature as its two numbers, one behind the other; `None` when any will do.
    length: Option<usize>,
    key: ParsedPublicKey,
}

/// The keys of a configuration by name. One that cannot be read fits no scheme.
pub(super) fn read(keys: &[Arc<config::Key>]) -> HashMap<String, Key> {
    let read = |key: &Arc<config::Key>| {
        let ready = Key::read(&key.material);
        if matches!(&ready, Key::Public(fitting) if fitting.is_empty()) {
            warn!(key = key.name, "not a public key in PEM that plugins could use");
        }
        (key.name.clone(), ready)
    };
    keys.iter().map(read).collect()
}

impl Key {
    fn read(material: &KeyMaterial) -> Self {
        match material {
            KeyMaterial::Secret(secret) => {
                let algorithms = [hmac::HMAC_SHA256, hmac::HMAC_SHA384, hmac::HMAC_SHA512];
                let keys = algorithms.map(|algorithm| hmac::Key::new(algorithm, secret.0.as_bytes()));
                Self::Secret(Box::new(keys))
            }
            KeyMaterial::Public(pem) => {
                let Ok(info) = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()) else {
                    return Self::Public(Vec::new());
                };
                let fitting = SCHEMES.iter().filter_map(|(scheme, length, algorithm)| {
                    let key = ParsedPublicKey::new(*algorithm, &info).ok()?;
                    Some(Public {
                        scheme: *scheme,
                        length: *length,
                        key,
                    })
                });
                Self::Public(fitting.collect())
            }
        }
    }

    /// RFC 2104. `None` when this is no secret.
    pub(super) fn authenticate(&self, digest: Digest, data: &[u8]) -> Option<Vec<u8>> {
        let Self::Secret(keys) = self else {
            return None;
        };
        let [sha256, sha384, sha512] = &**keys;
        let key = match digest {
            Digest::Sha256 => sha256,
            Digest::Sha384 => sha384,
            Digest::Sha512 => sha512,
        };
        Some(hmac::sign(key, data).as_ref().to_vec())
    }

    /// Whether the signature is this key's. `None` when the key does not fit the scheme.
    pub(super) fn verify(&self, scheme: Signature, data: &[u8], signature: &[u8]) -> Option<bool> {
        let Self::Public(keys) = self else {
            return None;
        };
        let mut fitting = keys.iter().filter(|key| key.scheme == scheme).peekable();
        fitting.peek()?;
        // Of the two spellings of an ECDSA signature one is told by its length.
        let key = fitting.find(|key| key.length.is_none_or(|length| length == signature.len()))?;
        Some(key.key.verify_sig(data, signature).is_ok())
    }
}

type Scheme = (Signature, Option<usize>, &'static dyn VerificationAlgorithm);

/// RSA keys have at least 2048 bits.
static SCHEMES: [Scheme; 7] = [
    (
        Signature::RsaPkcs1Sha256,
        None,
        &signature::RSA_PKCS1_2048_8192_SHA256,
    ),
    (
        Signature::RsaPssSha256,
        None,
        &signature::RSA_PSS_2048_8192_SHA256,
    ),
    (
        Signature::EcdsaP256Sha256,
        Some(64),
        &signature::ECDSA_P256_SHA256_FIXED,
    ),
    (
        Signature::EcdsaP256Sha256,
        None,
        &signature::ECDSA_P256_SHA256_ASN1,
    ),
    (
        Signature::EcdsaP384Sha384,
        Some(96),
        &signature::ECDSA_P384_SHA384_FIXED,
    ),
    (
        Signature::EcdsaP384Sha384,
        None,
        &signature::ECDSA_P384_SHA384_ASN1,
    ),
    (Signature::Ed25519, None, &signature::ED25519),
];

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::config::Secret;

    fn public(info: &[u8]) -> Key {
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(info)
        );
        Key::read(&KeyMaterial::Public(pem))
    }

    /// A signature, and that it is the key's for this scheme and these bytes alone.
    fn assert_verifies(key: &Key, scheme: Signature, signature: &[u8]) {
        assert_eq!(key.verify(scheme, b"data", signature), Some(true), "{scheme:?}");
        assert_eq!(key.verify(scheme, b"dat", signature), Some(false));
        assert_eq!(key.verify(scheme, b"data", b""), Some(false));
        assert_eq!(key.verify(scheme, b"data", &[0; 64]), Some(false));
        assert_eq!(key.authenticate(Digest::Sha256, b"data"), None);
    }

    #[test]
    fn signatures_of_every_scheme_are_verified() {
        use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
        let random = SystemRandom::new();
        let rsa = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let info: PublicKeyX509Der<'_> = rsa.public_key().as_der().unwrap();
        let key = public(info.as_ref());
        let mut signed = vec![0; 256];
        for (scheme, padding) in [
            (
                Signature::RsaPkcs1Sha256,
                &signature::RSA_PKCS1_SHA256 as &dyn signature::RsaEncoding,
            ),
            (Signature::RsaPssSha256, &signature::RSA_PSS_SHA256),
        ] {
            rsa.sign(padding, &random, b"data", &mut signed).unwrap();
            assert_verifies(&key, scheme, &signed);
        }
        assert_eq!(key.verify(Signature::Ed25519, b"data", &signed), None);

        for (scheme, der, fixed) in [
            (
                Signature::EcdsaP256Sha256,
                &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
                &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
            ),
            (
                Signature::EcdsaP384Sha384,
                &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
                &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
            ),
        ] {
            for algorithm in [der, fixed] {
                let pair = EcdsaKeyPair::generate(algorithm).unwrap();
                let info: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
                let signed = pair.sign(&random, b"data").unwrap();
                assert_verifies(&public(info.as_ref()), scheme, signed.as_ref());
            }
        }

        let pair = Ed25519KeyPair::generate().unwrap();
        let info: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        assert_verifies(
            &public(info.as_ref()),
            Signature::Ed25519,
            pair.sign(b"data").as_ref(),
        );
    }

    /// RFC 4231, test case 2.
    #[test]
    fn secrets_authenticate_and_verify_nothing() {
        let key = Key::read(&KeyMaterial::Secret(Secret("Jefe".to_owned())));
        let tag = key
            .authenticate(Digest::Sha256, b"what do ya want for nothing?")
            .unwrap();
        assert_eq!(tag[..8], [0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e]);
        assert_eq!(key.authenticate(Digest::Sha384, b"").unwrap().len(), 48);
        assert_eq!(key.authenticate(Digest::Sha512, b"").unwrap().len(), 64);
        assert_eq!(key.verify(Signature::Ed25519, b"data", &[0; 64]), None);
    }

    #[test]
    fn what_is_no_key_fits_no_scheme() {
        for pem in [
            "",
            "x",
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        ] {
            let key = Key::read(&KeyMaterial::Public(pem.to_owned()));
            assert_eq!(key.verify(Signature::Ed25519, b"", &[0; 64]), None, "{pem}");
        }
    }
}
