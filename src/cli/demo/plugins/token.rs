//! A secret that nobody else has, and a token that is signed with it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;

use crate::cli::demo::Error;

/// How long the token is good for.
const LIFE: Duration = Duration::from_hours(24);

/// Another one each time.
pub(in crate::cli::demo) fn secret() -> Result<String, Error> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| Error::NoRandomness)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Of somebody called `demo`.
pub(super) fn sign(secret: &str) -> Result<String, Error> {
    let until = SystemTime::now() + LIFE;
    let until = until.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let claims = json!({ "sub": "demo", "exp": until });
    let key = EncodingKey::from_secret(secret.as_bytes());
    Ok(jsonwebtoken::encode(&Header::default(), &claims, &key)?)
}
