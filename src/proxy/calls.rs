//! HTTP calls of plugins: one request to one endpoint of an upstream, with the worker's connections, the upstream's
//! balancing and health, and the whole response in memory. What a plugin may ask for is decided in `plugin/`.

use std::rc::{Rc, Weak};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Request, Response, StatusCode, Version};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use super::attempt::{self, Lease, Outcome};
use super::forward::is_idempotent;
use super::{Shared, headers, interim, response};
use crate::body::{Outgoing, Upload};
use crate::config;
use crate::plugin::calls::{Call, CallError, Calls};
use crate::upstream::client;
use crate::upstream::{self, Failure, Want};

/// Attempts after the first.
const RETRIES: usize = 2;

/// Makes calls as long as there is somebody who asks for some. Runs on the worker.
pub(super) async fn serve(shared: Weak<Shared>, mut calls: Calls) {
    while let Some(call) = calls.recv().await {
        let Some(shared) = shared.upgrade() else { return };
        tokio::task::spawn_local(answer(shared, call));
    }
}

/// One call, until nobody waits for its response any more.
async fn answer(shared: Rc<Shared>, call: Call) {
    let Call {
        upstream,
        request,
        until,
        most,
        mut reply,
    } = call;
    let made = tokio::time::timeout_at(until.into(), make(&shared, &upstream, request, most));
    let result = tokio::select! {
        biased;
        () = reply.closed() => return,
        made = made => made.unwrap_or(Err(CallError::Timeout)),
    };
    // Whoever waited may have gone in this moment.
    let _ = reply.send(result);
}

async fn make(
    shared: &Rc<Shared>,
    name: &str,
    request: Request<Bytes>,
    most: u64,
) -> Result<Response<Bytes>, CallError> {
    let upstream = shared.live.load().upstreams.find(name).cloned();
    let upstream = upstream.ok_or_else(|| CallError::Connect(format!("there is no upstream `{name}`")))?;
    let (mut head, body) = request.into_parts();
    prepare(&mut head, upstream.config())?;
    let upload = (!body.is_empty()).then(|| Upload::of(body));
    upstream.exchange();
    let (mut tried, mut fresh, mut failed) = (Vec::new(), false, None);
    for again in 0..=RETRIES {
        if again > 0 && !upstream.allow_extra() {
            break;
        }
        let attempt = match upstream.pick(&Want::default(), &tried) {
            Ok(attempt) => Rc::new(attempt),
            Err(upstream::Error::Tried) => break,
            Err(error) => return Err(failed.unwrap_or_else(|| CallError::Connect(error.to_string()))),
        };
        let mut request = Request::new(upload.as_ref().map_or_else(Outgoing::empty, Upload::outgoing));
        (*request.method_mut(), *request.uri_mut()) = (head.method.clone(), head.uri.clone());
        *request.headers_mut() = head.headers.clone();
        let carried = attempt::carry(
            Rc::clone(shared),
            Arc::clone(&upstream),
            Rc::clone(&attempt),
            request,
            interim::Sink::nobody(),
            fresh,
        );
        match carried.await {
            Outcome::Heard(response, connection) => {
                attempt.heard(response.status());
                let lease = Lease {
                    connection,
                    upstream,
                    shared: Rc::clone(shared),
                    attempt,
                };
                return receive(response, lease, most).await;
            }
            Outcome::Connect(error) => {
                if !client::is_ours(&error) {
                    attempt.failed(Failure::Connect);
                }
                failed = Some(CallError::Connect(error.to_string()));
                tried.push(attempt.endpoint().address());
            }
            // It had been closed just then; a new connection tells whether the endpoint is there.
            Outcome::Broken { reused: true, error } => {
                failed = Some(CallError::Protocol(error.to_string()));
                fresh = true;
            }
            Outcome::Broken { error, .. } => {
                attempt.failed(Failure::Reset);
                failed = Some(CallError::Protocol(error.to_string()));
                tried.push(attempt.endpoint().address());
            }
            Outcome::Malformed(error) => {
                attempt.failed(Failure::Reset);
                return Err(CallError::Protocol(error.to_string()));
            }
        }
        let sent = !matches!(failed, Some(CallError::Connect(_)));
        if sent && !is_idempotent(&head.method) {
            break;
        }
    }
    Err(failed.unwrap_or_else(|| CallError::Connect("no endpoint".to_owned())))
}

