//! One verifier: a token goes in, and what is believed of it comes out.

use std::sync::Arc;
use std::time::SystemTime;

use jsonwebtoken::{Algorithm, AlgorithmFamily};

use super::cache::Cache;
use super::keys::{Key, KeySet};
use super::remote::{Kept, Known};
use super::rules::Rules;
use super::token::Token;
use super::view::{KeyView, View};
use super::{Error, Verified};
use crate::config::{self, VerifierKeys};
use crate::fetch;

/// See the module. Shared by all workers; nothing in it waits.
#[derive(Debug)]
pub struct Verifier {
    config: Arc<config::Verifier>,
    algorithms: Vec<Algorithm>,
    rules: Rules,
    keys: Keys,
    cache: Cache,
}

/// Keys that stand in the configuration, and why some of them are not used.
type Written = (KeySet, Vec<String>);

#[derive(Debug)]
enum Keys {
    Fixed(Arc<Known>),
    Remote(Arc<Kept>),
}

impl Verifier {
    /// `remote` are the keys of its URL, if it has one.
    ///
    /// # Errors
    ///
    /// What is wrong with its keys or algorithms.
    pub(super) fn try_new(config: &Arc<config::Verifier>, remote: Option<Arc<Kept>>) -> Result<Self, String> {
        let (algorithms, fixed) = Self::understand(config)?;
        let fixed = fixed.map(|(set, skipped)| {
            for why in skipped {
                tracing::warn!(verifier = config.name, why, "a key of a key set is not used");
            }
            set
        });
        let keys = match (fixed, remote) {
            (Some(set), _) => Keys::Fixed(Arc::new(Known::fixed(set))),
            (None, Some(remote)) => Keys::Remote(remote),
            (None, None) => return Err("it has no keys".to_owned()),
        };
        Ok(Self {
            rules: Rules::new(config),
            cache: Cache::new(config.cache),
            algorithms,
            keys,
            config: Arc::clone(config),
        })
    }

    /// Whether one could be made.
    ///
    /// # Errors
    ///
    /// As [`Verifier::try_new`].
    pub(super) fn check(config: &config::Verifier) -> Result<(), String> {
        Self::understand(config).map(drop)
    }

    /// Whether the definition says the same, wherever it stands.
    pub(super) fn is_as(&self, declared: &config::Verifier) -> bool {
        let moved = config::Verifier {
            place: declared.place.clone(),
            ..(*self.config).clone()
        };
        moved == *declared
    }

    /// Whether a token is believed. Never waits: while keys are being fetched, what needs them is
    /// [`Error::KeysUnavailable`].
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn verify(&self, token: &str) -> Result<Arc<Verified>, Error> {
        self.verify_at(token, SystemTime::now())
    }

    /// [`Verifier::verify`] at a certain time.
    ///
    /// # Errors
    ///
    /// As [`Verifier::verify`].
    pub fn verify_at(&self, token: &str, now: SystemTime) -> Result<Arc<Verified>, Error> {
        let fetched;
        let known = match &self.keys {
            Keys::Fixed(known) => known,
            Keys::Remote(kept) => {
                fetched = kept.remote().known();
                let latest = fetched.as_ref().and_then(|latest| (**latest).as_ref());
                latest.ok_or(Error::KeysUnavailable)?
            }
        };
        if token.len() > super::MAX_TOKEN {
            return Err(Error::Malformed);
        }
        let digest = self.cache.digest(token);
        let remembered = digest.and_then(|digest| self.cache.find(&digest, known.revision));
        if let Some(verified) = remembered {
            return self.rules.on_time(&verified, now).map(|()| verified);
        }
        let verified = Arc::new(self.examine(known, token, now)?);
        if let Some(digest) = digest {
            self.cache.keep(digest, known.revision, Arc::clone(&verified));
        }
        Ok(verified)
    }

    fn examine(&self, known: &Known, token: &str, now: SystemTime) -> Result<Verified, Error> {
        let token = Token::parse(token)?;
        let algorithm: Algorithm = token.header.alg.parse().map_err(|_| Error::AlgorithmRefused)?;
        if !self.algorithms.contains(&algorithm) {
            return Err(Error::AlgorithmRefused);
        }
        let id = token.header.kid.as_deref();
        let signed_by = |key: &Key| key.verifies(token.signed, token.signature, algorithm);
        if !known.set.candidates(id, algorithm).any(signed_by) {
            return Err(self.stranger(known, id));
        }
        self.rules.judge(&token.payload()?, id, now)
    }

    /// The key may be newer than those that are known, unless the token names one of those.
    fn stranger(&self, known: &Known, id: Option<&str>) -> Error {
        match &self.keys {
            Keys::Remote(kept) if !id.is_some_and(|id| known.set.knows(id)) && kept.remote().ask() => {
                Error::KeysUnavailable
            }
            _ => Error::BadSignature,
        }
    }

    /// What there is to know, for the admin API and the metrics. No key, no secret.
    pub fn view(&self) -> View {
        let (known, report) = match &self.keys {
            Keys::Fixed(known) => (Some(Arc::clone(known)), None),
            Keys::Remote(kept) => (kept.remote().latest(), Some(kept.remote().report())),
        };
        let keys = known.iter().flat_map(|known| known.set.iter());
        View {
            name: self.config.name.clone(),
            algorithms: self.config.algorithms.clone(),
            keys: keys
                .filter(|key| key.algorithms.iter().any(|its| self.algorithms.contains(its)))
                .map(|key| KeyView {
                    id: key.id.clone(),
                    algorithms: key.algorithms.iter().map(|its| format!("{its:?}")).collect(),
                })
                .collect(),
            remembered: self.cache.len(),
            fetched: report,
        }
    }

    /// Its algorithms, and its keys if they are written in the configuration, with why some of them are not used.
    fn understand(config: &config::Verifier) -> Result<(Vec<Algorithm>, Option<Written>), String> {
        let parse = |name: &String| {
            name.parse()
                .map_err(|_| format!("`{name}` is not an algorithm that can be verified"))
        };
        let algorithms = config
            .algorithms
            .iter()
            .map(parse)
            .collect::<Result<Vec<Algorithm>, _>>()?;
        let shared = algorithms
            .iter()
            .filter(|algorithm| algorithm.family() == AlgorithmFamily::Hmac)
            .count();
        if algorithms.is_empty() || shared != 0 && shared != algorithms.len() {
            return Err("`algorithms` must be some, and either all of HMAC or none".to_owned());
        }
        let (set, skipped) = match &config.keys {
            VerifierKeys::Secret(secret) => (KeySet::secret(&secret.0)?, Vec::new()),
            VerifierKeys::Pem(pem) => (KeySet::pem(pem)?, Vec::new()),
            VerifierKeys::Jwks(text) => KeySet::jwks(text.as_bytes())?,
            VerifierKeys::Url { url, .. } => {
                return fetch::check(url)
                    .map(|()| (algorithms, None))
                    .map_err(|error| error.to_string());
            }
        };
        if set
            .iter()
            .any(|key| key.algorithms.iter().any(|its| algorithms.contains(its)))
        {
            return Ok((algorithms, Some((set, skipped))));
        }
        let named = config.algorithms.join(", ");
        Err(format!("none of its keys is for its algorithms ({named})"))
    }
}
