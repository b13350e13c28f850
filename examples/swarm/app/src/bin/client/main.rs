//! The client: sends requests, records what became of every one, and never retries.
//!
//! - `client hello HOST:PORT`: 30 requests at the same time, then 30 in sequence on one connection.
//! - `client seq HOST:PORT`: 300 in sequence on one connection.
//! - `client load HOST:PORT`: many keep-alive connections until a time is over or SIGTERM comes.
//! - `client get HOST:PORT`: one request; prints the status and the body.
//! - `client answer FILE`: a server that answers everything with a file, on port 8080.
//! - `client queued PORT`: bytes that arrived at a local port and that nobody has read, by connection.

mod http;
mod record;
mod single;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use http::Connection;
use record::{Clock, Outcome};

const USAGE: &str =
    "usage: client hello|seq|load|get HOST:PORT [options], or client queued PORT, or client answer FILE
  --path PATH        seq, get: of the requests (/)
  --requests N       hello (30), seq (300): how many
  --connections N    load: how many keep-alive connections (16)
  --method M         load: GET or POST (GET)
  --ms A,B,…         load: delays asked of the app, in turn (300,0)
  --pause MS         load: wait between two requests of a connection (0)
  --seconds S        load: how long (until SIGTERM or SIGINT)
  --all              load: print every request, not only the failed ones";

/// After a failure a connection waits this long, so that a dead target costs no CPU.
const AFTER_FAILURE: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("{problem}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let done = match options.mode.as_str() {
        "hello" => hello(&options),
        "seq" => sequence(&options),
        "load" => load(&options),
        "get" => single::get(&options.target, &options.path),
        "answer" => single::answer(&options.target),
        _ => queued(&options.target),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("client: {error}");
            ExitCode::from(2)
        }
    }
}

struct Options {
    mode: String,
    target: String,
    path: String,
    requests: Option<usize>,
    connections: usize,
    method: String,
    delays: Vec<u64>,
    pause: Duration,
    limit: Option<Duration>,
    all: bool,
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mode = words.next().ok_or("a mode is missing")?;
        if !["hello", "seq", "load", "get", "answer", "queued"].contains(&mode.as_str()) {
            return Err(format!("unknown mode {mode}"));
        }
        let mut options = Self {
            mode,
            target: words.next().ok_or("a target is missing")?,
            path: "/".into(),
            requests: None,
            connections: 16,
            method: "GET".into(),
            delays: vec![300, 0],
            pause: Duration::ZERO,
            limit: None,
            all: false,
        };
        while let Some(option) = words.next() {
            if option == "--all" {
                options.all = true;
                continue;
            }
            let value = words.next().ok_or(format!("{option} wants a value"))?;
            match option.as_str() {
                "--path" => options.path = value,
                "--requests" => options.requests = Some(number(&value)? as usize),
                "--connections" => options.connections = number(&value)? as usize,
                "--method" if value == "GET" || value == "POST" => options.method = value,
                "--ms" => options.delays = value.split(',').map(number).collect::<Result<_, _>>()?,
                "--pause" => options.pause = Duration::from_millis(number(&value)?),
                "--seconds" => options.limit = Some(Duration::from_secs(number(&value)?)),
                _ => return Err(format!("{option} {value} is not understood")),
            }
        }
        Ok(options)
    }
}

fn number(word: &str) -> Result<u64, String> {
    word.parse().map_err(|_| format!("{word} is not a number"))
}

/// One client's side: a connection that is opened when it is needed, and what became of its requests.
struct Session<'a> {
    target: &'a str,
    number: usize,
    clock: Clock,
    open: Option<Connection>,
    opened: usize,
    outcomes: Vec<Outcome>,
}

impl<'a> Session<'a> {
    fn new(target: &'a str, number: usize, clock: Clock) -> Self {
        Self {
            target,
            number,
            clock,
            open: None,
            opened: 0,
            outcomes: Vec::new(),
        }
    }

    /// Sends one request and records its outcome; says whether it went well.
    fn request(&mut self, method: &str, path: &str) -> bool {
        let start = self.clock.elapsed();
        let result = self.attempt(method, path);
        let (kind, replica, retry_after) = match result {
            Ok(answer) => {
                let kind = record::outcome_kind(answer.status, answer.replica.as_deref());
                (kind, answer.replica, answer.retry_after)
            }
            Err(kind) => {
                self.open = None;
                (kind, None, None)
            }
        };
        let latency = self.clock.elapsed() - start;
        let outcome = Outcome {
            start,
            latency,
            connection: self.number,
            kind,
            replica,
            retry_after,
        };
        let ok = outcome.is_ok();
        self.outcomes.push(outcome);
        ok
    }

