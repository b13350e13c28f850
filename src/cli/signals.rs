//! What the operating system wants of a running gateway.

use std::io;

use tokio::signal::unix::{self, SignalKind};

/// What a signal means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Order {
    /// SIGTERM, SIGINT.
    Stop,
    /// SIGHUP.
    Reload,
    /// SIGUSR1: somebody has moved the log file away.
    Reopen,
}

/// Signals that no longer end the process by themselves.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
    hangup: unix::Signal,
    user: unix::Signal,
}

impl Signals {
    /// From now on.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: unix::signal(SignalKind::terminate())?,
            interrupt: unix::signal(SignalKind::interrupt())?,
            hangup: unix::signal(SignalKind::hangup())?,
            user: unix::signal(SignalKind::user_defined1())?,
        })
    }

    /// The next one. Nothing is lost when the result is dropped.
    pub(super) async fn next(&mut self) -> Order {
        tokio::select! {
            _ = self.terminate.recv() => Order::Stop,
            _ = self.interrupt.recv() => Order::Stop,
            _ = self.hangup.recv() => Order::Reload,
            _ = self.user.recv() => Order::Reopen,
        }
    }

    /// The next that asks to stop; the others are late by now.
    pub(super) async fn stop(&mut self) {
        while self.next().await != Order::Stop {}
    }
}
