//! stdout and stderr of a guest: bytes in memory, taken line by line into the log after each call. A guest can neither
//! wait nor fail here, and what it writes past a bound is counted instead of kept.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// Bytes of one call that are kept.
const MOST: usize = 16 << 10;

/// A line is cut after so many bytes.
const LINE: usize = 4 << 10;

/// What was written, shared by both streams.
#[derive(Clone, Debug, Default)]
pub(super) struct Console(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Asked after every call: no lock for a plugin that is silent.
    any: AtomicBool,
    written: Mutex<Written>,
}

#[derive(Debug, Default)]
struct Written {
    bytes: Vec<u8>,
    lost: u64,
}

impl Console {
    /// Takes what was written since the last time, one piece per line that is not blank, and the number of bytes that
    /// were not kept.
    pub(super) fn drain(&self) -> Option<(Vec<String>, u64)> {
        if !self.0.any.load(Relaxed) {
            return None;
        }
        self.0.any.store(false, Relaxed);
        let Written { bytes, lost } = std::mem::take(&mut *self.lock());
        let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
        let lines = lines.filter(|line| !line.is_empty());
        let lines = lines.map(|line| String::from_utf8_lossy(&line[..line.len().min(LINE)]).into_owned());
        Some((lines.collect(), lost))
    }

    fn take(&self, bytes: &[u8]) {
        let mut written = self.lock();
        let kept = bytes.len().min(MOST.saturating_sub(written.bytes.len()));
        written.bytes.extend_from_slice(&bytes[..kept]);
        written.lost += (bytes.len() - kept) as u64;
        self.0.any.store(true, Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Written> {
        self.0.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl IsTerminal for Console {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Console {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Console {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MOST)
    }
}

impl Pollable for Console {
    fn ready<'a, 'b>(&'a mut self) -> Pin<Box<dyn Future<Output = ()> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(std::future::ready(()))
    }
}

impl AsyncWrite for Console {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart_and_blank_ones_left_out() {
        let console = Console::default();
        console.take(b"one\r\n\n two\xff");
        assert_eq!(
            console.drain(),
            Some((vec!["one".into(), " two\u{fffd}".into()], 0))
        );
        assert_eq!(console.drain(), None);
    }

    #[test]
    fn a_flood_is_counted_not_kept() {
        let console = Console::default();
        for _ in 0..1_000 {
            console.take(&[b'x'; 1_024]);
        }
        let (lines, lost) = console.drain().unwrap();
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].len(), LINE);
        assert_eq!(lost, 1_024 * 1_000 - MOST as u64);
    }
}
