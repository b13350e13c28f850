//! What everyone who touches one downstream connection shares: what it waits for and since when, what it has
//! been told to do, and interim responses on their way out.
//!
//! Time limits of connections are kept here as plain numbers that the worker looks through a few times a second
//! ([`Line::overdue`]), rather than as a timer for each read and write of each request.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::config::Timeouts;

/// Milliseconds since the worker began, as of its last tick. Never 0, which means "not waiting".
#[derive(Debug)]
pub struct Clock {
    began: Instant,
    now: AtomicU64,
}

impl Clock {
    /// A clock that reads 1.
    pub fn start() -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            now: AtomicU64::new(1),
        })
    }

    /// Called by the worker's tick.
    pub fn tick(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.now.store(now.saturating_add(1), Ordering::Relaxed);
    }

    /// The time as of the last tick.
    pub fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    fn of(&self, instant: Instant) -> u64 {
        let since = instant.saturating_duration_since(self.began);
        // Rounded up: what rings too early is looked at in vain, again and again.
        u64::try_from(since.as_millis())
            .unwrap_or(u64::MAX)
            .saturating_add(2)
    }
}

/// What a connection has been told.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Order {
    /// Go on.
    Serve,
    /// Finish the exchange, then close; close at once when there is none.
    Close,
    /// Close now.
    Cut,
}

/// Something a connection can wait for; each has a limit in [`Timeouts`].
#[derive(Clone, Copy, Debug)]
pub enum Wait {
    /// The first byte of the next request.
    Request,
    /// The rest of a request head.
    Head,
    /// More of a request body from the client.
    RequestBody,
    /// More of a response body from the endpoint.
    ResponseBody,
    /// The client to take what was written.
    Write,
    /// The client to see that it has been answered, and to stop sending.
    Linger,
}

const WAITS: usize = 6;

/// A client that goes on sending after its answer is listened to for this long. Closing at once would reset the
/// connection, and the reset may overtake the answer (RFC 9112 section 9.6).
const LINGER: Duration = Duration::from_secs(2);

/// One downstream connection, as seen from its side.
#[derive(Debug)]
pub struct Line {
    clock: Arc<Clock>,
    since: [AtomicU64; WAITS],
    order: AtomicU8,
    /// When the exchange wants to be polled again; 0 for never.
    alarm: AtomicU64,
    waker: Mutex<Option<Waker>>,
    interim: Mutex<Vec<u8>>,
    has_interim: AtomicBool,
    lingers: AtomicBool,
    ends_with_close: AtomicBool,
}

impl Line {
    /// A connection that was just accepted.
    pub fn new(clock: &Arc<Clock>) -> Arc<Self> {
        let line = Self {
            clock: Arc::clone(clock),
            since: [const { AtomicU64::new(0) }; WAITS],
            order: AtomicU8::new(Order::Serve as u8),
            alarm: AtomicU64::new(0),
            waker: Mutex::new(None),
            interim: Mutex::new(Vec::new()),
            has_interim: AtomicBool::new(false),
            lingers: AtomicBool::new(false),
            ends_with_close: AtomicBool::new(false),
        };
        // A client that connects and says nothing is given the time of a head, not of an idle connection.
        line.begin(Wait::Head);
        Arc::new(line)
    }

    /// Waiting begins, unless it has already.
    pub fn begin(&self, wait: Wait) {
        let since = &self.since[wait as usize];
        if since.load(Ordering::Relaxed) == 0 {
            since.store(self.clock.now(), Ordering::Relaxed);
        }
    }

    /// Waiting is over.
    pub fn end(&self, wait: Wait) {
        self.since[wait as usize].store(0, Ordering::Relaxed);
    }

    /// Whether it is waiting for that.
    pub fn is_waiting(&self, wait: Wait) -> bool {
        self.since[wait as usize].load(Ordering::Relaxed) != 0
    }

    /// What has lasted longer than it may.
    pub fn overdue(&self, timeouts: &Timeouts) -> Option<Wait> {
        let now = self.clock.now();
        let limits = [
            (Wait::Request, timeouts.keep_alive),
            (Wait::Head, timeouts.request_head),
            (Wait::RequestBody, timeouts.request_body_idle),
            (Wait::ResponseBody, timeouts.response_body_idle),
            (Wait::Write, timeouts.response_write_idle),
            (Wait::Linger, LINGER),
        ];
        limits.into_iter().find_map(|(wait, limit)| {
            let since = self.since[wait as usize].load(Ordering::Relaxed);
            (since != 0 && u128::from(now.saturating_sub(since)) > limit.as_millis()).then_some(wait)
        })
    }

    /// Has the connection polled at the first tick after `at`; replaces what was set before.
    pub fn set_alarm(&self, at: Instant) {
        self.alarm.store(self.clock.of(at), Ordering::Relaxed);
    }

    /// Whether the time that was set has come.
    pub fn alarm_rang(&self) -> bool {
        let at = self.alarm.load(Ordering::Relaxed);
        at != 0 && at <= self.clock.now()
    }

    /// No alarm.
    pub fn clear_alarm(&self) {
        self.alarm.store(0, Ordering::Relaxed);
    }

    /// Wakes the connection when its alarm has rung. Called by the worker's tick.
    pub fn ring(&self) {
        if self.alarm_rang()
            && let Some(waker) = &*lock(&self.waker)
        {
            waker.wake_by_ref();
        }
    }

    /// What it has been told; orders only get stricter.
    pub fn order(&self) -> Order {
        match self.order.load(Ordering::Relaxed) {
            0 => Order::Serve,
            1 => Order::Close,
            _ => Order::Cut,
        }
    }

    /// Tells it, and wakes its task.
    pub fn tell(&self, order: Order) {
        if self.order.fetch_max(order as u8, Ordering::Relaxed) < order as u8
            && let Some(waker) = &*lock(&self.waker)
        {
            waker.wake_by_ref();
        }
    }

    /// Who is to be woken by [`Line::tell`].
    pub fn register(&self, waker: &Waker) {
        *lock(&self.waker) = Some(waker.clone());
    }

    /// Whether the client may be sending what nobody reads: when the connection is closed, it is told so gently.
    pub fn linger(&self, lingers: bool) {
        self.lingers.store(lingers, Ordering::Relaxed);
    }

    /// See [`Line::linger`].
    pub fn lingers(&self) -> bool {
        self.lingers.load(Ordering::Relaxed)
    }

    /// Whether the end of the connection is all that tells the client that its response is whole: then any other
    /// end has to be a reset.
    pub fn end_with_close(&self, ends: bool) {
        self.ends_with_close.store(ends, Ordering::Relaxed);
    }

    /// See [`Line::end_with_close`].
    pub fn ends_with_close(&self) -> bool {
        self.ends_with_close.load(Ordering::Relaxed)
    }

    /// Queues an interim response; it leaves when everything before it has left.
    pub fn interject(&self, head: &[u8]) {
        lock(&self.interim).extend_from_slice(head);
        self.has_interim.store(true, Ordering::Relaxed);
    }

    /// Takes what is queued.
    pub fn take_interim(&self) -> Option<Vec<u8>> {
        if !self.has_interim.swap(false, Ordering::Relaxed) {
            return None;
        }
        Some(std::mem::take(&mut *lock(&self.interim)))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while holding one of these leaves whole values behind: bytes queued or a waker set.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
