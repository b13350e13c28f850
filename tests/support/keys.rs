//! Keys to sign tokens with, made on the spot, and their public sides.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair as _, RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::tls::pem;

/// Signs, and says how that is verified.
#[derive(Clone)]
pub(crate) struct Signer {
    pub(crate) algorithm: Algorithm,
    key: EncodingKey,
    /// The public key as a JSON Web Key, without `kid`.
    pub(crate) jwk: Value,
    /// The public key in PEM.
    pub(crate) pem: String,
    /// The private key in PEM.
    pub(crate) private: String,
}

pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Seconds since 1970, this many from now.
pub(crate) fn in_seconds(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    i64::try_from(now).unwrap() + seconds
}

pub(crate) fn secret(secret: &str, algorithm: Algorithm) -> Signer {
    Signer {
        algorithm,
        key: EncodingKey::from_secret(secret.as_bytes()),
        jwk: json!({"kty": "oct", "k": base64(secret)}),
        pem: String::new(),
        private: String::new(),
    }
}

/// One of two keys, because they take long to make.
pub(crate) fn rsa(which: usize, algorithm: Algorithm) -> Signer {
    static KEYS: [OnceLock<Signer>; 2] = [OnceLock::new(), OnceLock::new()];
    let make = || {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        let private: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let private = pem("PRIVATE KEY", private.as_ref());
        Signer {
            algorithm: Algorithm::RS256,
            key: EncodingKey::from_rsa_pem(private.as_bytes()).unwrap(),
            jwk: json!({"kty": "RSA", "n": base64(public.n), "e": base64(public.e)}),
            pem: pem("PUBLIC KEY", der.as_ref()),
            private,
        }
    };
    Signer {
        algorithm,
        ..KEYS[which].get_or_init(make).clone()
    }
}

pub(crate) fn p256() -> Signer {
    ec(&ECDSA_P256_SHA256_FIXED_SIGNING, Algorithm::ES256, "P-256")
}

pub(crate) fn p384() -> Signer {
    ec(&ECDSA_P384_SHA384_FIXED_SIGNING, Algorithm::ES384, "P-384")
}

fn ec(curve: &'static EcdsaSigningAlgorithm, algorithm: Algorithm, name: &str) -> Signer {
    let pair = EcdsaKeyPair::generate(curve).unwrap();
    let private = pair.to_pkcs8v1().unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at(pair.public_key().as_ref().len() / 2);
    let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    Signer {
        algorithm,
        key: EncodingKey::from_ec_der(private.as_ref()),
        jwk: json!({"kty": "EC", "crv": name, "x": base64(x), "y": base64(y)}),
        pem: pem("PUBLIC KEY", der.as_ref()),
        private: pem("PRIVATE KEY", private.as_ref()),
    }
}

pub(crate) fn ed25519() -> Signer {
    let pair = Ed25519KeyPair::generate().unwrap();
    let private = pair.to_pkcs8().unwrap();
    let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    Signer {
        algorithm: Algorithm::EdDSA,
        key: EncodingKey::from_ed_der(private.as_ref()),
        jwk: json!({"kty": "OKP", "crv": "Ed25519", "x": base64(pair.public_key())}),
        pem: pem("PUBLIC KEY", der.as_ref()),
        private: pem("PRIVATE KEY", private.as_ref()),
    }
}

impl Signer {
    pub(crate) fn name(&self) -> String {
        format!("{:?}", self.algorithm)
    }

    /// The public key as an entry of a key set.
    pub(crate) fn jwk(&self, id: &str) -> Value {
        let mut jwk = self.jwk.clone();
        jwk["kid"] = id.into();
        jwk
    }

    /// A token for ten minutes, with these claims and this `kid`.
    pub(crate) fn token(&self, id: Option<&str>, claims: &Value) -> String {
        let mut header = json!({"alg": self.name(), "typ": "JWT"});
        if let Some(id) = id {
            header["kid"] = id.into();
        }
        let mut all = json!({"exp": in_seconds(600)});
        all.as_object_mut()
            .unwrap()
            .extend(claims.as_object().unwrap().clone());
        self.sign(&header, &all.to_string())
    }

    /// Whatever is said, signed.
    pub(crate) fn sign(&self, header: &Value, payload: &str) -> String {
        let signed = format!("{}.{}", base64(header.to_string()), base64(payload));
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{signed}.{signature}")
    }
}

/// A JSON Web Key Set.
pub(crate) fn jwks(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}
