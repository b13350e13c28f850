//! A thread that owns a file and writes what it is given: never the giver waits, never the file wins.
//!
//! Used for the access log and for the gateway's own log. What does not fit the queue, and what the file
//! refuses, is dropped and counted.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;

/// Batches that wait for the thread. At 32 KiB each this is 8 MiB.
const QUEUE: usize = 256;

/// How long a file that would block is asked again before its batch is dropped.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between two questions of a file that would block.
const RETRY: Duration = Duration::from_millis(10);

/// Where to write.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Target {
    /// Appended to; made when missing.
    File(PathBuf),
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Whole lines.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) lines: u64,
    /// Where the emptied buffer goes for its next use.
    pub(super) home: Option<SyncSender<Vec<u8>>>,
}

/// The giver's side. Clones give to the same thread.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    sender: SyncSender<Message>,
    dropped: Counter,
}

/// The thread and its owner's side.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Queue,
    orders: Arc<Orders>,
    /// In a mutex only so that a writer can be shared between threads.
    ended: Mutex<Receiver<()>>,
}

#[derive(Debug)]
enum Message {
    Batch(Batch),
    /// Look at the orders.
    Wake,
}

/// Beside the queue, so that they are heard when it is full.
#[derive(Debug, Default)]
struct Orders {
    reopen: AtomicBool,
    stop: AtomicBool,
    sink: Mutex<Option<Sink>>,
}

impl Queue {
    /// Hands a batch over, or drops and counts it; never waits.
    pub(super) fn give(&self, batch: Batch) {
        match self.sender.try_send(Message::Batch(batch)) {
            Ok(()) | Err(TrySendError::Full(Message::Wake) | TrySendError::Disconnected(Message::Wake)) => {}
            Err(
                TrySendError::Full(Message::Batch(batch)) | TrySendError::Disconnected(Message::Batch(batch)),
            ) => {
                self.dropped.inc_by(batch.lines);
            }
        }
    }
}

impl Writer {
    /// Opens the target and starts the thread.
    pub(super) fn start(name: &str, target: Target, dropped: Counter) -> io::Result<Self> {
        let sink = Sink::open(target)?;
        let (sender, receiver) = mpsc::sync_channel(QUEUE);
        let (end, ended) = mpsc::sync_channel(1);
        let orders = Arc::<Orders>::default();
        let queue = Queue {
            sender,
            dropped: dropped.clone(),
        };
        let work = Work {
            sink,
            receiver,
            orders: orders.clone(),
            dropped,
        };
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            work.run();
            // The owner may have stopped waiting.
            let _ = end.send(());
        })?;
        Ok(Self {
            queue,
            orders,
            ended: Mutex::new(ended),
        })
    }

    pub(super) fn queue(&self) -> Queue {
        self.queue.clone()
    }

    /// Opens the file of the same name again, before the next batch: it was renamed.
    pub(super) fn reopen(&self) {
        self.orders.reopen.store(true, Ordering::Release);
        self.wake();
    }

    /// Goes on with another target, which is open already when this returns.
    pub(super) fn redirect(&self, target: Target) -> io::Result<()> {
        let sink = Sink::open(target)?;
        *self.orders.sink.lock().unwrap_or_else(PoisonError::into_inner) = Some(sink);
        self.wake();
        Ok(())
    }

    /// Writes what is in the queue and ends the thread; waits no longer than `limit`. False when it did not end.
    pub(super) fn stop(&self, limit: Duration) -> bool {
        self.orders.stop.store(true, Ordering::Release);
        self.wake();
        // Disconnected means ended too.
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        !matches!(ended.recv_timeout(limit), Err(RecvTimeoutError::Timeout))
    }

    fn wake(&self) {
        // When the queue is full the thread has something to wake up for.
        let _ = self.queue.sender.try_send(Message::Wake);
    }
}

/// What the thread owns.
struct Work {
    sink: Sink,
    receiver: Receiver<Message>,
    orders: Arc<Orders>,
    dropped: Counter,
}

impl Work {
    fn run(mut self) {
        loop {
            // Asked before the queue is read: whatever was given before the order is written.
            let stopping = self.orders.stop.load(Ordering::Acquire);
            self.obey();
            let message = if stopping {
                self.receiver.try_recv().ok()
            } else {
                self.receiver.recv().ok()
            };
            match message {
                Some(Message::Batch(batch)) => self.write(batch),
                Some(Message::Wake) => {}
                None => break,
            }
        }
    }

    fn obey(&mut self) {
        if let Some(sink) = self
            .orders
            .sink
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            self.sink = sink;
        }
        if self.orders.reopen.swap(false, Ordering::AcqRel) {
            // On failure the old file takes the lines: better there than nowhere.
            match Sink::open(self.sink.target.clone()) {
                Ok(sink) => self.sink = sink,
                Err(error) => tracing::warn!(%error, "cannot reopen the log file"),
            }
        }
    }

    fn write(&mut self, batch: Batch) {
        let Batch {
            mut bytes,
            lines,
            home,
        } = batch;
        if self.sink.write(&bytes).is_err() {
            self.dropped.inc_by(lines);
        }
        if let Some(home) = home {
            bytes.clear();
            // A giver that has enough buffers, or is gone, does not want it.
            let _ = home.try_send(bytes);
        }
    }
}

/// An open file.
#[derive(Debug)]
struct Sink {
    target: Target,
    file: File,
    /// The last write broke off within a line.
    torn: bool,
}

impl Sink {
    fn open(target: Target) -> io::Result<Self> {
        let file = match &target {
            Target::File(path) => append(path)?,
            // A descriptor of our own: the standard library's handles buffer, and panic in `println!`.
            Target::Stdout => File::from(io::stdout().as_fd().try_clone_to_owned()?),
            Target::Stderr => File::from(io::stderr().as_fd().try_clone_to_owned()?),
        };
        Ok(Self {
            target,
            file,
            torn: false,
        })
    }

    /// All of it, or an error; the next write after a broken one begins on a line of its own.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.torn {
            self.write_all(b"\n")?;
            self.torn = false;
        }
        self.write_all(bytes)
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let mut patient_until = None;
        while !bytes.is_empty() {
            match self.file.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    self.torn = bytes[n - 1] != b'\n';
                    bytes = &bytes[n..];
                    patient_until = None;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if Instant::now() >= *patient_until.get_or_insert_with(|| Instant::now() + PATIENCE) {
                        return Err(error);
                    }
                    thread::sleep(RETRY);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}
