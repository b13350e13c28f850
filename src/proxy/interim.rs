//! Interim responses (1xx, RFC 9110 section 15.2) on their way from an endpoint to the client.

use std::cell::Cell;
use std::fmt::Write as _;
use std::rc::Rc;
use std::sync::Arc;

use http::{StatusCode, Version, header};

use super::{Exchange, headers};
use crate::body::Upload;
use crate::listener::Line;
use crate::upstream::client::Interim;

/// Where the interim responses of one attempt go.
pub(super) struct Sink {
    /// `None` for a client that would take them for the final one (HTTP/1.0).
    line: Option<Arc<Line>>,
    upload: Option<Upload>,
    /// False from the final response on: an attempt may go on after another one has been answered.
    wanted: Rc<Cell<bool>>,
}

impl Sink {
    pub(super) fn new(exchange: &Exchange, upload: Option<Upload>, wanted: &Rc<Cell<bool>>) -> Self {
        let line = (exchange.version == Version::HTTP_11).then(|| Arc::clone(&exchange.peer.line));
        Self {
            line,
            upload,
            wanted: Rc::clone(wanted),
        }
    }

    /// For a request that has no client.
    pub(super) fn nobody() -> Self {
        Self {
            line: None,
            upload: None,
            wanted: Rc::default(),
        }
    }

    /// 100 lets the body flow, for which the listener sends the client its own 100; the others are passed on.
    pub(super) fn pass(&mut self, interim: &Interim) {
        if interim.status == StatusCode::CONTINUE {
            if let Some(upload) = &self.upload {
                upload.open();
            }
        } else if let Some(line) = self.line.as_ref().filter(|_| self.wanted.get()) {
            line.interject(&encode(interim));
        }
    }
}

fn encode(interim: &Interim) -> Vec<u8> {
    let mut fields = interim.headers.clone();
    headers::take_hop_by_hop(&mut fields);
    // RFC 9110 section 8.6: there is no content that it could speak of.
    fields.remove(header::CONTENT_LENGTH);
    let mut head = String::new();
    let reason = interim.status.canonical_reason().unwrap_or("Interim");
    // Writing to a string can not fail.
    let _ = write!(head, "HTTP/1.1 {} {reason}\r\n", interim.status.as_u16());
    let mut head = head.into_bytes();
    for (name, value) in &fields {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}
