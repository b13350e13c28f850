//! HTTP calls of the plugin's own. A call blocks in the plugin; in the gateway other exchanges go on. Needs the grant
//! `http`, a list of upstreams. Redirects are not followed, no cookies are kept.

use std::time::Duration;

use crate::bindings::imports::gatewit::plugin::http_client as wit;
use crate::host::http_client;
use crate::request::{Field, text};

pub use wit::CallError;

/// A request to make.
#[derive(Clone, Debug)]
pub struct Call(wit::Call);

/// The response, whatever its status.
#[derive(Clone, Debug)]
pub struct Reply(wit::Reply);

/// A `GET` of a path, with its query, from an upstream.
pub fn get(upstream: &str, path_with_query: &str) -> Call {
    Call::new("GET", upstream, path_with_query)
}

/// A `POST` of a body to a path of an upstream.
pub fn post(upstream: &str, path_with_query: &str, body: impl Into<Vec<u8>>) -> Call {
    Call::new("POST", upstream, path_with_query).body(body)
}

/// Several calls at once; the results stand in the order of the calls.
pub fn send_all(calls: impl IntoIterator<Item = Call>) -> Vec<Result<Reply, CallError>> {
    let calls: Vec<wit::Call> = calls.into_iter().map(|call| call.0).collect();
    let replies = http_client::send_all(&calls).into_iter();
    replies.map(|reply| reply.map(Reply)).collect()
}

impl Call {
    /// A request of any method.
    pub fn new(method: &str, upstream: &str, path_with_query: &str) -> Self {
        Self(wit::Call {
            upstream: upstream.to_owned(),
            method: method.to_owned(),
            path_with_query: path_with_query.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout_ms: None,
        })
    }

    /// Adds a header line. `host` is the upstream's own name unless given.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.0.headers.push(Field {
            name: name.to_ascii_lowercase(),
            value: value.as_ref().to_vec(),
        });
        self
    }

    /// The body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.0.body = body.into();
        self
    }

    /// How long it may take; at most what is left of the hook's time.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.0.timeout_ms = Some(u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX));
        self
    }

    /// Makes the call.
    ///
    /// # Errors
    /// There is no complete response.
    pub fn send(&self) -> Result<Reply, CallError> {
        http_client::send(&self.0).map(Reply)
    }
}

impl Reply {
    /// The status.
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// Every header line.
    pub fn headers(&self) -> &[Field] {
        &self.0.headers
    }

    /// A header's first line as text.
    pub fn header_text(&self, name: &str) -> Option<String> {
        let mut lines = self.0.headers.iter();
        lines
            .find(|line| line.name.eq_ignore_ascii_case(name))
            .map(|line| text(line.value.clone()))
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.0.body
    }

    /// The body, read as JSON.
    ///
    /// # Errors
    /// It is not what is expected.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.0.body)
    }
}
