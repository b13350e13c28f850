//! Bodies that stream by plugins with `chunk-hook`: piece by piece, in bounded memory, as fast as they are taken.
//!
//! A plugin that fails in the middle may be left out only when it has let everything pass unchanged so far: of a body
//! that it has begun to change, or holds something of, nobody else can make the rest.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderValue;
use http_body::{Body, Frame, SizeHint};

use super::call::{Call, Outcome};
use super::{Gravity, Part, Streamed};
use crate::body::{self, Upload};
use crate::plugin::{Bound, Chain, ChunkOutcome, Direction, Hook, Stream};
use crate::proxy::exchange::Exchange;
use crate::proxy::observed::{Broken, Changed};
use crate::proxy::{Error, Shared, answer};
use crate::telemetry::Flag;

/// Bytes of the largest piece that a plugin is given.
const PIECE: usize = 64 * 1024;

/// One plugin in a body's way.
pub(super) struct Stage {
    shared: Rc<Shared>,
    streamed: Rc<Streamed>,
    request_id: HeaderValue,
    bound: Arc<Bound>,
    index: usize,
    /// `None` once it is left out.
    stream: Option<Stream>,
    /// Whether it has let everything pass as it was.
    untouched: bool,
}

impl Outcome for Option<Stream> {
    fn told(&self) -> (&'static str, Gravity) {
        match self {
            Some(_) => ("open", Gravity::Passed),
            None => ("pass", Gravity::Passed),
        }
    }
}

impl Outcome for ChunkOutcome {
    fn told(&self) -> (&'static str, Gravity) {
        match self {
            Self::Forward => ("forward", Gravity::Passed),
            Self::Replace(_) => ("replace", Gravity::Changed),
            Self::Hold => ("hold", Gravity::Changed),
            Self::Abort => ("abort", Gravity::Answered),
        }
    }
}

/// The plugins that want to see the request's body, in the order in which they do.
///
/// # Errors
///
/// When one fails.
pub(super) async fn open_request(
    shared: &Rc<Shared>,
    exchange: &mut Exchange,
    chain: &Chain,
) -> Result<Vec<Stage>, Error> {
    let mut stages = Vec::new();
    for (index, link) in chain.uses.iter().enumerate() {
        let Some(bound) = link.ready() else { continue };
        stages.extend(open(shared, exchange, index, bound, Direction::Request).await?);
    }
    Ok(stages)
}

/// The plugins that want to see the response's body, in the order in which they do.
///
/// # Errors
///
/// When one fails.
pub(super) async fn open_response(
    shared: &Rc<Shared>,
    exchange: &mut Exchange,
    chain: &Chain,
    passed: usize,
) -> Result<Vec<Stage>, Error> {
    let mut stages = Vec::new();
    for (index, link) in chain.uses.iter().enumerate().take(passed).rev() {
        let Some(bound) = link.ready() else { continue };
        stages.extend(open(shared, exchange, index, bound, Direction::Response).await?);
    }
    Ok(stages)
}

async fn open(
    shared: &Rc<Shared>,
    exchange: &mut Exchange,
    index: usize,
    bound: &Arc<Bound>,
    direction: Direction,
) -> Result<Option<Stage>, Error> {
    let Some(visit) = exchange.visit.as_mut().filter(|_| bound.hooks().chunk) else {
        return Ok(None);
    };
    let call = Call::of(shared, bound.used(), index, Hook::Chunk);
    let result = shared
        .instances
        .open_body(bound, &mut visit.scene, direction)
        .await;
    let Some(Some(stream)) = call.end(exchange, result)? else {
        return Ok(None);
    };
    let Some(visit) = &mut exchange.visit else {
        return Ok(None);
    };
    let plugins = visit.parts.len();
    let streamed = visit.streamed.get_or_insert_with(|| {
        Rc::new(Streamed {
            parts: vec![Part::default(); plugins].into(),
            ..Streamed::default()
        })
    });
    Ok(Some(Stage {
        shared: Rc::clone(shared),
        streamed: Rc::clone(streamed),
        request_id: exchange.request_id.clone(),
        bound: Arc::clone(bound),
        index,
        stream: Some(stream),
        untouched: true,
    }))
}

/// What attempts send of the client's body when it has gone by these plugins; so many bytes of it are kept for another
/// attempt.
pub(super) fn request(stages: Vec<Stage>, client: &Upload, replay: u64) -> Upload {
    let pieces = Pieces::new(client.outgoing(), stages, |broke| match broke {
        Broke::Source(error) => error,
        Broke::Plugin(_) => body::Error::Refused,
    });
    let upload = Upload::changed(Box::pin(pieces), replay);
    if client.is_held_back() {
        upload.hold_back();
        client.open();
    }
    upload
}

/// What the client gets of a body when it has gone by these plugins.
pub(super) fn response<B>(stages: Vec<Stage>, body: B) -> Changed
where
    B: Body<Data = Bytes> + Unpin + 'static,
    Broken: From<B::Error>,
{
    Box::pin(Pieces::new(body, stages, |broke| match broke {
        Broke::Source(error) => error.into(),
        Broke::Plugin(flag) => Broken::Plugin(flag),
    }))
}

/// A body in one piece.
pub(super) struct Whole(Option<Bytes>);

impl Whole {
    pub(super) fn new(bytes: Bytes) -> Self {
        Self(Some(bytes))
    }
}

impl From<Infallible> for Broken {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }
}

/// Why there is no further piece.
enum Broke<E> {
    Source(E),
    Plugin(Flag),
}

/// A body with plugins in its way.
struct Pieces<B: Body, E> {
    state: State<B>,
    error: fn(Broke<B::Error>) -> E,
}

