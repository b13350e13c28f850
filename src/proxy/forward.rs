//! Gets one response for one exchange: pick, send, classify, try elsewhere.
//!
//! Usually there is one attempt. There are more when an attempt failed in a way that is safe to repeat, and two
//! run at once when an endpoint says nothing for far longer than its upstream normally takes: a frozen task
//! accepts connections, so no connect timeout finds it. The first response head wins.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;

use super::attempt::{self, Lease, Outcome};
use super::{Error, Exchange, Shared, interim};
use crate::body::{self, Outgoing, Upload};
use crate::listener::Wait;
use crate::telemetry::metrics::Retry;
use crate::upstream::client::{self, Connection};
use crate::upstream::{self, Attempt, Failure, Upstream, Want};

/// How long a client that expects 100 is kept waiting for the endpoint's; then its body is asked for anyway
/// (RFC 9110 section 10.1.1 lets a client give up waiting, too).
const CONTINUE: Duration = Duration::from_secs(1);

/// How long the answer of an endpoint that was silent is waited for after its exchange has ended.
const LINGER: Duration = Duration::from_secs(60);

/// A request as every attempt sends it.
pub struct Outbound {
    /// Method, path and fields; what belongs to one hop is gone.
    pub head: Parts,
    /// The body, when there is one.
    pub upload: Option<Upload>,
    /// What the balancing policy may want to know.
    pub want: Want,
    /// How long the response head may take, from the request's last byte on.
    pub timeout: Duration,
    /// Attempts after the first.
    pub retries: u32,
}

struct Try {
    attempt: Rc<Attempt>,
    began: Instant,
    suspected: bool,
    outcome: Pin<Box<dyn Future<Output = Outcome>>>,
}

#[expect(clippy::large_enum_variant, reason = "it is taken apart where it is made")]
enum Event {
    Outcome(Try, Outcome),
    Alarm,
}

/// The attempts of one exchange.
struct Forward<'a> {
    began: Instant,
    shared: &'a Rc<Shared>,
    exchange: &'a mut Exchange,
    upstream: Arc<Upstream>,
    outbound: &'a mut Outbound,
    tries: Vec<Try>,
    tried: Vec<SocketAddr>,
    /// A reused connection has failed this exchange: the endpoint's other idle ones are as likely to.
    fresh: bool,
    extra: u32,
    /// Whether interim responses may still go to the client.
    undecided: Rc<Cell<bool>>,
}

/// Sends the request until there is a response head, or a reason why there is none. The fields of the request are used
/// up by the last attempt, unless plugins still have to look at them.
///
/// # Errors
///
/// The last attempt's failure, the route's timeout, or that there is no endpoint to try.
pub async fn send(
    shared: &Rc<Shared>,
    exchange: &mut Exchange,
    upstream: Arc<Upstream>,
    outbound: &mut Outbound,
) -> Result<(Response<Incoming>, Lease), Error> {
    upstream.exchange();
    let began = Instant::now();
    let mut forward = Forward {
        began,
        shared,
        exchange,
        upstream,
        outbound,
        tries: Vec::new(),
        tried: Vec::new(),
        fresh: false,
        extra: 0,
        undecided: Rc::new(Cell::new(true)),
    };
    let result = forward.run().await;
    forward.leave();
    exchange.peer.line.clear_alarm();
    exchange.waiting = began.elapsed();
    result
}

