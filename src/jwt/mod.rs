//! Verifiers of JSON Web Tokens (RFC 7519): keys, algorithms and rules come from the configuration, keys of a URL are
//! refreshed in the background. What follows from a token is decided by plugins.
//!
//! ```text
//! bearer    finds the token in a request                  ┐
//! token     takes it apart                                │
//! keys      which key it must be signed with              ├ pure
//! rules     what its claims must say                      │
//! verified  what is left of a token that is believed      ┘
//! cache     remembers those
//! remote    keys of a URL                                   control
//! ```
//!
//! No token makes the gateway connect to anything but a configured URL, and to that at most once in [`COOL_DOWN`]:
//! `jku`, `x5u`, `x5c` and `jwk` of a header are not looked at (RFC 8725 section 3.10).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::config::{self, Code, Diagnostics, Loaded};
use crate::tls;
use remote::Kept;

pub use bearer::bearer;
pub use remote::COOL_DOWN;
pub use verified::Verified;
pub use verifier::Verifier;
pub use view::{Fetched, KeyView, View};

mod bearer;
mod cache;
mod keys;
mod remote;
mod rules;
mod token;
mod verified;
mod verifier;
mod view;

/// Longest token, bytes; a longer one is not looked at.
pub const MAX_TOKEN: usize = 8 * 1024;

/// Why a token is not believed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// There is none.
    #[error("there is no token")]
    Missing,
    /// Not one token in compact serialization (RFC 7515 section 7.1), one that asks for an extension (`crit`), or a
    /// claim is missing or of the wrong type.
    #[error("the token is malformed")]
    Malformed,
    /// Signed by somebody else, or by a key that is not known.
    #[error("the signature is wrong")]
    BadSignature,
    /// Past its `exp`.
    #[error("the token is expired")]
    Expired,
    /// Before its `nbf`.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iss` is another one.
    #[error("the issuer is another one")]
    WrongIssuer,
    /// `aud` has none of those expected.
    #[error("the audience is another one")]
    WrongAudience,
    /// Its algorithm is not among the verifier's.
    #[error("the algorithm is not accepted")]
    AlgorithmRefused,
    /// There are no keys yet, they are too old, or the key that it names is being asked for.
    #[error("there are no keys")]
    KeysUnavailable,
}

/// A verifier that cannot be made.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Its name.
    pub verifier: String,
    /// What is wrong with it.
    pub message: String,
}

/// The verifiers of one configuration.
#[derive(Debug, Default)]
pub struct Verifiers {
    verifiers: HashMap<String, Arc<Verifier>>,
    /// Verifiers with the same URL share its keys.
    remotes: HashMap<Origin, Arc<Kept>>,
    tls: Option<tls::Client>,
}

/// What makes two sources of keys one.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Origin {
    url: String,
    refresh: Duration,
    grace: Duration,
}

impl Verifiers {
    /// Builds what a configuration declares. A verifier whose definition did not change is the same as in `previous`,
    /// with the tokens that it remembers; keys of a URL are kept in any case. They are fetched on `control`; without it
    /// they are not, which is for trials. When nothing changed at all, this is `previous` itself.
    ///
    /// A verifier whose keys cannot be used (unreadable, empty, too short, not for its algorithms) is not there: nobody is
    /// believed by it. Why is said beside.
    pub fn build(
        config: &[Arc<config::Verifier>],
        previous: Option<&Arc<Self>>,
        tls: &tls::Client,
        control: Option<&Handle>,
    ) -> (Arc<Self>, Vec<Problem>) {
        let trusted = previous.filter(|old| old.tls.as_ref().is_some_and(|old| old.is_same(tls)));
        let mut set = Self {
            tls: Some(tls.clone()),
            ..Self::default()
        };
        let mut problems = Vec::new();
        for declared in config {
            let reused = trusted
                .and_then(|old| old.verifiers.get(&declared.name))
                .filter(|old| old.is_as(declared))
                .cloned();
            let kept = origin(declared).map(|origin| {
                let old = trusted.and_then(|old| old.remotes.get(&origin));
                let known = set.remotes.get(&origin).or(old).cloned();
                let kept = known.unwrap_or_else(|| {
                    Kept::start(&origin.url, origin.refresh, origin.grace, tls.clone(), control)
                });
                set.remotes.insert(origin, Arc::clone(&kept));
                kept
            });
            match reused.map_or_else(|| Verifier::try_new(declared, kept).map(Arc::new), Ok) {
                Ok(verifier) => {
                    set.verifiers.insert(declared.name.clone(), verifier);
                }
                Err(message) => problems.push(Problem {
                    verifier: declared.name.clone(),
                    message,
                }),
            }
        }
        let same = previous.filter(|old| problems.is_empty() && old.is_as(&set));
        (same.cloned().unwrap_or_else(|| Arc::new(set)), problems)
    }

    fn is_as(&self, other: &Self) -> bool {
        let mut verifiers = self.verifiers.iter();
        self.verifiers.len() == other.verifiers.len()
            && self.tls.is_some()
            && verifiers.all(|(name, its)| other.find(name).is_some_and(|same| Arc::ptr_eq(its, same)))
    }

    /// The verifier of this name.
    pub fn find(&self, name: &str) -> Option<&Arc<Verifier>> {
        self.verifiers.get(name)
    }

    /// [`Verifier::view`] of all, by name.
    pub fn views(&self) -> Vec<View> {
        let mut views: Vec<_> = self.verifiers.values().map(|verifier| verifier.view()).collect();
        views.sort_by(|a, b| a.name.cmp(&b.name));
        views
    }

    /// Waits until every URL was fetched from, or failed, once; but no longer than `limit`. Returns whether all were.
    pub async fn first_answers(&self, limit: Duration) -> bool {
        let all = async {
            for kept in self.remotes.values() {
                kept.remote().settled().await;
            }
        };
        tokio::time::timeout(limit, all).await.is_ok()
    }
}

/// Refuses a configuration with a verifier that cannot be made: to be asked right after it was read. Nothing is
/// fetched.
///
/// # Errors
///
/// What is wrong with every verifier, at its place.
pub fn accept(loaded: Loaded) -> Result<Loaded, Diagnostics> {
    let mut problems = Diagnostics::default();
    for declared in &loaded.config.verifiers {
        if let Err(message) = Verifier::check(declared) {
            let message = format!("the verifier `{}` cannot be used: {message}", declared.name);
            let (code, place) = (Code::InvalidValue, &declared.place);
            problems.extend(Diagnostics::at(code, place, &loaded.config, message, None));
        }
    }
    if problems.is_empty() {
        Ok(loaded)
    } else {
        Err(problems)
    }
}

fn origin(declared: &config::Verifier) -> Option<Origin> {
    match &declared.keys {
        config::VerifierKeys::Url { url, refresh, grace } => Some(Origin {
            url: url.clone(),
            refresh: *refresh,
            grace: *grace,
        }),
        _ => None,
    }
}
