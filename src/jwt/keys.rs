//! Keys that tokens are verified with. A key knows what it may be used for: an RSA key is never taken for a shared
//! secret, whatever a token says.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rsa::PublicKey;
use aws_lc_rs::signature::{self, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};
use serde_json::Value;

/// Keys that one token is tried with: more than this many without an id, for one algorithm, are no rotation.
const MOST_TRIED: usize = 4;

/// Keys of one set.
const MOST_KEYS: usize = 1000;

/// RFC 7518 section 3.3, and what the library computes with.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// How a signature of RSA is verified.
const RSA: [(Algorithm, &RsaParameters); 6] = [
    (Algorithm::RS256, &signature::RSA_PKCS1_2048_8192_SHA256),
    (Algorithm::RS384, &signature::RSA_PKCS1_2048_8192_SHA384),
    (Algorithm::RS512, &signature::RSA_PKCS1_2048_8192_SHA512),
    (Algorithm::PS256, &signature::RSA_PSS_2048_8192_SHA256),
    (Algorithm::PS384, &signature::RSA_PSS_2048_8192_SHA384),
    (Algorithm::PS512, &signature::RSA_PSS_2048_8192_SHA512),
];

/// Some keys.
#[derive(Debug, Default)]
pub(super) struct KeySet {
    keys: Vec<Key>,
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) id: Option<String>,
    /// Never those of two kinds of keys.
    pub(super) algorithms: Vec<Algorithm>,
    material: DecodingKey,
    /// Taken apart once for each of its algorithms, which costs as much as using it; none for a shared secret.
    public: Vec<(Algorithm, ParsedPublicKey)>,
}

impl KeySet {
    /// A shared secret, for HMAC.
    pub(super) fn secret(secret: &str) -> Result<Self, String> {
        let key = Key::secret(secret.as_bytes(), None)?;
        Ok(Self { keys: vec![key] })
    }

    /// Public keys in PEM, one after the other.
    pub(super) fn pem(text: &str) -> Result<Self, String> {
        let mut keys = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find("-----BEGIN ") {
            let block = &rest[at..];
            let number = keys.len() + 1;
            let unreadable = || format!("key number {number} is not in PEM");
            let label = block["-----BEGIN ".len()..]
                .split("-----")
                .next()
                .ok_or_else(unreadable)?;
            let end = format!("-----END {label}-----");
            let length = block.find(&end).ok_or_else(unreadable)? + end.len();
            let key = Key::pem(label, &block[..length]);
            keys.push(key.map_err(|why| format!("key number {number}: {why}"))?);
            rest = &block[length..];
        }
        if keys.is_empty() {
            return Err("there is no key in PEM (`-----BEGIN PUBLIC KEY-----`)".to_owned());
        }
        Ok(Self { keys })
    }

    /// A JSON Web Key Set (RFC 7517 section 5), and why some of its keys are not used.
    ///
    /// # Errors
    ///
    /// When it is not one, or has no key that can be used.
    pub(super) fn jwks(text: &[u8]) -> Result<(Self, Vec<String>), String> {
        let set: Value = serde_json::from_slice(text).map_err(|error| format!("not JSON: {error}"))?;
        let Some(Value::Array(list)) = set.get("keys") else {
            return Err("not a JSON Web Key Set: there is no list `keys`".to_owned());
        };
        let (mut keys, mut skipped) = (Vec::new(), Vec::new());
        for (at, jwk) in list.iter().take(MOST_KEYS).enumerate() {
            match Key::jwk(jwk) {
                Ok(key) => keys.push(key),
                Err(why) => skipped.push(format!("key number {} is not used: {why}", at + 1)),
            }
        }
        if keys.is_empty() {
            return Err(skipped
                .into_iter()
                .next()
                .unwrap_or_else(|| "there are no keys in it".to_owned()));
        }
        Ok((Self { keys }, skipped))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }

