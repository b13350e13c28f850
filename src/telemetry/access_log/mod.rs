//! One line per exchange. Workers format into a buffer of their own and hand it over when it is full or old;
//! a thread writes. Never waits: what does not fit is dropped and counted.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::Duration;

use arc_swap::{ArcSwap, Cache};
use http::HeaderName;

use super::Record;
use super::metrics::Metrics;
use super::writer::{Batch, Queue, Target, Writer};
use clock::Clock;

pub(super) mod clock;
mod escape;
mod line;

/// A worker's buffer is handed over from this size on.
const BATCH: usize = 32 * 1024;

/// A time as lines write it.
pub(super) fn rfc3339(time: std::time::SystemTime) -> String {
    let mut text = Vec::new();
    Clock::default().rfc3339(time, &mut text);
    String::from_utf8(text).unwrap_or_default()
}

/// Room for the line that goes over [`BATCH`].
const ROOM: usize = 40 * 1024;

/// Buffers that a worker gets back and keeps.
const SPARE: usize = 4;

/// How long [`AccessLog::stop`] waits for the file.
const FLUSH: Duration = Duration::from_secs(2);

/// The access log, as configured.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Default JSON, on standard output.
    pub format: Format,
    /// File, or standard output.
    pub path: Option<PathBuf>,
    /// Request headers that are logged beside the fixed fields. `Authorization` and `Cookie` are refused here.
    pub headers: Vec<HeaderName>,
    /// Whether the query string is logged. Default false.
    pub query: bool,
}

/// How an access record is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// Combined log format.
    Clf,
    /// No access log.
    Off,
}

/// The running log: the thread and what the workers share.
#[derive(Debug)]
pub struct AccessLog {
    writer: Writer,
    style: Arc<ArcSwap<Style>>,
    /// Where the thread writes.
    target: std::sync::Mutex<Target>,
}

/// What a line depends on.
#[derive(Clone, Copy, Debug)]
struct Style {
    format: Format,
    query: bool,
}

/// One worker's side.
#[derive(Debug)]
pub struct Local {
    queue: Queue,
    style: Cache<Arc<ArcSwap<Style>>, Arc<Style>>,
    clock: Clock,
    buffer: Vec<u8>,
    lines: u64,
    spare: Receiver<Vec<u8>>,
    home: SyncSender<Vec<u8>>,
}

impl AccessLog {
    /// Opens the file and starts the thread.
    ///
    /// # Errors
    ///
    /// The file cannot be opened for appending, or there is no thread to be had.
    pub fn start(settings: &Settings, metrics: &Metrics) -> io::Result<Self> {
        let target = target(settings);
        let writer = Writer::start(
            "gatewit-access",
            target.clone(),
            metrics.access_log_dropped.clone(),
        )?;
        let style = Arc::new(ArcSwap::from_pointee(Style::of(settings)));
        Ok(Self {
            writer,
            style,
            target: target.into(),
        })
    }

    /// Takes new settings over, for this and every [`Local`]. Nothing changes when the new file cannot be opened.
    ///
    /// # Errors
    ///
    /// As [`AccessLog::start`].
    pub fn reconfigure(&self, settings: &Settings) -> io::Result<()> {
        let wanted = target(settings);
        let mut current = self
            .target
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if *current != wanted {
            self.writer.redirect(wanted.clone())?;
            *current = wanted;
        }
        self.style.store(Arc::new(Style::of(settings)));
        Ok(())
    }

    /// A side for one worker.
    pub fn local(&self) -> Local {
        let (home, spare) = mpsc::sync_channel(SPARE);
        Local {
            queue: self.writer.queue(),
            style: Cache::new(self.style.clone()),
            clock: Clock::default(),
            buffer: Vec::with_capacity(ROOM),
            lines: 0,
            spare,
            home,
        }
    }

    /// Opens the file again under its name, after somebody moved it away (SIGUSR1).
    pub fn reopen(&self) {
        self.writer.reopen();
    }

    /// Writes what the workers have handed over, within two seconds. Call after their last [`Local::flush`].
    pub fn stop(self) {
        self.writer.stop(FLUSH);
    }
}

impl Local {
    /// Adds a line. Allocates nothing as long as the thread keeps up, and never waits.
    pub fn write(&mut self, record: &Record<'_>) {
        let style = self.style.load();
        match style.format {
            Format::Json => line::json(record, style.query, &mut self.clock, &mut self.buffer),
            Format::Clf => line::clf(record, style.query, &mut self.clock, &mut self.buffer),
            Format::Off => return,
        }
        self.lines += 1;
        if self.buffer.len() >= BATCH {
            self.flush();
        }
    }

