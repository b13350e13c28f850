//! The byte stream under one downstream connection: notes what it waits for, lets interim responses (1xx) out
//! between the messages that hyper writes, and sees to it that the client gets the end that its response has.
//!
//! hyper's server has no interface for interim responses. It does call [`AsyncWrite::poll_flush`] each time it
//! has nothing of its own left to write, and that is where they may go out without landing inside a message.

use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::line::{Line, Wait};

/// See the module.
pub(super) struct Wire<S: AsFd> {
    stream: S,
    line: Arc<Line>,
    /// Something has come.
    heard: bool,
    /// The sending side is closed.
    closed: bool,
    /// An interim response that has begun to be written and must be finished before anything else.
    started: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + AsFd + Unpin> Wire<S> {
    /// Wraps an accepted stream.
    pub(super) fn new(stream: S, line: Arc<Line>) -> Self {
        Self {
            stream,
            line,
            heard: false,
            closed: false,
            started: Vec::new(),
        }
    }

    fn note<T>(&self, written: &Poll<T>) {
        match written {
            Poll::Pending => self.line.begin(Wait::Write),
            Poll::Ready(_) => self.line.end(Wait::Write),
        }
    }

    /// Reads what nobody wants, until the client closes.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.line.begin(Wait::Linger);
        let mut bytes = [0; 8 * 1024];
        loop {
            let mut unread = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut unread)) {
                Ok(()) if !unread.filled().is_empty() => {}
                Ok(()) | Err(_) => return Poll::Ready(()),
            }
        }
    }

    fn finish_started(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.started.is_empty() {
            let written = Pin::new(&mut self.stream).poll_write(cx, &self.started);
            self.note(&written);
            match ready!(written)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => drop(self.started.drain(..n)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + AsFd + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if matches!(read, Poll::Ready(Ok(()))) && buf.filled().len() > before {
            self.heard = true;
            // The first bytes of a request: from now on it has the time of a head.
            if self.line.is_waiting(Wait::Request) {
                self.line.end(Wait::Request);
                self.line.begin(Wait::Head);
            }
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + AsFd + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.finish_started(cx))?;
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.note(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.finish_started(cx))?;
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.note(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(interim) = self.line.take_interim() {
            self.started.extend_from_slice(&interim);
        }
        ready!(self.finish_started(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.closed {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.closed = true;
            self.line.end_with_close(false);
        }
        // Inside a head, what follows is unread as well: it was no head.
        if self.line.lingers() || (self.heard && self.line.is_waiting(Wait::Head)) {
            ready!(self.poll_silence(cx));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsFd> Drop for Wire<S> {
    fn drop(&mut self) {
        if self.line.ends_with_close() {
            // It fails when there is nothing left to reset.
            let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        }
    }
}
