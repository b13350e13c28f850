//! The client's request body on its way to one endpoint after another.
//!
//! [`Upload`] is the exchange's handle on it, [`Outgoing`] what one attempt sends. Bytes are streamed as they
//! come; a bounded beginning is kept so that another attempt can send it again. Whoever has to see a body whole
//! reads it here ([`Upload::whole`]), and whoever changes it piece by piece puts itself in between
//! ([`Upload::changed`]). Nothing here decides whether another attempt is made.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;

/// Why a request body ended early.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// More bytes than the route takes.
    #[error("request body too large")]
    TooLarge,
    /// The client broke off, or its framing is wrong.
    #[error("request body broke off")]
    Broken,
    /// Who looks at the pieces as they pass has refused it.
    #[error("request body refused on its way")]
    Refused,
    /// Another attempt was made after bytes had been dropped. Attempts check [`Upload::is_replayable`] first.
    #[error("request body can not be sent again")]
    Gone,
}

/// The exchange's handle on a request body.
#[derive(Clone)]
pub struct Upload(Rc<RefCell<Inner>>);

/// Where a body comes from.
enum Source {
    /// The client.
    Client(Incoming),
    /// Somebody who changes it on its way.
    Changed(Changed),
}

/// A body that was changed on its way.
pub type Changed = Pin<Box<dyn Body<Data = Bytes, Error = Error>>>;

struct Inner {
    source: Source,
    /// All of it, once somebody has wanted that; sent in place of what `source` gave.
    whole: Option<Bytes>,
    /// Data read so far, while `kept`. A copy: pieces of what was received would hold on to all of it, framing
    /// included, which of a body in tiny chunks is many times its size.
    recorded: Vec<u8>,
    /// Whether `recorded` is still everything read so far.
    kept: bool,
    replay_limit: u64,
    limit: u64,
    read: u64,
    /// When the client last sent something of it.
    moved: Instant,
    end: Option<Result<Option<HeaderMap>, Error>>,
    gate: Gate,
    /// Removes what trailers may not say.
    screen: fn(&mut HeaderMap),
    /// Told true when the client keeps us waiting, false when it has sent something.
    waiting: Box<dyn Fn(bool)>,
}

/// Holds the body back until the endpoint asks for it (`Expect: 100-continue`, RFC 9110 section 10.1.1).
enum Gate {
    Open,
    Closed(Option<Waker>),
}

impl Upload {
    /// Takes over the client's body. `limit` and `replay_limit` are bytes; a `limit` of 0 is none. `screen` removes
    /// from trailers what they may not say, beside what would change the message's meaning. `waiting` is told true
    /// when the client keeps us waiting, and false when that is over.
    pub fn new(
        incoming: Incoming,
        limit: u64,
        replay_limit: u64,
        screen: fn(&mut HeaderMap),
        waiting: impl Fn(bool) + 'static,
    ) -> Self {
        let limit = if limit == 0 { u64::MAX } else { limit };
        Self(Rc::new(RefCell::new(Inner {
            source: Source::Client(incoming),
            whole: None,
            recorded: Vec::new(),
            kept: true,
            replay_limit,
            limit,
            read: 0,
            moved: Instant::now(),
            end: None,
            gate: Gate::Open,
            screen,
            waiting: Box::new(waiting),
        })))
    }

    /// A body made of another one, which `body` reads: limits, waiting and trailers were that one's to look after.
    pub fn changed(body: Changed, replay_limit: u64) -> Self {
        Self(Rc::new(RefCell::new(Inner {
            source: Source::Changed(body),
            whole: None,
            recorded: Vec::new(),
            kept: true,
            replay_limit,
            limit: u64::MAX,
            read: 0,
            moved: Instant::now(),
            end: None,
            gate: Gate::Open,
            screen: |_| (),
            waiting: Box::new(|_| ()),
        })))
    }

    /// A body that is there already.
    pub fn of(whole: Bytes) -> Self {
        let nothing = Empty::new().map_err(|never| match never {});
        let upload = Self::changed(Box::pin(nothing), 0);
        upload.replace(whole);
        upload
    }

