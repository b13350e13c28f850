//! The response being handled, and responses that a plugin makes itself.

use crate::bindings::imports::gatewit::plugin::types::{EditError, LocalResponse};
use crate::host::{request, response};
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

    /// A refusal that reads like the gateway's own: with the request's id, as problem details when the client accepts
    /// JSON and as plain text otherwise, and never cached. `detail` is one sentence for the client.
    pub fn refusal(status: u16, detail: &str) -> Self {
        let id = request::id();
        let title = reason(status);
        let answer = Self::status(status).header("cache-control", "no-store");
        if request::header("accept").is_some_and(|accept| accepts_json(&accept)) {
            let problem = serde_json::json!({
                "type": "about:blank", "title": title, "status": status, "detail": detail, "request_id": id,
            });
            return answer
                .header("content-type", "application/problem+json")
                .body(problem.to_string());
        }
        answer.text(format!("{status} {title}\n{detail}\nrequest id: {id}\n"))
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

fn accepts_json(accept: &[u8]) -> bool {
    let mut ranges = accept.split(|byte| *byte == b',');
    ranges.any(|range| {
        let kind = range
            .split(|byte| *byte == b';')
            .next()
            .unwrap_or_default()
            .trim_ascii();
        [
            &b"application/json"[..],
            b"application/problem+json",
            b"application/*",
        ]
        .iter()
        .any(|wanted| kind.eq_ignore_ascii_case(wanted))
    })
}

/// The reason phrases of statuses that plugins refuse with (RFC 9110 section 15, RFC 6585).
fn reason(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Host;

    #[test]
    fn a_refusal_is_what_the_client_reads() {
        for (accept, kind) in [
            ("*/*", "text/plain; charset=utf-8"),
            ("text/html, application/json;q=0.5", "application/problem+json"),
            ("Application/*", "application/problem+json"),
        ] {
            let mut host = Host::get("/").header("accept", accept);
            let response = host.run(|| Response::refusal(429, "Too many."));
            let body = String::from_utf8(response.body).unwrap();
            assert!(
                body.contains("Too many.") && body.contains("Too Many Requests"),
                "{body}"
            );
            assert!(
                response
                    .headers
                    .contains(&("content-type".to_owned(), kind.into())),
                "{accept}"
            );
        }
    }
}
