//! The app: says which replica it is, over HTTP/1.1 with keep-alive, on port 12345.
//!
//! It is the worst kind of app on purpose: at SIGTERM it exits at once and cuts every request it has.
//! A gateway that loses nothing in front of it loses nothing in front of a better one.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use signal_hook::consts::SIGTERM;

/// A line longer than this ends the connection.
const MAX_LINE: u64 = 16 * 1024;
/// The threads are many (one per connection) and shallow.
const STACK: usize = 128 * 1024;

fn main() -> io::Result<()> {
    // A process with number 1 ignores SIGTERM unless it asks for it. This handler is `_exit`.
    signal_hook::flag::register_conditional_shutdown(SIGTERM, 0, Arc::new(AtomicBool::new(true)))?;
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")?;
    let greeting: Arc<str> = format!("Hello, world! I am {}\n", name.trim()).into();

    let port = std::env::args().nth(1).unwrap_or_else(|| "12345".into());
    let listener = TcpListener::bind(format!("0.0.0.0:{port}"))?;
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        let greeting = Arc::clone(&greeting);
        // A connection that gets no thread is dropped, which closes it.
        let _ = thread::Builder::new()
            .stack_size(STACK)
            .spawn(move || serve(stream, &greeting));
    }
    Ok(())
}

/// One connection, until the peer closes it, asks to close it or breaks the protocol.
fn serve(stream: TcpStream, greeting: &str) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut output = stream.try_clone()?;
    let mut input = BufReader::new(stream);
    while let Some(request) = Request::read(&mut input)? {
        if request.expects_continue {
            output.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        request.body.discard(&mut input)?;
        thread::sleep(request.delay);
        let connection = if request.keep_alive { "keep-alive" } else { "close" };
        let body = if request.is_head { "" } else { greeting };
        write!(
            output,
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: {connection}\r\n\r\n{body}",
            greeting.len(),
        )?;
        if !request.keep_alive {
            break;
        }
    }
    Ok(())
}

struct Request {
    delay: Duration,
    body: Body,
    expects_continue: bool,
    is_head: bool,
    keep_alive: bool,
}

impl Request {
    /// The next request, or `None` where the peer closed between two of them.
    fn read(input: &mut impl BufRead) -> io::Result<Option<Self>> {
        let start = read_line(input)?;
        if start.is_empty() {
            return Ok(None);
        }
        let mut words = start.split(' ');
        let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next()) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let mut request = Self {
            delay: delay(target),
            body: Body::Sized(0),
            expects_continue: false,
            is_head: method == "HEAD",
            keep_alive: version == "HTTP/1.1",
        };
        loop {
            let line = read_line(input)?;
            if line.is_empty() {
                return Ok(Some(request));
            }
            request.header(&line)?;
        }
    }

    fn header(&mut self, line: &str) -> io::Result<()> {
        let Some((name, value)) = line.split_once(':') else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let value = value.trim().to_ascii_lowercase();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => {
                let length = value.parse().map_err(|_| io::ErrorKind::InvalidData)?;
                self.body = Body::Sized(length);
            }
            "transfer-encoding" if value.ends_with("chunked") => self.body = Body::Chunked,
            "connection" if value.contains("close") => self.keep_alive = false,
            "connection" if value.contains("keep-alive") => self.keep_alive = true,
            "expect" => self.expects_continue = value == "100-continue",
            _ => {}
        }
        Ok(())
    }
}

enum Body {
    Sized(u64),
    Chunked,
}

impl Body {
    fn discard(self, input: &mut impl BufRead) -> io::Result<()> {
        match self {
            Body::Sized(length) => skip(input, length),
            Body::Chunked => loop {
                let line = read_line(input)?;
                let size = line.split(';').next().unwrap_or_default().trim();
                let size = u64::from_str_radix(size, 16).map_err(|_| io::ErrorKind::InvalidData)?;
                if size == 0 {
                    while !read_line(input)?.is_empty() {}
                    return Ok(());
                }
                skip(input, size)?;
                read_line(input)?;
            },
        }
    }
}

fn skip(input: &mut impl BufRead, length: u64) -> io::Result<()> {
    match io::copy(&mut input.take(length), &mut io::sink())? {
        read if read == length => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// A line without its end; empty at the end of the stream.
fn read_line(input: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    input.take(MAX_LINE).read_line(&mut line)?;
    if !line.is_empty() && !line.ends_with('\n') {
        return Err(io::ErrorKind::InvalidData.into());
    }
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}

/// How long `?ms=N` asks to wait; at most a minute.
fn delay(target: &str) -> Duration {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let ms = query.split('&').find_map(|pair| pair.strip_prefix("ms="));
    Duration::from_millis(ms.and_then(|ms| ms.parse().ok()).unwrap_or(0).min(60_000))
}