    fn attempt(&mut self, method: &str, path: &str) -> Result<http::Answer, String> {
        // A server may close an idle connection at any time: seen before the request is written,
        // that is no failure. Seen after, it is one.
        let connection = match self.open.take().filter(Connection::is_open) {
            Some(connection) => connection,
            None => {
                self.opened += 1;
                Connection::open(self.target)?
            }
        };
        self.open.insert(connection).send(method, path)
    }
}

/// The walk of the README: spread over connections, then over the requests of one connection.
fn hello(options: &Options) -> io::Result<bool> {
    let count = options.requests.unwrap_or(30);
    let clock = Clock::start();
    let together = on_threads(count, |number| {
        let mut session = Session::new(&options.target, number, clock);
        session.request("GET", "/");
        session.outcomes
    });
    println!("{count} requests at the same time:");
    record::print_hits(&together, &mut io::stdout())?;

    let mut session = Session::new(&options.target, 0, clock);
    for _ in 0..count {
        session.request("GET", "/");
    }
    println!(
        "{count} requests in sequence, connections used: {}",
        session.opened
    );
    record::print_hits(&session.outcomes, &mut io::stdout())?;
    Ok(together.iter().chain(&session.outcomes).all(Outcome::is_ok))
}

fn sequence(options: &Options) -> io::Result<bool> {
    let mut session = Session::new(&options.target, 0, Clock::start());
    for _ in 0..options.requests.unwrap_or(300) {
        session.request("GET", &options.path);
    }
    println!("connections\t{}", session.opened);
    record::print(
        session.clock,
        &mut session.outcomes,
        options.all,
        &mut io::stdout(),
    )?;
    Ok(session.outcomes.iter().all(Outcome::is_ok))
}

fn load(options: &Options) -> io::Result<bool> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let clock = Clock::start();
    let over = || stop.load(Ordering::Relaxed) || options.limit.is_some_and(|limit| clock.elapsed() >= limit);
    let mut outcomes = on_threads(options.connections, |number| {
        let mut session = Session::new(&options.target, number, clock);
        // Each connection begins at another place of the turn, so that slow and short requests mix.
        let mut delays = options.delays.iter().cycle().skip(number % options.delays.len());
        while !over() {
            let delay = delays.next().copied().unwrap_or(0);
            if !session.request(&options.method, &format!("/?ms={delay}")) {
                thread::sleep(AFTER_FAILURE);
            }
            thread::sleep(options.pause);
        }
        session.outcomes
    });
    record::print(clock, &mut outcomes, options.all, &mut io::stdout().lock())?;
    Ok(outcomes.iter().all(Outcome::is_ok))
}

fn on_threads(count: usize, run: impl Fn(usize) -> Vec<Outcome> + Sync) -> Vec<Outcome> {
    let run = &run;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|number| scope.spawn(move || run(number)))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_default())
            .collect()
    })
}

/// Run beside a frozen app, in its network: the kernel goes on receiving for it, so requests that are
/// still sent there can be seen as bytes that wait. Prints the peer and the bytes of each connection.
fn queued(port: &str) -> io::Result<bool> {
    let port: u16 = port.parse().map_err(|_| io::ErrorKind::InvalidInput)?;
    let suffix = format!(":{port:04X}");
    for line in std::fs::read_to_string("/proc/net/tcp")?.lines().skip(1) {
        let fields: Vec<_> = line.split_whitespace().collect();
        let &[_, local, peer, state, queues, ..] = fields.as_slice() else {
            continue;
        };
        let received = queues
            .split_once(':')
            .and_then(|(_, bytes)| u64::from_str_radix(bytes, 16).ok());
        // The peer's FIN is counted as a byte, and CLOSE_WAIT is the state that it leads to.
        let fin = u64::from(state == "08");
        match received.unwrap_or(0).saturating_sub(fin) {
            bytes @ 1.. if local.ends_with(&suffix) && state != "0A" => println!("{peer}\t{bytes}"),
            _ => {}
        }
    }
    Ok(true)
}