enum State<B: Body> {
    Idle(Box<Flow<B>>),
    Busy(Pin<Box<dyn Future<Output = Advanced<B>>>>),
    Over,
}

type Advanced<B> = (Box<Flow<B>>, Next<<B as Body>::Error>);

type Next<E> = Option<Result<Frame<Bytes>, Broke<E>>>;

struct Flow<B> {
    source: B,
    stages: Vec<Stage>,
    /// Through, and not yet taken.
    ready: VecDeque<Bytes>,
    trailers: Option<http::HeaderMap>,
    ended: bool,
}

impl<B: Body, E> Pieces<B, E> {
    fn new(source: B, stages: Vec<Stage>, error: fn(Broke<B::Error>) -> E) -> Self {
        Self {
            state: State::Idle(Box::new(Flow {
                source,
                stages,
                ready: VecDeque::new(),
                trailers: None,
                ended: false,
            })),
            error,
        }
    }
}

impl<B, E> Body for Pieces<B, E>
where
    B: Body<Data = Bytes> + Unpin + 'static,
{
    type Data = Bytes;
    type Error = E;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, E>>> {
        let mut busy = match std::mem::replace(&mut self.state, State::Over) {
            State::Idle(flow) => Box::pin(flow.next()) as Pin<Box<dyn Future<Output = _>>>,
            State::Busy(busy) => busy,
            State::Over => return Poll::Ready(None),
        };
        let Poll::Ready((flow, next)) = busy.as_mut().poll(cx) else {
            self.state = State::Busy(busy);
            return Poll::Pending;
        };
        let error = self.error;
        Poll::Ready(match next {
            Some(Ok(frame)) => {
                if !flow.is_over() {
                    self.state = State::Idle(flow);
                }
                Some(Ok(frame))
            }
            Some(Err(broke)) => Some(Err(error(broke))),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Over)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::new()
    }
}

impl<B> Flow<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    async fn next(mut self: Box<Self>) -> Advanced<B> {
        let next = self.advance().await;
        (self, next)
    }

    fn is_over(&self) -> bool {
        self.ended && self.ready.is_empty() && self.trailers.is_none()
    }

    async fn advance(&mut self) -> Next<B::Error> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some(Ok(Frame::data(piece)));
            }
            if self.ended {
                return self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers)));
            }
            let (data, last) = match poll_fn(|cx| Pin::new(&mut self.source).poll_frame(cx)).await {
                Some(Err(error)) => return Some(Err(Broke::Source(error))),
                None => (Bytes::new(), true),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => (data, self.source.is_end_stream()),
                    Err(frame) => {
                        self.trailers = frame.into_trailers().ok();
                        (Bytes::new(), true)
                    }
                },
            };
            if let Err(flag) = self.pass(data, last).await {
                return Some(Err(Broke::Plugin(flag)));
            }
        }
    }

    /// By every plugin, one after the other.
    async fn pass(&mut self, data: Bytes, last: bool) -> Result<(), Flag> {
        let mut pieces = vec![data];
        for stage in &mut self.stages {
            let given = split(pieces, last);
            let count = given.len();
            pieces = Vec::with_capacity(count);
            for (place, piece) in given.into_iter().enumerate() {
                pieces.extend(stage.pass(piece, last && place + 1 == count).await?);
            }
        }
        self.ready
            .extend(pieces.into_iter().filter(|piece| !piece.is_empty()));
        if last {
            self.ended = true;
            self.stages.clear();
        }
        Ok(())
    }
}

/// Pieces that are not too large, none of them empty, but for the last one if there is nothing else to say it with.
fn split(pieces: Vec<Bytes>, last: bool) -> Vec<Bytes> {
    let mut given = Vec::with_capacity(pieces.len());
    for mut piece in pieces {
        while piece.len() > PIECE {
            given.push(piece.split_to(PIECE));
        }
        if !piece.is_empty() {
            given.push(piece);
        }
    }
    if last && given.is_empty() {
        given.push(Bytes::new());
    }
    given
}

impl Stage {
    async fn pass(&mut self, piece: Bytes, last: bool) -> Result<Option<Bytes>, Flag> {
        let Some(stream) = &mut self.stream else {
            return Ok(Some(piece));
        };
        let result = stream.chunk(&mut None, piece.clone(), last).await;
        let call = Call::of(&self.shared, self.bound.used(), self.index, Hook::Chunk);
        let request_id = self.request_id.to_str().unwrap_or_default();
        let judged = call.judge(request_id, self.untouched, result);
        if let Some(part) = self.streamed.parts.borrow_mut().get_mut(self.index) {
            part.add(&judged);
        }
        match judged.result {
            Ok(Some(ChunkOutcome::Forward)) => Ok(Some(piece)),
            Ok(Some(ChunkOutcome::Replace(bytes))) => {
                self.untouched = false;
                Ok(Some(bytes))
            }
            Ok(Some(ChunkOutcome::Hold)) => {
                self.untouched = false;
                Ok(None)
            }
            Ok(Some(ChunkOutcome::Abort)) => Err(self.stop(Error::Aborted {
                plugin: self.bound.used().plugin.clone(),
            })),
            Ok(None) => {
                self.stream = None;
                Ok(Some(piece))
            }
            Err(error) => Err(self.stop(error)),
        }
    }

    fn stop(&mut self, error: Error) -> Flag {
        self.stream = None;
        let flag = answer::flag(&error).unwrap_or(Flag::PluginFailed);
        *self.streamed.stopped.borrow_mut() = Some((self.index, error));
        flag
    }
}
