//! Why an exchange gets its response from the gateway instead of an endpoint. What the client is told about it
//! is decided in [`super::answer`].

use std::io;
use std::time::Duration;

use crate::plugin;
use crate::router::rewrite::RewriteError;

/// Why an exchange gets its response from the gateway instead of an endpoint.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a request that means one thing.
    #[error("malformed request: {0}")]
    Malformed(&'static str),
    /// TRACE would show a client what the gateway adds.
    #[error("method refused")]
    MethodRefused,
    /// CONNECT.
    #[error("not a forward proxy")]
    NotAProxy,
    /// OPTIONS that may go no further (RFC 9110 section 7.6.2): answered here, and no error.
    #[error("last hop")]
    LastHop,
    /// An expectation other than 100-continue (RFC 9110 section 10.1.1).
    #[error("unknown expectation")]
    Expectation,
    /// A rewrite of the configuration that can not work for this request.
    #[error("misconfigured: {0}")]
    Misconfigured(RewriteError),
    /// No route matches.
    #[error("no route")]
    NoRoute,
    /// The request body is larger than the route takes.
    #[error("request body too large")]
    BodyTooLarge,
    /// The client broke off in the middle of its body.
    #[error("request body broke off")]
    BodyBroken,
    /// The upstream has no endpoint that may be used.
    #[error("no endpoint")]
    NoEndpoint {
        /// When there may be one.
        retry_after: Duration,
    },
    /// Every endpoint is at its bound.
    #[error("every endpoint is at its bound of requests in flight")]
    Overloaded,
    /// The gateway is at its bound of memory.
    #[error("out of memory budget")]
    Shed,
    /// No connection to any endpoint that was tried; nothing was sent.
    #[error("no connection: {0}")]
    Connect(#[source] io::Error),
    /// The endpoint broke off before a response head.
    #[error("endpoint broke off: {0}")]
    Broken(#[source] hyper::Error),
    /// What the endpoint sent is not a response that means one thing.
    #[error("bad response: {0}")]
    BadResponse(String),
    /// A plugin wants to see the response whole, and there is too much of it.
    #[error("response body too large for {plugin}")]
    ResponseTooLarge {
        /// The plugin's name.
        plugin: String,
    },
    /// A plugin failed, or rejected the request.
    #[error("plugin {} {}", .0.plugin, .0.cause)]
    Plugin(Box<plugin::Failed>),
    /// A plugin broke the request body off.
    #[error("plugin {plugin} broke the request body off")]
    Aborted {
        /// The plugin's name.
        plugin: String,
    },
    /// No response head within the route's timeout.
    #[error("no response in time")]
    Timeout,
}

impl From<RewriteError> for Error {
    fn from(error: RewriteError) -> Self {
        match error {
            RewriteError::Outside { .. } | RewriteError::Unknown { .. } => Self::Misconfigured(error),
            RewriteError::Glued { .. } | RewriteError::Result(_) => Self::Malformed("The path is ambiguous."),
        }
    }
}

impl Error {
    /// Whether what follows on the client's connection may be something else than its next request: another
    /// reader may have found the end of this one elsewhere.
    pub(super) fn ends_connection(&self) -> bool {
        matches!(
            self,
            Self::Malformed(_)
                | Self::NotAProxy
                | Self::BodyTooLarge
                | Self::BodyBroken
                | Self::Aborted { .. }
        )
    }
}