    /// Reads all of it, and keeps it: every attempt sends it from memory. A client that waits for 100 is told to
    /// send.
    ///
    /// # Errors
    ///
    /// When there are more than `limit` bytes, or as far as the client sent it.
    pub async fn whole(&self, limit: u64) -> Result<Bytes, Error> {
        if let Some(whole) = &self.0.borrow().whole {
            return if whole.len() as u64 > limit {
                Err(Error::TooLarge)
            } else {
                Ok(whole.clone())
            };
        }
        self.open();
        // What is kept whole need not be kept twice.
        self.0.borrow_mut().kept = false;
        let mut whole = Vec::new();
        while let Some(data) = poll_fn(|cx| self.0.borrow_mut().poll_data(cx)).await {
            let data = data?;
            if (whole.len() + data.len()) as u64 > limit {
                self.0.borrow_mut().end = Some(Err(Error::TooLarge));
                return Err(Error::TooLarge);
            }
            whole.extend_from_slice(&data);
        }
        let whole = Bytes::from(whole);
        self.0.borrow_mut().whole = Some(whole.clone());
        Ok(whole)
    }

    /// Puts another body in the place of one that was read whole; it has no trailers.
    pub fn replace(&self, whole: Bytes) {
        let mut inner = self.0.borrow_mut();
        inner.whole = Some(whole);
        inner.end = Some(Ok(None));
    }

    /// Holds the body back until [`Upload::open`].
    pub fn hold_back(&self) {
        self.0.borrow_mut().gate = Gate::Closed(None);
    }

    /// The body as one attempt sends it, from its first byte.
    pub fn outgoing(&self) -> Outgoing {
        Outgoing(Some(Sending {
            upload: self.clone(),
            next: 0,
            done: false,
        }))
    }

    /// Whether everything read so far is still kept.
    pub fn is_replayable(&self) -> bool {
        let inner = self.0.borrow();
        inner.kept || inner.whole.is_some()
    }

    /// Whether the client has sent all of it. Two attempts at once may only share a body that is.
    pub fn is_complete(&self) -> bool {
        matches!(self.0.borrow().end, Some(Ok(_)))
    }

    /// Bytes read from the client.
    pub fn bytes(&self) -> u64 {
        self.0.borrow().read
    }

    /// When the client last sent something of it.
    pub fn moved(&self) -> Instant {
        self.0.borrow().moved
    }

    /// Why it ended early, if it did.
    pub fn error(&self) -> Option<Error> {
        self.0
            .borrow()
            .end
            .as_ref()
            .and_then(|end| end.as_ref().err().copied())
    }

    /// Lets the body flow: the endpoint said 100, or waited long enough without saying anything.
    pub fn open(&self) {
        let gate = std::mem::replace(&mut self.0.borrow_mut().gate, Gate::Open);
        if let Gate::Closed(Some(waker)) = gate {
            waker.wake();
        }
    }

    /// Whether [`Upload::open`] is still to come.
    pub fn is_held_back(&self) -> bool {
        matches!(self.0.borrow().gate, Gate::Closed(_))
    }
}

impl Source {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self {
            Self::Client(incoming) => Pin::new(incoming).poll_frame(cx).map_err(|_| Error::Broken),
            Self::Changed(body) => body.as_mut().poll_frame(cx),
        }
    }
}

