//! `http-client`: requests of a plugin's own, to the upstreams that it was granted. Whoever granted an upstream by its
//! name has said that its addresses may be asked, whichever they are: also private ones, which is what an upstream in a
//! cluster has. A plugin can name no address.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Request, Response, Uri};

use super::is_granted;
use crate::plugin::bindings::gatewit::plugin::http_client::{Call, CallError, Host, Reply};
use crate::plugin::bindings::gatewit::plugin::types::Field;
use crate::plugin::calls::{self, Caller};
use crate::plugin::guest::Guest;

/// Calls of one hook.
const MOST_CALLS: u32 = 16;

/// Longest path and query, bytes.
const LONGEST_TARGET: usize = 32 << 10;

impl Host for Guest {
    async fn send(&mut self, call: Call) -> wasmtime::Result<Result<Reply, CallError>> {
        Ok(match self.prepare(call) {
            Ok(prepared) => prepared.make().await,
            Err(error) => Err(error),
        })
    }

    async fn send_all(&mut self, calls: Vec<Call>) -> wasmtime::Result<Vec<Result<Reply, CallError>>> {
        let prepared: Vec<_> = calls.into_iter().map(|call| self.prepare(call)).collect();
        let made = prepared.into_iter().map(async |prepared| match prepared {
            Ok(prepared) => prepared.make().await,
            Err(error) => Err(error),
        });
        Ok(together(made.collect()).await)
    }
}

/// A call that may be made.
struct Prepared {
    caller: Caller,
    upstream: String,
    request: Request<Bytes>,
    time: Duration,
    most: u64,
}

impl Guest {
    fn prepare(&mut self, call: Call) -> Result<Prepared, CallError> {
        let grants = &self.binding.plugin.grants;
        if !grants.everything && !is_granted(&grants.http, &call.upstream) {
            return Err(CallError::NotAllowed);
        }
        if self.calls >= MOST_CALLS {
            return Err(CallError::TooMany);
        }
        self.calls += 1;
        let nobody = || CallError::Connect("nobody makes calls for this hook".to_owned());
        let caller = self.caller.clone().ok_or_else(nobody)?;
        let time = self.left();
        let given = call.timeout_ms.map(|millis| Duration::from_millis(millis.into()));
        let (upstream, request) = request(call).map_err(CallError::Protocol)?;
        Ok(Prepared {
            caller,
            upstream,
            request,
            time: given.map_or(time, |given| given.min(time)),
            most: self.binding.used.bounds.response_body,
        })
    }

    /// What is left of the hook's time, less a little: a plugin that is told in time can still say what follows.
    fn left(&self) -> Duration {
        let left = self.until.saturating_duration_since(Instant::now());
        left.saturating_sub(left / 20)
    }
}

impl Prepared {
    async fn make(self) -> Result<Reply, CallError> {
        let called = self
            .caller
            .call(self.upstream, self.request, self.time, self.most);
        let response = called.await.map_err(CallError::from)?;
        Ok(reply(response))
    }
}

/// The name of an upstream, and what to send there.
fn request(call: Call) -> Result<(String, Request<Bytes>), String> {
    let method = Method::from_bytes(call.method.as_bytes()).map_err(|_| "not a method")?;
    if method == Method::CONNECT {
        return Err("CONNECT is no request for a resource".to_owned());
    }
    let target = call.path_with_query;
    if !target.starts_with('/') || target.len() > LONGEST_TARGET {
        return Err("not a path that begins with `/`".to_owned());
    }
    let target = PathAndQuery::try_from(target).map_err(|_| "not a path")?;
    let mut request = Request::new(Bytes::from(call.body));
    *request.method_mut() = method;
    *request.uri_mut() = Uri::from(target);
    for field in call.headers {
        let named = HeaderName::from_bytes(field.name.as_bytes());
        let name = named.map_err(|_| format!("`{}` is not a field's name", field.name.escape_debug()))?;
        let value = HeaderValue::from_maybe_shared(Bytes::from(field.value))
            .map_err(|_| format!("not a value of `{name}`"))?;
        let added = request.headers_mut().try_append(name, value);
        added.map_err(|_| "too many fields")?;
    }
    Ok((call.upstream, request))
}

fn reply(response: Response<Bytes>) -> Reply {
    let (head, body) = response.into_parts();
    let field = |(name, value): (&HeaderName, &HeaderValue)| Field {
        name: name.as_str().to_owned(),
        value: value.as_bytes().to_vec(),
    };
    Reply {
        status: head.status.as_u16(),
        headers: head.headers.iter().map(field).collect(),
        body: body.into(),
    }
}

/// All of them at once; the results stand in their order.
async fn together<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut done: Vec<_> = running.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in running.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(output) = future.as_mut().poll(context)
            {
                *done = Some(output);
            }
        }
        if done.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

impl From<calls::CallError> for CallError {
    fn from(error: calls::CallError) -> Self {
        match error {
            calls::CallError::Timeout => Self::Timeout,
            calls::CallError::Connect(why) => Self::Connect(why),
            calls::CallError::TooLarge => Self::TooLarge,
            calls::CallError::Protocol(why) => Self::Protocol(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(method: &str, target: &str, headers: &[(&str, &str)]) -> Call {
        let field = |(name, value): &(&str, &str)| Field {
            name: (*name).to_owned(),
            value: value.as_bytes().to_vec(),
        };
        Call {
            upstream: "auth".to_owned(),
            method: method.to_owned(),
            path_with_query: target.to_owned(),
            headers: headers.iter().map(field).collect(),
            body: b"hello".to_vec(),
            timeout_ms: None,
        }
    }

    #[test]
    fn a_call_is_a_request() {
        let asked = call("POST", "/check?a=b", &[("X-A", "1"), ("x-a", "2")]);
        let (upstream, request) = request(asked).unwrap();
        assert_eq!((upstream.as_str(), request.method()), ("auth", &Method::POST));
        assert_eq!(request.uri(), "/check?a=b");
        let lines: Vec<_> = request.headers().get_all("x-a").iter().collect();
        assert_eq!(lines, ["1", "2"]);
        assert_eq!(request.body(), "hello");
    }

    #[test]
    fn what_is_no_request_is_not_sent() {
        for wrong in [
            call("", "/", &[]),
            call("GET /x HTTP/1.1\r\n", "/", &[]),
            call("CONNECT", "/", &[]),
            call("GET", "", &[]),
            call("GET", "http://evil/", &[]),
            call("GET", "/a b", &[]),
            call("GET", "/\r\nX: y", &[]),
            call("GET", &format!("/{}", "x".repeat(LONGEST_TARGET)), &[]),
            call("GET", "/", &[("", "x")]),
            call("GET", "/", &[("a b", "x")]),
            call("GET", "/", &[("a", "x\r\ny: z")]),
            call("GET", "/", &[("a", "\0")]),
        ] {
            assert!(request(wrong.clone()).is_err(), "{wrong:?}");
        }
    }

    #[tokio::test]
    async fn together_is_all_of_them_in_their_order() {
        let (first, second) = tokio::sync::oneshot::channel();
        let waits: std::pin::Pin<Box<dyn Future<Output = u8>>> =
            Box::pin(async move { second.await.unwrap() });
        let wakes: std::pin::Pin<Box<dyn Future<Output = u8>>> = Box::pin(async move {
            first.send(1).unwrap();
            2
        });
        assert_eq!(together(vec![waits, wakes]).await, [1, 2]);
        assert!(together(Vec::<std::future::Ready<()>>::new()).await.is_empty());
    }
}
