//! One attempt: a connection, the request, the response head; and what is held until the response is through.
//!
//! What an outcome means for the exchange is decided in [`super::forward`].

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;

use super::{Shared, interim};
use crate::body::Outgoing;
use crate::upstream::client::{Connection, Failed, Interim};
use crate::upstream::{self, Attempt, Upstream};

/// How long a connection whose response is through may take to become ready for the next request.
const SETTLE: Duration = Duration::from_secs(1);

/// What became of an attempt.
pub(super) enum Outcome {
    Heard(Response<Incoming>, Connection),
    Connect(io::Error),
    /// The connection ended with the request on it. On a reused one that says nothing about the endpoint: it may
    /// have closed just then.
    Broken {
        error: hyper::Error,
        reused: bool,
    },
    Malformed(hyper::Error),
}

/// One attempt: a connection from the pool (unless a fresh one is wanted) or a new one, the request, the response
/// head.
pub(super) async fn carry(
    shared: Rc<Shared>,
    upstream: Arc<Upstream>,
    attempt: Rc<Attempt>,
    mut request: Request<Outgoing>,
    mut interims: interim::Sink,
    fresh: bool,
) -> Outcome {
    loop {
        let idle = if fresh {
            None
        } else {
            shared.pool.take(attempt.endpoint())
        };
        let mut connection = match idle {
            Some(connection) => connection,
            None => match Connection::open(attempt.endpoint(), upstream.config()).await {
                Ok(connection) => {
                    attempt.connected();
                    connection
                }
                Err(error) => return Outcome::Connect(error),
            },
        };
        let reused = connection.is_reused();
        let on_interim = |interim: Interim| {
            attempt.heard(interim.status);
            interims.pass(&interim);
        };
        match connection.send(request, on_interim).await {
            Ok(response) => return Outcome::Heard(response, connection),
            // The endpoint closed an idle connection just before it was used: nothing has happened yet, and a
            // new connection will tell whether the endpoint is there.
            Err(Failed::NotSent(unsent)) if reused => request = *unsent,
            Err(Failed::NotSent(_)) => return Outcome::Connect(io::ErrorKind::ConnectionReset.into()),
            Err(Failed::Broken(error)) => return Outcome::Broken { error, reused },
            Err(Failed::Malformed(error)) => return Outcome::Malformed(error),
        }
    }
}

/// What a response holds on to until its body is through.
pub struct Lease {
    pub(super) connection: Connection,
    pub(super) upstream: Arc<Upstream>,
    pub(super) shared: Rc<Shared>,
    /// Counts as in flight at its endpoint until here.
    pub(super) attempt: Rc<Attempt>,
}

impl Lease {
    /// The endpoint that answered.
    pub fn endpoint(&self) -> &upstream::Endpoint {
        self.attempt.endpoint()
    }

    /// The response is through: the connection may carry the next request.
    pub(super) fn give_back(self) {
        let Self {
            mut connection,
            upstream,
            shared,
            attempt,
        } = self;
        drop(attempt);
        if connection.is_ready() {
            shared.pool.put(connection, upstream.config());
            return;
        }
        // The request body may still be on its way, or the connection's task has not noticed the end yet.
        tokio::task::spawn_local(async move {
            if matches!(tokio::time::timeout(SETTLE, connection.ready()).await, Ok(true)) {
                shared.pool.put(connection, upstream.config());
            }
        });
    }
}
