//! A plugin that is replaced again and again while requests flow through it. Whatever component a response comes from
//! is told by the header that only one of them sets; a component that failed would be a 500.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use tokio::task::JoinSet;

use crate::cli::ask::Connection;
use crate::cli::demo::{Error, PATIENCE};
use crate::plugin::bundled;

/// What is run in turn; the first one is what the configuration names.
pub(super) const COMPONENTS: [&str; 2] = ["headers", "request-id"];

/// Set by the second one.
const MARK: &str = "x-correlation-id";

/// How often it is replaced.
const REPLACEMENTS: usize = 10;

/// Connections on which requests flow meanwhile.
pub(super) const CLIENTS: usize = 4;

/// Requests after each replacement, which must be answered by the new component.
const AFTERWARDS: usize = 20;

/// For a component to be compiled and tried, on a slow machine.
const LOADING: Duration = Duration::from_secs(60);

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// How often it was replaced.
    pub(super) replaced: usize,
    /// Answers by each of [`COMPONENTS`].
    pub(super) by: [usize; 2],
    /// Requests without an answer, or with another one than 200.
    pub(super) lost: usize,
    /// Answers by the old component after the new one was said to run.
    pub(super) late: usize,
}

impl Flow {
    /// Whether it went as it should.
    pub(super) fn is_well(&self) -> bool {
        self.lost == 0 && self.late == 0 && self.replaced == REPLACEMENTS && !self.by.contains(&0)
    }

    fn count(&mut self, by: Option<usize>) {
        match by {
            Some(by) => self.by[by] += 1,
            None => self.lost += 1,
        }
    }

    fn add(&mut self, other: &Self) {
        self.lost += other.lost;
        self.by[0] += other.by[0];
        self.by[1] += other.by[1];
    }
}

/// Replaces, and asks all the while.
pub(super) async fn run(target: SocketAddr, admin: SocketAddr) -> Result<Flow, Error> {
    let over = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let connection = Connection::open(target).await?;
        clients.spawn(ask_until(connection, over.clone()));
    }
    let replaced = replace(target, admin).await;
    over.store(true, Ordering::Relaxed);
    let mut flow = replaced?;
    for told in clients.join_all().await {
        flow.add(&told);
    }
    Ok(flow)
}

/// One request after the other. Whoever loses one gives up.
async fn ask_until(mut connection: Connection, over: Arc<AtomicBool>) -> Flow {
    let mut flow = Flow::default();
    while !over.load(Ordering::Relaxed) && flow.lost == 0 {
        flow.count(ask(&mut connection).await);
    }
    flow
}

async fn replace(target: SocketAddr, admin: SocketAddr) -> Result<Flow, Error> {
    let mut flow = Flow::default();
    let mut api = Connection::open(admin).await?;
    let mut client = Connection::open(target).await?;
    for turn in 1..=REPLACEMENTS {
        let new = turn % COMPONENTS.len();
        let component = bundled::find(COMPONENTS[new]).unwrap_or_default();
        let request = Request::put("/api/v1/plugins/mark");
        let answer = api.ask(request, Bytes::from_static(component), LOADING).await?;
        if answer.status != StatusCode::OK {
            return Err(Error::NotReplaced(answer.status, answer.body));
        }
        flow.replaced += 1;
        for _ in 0..AFTERWARDS {
            let by = ask(&mut client).await;
            flow.count(by);
            flow.late += usize::from(by.is_some_and(|by| by != new));
        }
    }
    Ok(flow)
}

/// Which component had the request in its hands, as its place in [`COMPONENTS`]; `None` when it is lost.
async fn ask(connection: &mut Connection) -> Option<usize> {
    let request = Request::get("/marked");
    let answer = connection.ask(request, Bytes::new(), PATIENCE).await.ok()?;
    (answer.status == StatusCode::OK).then(|| usize::from(answer.headers.contains_key(MARK)))
}