    /// Hands over what there is, so that it is not older than the caller's interval (about 100 ms).
    pub fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        let next = self.spare.try_recv().unwrap_or_else(|_| Vec::with_capacity(ROOM));
        let bytes = std::mem::replace(&mut self.buffer, next);
        let lines = std::mem::take(&mut self.lines);
        // One that grew for a very long line is not kept.
        let home = (bytes.capacity() <= 2 * ROOM).then(|| self.home.clone());
        self.queue.give(Batch { bytes, lines, home });
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.flush();
    }
}

impl Style {
    fn of(settings: &Settings) -> Self {
        Self {
            format: settings.format,
            query: settings.query,
        }
    }
}

fn target(settings: &Settings) -> Target {
    settings.path.clone().map_or(Target::Stdout, Target::File)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Instant;

    use super::*;
    use crate::telemetry::sample;

    fn settings(path: &Path) -> Settings {
        Settings {
            format: Format::Json,
            path: Some(path.to_owned()),
            headers: vec![],
            query: false,
        }
    }

    /// Polls for at most five seconds.
    fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
        let until = Instant::now() + Duration::from_secs(5);
        while !holds() {
            assert!(Instant::now() < until, "{what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn lines(path: &Path) -> usize {
        fs::read_to_string(path).unwrap_or_default().lines().count()
    }

    #[test]
    fn lines_of_all_workers_reach_the_file_whole_and_stop_waits_for_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let metrics = Metrics::new();
        let log = AccessLog::start(&settings(&path), &metrics).unwrap();
        let workers = [log.local(), log.local()].map(|mut local| {
            std::thread::spawn(move || (0..1000).for_each(|_| local.write(&sample::record())))
        });
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        log.stop();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2000);
        assert!(
            text.lines()
                .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
        );
        assert_eq!(metrics.access_log_dropped.get(), 0);
    }

    #[test]
    fn reopening_goes_on_in_a_new_file_after_a_rename() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (
            folder.path().join("access.log"),
            folder.path().join("access.log.1"),
        );
        let log = AccessLog::start(&settings(&path), &Metrics::new()).unwrap();
        let mut local = log.local();
        local.write(&sample::record());
        local.flush();
        eventually("the first line is written", || lines(&path) == 1);
        fs::rename(&path, &moved).unwrap();
        log.reopen();
        local.write(&sample::record());
        drop(local);
        log.stop();
        assert_eq!((lines(&path), lines(&moved)), (1, 1));
    }

    #[test]
    fn new_settings_take_effect_and_a_file_that_cannot_be_opened_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        let log = AccessLog::start(&settings(&first), &Metrics::new()).unwrap();
        let mut local = log.local();
        assert!(
            log.reconfigure(&settings(&folder.path().join("missing/access.log")))
                .is_err()
        );
        local.write(&sample::record());
        local.flush();
        eventually("the old file is still written", || lines(&first) == 1);
        log.reconfigure(&Settings {
            format: Format::Clf,
            ..settings(&second)
        })
        .unwrap();
        local.write(&sample::record());
        log.reconfigure(&Settings {
            format: Format::Off,
            ..settings(&second)
        })
        .unwrap();
        local.write(&sample::record());
        drop(local);
        log.stop();
        assert!(
            fs::read_to_string(&second)
                .unwrap()
                .starts_with("192.0.2.1 - - [")
        );
        assert_eq!((lines(&first), lines(&second)), (1, 1));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_costs_lines_that_are_counted_and_nothing_else() {
        let metrics = Metrics::new();
        let log = AccessLog::start(&settings(Path::new("/dev/full")), &metrics).unwrap();
        let mut local = log.local();
        (0..10).for_each(|_| local.write(&sample::record()));
        local.flush();
        eventually("ten lines are counted", || metrics.access_log_dropped.get() == 10);
        log.stop();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_reader_that_does_not_read_never_makes_a_worker_wait() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
        // Both ends, so that opening the write end does not wait for a reader.
        let _reader = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let metrics = Metrics::new();
        let log = AccessLog::start(&settings(&path), &metrics).unwrap();
        let mut local = log.local();
        let start = Instant::now();
        // About 400 bytes each: three times the queue.
        (0..60_000).for_each(|_| local.write(&sample::record()));
        drop(local);
        assert!(metrics.access_log_dropped.get() > 10_000);
        log.stop();
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
}
