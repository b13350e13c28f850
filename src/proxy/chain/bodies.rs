//! Whole bodies, what heads say of them, and the responses that plugins make.

use std::future::poll_fn;
use std::pin::Pin;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;

use crate::listener::Wait;
use crate::plugin::LocalResponse;
use crate::proxy::Error;
use crate::proxy::exchange::Exchange;

/// All of an endpoint's body; `None` when it is larger than that.
pub(super) async fn read(
    exchange: &Exchange,
    body: &mut Incoming,
    limit: u64,
) -> Result<Option<Bytes>, Error> {
    if body.size_hint().lower() > limit {
        return Ok(None);
    }
    let line = &exchange.peer.line;
    let mut whole = Vec::new();
    loop {
        let next = poll_fn(|cx| {
            let polled = Pin::new(&mut *body).poll_frame(cx);
            if polled.is_pending() {
                line.begin(Wait::ResponseBody);
            } else {
                line.end(Wait::ResponseBody);
            }
            polled
        });
        let Some(frame) = next.await else {
            return Ok(Some(Bytes::from(whole)));
        };
        // Trailers may be dropped (RFC 9110 section 6.5.1): this response gets a length.
        let Ok(data) = frame.map_err(Error::Broken)?.into_data() else {
            continue;
        };
        if (whole.len() + data.len()) as u64 > limit {
            return Ok(None);
        }
        whole.extend_from_slice(&data);
    }
}

/// The response that a plugin made, as the client gets it.
pub(super) fn made(exchange: &Exchange, local: LocalResponse) -> Response<Bytes> {
    let LocalResponse {
        status,
        headers,
        body,
    } = local;
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    let length = response.body().len();
    if may_have_length(status) {
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    if !may_have_body(&exchange.method, status) {
        response.body_mut().clear();
    }
    response
}

/// RFC 9110 section 8.6; of 304 the length of what was not sent is unknown.
pub(super) fn may_have_length(status: StatusCode) -> bool {
    !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// RFC 9110 section 6.4.1.
pub(super) fn may_have_body(method: &Method, status: StatusCode) -> bool {
    method != Method::HEAD && may_have_length(status) && !status.is_informational()
}

/// Fields that speak of a body and are wrong for another one.
pub(super) const OF_BODY: &[&str] = &["content-digest", "content-md5", "digest", "repr-digest"];

/// Fields that are wrong for a replaced body, as they were before the hook: what it sets itself stays.
pub(super) struct Stale(Vec<(&'static str, HeaderValue)>);

impl Stale {
    pub(super) fn look(names: &[&'static str], fields: &HeaderMap) -> Self {
        let present = names
            .iter()
            .filter_map(|name| Some((*name, fields.get(*name)?.clone())));
        Self(present.collect())
    }

    pub(super) fn remove(self, fields: &mut HeaderMap) {
        for (name, before) in self.0 {
            if fields.get(name) == Some(&before) {
                fields.remove(name);
            }
        }
    }
}
