//! A response body on its way to the client. The exchange ends with it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::attempt::Lease;
use super::exchange::Exchange;
use crate::listener::Wait;
use crate::telemetry::Flag;

/// Where a response body comes from.
pub(super) enum Source {
    /// The gateway itself.
    Own(Option<Bytes>),
    /// An endpoint.
    Endpoint(Incoming, Lease),
    /// Either, changed by plugins on its way. The endpoint's connection, if there is one, can be used again when
    /// the body has ended.
    Changed(Changed, Option<Lease>),
}

/// A response body that plugins change.
pub(super) type Changed = Pin<Box<dyn Body<Data = Bytes, Error = Broken>>>;

/// Why a response body broke off.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The endpoint did.
    #[error(transparent)]
    Endpoint(#[from] hyper::Error),
    /// A plugin did.
    #[error("broken off by a plugin")]
    Plugin(Flag),
}

impl Source {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self {
            Self::Own(bytes) => {
                let bytes = bytes.take().filter(|bytes| !bytes.is_empty());
                Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
            Self::Endpoint(body, _) => Pin::new(body).poll_frame(cx).map_err(Broken::Endpoint),
            Self::Changed(body, _) => body.as_mut().poll_frame(cx),
        }
    }
}

/// A response body on its way to the client; ends its exchange when it ends.
pub struct Observed {
    source: Source,
    exchange: Option<Box<Exchange>>,
}

impl Observed {
    /// `exchange` ends with this body.
    pub(super) fn new(source: Source, exchange: Box<Exchange>) -> Self {
        let mut observed = Self {
            source,
            exchange: Some(exchange),
        };
        observed.end_when_complete();
        observed
    }

    /// A body whose exchange goes on without it.
    pub(super) fn detached(source: Source) -> Self {
        Self {
            source,
            exchange: None,
        }
    }

    /// The connection goes back to its pool as soon as its response is through, and not when the client has
    /// taken the last byte.
    fn end_when_complete(&mut self) {
        let complete = match &self.source {
            Source::Own(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Source::Endpoint(body, _) => body.is_end_stream(),
            Source::Changed(body, _) => body.is_end_stream(),
        };
        if complete {
            self.end();
        }
    }

    fn end(&mut self) {
        match std::mem::replace(&mut self.source, Source::Own(None)) {
            Source::Endpoint(_, lease) | Source::Changed(_, Some(lease)) => lease.give_back(),
            Source::Own(_) | Source::Changed(_, None) => {}
        }
        self.exchange = None;
    }

    fn broke(&mut self, flag: Flag) {
        if let Some(exchange) = &mut self.exchange {
            exchange.flag = Some(flag);
        }
        self.source = Source::Own(None);
        self.exchange = None;
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        // Dropped before its end: hyper lost the client.
        if let Some(exchange) = &mut self.exchange {
            exchange.flag.get_or_insert(Flag::ClientGone);
        }
    }
}

impl Body for Observed {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = &mut *self;
        let polled = this.source.poll(cx);
        if let (Some(exchange), Source::Endpoint(..) | Source::Changed(..)) = (&this.exchange, &this.source) {
            if polled.is_pending() {
                exchange.peer.line.begin(Wait::ResponseBody);
            } else {
                exchange.peer.line.end(Wait::ResponseBody);
            }
        }
        let frame = ready!(polled);
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(data), Some(exchange)) = (frame.data_ref(), &mut this.exchange) {
                    exchange.bytes_out += data.len() as u64;
                }
                this.end_when_complete();
            }
            Some(Err(Broken::Endpoint(_))) => this.broke(Flag::BodyBroken),
            Some(Err(Broken::Plugin(flag))) => this.broke(*flag),
            None => this.end(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.exchange.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Own(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Source::Endpoint(body, _) => body.size_hint(),
            Source::Changed(body, _) => body.size_hint(),
        }
    }
}
