//! The response being handled, and responses that a plugin makes itself.

use crate::bindings::imports::gatewit::plugin::types::{EditError, LocalResponse};
use crate::host::response;
use crate::request::{Field, text};

/// The head of the response being handled.
#[derive(Debug)]
#[non_exhaustive]
pub struct ResponseHead;

impl ResponseHead {
    /// The view that hooks are given.
    #[doc(hidden)]
    pub fn current() -> Self {
        Self
    }

    /// The status.
    pub fn status(&self) -> u16 {
        response::status()
    }

    /// Address of the endpoint that answered; `None` when the gateway or a plugin made the response.
    pub fn endpoint(&self) -> Option<String> {
        response::endpoint()
    }

    /// A header's value: all its lines joined with `, ` in their order. Ask [`ResponseHead::header_values`] for
    /// `set-cookie`.
    pub fn header(&self, name: &str) -> Option<Vec<u8>> {
        response::header(name)
    }

    /// [`ResponseHead::header`] as text; what is not UTF-8 in it reads as U+FFFD.
    pub fn header_text(&self, name: &str) -> Option<String> {
        response::header(name).map(text)
    }

    /// Each line of a header.
    pub fn header_values(&self, name: &str) -> Vec<Vec<u8>> {
        response::header_values(name)
    }

    /// Every line of every header.
    pub fn headers(&self) -> Vec<Field> {
        response::headers()
    }

    /// Replaces the status: 200 to 599.
    ///
    /// # Errors
    /// Another one.
    pub fn set_status(&mut self, status: u16) -> Result<(), EditError> {
        response::set_status(status)
    }

    /// Replaces every line of a header by one.
    ///
    /// # Errors
    /// Not a valid name or value, or one that belongs to the gateway.
    pub fn set_header(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), EditError> {
        response::set_header(name, value.as_ref())
    }

    /// Adds a line.
    ///
    /// # Errors
    /// As for [`ResponseHead::set_header`].
    pub fn append_header(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), EditError> {
        response::append_header(name, value.as_ref())
    }

    /// Removes every line of a header.
    ///
    /// # Errors
    /// The header belongs to the gateway.
    pub fn remove_header(&mut self, name: &str) -> Result<(), EditError> {
        response::remove_header(name)
    }
}

/// A complete response made by a plugin. The gateway sets `content-length` and what belongs to the connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Response {
    /// 200 to 599.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// At most the plugin's `response_body` limit.
    pub body: Vec<u8>,
}

impl Response {
    /// A response without headers and body.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Problem details (RFC 9457): `application/problem+json` with status and title.
    pub fn problem(status: u16, title: &str) -> Self {
        let body = serde_json::json!({ "status": status, "title": title });
        Self::status(status)
            .header("content-type", "application/problem+json")
            .body(body.to_string())
    }

    /// Adds a line.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers
            .push((name.to_ascii_lowercase(), value.as_ref().to_vec()));
        self
    }

    /// A body of plain text.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        self.header("content-type", "text/plain; charset=utf-8")
            .body(text.into())
    }

    /// A body of JSON.
    ///
    /// # Errors
    /// The value cannot be written as JSON.
    pub fn json(self, value: &impl serde::Serialize) -> Result<Self, serde_json::Error> {
        Ok(self
            .header("content-type", "application/json")
            .body(serde_json::to_vec(value)?))
    }

    /// A body; say what it is by a `content-type`.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

impl From<Response> for LocalResponse {
    fn from(response: Response) -> Self {
        let headers = response.headers.into_iter();
        Self {
            status: response.status,
            headers: headers.map(|(name, value)| Field { name, value }).collect(),
            body: response.body,
        }
    }
}
