//! HTTP calls of plugins, on their way to whoever makes them: a worker, which has the connections. What a plugin may ask
//! for is decided in `host/http_client.rs`; how a call is made, above.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use tokio::sync::{mpsc, oneshot};

/// One call that is to be made.
#[derive(Debug)]
pub struct Call {
    /// Name of the upstream.
    pub upstream: String,
    /// The request: an origin-form target, and whatever fields the plugin wants.
    pub request: Request<Bytes>,
    /// When nobody wants the response any more.
    pub until: Instant,
    /// Bytes of the response's body that are read at most.
    pub most: u64,
    /// Where the response goes. Closed when nobody waits for it.
    pub reply: oneshot::Sender<Result<Response<Bytes>, CallError>>,
}

/// Why there is no response.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CallError {
    /// Not in time.
    #[error("not in time")]
    Timeout,
    /// No endpoint, or no connection to one.
    #[error("no connection: {0}")]
    Connect(String),
    /// The response is larger than [`Call::most`].
    #[error("the response is too large")]
    TooLarge,
    /// The request cannot be sent, or what came back is not a response.
    #[error("{0}")]
    Protocol(String),
}

/// Takes calls. Cheap to clone; works from any thread.
#[derive(Clone, Debug)]
pub struct Caller(mpsc::UnboundedSender<Call>);

/// The calls that are to be made. Every one is taken from an instance that waits for it, so that there are never more
/// than instances have calls.
pub type Calls = mpsc::UnboundedReceiver<Call>;

/// A caller, and the calls that are given to it.
pub fn calls() -> (Caller, Calls) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Caller(sender), receiver)
}

impl Caller {
    /// Gives a call to whoever makes it. Dropping the future cancels the call.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub(super) async fn call(
        &self,
        upstream: String,
        request: Request<Bytes>,
        time: Duration,
        most: u64,
    ) -> Result<Response<Bytes>, CallError> {
        let (reply, response) = oneshot::channel();
        let call = Call {
            upstream,
            request,
            until: Instant::now() + time,
            most,
            reply,
        };
        let stopping = || CallError::Connect("the gateway stops".to_owned());
        self.0.send(call).map_err(|_| stopping())?;
        response.await.unwrap_or_else(|_| Err(stopping()))
    }
}
