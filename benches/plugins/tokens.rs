//! Tokens of the size that identity providers make, and the key behind them.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

/// What `routes.toml` says.
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// The values of two `authorization` headers.
pub(crate) struct Tokens {
    pub(crate) hs256: String,
    pub(crate) rs256: String,
    /// The public key of `rs256`, PEM.
    pub(crate) public: String,
}

impl Tokens {
    pub(crate) fn make() -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let private = EncodingKey::from_rsa_pem(pem("PRIVATE KEY", der.as_ref()).as_bytes()).unwrap();
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        Self {
            hs256: bearer(Algorithm::HS256, &EncodingKey::from_secret(SECRET)),
            rs256: bearer(Algorithm::RS256, &private),
            public: pem("PUBLIC KEY", public.as_ref()),
        }
    }
}

fn bearer(algorithm: Algorithm, key: &EncodingKey) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({
        "iss": "https://id.example.com/", "sub": "auth0|5f7c8ec7c33c6c004bbafe82", "aud": "https://api.example.com",
        "iat": now, "exp": now + 86_400, "scope": "openid profile email orders:read orders:write",
        "azp": "my_client_id", "jti": "6f1c1f5e-7d6a-4c5b-9a2f-0d1e2f3a4b5c",
    });
    let token = jsonwebtoken::encode(&Header::new(algorithm), &claims, key).unwrap();
    format!("Bearer {token}")
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}
