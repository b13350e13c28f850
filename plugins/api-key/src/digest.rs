//! Digests of keys: what is kept and compared instead of the keys.

use std::fmt;
use std::hint::black_box;

use gatewit_plugin::{config, crypto};

/// SHA-256 of a key, in hexadecimal: `printf %s KEY | sha256sum`.
#[config]
#[serde(try_from = "String")]
#[derive(Clone)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    pub(crate) fn of(key: &[u8]) -> Self {
        let mut own = [0; 32];
        own.copy_from_slice(&crypto::hash(crypto::Digest::Sha256, key));
        Self(own)
    }

    /// Takes as long whichever bytes differ. Asking the gateway for each of a thousand keys would take a millisecond.
    pub(crate) fn equals(&self, other: &Self) -> bool {
        let pairs = self.0.iter().zip(&other.0);
        black_box(pairs.fold(0, |differing, (a, b)| black_box(differing | (a ^ b)))) == 0
    }
}

impl TryFrom<String> for Digest {
    type Error = NotOne;

    fn try_from(text: String) -> Result<Self, NotOne> {
        let text = text.strip_prefix("sha256:").unwrap_or(&text).as_bytes();
        if text.len() != 64 || !text.iter().all(u8::is_ascii_hexdigit) {
            return Err(NotOne);
        }
        let mut own = [0; 32];
        for (byte, pair) in own.iter_mut().zip(text.chunks_exact(2)) {
            *byte = std::str::from_utf8(pair)
                .ok()
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                .ok_or(NotOne)?;
        }
        Ok(Self(own))
    }
}

/// Does not repeat what was written: it may be the key itself.
#[derive(Debug)]
pub(crate) struct NotOne;

impl fmt::Display for NotOne {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a SHA-256 digest in hexadecimal (printf %s KEY | sha256sum); a key itself belongs into a [secret.NAME]")
    }
}