impl Forward<'_> {
    async fn run(&mut self) -> Result<(Response<Incoming>, Lease), Error> {
        self.start(self.began).map_err(|error| self.unavailable(error))?;
        let mut now = self.began;
        loop {
            self.exchange.peer.line.set_alarm(self.next_alarm(now));
            match self.next_event().await {
                Event::Outcome(tried, Outcome::Heard(response, connection)) => {
                    return Ok(self.heard(tried, response, connection));
                }
                Event::Outcome(tried, outcome) => self.failed(tried, outcome)?,
                Event::Alarm => self.alarm()?,
            }
            now = Instant::now();
        }
    }

    /// Picks an endpoint and begins an attempt.
    fn start(&mut self, began: Instant) -> Result<(), upstream::Error> {
        let attempt = Rc::new(self.upstream.pick(&self.outbound.want, &self.tried)?);
        let address = attempt.endpoint().address();
        self.exchange.endpoint = Some(address);
        self.exchange.attempts += 1;
        let may_repeat = self.outbound.retries > 0 || self.exchange.visit.is_some();
        let request = self.request(may_repeat);
        let outcome = Box::pin(attempt::carry(
            Rc::clone(self.shared),
            Arc::clone(&self.upstream),
            Rc::clone(&attempt),
            request,
            interim::Sink::new(self.exchange, self.outbound.upload.clone(), &self.undecided),
            self.fresh,
        ));
        self.tries.push(Try {
            attempt,
            began,
            suspected: false,
            outcome,
        });
        Ok(())
    }

    fn unavailable(&self, error: upstream::Error) -> Error {
        match error {
            upstream::Error::NoEndpoint | upstream::Error::Tried => Error::NoEndpoint {
                retry_after: self.upstream.retry_after(),
            },
            upstream::Error::Overloaded => Error::Overloaded,
        }
    }

    /// The request for one attempt. The fields are only copied when another attempt may need them.
    fn request(&mut self, may_repeat: bool) -> Request<Outgoing> {
        let body = self
            .outbound
            .upload
            .as_ref()
            .map_or_else(Outgoing::empty, Upload::outgoing);
        let mut request = Request::new(body);
        let head = &mut self.outbound.head;
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = head.uri.clone();
        *request.version_mut() = Version::HTTP_11;
        *request.headers_mut() = if may_repeat {
            head.headers.clone()
        } else {
            std::mem::replace(&mut head.headers, HeaderMap::new())
        };
        request
    }

    /// Alarms are rung by the worker's tick: a timer for each exchange would nearly always be armed in vain.
    async fn next_event(&mut self) -> Event {
        let (tries, line) = (&mut self.tries, &self.exchange.peer.line);
        poll_fn(|cx| {
            for index in 0..tries.len() {
                if let Poll::Ready(outcome) = tries[index].outcome.as_mut().poll(cx) {
                    return Poll::Ready(Event::Outcome(tries.swap_remove(index), outcome));
                }
            }
            if line.alarm_rang() {
                Poll::Ready(Event::Alarm)
            } else {
                Poll::Pending
            }
        })
        .await
    }

    /// Silent attempts that lost are left to answer: what they say is not wanted any more, but that they say
    /// something brings the endpoint back at once, without another request to find out. A few for each endpoint
    /// are enough for that.
    fn leave(&mut self) {
        self.undecided.set(false);
        let tries = self.tries.drain(..);
        for tried in tries.filter(|tried| tried.suspected && tried.attempt.linger()) {
            tokio::task::spawn_local(async move {
                if let Ok(Outcome::Heard(..)) = tokio::time::timeout(LINGER, tried.outcome).await {
                    tried.attempt.heard(StatusCode::PROCESSING);
                }
            });
        }
    }

    /// Since when the endpoint has had all that it can have for now: a slow client is not held against it.
    fn asked(&self) -> Instant {
        self.outbound
            .upload
            .as_ref()
            .map_or(self.began, |upload| upload.moved().max(self.began))
    }

    /// While the client keeps the endpoint waiting, its own limit applies and this one begins again.
    fn deadline(&self, now: Instant) -> Instant {
        if self.exchange.peer.line.is_waiting(Wait::RequestBody) {
            return now + self.outbound.timeout;
        }
        self.asked() + self.outbound.timeout
    }

    /// Whether the endpoint has the whole request, and so a reason to say something.
    fn is_sent(&self) -> bool {
        self.outbound.upload.as_ref().is_none_or(Upload::is_complete)
    }

    fn next_alarm(&self, now: Instant) -> Instant {
        let mut next = self.deadline(now);
        if self.outbound.upload.as_ref().is_some_and(Upload::is_held_back) {
            next = next.min(self.began + CONTINUE);
        }
        if let Some(patience) = self.upstream.patience() {
            // A body that is still arriving is looked at again.
            let asked = if self.is_sent() { self.asked() } else { now };
            for tried in self.tries.iter().filter(|tried| !tried.suspected) {
                let earliest = tried.began.max(asked) + patience;
                next = next.min(if earliest > now {
                    earliest
                } else {
                    // Old enough, but the endpoint has answered others meanwhile.
                    now + tried
                        .attempt
                        .is_silent_for(patience)
                        .err()
                        .unwrap_or(Duration::ZERO)
                });
            }
        }
        next
    }

    fn heard(
        &mut self,
        tried: Try,
        response: Response<Incoming>,
        connection: Connection,
    ) -> (Response<Incoming>, Lease) {
        let took = tried.began.max(self.asked()).elapsed();
        tried.attempt.heard_after(took, response.status());
        self.exchange.endpoint = Some(tried.attempt.endpoint().address());
        self.exchange.upstream_duration = Some(tried.began.elapsed());
        self.exchange.upstream_status = Some(response.status().as_u16());
        let lease = Lease {
            connection,
            upstream: Arc::clone(&self.upstream),
            shared: Rc::clone(self.shared),
            attempt: tried.attempt,
        };
        (response, lease)
    }

    /// Begins another attempt if that is safe and allowed; otherwise the failure is the exchange's, unless
    /// another attempt is still running.
    fn failed(&mut self, tried: Try, outcome: Outcome) -> Result<(), Error> {
        if let Some(error) = self.outbound.upload.as_ref().and_then(Upload::error) {
            return Err(match error {
                body::Error::TooLarge => Error::BodyTooLarge,
                body::Error::Broken | body::Error::Gone => Error::BodyBroken,
                body::Error::Refused => self.exchange.stopped().unwrap_or(Error::BodyBroken),
            });
        }
        let stale = matches!(outcome, Outcome::Broken { reused: true, .. });
        let (error, reason) = match outcome {
            Outcome::Heard(..) => return Ok(()),
            Outcome::Connect(error) => {
                if !client::is_ours(&error) {
                    tried.attempt.failed(Failure::Connect);
                }
                (Error::Connect(error), Some(Retry::Connect))
            }
            Outcome::Broken { error, reused } => {
                if !reused {
                    tried.attempt.failed(Failure::Reset);
                }
                let safe = is_idempotent(&self.outbound.head.method);
                (Error::Broken(error), safe.then_some(Retry::Reset))
            }
            Outcome::Malformed(error) => {
                tried.attempt.failed(Failure::Reset);
                (Error::BadResponse(error.to_string()), None)
            }
        };
        if stale {
            // The endpoint may well answer on a new one.
            self.fresh = true;
        } else {
            self.tried.push(tried.attempt.endpoint().address());
        }
        drop(tried);
        match reason {
            _ if !self.tries.is_empty() => Ok(()),
            Some(reason) if self.can_send_again() => self.again(reason).map_err(|nothing| match nothing {
                upstream::Error::Tried => error,
                // What might have been repeated here may be repeated by the client: it is told when.
                nothing => self.unavailable(nothing),
            }),
            Some(_) if !self.upstream.has_endpoint() => Err(self.unavailable(upstream::Error::NoEndpoint)),
            _ => Err(error),
        }
    }

    fn can_send_again(&self) -> bool {
        self.extra < self.outbound.retries
            && self.outbound.upload.as_ref().is_none_or(Upload::is_replayable)
            && self.upstream.allow_extra()
    }

    fn again(&mut self, reason: Retry) -> Result<(), upstream::Error> {
        self.extra += 1;
        self.shared
            .metrics
            .borrow_mut()
            .retry(self.upstream.name(), reason);
        self.start(Instant::now())
    }

    fn alarm(&mut self) -> Result<(), Error> {
        let now = Instant::now();
        if now >= self.deadline(now) {
            return Err(Error::Timeout);
        }
        if let Some(upload) = self
            .outbound
            .upload
            .as_ref()
            .filter(|upload| upload.is_held_back())
            && now >= self.began + CONTINUE
        {
            upload.open();
        }
        // Two attempts can not both read a body that is still arriving, so that this is also when it is safe.
        if self.is_sent()
            && self.suspect(now)
            && is_idempotent(&self.outbound.head.method)
            && self.can_send_again()
        {
            // Without another endpoint the silent one is all there is to wait for.
            let _ = self.again(Retry::Silence);
        }
        Ok(())
    }

    /// Reports endpoints that have said nothing for too long; whether there was one.
    fn suspect(&mut self, now: Instant) -> bool {
        let Some(patience) = self.upstream.patience() else {
            return false;
        };
        if now < self.asked() + patience {
            return false;
        }
        let mut silent = false;
        for tried in self.tries.iter_mut().filter(|tried| !tried.suspected) {
            if tried.attempt.is_silent_for(patience).is_ok() {
                tried.suspected = true;
                silent = true;
                tried.attempt.failed(Failure::Silent);
                self.tried.push(tried.attempt.endpoint().address());
            }
        }
        silent
    }
}

/// RFC 9110 section 9.2.2.
pub(super) fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE | Method::TRACE
    )
}