impl Inner {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        if let Some(end) = &self.end {
            return Poll::Ready(end.as_ref().err().map(|error| Err(*error)));
        }
        if let Gate::Closed(waker) = &mut self.gate {
            *waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let polled = self.source.poll_frame(cx);
        (self.waiting)(polled.is_pending());
        if polled.is_ready() {
            self.moved = Instant::now();
        }
        let frame = match ready!(polled) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return self.fail(error),
            None => {
                self.end = Some(Ok(None));
                return Poll::Ready(None);
            }
        };
        match frame.into_data() {
            Ok(data) => self.record(data),
            Err(frame) => {
                let screen = self.screen;
                self.end = Some(Ok(frame.into_trailers().ok().map(|trailers| {
                    let mut trailers = without_framing(trailers);
                    screen(&mut trailers);
                    trailers
                })));
                Poll::Ready(None)
            }
        }
    }

    fn record(&mut self, data: Bytes) -> Poll<Option<Result<Bytes, Error>>> {
        self.read += data.len() as u64;
        if self.read > self.limit {
            return self.fail(Error::TooLarge);
        }
        if self.kept && self.read <= self.replay_limit {
            self.recorded.extend_from_slice(&data);
        } else {
            self.kept = false;
            self.recorded = Vec::new();
        }
        // Who sends a body of known length does not ask for more than that.
        if let Source::Client(incoming) = &self.source
            && incoming.is_end_stream()
        {
            self.end = Some(Ok(None));
        }
        Poll::Ready(Some(Ok(data)))
    }

    fn fail(&mut self, error: Error) -> Poll<Option<Result<Bytes, Error>>> {
        self.end = Some(Err(error));
        Poll::Ready(Some(Err(error)))
    }
}

/// Trailers may not say anything about framing, routing or credentials (RFC 9110 section 6.5.1).
fn without_framing(mut trailers: HeaderMap) -> HeaderMap {
    const REFUSED: [HeaderName; 12] = [
        header::AUTHORIZATION,
        header::CONNECTION,
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
        header::CONTENT_RANGE,
        header::CONTENT_TYPE,
        header::COOKIE,
        header::EXPECT,
        header::HOST,
        header::TE,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    for name in REFUSED {
        trailers.remove(name);
    }
    trailers
}

/// The request body of one attempt.
pub struct Outgoing(Option<Sending>);

struct Sending {
    upload: Upload,
    /// Bytes sent so far.
    next: u64,
    done: bool,
}

impl Outgoing {
    /// No body.
    pub fn empty() -> Self {
        Self(None)
    }
}

impl Sending {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.done {
            return Poll::Ready(None);
        }
        let mut inner = self.upload.0.borrow_mut();
        if let Some(whole) = inner
            .whole
            .as_ref()
            .filter(|whole| self.next < whole.len() as u64)
        {
            self.next = whole.len() as u64;
            return Poll::Ready(Some(Ok(Frame::data(whole.clone()))));
        }
        if inner.whole.is_none() && self.next < inner.read {
            let again = usize::try_from(self.next)
                .ok()
                .and_then(|next| inner.recorded.get(next..));
            let Some(again) = again.filter(|_| inner.kept) else {
                self.done = true;
                return Poll::Ready(Some(Err(Error::Gone)));
            };
            let again = Bytes::copy_from_slice(again);
            self.next = inner.read;
            return Poll::Ready(Some(Ok(Frame::data(again))));
        }
        match ready!(inner.poll_data(cx)) {
            Some(Ok(data)) => {
                self.next += data.len() as u64;
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Some(Err(error)) => {
                self.done = true;
                Poll::Ready(Some(Err(error)))
            }
            None => {
                self.done = true;
                let trailers = inner
                    .end
                    .as_ref()
                    .and_then(|end| end.as_ref().ok().cloned())
                    .flatten();
                Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
            }
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match &mut self.0 {
            Some(sending) => sending.poll(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            None => SizeHint::with_exact(0),
            Some(sending) if sending.next == 0 => {
                let inner = sending.upload.0.borrow();
                match (&inner.whole, &inner.source) {
                    (Some(whole), _) => SizeHint::with_exact(whole.len() as u64),
                    // The length left to read plus what was read is the length announced.
                    (None, Source::Client(incoming)) => match incoming.size_hint().exact() {
                        Some(left) => SizeHint::with_exact(left + inner.read),
                        None => SizeHint::new(),
                    },
                    (None, Source::Changed(_)) => SizeHint::new(),
                }
            }
            Some(_) => SizeHint::new(),
        }
    }
}