/// Makes the fields those of a request of this gateway: what frames the message and what belongs to a connection is
/// its own.
fn prepare(head: &mut Parts, upstream: &config::Upstream) -> Result<(), CallError> {
    let fields = &mut head.headers;
    headers::take_hop_by_hop(fields);
    for name in [
        header::CONTENT_LENGTH,
        header::EXPECT,
        header::TE,
        header::TRAILER,
    ] {
        fields.remove(name);
    }
    if fields.get_all(header::HOST).iter().count() > 1 {
        return Err(CallError::Protocol("more than one `host`".to_owned()));
    }
    if !fields.contains_key(header::HOST)
        && let Some((authority, _)) = upstream.sources.first()
    {
        let usual = if authority.tls { 443 } else { 80 };
        let said = if authority.port == usual {
            authority.host.to_string()
        } else {
            format!("{}:{}", authority.host, authority.port)
        };
        if let Ok(said) = HeaderValue::try_from(said) {
            fields.insert(header::HOST, said);
        }
    }
    head.version = Version::HTTP_11;
    Ok(())
}

/// All of a response. The connection serves again when it was read to its end.
async fn receive(
    response: Response<Incoming>,
    lease: Lease,
    most: u64,
) -> Result<Response<Bytes>, CallError> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let why = "the endpoint changes to another protocol";
        return Err(CallError::Protocol(why.to_owned()));
    }
    let (mut head, mut body) = response.into_parts();
    response::plain(&mut head).map_err(|error| CallError::Protocol(error.to_string()))?;
    head.headers.remove(header::TRAILER);
    if body.size_hint().lower() > most {
        return Err(CallError::TooLarge);
    }
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| CallError::Protocol(error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        if (whole.len() + data.len()) as u64 > most {
            return Err(CallError::TooLarge);
        }
        whole.extend_from_slice(&data);
    }
    lease.give_back();
    Ok(Response::from_parts(head, whole.freeze()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(to: &str, fields: &[(&'static str, &'static str)]) -> Vec<(String, String)> {
        let upstream = config::Upstream::new("auth", to.parse().unwrap());
        let (mut head, ()) = Request::new(()).into_parts();
        for (name, value) in fields {
            head.headers.append(*name, HeaderValue::from_static(value));
        }
        prepare(&mut head, &upstream).unwrap();
        let shown = |(name, value): (&header::HeaderName, &HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        head.headers.iter().map(shown).collect()
    }

    #[test]
    fn a_call_is_for_the_host_of_its_upstream_unless_it_says_another() {
        for (to, host) in [
            ("auth:4000", "auth:4000"),
            ("auth:80", "auth"),
            ("https://auth.example.com", "auth.example.com"),
            ("https://auth.example.com:80", "auth.example.com:80"),
            ("[fd00::7]:4000", "[fd00::7]:4000"),
        ] {
            assert_eq!(prepared(to, &[]), [("host".to_owned(), host.to_owned())]);
        }
        assert_eq!(
            prepared("auth:4000", &[("host", "other")]),
            [("host".to_owned(), "other".to_owned())]
        );
    }

    #[test]
    fn what_belongs_to_the_connection_is_not_the_plugins() {
        let left = prepared(
            "auth:80",
            &[
                ("host", "a"),
                ("connection", "x-mine, close"),
                ("x-mine", "1"),
                ("transfer-encoding", "chunked"),
                ("content-length", "99"),
                ("te", "trailers"),
                ("trailer", "x"),
                ("expect", "100-continue"),
                ("upgrade", "websocket"),
                ("x-other", "2"),
            ],
        );
        let names: Vec<_> = left.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["host", "x-other"]);
    }
}
