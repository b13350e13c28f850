//! The byte stream under one downstream connection: notes what it waits for, and lets interim responses (1xx)
//! out between the messages that hyper writes.
//!
//! hyper's server has no interface for interim responses. It does call [`AsyncWrite::poll_flush`] each time it
//! has nothing of its own left to write, and that is where they may go out without landing inside a message.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::line::{Line, Wait};

/// See the module.
pub(super) struct Wire<S> {
    stream: S,
    line: Arc<Line>,
    /// An interim response that has begun to be written and must be finished before anything else.
    started: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Wraps an accepted stream.
    pub(super) fn new(stream: S, line: Arc<Line>) -> Self {
        Self {
            stream,
            line,
            started: Vec::new(),
        }
    }

    fn note<T>(&self, written: &Poll<T>) {
        match written {
            Poll::Pending => self.line.begin(Wait::Write),
            Poll::Ready(_) => self.line.end(Wait::Write),
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

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if matches!(read, Poll::Ready(Ok(()))) && buf.filled().len() > before {
            // The first bytes of a request: from now on it has the time of a head.
            if self.line.is_waiting(Wait::Request) {
                self.line.end(Wait::Request);
                self.line.begin(Wait::Head);
            }
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
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
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
