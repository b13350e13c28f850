//! Idle connections of one worker, kept per endpoint: a request is balanced first and connected second, so that
//! one client's keep-alive connection is spread over all endpoints, request by request.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Endpoint;
use super::client::Connection;
use crate::config;

/// See the module. Not shared: every worker has its own.
pub struct Pool {
    /// As of the last sweep: exact enough for what is idle.
    now: Cell<Instant>,
    endpoints: RefCell<HashMap<u64, Shelf>>,
}

struct Shelf {
    endpoint: Arc<Endpoint>,
    idle_timeout: Duration,
    /// The last one in is the first one out, so that a quiet time lets the others grow old.
    idle: Vec<(Connection, Instant)>,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            now: Cell::new(Instant::now()),
            endpoints: RefCell::default(),
        }
    }
}

impl Pool {
    /// An idle connection that, as far as is known, still lives.
    pub fn take(&self, endpoint: &Endpoint) -> Option<Connection> {
        let mut endpoints = self.endpoints.borrow_mut();
        let shelf = endpoints.get_mut(&endpoint.id())?;
        while let Some((mut connection, _)) = shelf.idle.pop() {
            if connection.is_ready() {
                connection.mark_reused();
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection whose exchange is over, if it is worth keeping.
    pub fn put(&self, connection: Connection, config: &config::Upstream) {
        let endpoint = connection.endpoint();
        if endpoint.is_retired() || !connection.is_ready() {
            return;
        }
        let mut endpoints = self.endpoints.borrow_mut();
        let shelf = endpoints.entry(endpoint.id()).or_insert_with(|| Shelf {
            endpoint: Arc::clone(endpoint),
            idle_timeout: config.idle_timeout,
            idle: Vec::new(),
        });
        if shelf.idle.len() < config.idle_connections {
            shelf.idle.push((connection, self.now.get()));
        }
    }

    /// Closes what has been idle for too long, what the endpoint has closed, and everything to endpoints that
    /// have left DNS. Called a few times a second.
    pub fn sweep(&self) {
        let now = Instant::now();
        self.now.set(now);
        self.endpoints.borrow_mut().retain(|_, shelf| {
            if shelf.endpoint.is_retired() {
                return false;
            }
            let limit = shelf.idle_timeout;
            shelf
                .idle
                .retain(|(connection, since)| connection.is_ready() && now.duration_since(*since) < limit);
            !shelf.idle.is_empty()
        });
    }

    /// Closes everything.
    pub fn clear(&self) {
        self.endpoints.borrow_mut().clear();
    }
}