    pub(super) fn knows(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id.as_deref() == Some(id))
    }

    /// Those that a token may be signed with: the one with its `kid`; without such a one, those that have no id; for
    /// a token without `kid`, all. Only those for its algorithm, in any case.
    pub(super) fn candidates(&self, id: Option<&str>, algorithm: Algorithm) -> impl Iterator<Item = &Key> {
        let named = id.filter(|id| self.knows(id));
        self.keys
            .iter()
            .filter(move |key| match (named, id) {
                (Some(_), _) => key.id.as_deref() == named,
                (None, Some(_)) => key.id.is_none(),
                (None, None) => true,
            })
            .filter(move |key| key.algorithms.contains(&algorithm))
            .take(MOST_TRIED)
    }

    /// Equal for sets of the same keys, in whatever order.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        let mut marks: Vec<_> = self.keys.iter().map(Key::mark).collect();
        marks.sort_unstable();
        let mut all = [0; 32];
        all.copy_from_slice(digest(&SHA256, &marks.concat()).as_ref());
        all
    }
}

impl Key {
    /// Whether this key made the signature (in base64url).
    pub(super) fn verifies(&self, signed: &str, signature: &str, algorithm: Algorithm) -> bool {
        let Some((_, public)) = self.public.iter().find(|(its, _)| *its == algorithm) else {
            let verified =
                jsonwebtoken::crypto::verify(signature, signed.as_bytes(), &self.material, algorithm);
            return verified.unwrap_or(false);
        };
        let signature = URL_SAFE_NO_PAD.decode(signature);
        signature.is_ok_and(|signature| public.verify_sig(signed.as_bytes(), &signature).is_ok())
    }

    fn secret(secret: &[u8], id: Option<String>) -> Result<Self, String> {
        if secret.trim_ascii().is_empty() {
            return Err("the secret is empty".to_owned());
        }
        Self::new(DecodingKey::from_secret(secret), id)
    }

    fn pem(label: &str, block: &str) -> Result<Self, String> {
        if label.ends_with("PRIVATE KEY") {
            return Err("this is a private key; write the public one (`openssl pkey -pubout`)".to_owned());
        }
        if label == "CERTIFICATE" {
            let help = "write its public key (`openssl x509 -pubkey -noout`)";
            return Err(format!("this is a certificate; {help}"));
        }
        let pem = block.as_bytes();
        let material = DecodingKey::from_rsa_pem(pem)
            .or_else(|_| DecodingKey::from_ec_pem(pem))
            .or_else(|_| DecodingKey::from_ed_pem(pem))
            .map_err(|_| format!("`{label}` is not a public key (RSA, P-256, P-384 or Ed25519)"))?;
        Self::new(material, None)
    }

