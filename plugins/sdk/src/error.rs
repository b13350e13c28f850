//! How a hook fails on purpose.

use std::fmt;

use crate::bindings::imports::gatewit::plugin::{
    crypto::CryptoError,
    http_client::CallError,
    jwt::JwtError,
    kv::KvError,
    limits::LimitsError,
    types::{EditError, PluginError},
};

/// What hooks return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of a hook. The texts go to the gateway's log, never to the client; what the client gets is decided by the
/// `failure` of the plugin's configuration, or else the status below. Nothing of what the hook has edited is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Error {
    /// The request is refused: 403.
    Rejected(String),
    /// Something that the plugin needs is not there: 503.
    Unavailable(String),
    /// Something is wrong in the plugin, or in how it is configured: 500.
    Internal(String),
}

impl Error {
    /// [`Error::Rejected`], in the words of anything that can be said: `.map_err(Error::rejected)?`.
    pub fn rejected(why: impl fmt::Display) -> Self {
        Self::Rejected(why.to_string())
    }

    /// [`Error::Unavailable`], in the words of anything that can be said.
    pub fn unavailable(why: impl fmt::Display) -> Self {
        Self::Unavailable(why.to_string())
    }

    /// [`Error::Internal`], in the words of anything that can be said.
    pub fn internal(why: impl fmt::Display) -> Self {
        Self::Internal(why.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(why) => write!(f, "rejected: {why}"),
            Self::Unavailable(why) => write!(f, "unavailable: {why}"),
            Self::Internal(why) => write!(f, "internal: {why}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<Error> for PluginError {
    fn from(error: Error) -> Self {
        match error {
            Error::Rejected(why) => Self::Rejected(why),
            Error::Unavailable(why) => Self::Unavailable(why),
            Error::Internal(why) => Self::Internal(why),
        }
    }
}

impl From<EditError> for Error {
    fn from(error: EditError) -> Self {
        Self::Internal(format!("an edit was refused: {}", error.name()))
    }
}

impl From<LimitsError> for Error {
    fn from(error: LimitsError) -> Self {
        match error {
            LimitsError::NoSuchBudget => {
                Self::internal("no such budget: declare [budget.NAME], and grant it")
            }
            LimitsError::Unavailable(why) => Self::Unavailable(format!("budget: {why}")),
        }
    }
}

impl From<JwtError> for Error {
    fn from(error: JwtError) -> Self {
        match error {
            JwtError::NoSuchVerifier => {
                Self::internal("no such verifier: declare [verifier.NAME], and grant it")
            }
            JwtError::KeysUnavailable => Self::unavailable("the verifier has no keys yet"),
            other => Self::Rejected(format!("token: {}", other.name())),
        }
    }
}

impl From<CryptoError> for Error {
    fn from(error: CryptoError) -> Self {
        match error {
            CryptoError::NoSuchKey => Self::internal("no such key: declare [key.NAME], and grant it"),
            CryptoError::BadInput => Self::internal("not a hash or a signature of the kind asked for"),
            CryptoError::Refused => Self::unavailable("the key is of another kind, or too much work at once"),
        }
    }
}

impl From<KvError> for Error {
    fn from(error: KvError) -> Self {
        match error {
            KvError::NoSuchStore => Self::internal("no such store: declare [store.NAME], and grant it"),
            KvError::Refused => Self::internal("the store does not take this key or value"),
            KvError::Unavailable(why) => Self::Unavailable(format!("store: {why}")),
        }
    }
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NotAllowed => Self::internal("the upstream is not among `grants.http`"),
            CallError::TooMany => Self::internal("too many calls in one hook"),
            CallError::Timeout => Self::unavailable("the called service did not answer in time"),
            CallError::Connect(why) => {
                Self::Unavailable(format!("the called service cannot be reached: {why}"))
            }
            CallError::TooLarge => Self::unavailable("the called service's response is too large"),
            CallError::Protocol(why) => Self::Unavailable(format!("the call failed: {why}")),
        }
    }
}

/// Those of std and serde that hooks meet: something is wrong in the plugin.
macro_rules! internal {
    ($($error:ty),+) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::internal(error)
            }
        })+
    };
}

internal!(
    fmt::Error,
    serde_json::Error,
    std::num::ParseFloatError,
    std::num::ParseIntError,
    std::num::TryFromIntError,
    std::str::Utf8Error,
    std::string::FromUtf8Error
);

/// `Err("...".into())` is an internal error.
impl From<&str> for Error {
    fn from(why: &str) -> Self {
        Self::Internal(why.to_owned())
    }
}

/// `Err(format!("...").into())` is an internal error.
impl From<String> for Error {
    fn from(why: String) -> Self {
        Self::Internal(why)
    }
}
