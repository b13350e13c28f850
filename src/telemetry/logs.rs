//! The gateway's own log, on standard error: for people on a terminal, JSON otherwise.
//!
//! Written by a thread of its own, so that a reader that does not read stops nobody.

use std::io;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::time::FormatTime;

use super::access_log::clock;
use super::writer::{Batch, Queue, Target, Writer};

/// How long [`Logs::stop`] waits for standard error.
const FLUSH: Duration = Duration::from_secs(1);

/// What is said when nothing is configured.
pub const DEFAULT_FILTER: &str = "info";

/// How a line looks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// One line for people.
    Compact,
    /// Several lines for people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// The running log. Dropping it without [`Logs::stop`] may lose the last lines.
#[derive(Debug)]
pub struct Logs {
    writer: Writer,
}

/// Why the log did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter is not `level` or `target=level,…`.
    #[error("log filter {filter:?}: {source}")]
    Filter {
        /// As given.
        filter: String,
        /// What is wrong.
        source: tracing_subscriber::filter::ParseError,
    },
    /// No thread, or no standard error.
    #[error("log: {0}")]
    Io(#[from] io::Error),
}

impl Logs {
    /// Starts the log of this process. A second call has no effect on what is logged where.
    pub fn start(format: Format, filter: &str, color: bool) -> Result<Self, Error> {
        let filter = EnvFilter::try_new(filter).map_err(|source| Error::Filter {
            filter: filter.to_owned(),
            source,
        })?;
        let writer = Writer::start("gatewit-log", Target::Stderr, Counter::default())?;
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_timer(Timer)
            .with_ansi(color)
            // It would speak up on a standard error that is closed, by a macro that panics then.
            .log_internal_errors(false)
            .with_writer(Lines(writer.queue()));
        // An error means that this process logs already.
        let _ = match format {
            Format::Compact => builder.compact().with_target(false).try_init(),
            Format::Pretty => builder.pretty().try_init(),
            Format::Json => builder.json().flatten_event(true).try_init(),
        };
        Ok(Self { writer })
    }

    /// Writes what is still in the queue, within a second.
    pub fn stop(self) {
        self.writer.stop(FLUSH);
    }
}

/// UTC, RFC 3339, with milliseconds.
struct Timer;

impl FormatTime for Timer {
    fn format_time(&self, w: &mut tracing_subscriber::fmt::format::Writer<'_>) -> std::fmt::Result {
        let mut text = Vec::with_capacity(24);
        clock::Clock::default().rfc3339(std::time::SystemTime::now(), &mut text);
        w.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// Gives each line to the thread.
struct Lines(Queue);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.0)
    }
}

/// The subscriber writes an event in one piece.
struct Line<'a>(&'a Queue);

impl io::Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.give(Batch {
            bytes: bytes.to_vec(),
            lines: 1,
            home: None,
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