    /// A JSON Web Key (RFC 7517 section 4, RFC 7518 section 6, RFC 8037).
    fn jwk(jwk: &Value) -> Result<Self, String> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| {
            let decoded = text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
            decoded.ok_or_else(|| format!("`{name}` is missing, or not base64url"))
        };
        if jwk.get("use").is_some_and(|its| its != "sig") {
            return Err("it is not for signatures (`use`)".to_owned());
        }
        let verifies = |list: &Vec<Value>| list.iter().any(|operation| operation == "verify");
        if jwk
            .get("key_ops")
            .is_some_and(|its| !its.as_array().is_some_and(verifies))
        {
            return Err("it is not to verify with (`key_ops`)".to_owned());
        }
        let id = match jwk.get("kid") {
            None | Some(Value::Null) => None,
            Some(Value::String(id)) => Some(id.clone()),
            Some(_) => return Err("`kid` is not text".to_owned()),
        };
        let mut key = match (text("kty"), text("crv")) {
            (Some("RSA"), _) => {
                let (n, e) = (bytes("n")?, bytes("e")?);
                Self::new(
                    DecodingKey::from_rsa_raw_components(unpadded(&n), unpadded(&e)),
                    id,
                )
            }
            (Some("EC"), Some("P-256" | "P-384")) => {
                let point = [&[4], bytes("x")?.as_slice(), bytes("y")?.as_slice()].concat();
                Self::new(DecodingKey::from_ec_der(&point), id)
            }
            (Some("OKP"), Some("Ed25519")) => Self::new(DecodingKey::from_ed_der(&bytes("x")?), id),
            (Some("oct"), _) => Self::secret(&bytes("k")?, id),
            _ => Err("its kind (`kty`, `crv`) is not supported".to_owned()),
        }?;
        if let Some(only) = jwk.get("alg") {
            let only = only.as_str().and_then(|name| name.parse().ok());
            key.algorithms.retain(|algorithm| Some(*algorithm) == only);
            if key.algorithms.is_empty() {
                return Err("its `alg` is not one of its kind, or not supported".to_owned());
            }
        }
        Ok(key)
    }

    /// Looks whether it is a key at all, and strong enough.
    fn new(material: DecodingKey, id: Option<String>) -> Result<Self, String> {
        let public = match material.family() {
            AlgorithmFamily::Rsa => {
                check_rsa(material.kind())?;
                parse_rsa(material.kind()).ok_or("not a key of RSA")?
            }
            AlgorithmFamily::Ec => vec![point(material.kind())?],
            AlgorithmFamily::Ed => {
                let key = material.try_get_as_bytes().unwrap_or_default();
                let key =
                    ParsedPublicKey::new(&signature::ED25519, key).map_err(|_| "not a key of Ed25519")?;
                vec![(Algorithm::EdDSA, key)]
            }
            AlgorithmFamily::Hmac => Vec::new(),
        };
        let mut algorithms: Vec<_> = public.iter().map(|(algorithm, _)| *algorithm).collect();
        if material.family() == AlgorithmFamily::Hmac {
            algorithms.extend_from_slice(AlgorithmFamily::Hmac.algorithms());
        }
        Ok(Self {
            id,
            algorithms,
            material,
            public,
        })
    }

    fn mark(&self) -> [u8; 32] {
        let mut all = format!("{:?}{:?}", self.id, self.algorithms).into_bytes();
        match self.material.kind() {
            DecodingKeyKind::SecretOrDer(bytes) => all.extend_from_slice(bytes),
            DecodingKeyKind::RsaModulusExponent { n, e } => {
                all.extend_from_slice(n);
                all.push(0);
                all.extend_from_slice(e);
            }
        }
        let mut mark = [0; 32];
        mark.copy_from_slice(digest(&SHA256, &all).as_ref());
        mark
    }
}

/// Without leading zeros, which some put there for the sign.
fn unpadded(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

fn check_rsa(kind: &DecodingKeyKind) -> Result<(), String> {
    let modulus = match kind {
        DecodingKeyKind::SecretOrDer(der) => {
            let key = PublicKey::from_der(der).map_err(|_| "not a key of RSA")?;
            key.modulus().big_endian_without_leading_zero().to_vec()
        }
        DecodingKeyKind::RsaModulusExponent { n, .. } => n.clone(),
    };
    let bits = modulus
        .first()
        .map_or(0, |first| modulus.len() * 8 - first.leading_zeros() as usize);
    if !RSA_BITS.contains(&bits) {
        return Err(format!("an RSA key of {bits} bits; it must have 2048 to 8192"));
    }
    Ok(())
}

/// For every algorithm of RSA (RFC 7518 sections 3.3 and 3.5).
fn parse_rsa(kind: &DecodingKeyKind) -> Option<Vec<(Algorithm, ParsedPublicKey)>> {
    let parse = |rule: &'static RsaParameters| match kind {
        DecodingKeyKind::SecretOrDer(der) => ParsedPublicKey::new(rule, der).ok(),
        DecodingKeyKind::RsaModulusExponent { n, e } => {
            RsaPublicKeyComponents { n, e }.to_parsed_public_key(rule).ok()
        }
    };
    RSA.iter()
        .map(|&(algorithm, rule)| Some((algorithm, parse(rule)?)))
        .collect()
}

/// The algorithm of a point's curve. Nothing but a point on it is accepted.
fn point(kind: &DecodingKeyKind) -> Result<(Algorithm, ParsedPublicKey), String> {
    let DecodingKeyKind::SecretOrDer(point) = kind else {
        return Err("not a point of a curve".to_owned());
    };
    let (algorithm, curve) = match point.len() {
        65 => (Algorithm::ES256, &signature::ECDSA_P256_SHA256_FIXED),
        97 => (Algorithm::ES384, &signature::ECDSA_P384_SHA384_FIXED),
        _ => return Err("its curve is not supported; P-256 and P-384 are".to_owned()),
    };
    let key = ParsedPublicKey::new(curve, point).map_err(|_| "not a point of its curve")?;
    Ok((algorithm, key))
}
