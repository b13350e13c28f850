//! One HTTP/1.1 connection as a well-behaved client keeps it, and the names of the ways it can fail.
//! No retries and no pool live here: each failure reaches whoever counts it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Far above the slowest answer that any scenario allows, so that a hang is counted as one.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// The size of a POST's body: more than a packet, less than any limit.
const BODY: &[u8] = &[b'x'; 2048];

pub struct Connection {
    input: BufReader<TcpStream>,
    host: String,
    /// The last answer said `Connection: close`, or its end was the end of the stream.
    finished: bool,
}

pub struct Answer {
    pub status: u16,
    /// Who answered, where the body is the app's greeting.
    pub replica: Option<String>,
    pub retry_after: Option<String>,
}

impl Connection {
    /// Resolves the name anew, and tries its first address only: going on to a second one would hide
    /// that the first, which DNS offered, did not work.
    pub fn open(target: &str) -> Result<Self, String> {
        let address = target
            .to_socket_addrs()
            .ok()
            .and_then(|mut all| all.next())
            .ok_or("resolve")?;
        let stream = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).map_err(kind("connect"))?;
        stream.set_nodelay(true).map_err(kind("connect"))?;
        stream
            .set_read_timeout(Some(READ_TIMEOUT))
            .map_err(kind("connect"))?;
        Ok(Self {
            input: BufReader::new(stream),
            host: target.into(),
            finished: false,
        })
    }

    /// Whether a request may still be sent: the server neither announced nor made an end.
    pub fn is_open(&self) -> bool {
        let stream = self.input.get_ref();
        let waits = |stream: &TcpStream| {
            stream.set_nonblocking(true)?;
            let seen = stream.peek(&mut [0]);
            stream.set_nonblocking(false)?;
            seen
        };
        !self.finished && waits(stream).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    pub fn send(&mut self, method: &str, path: &str) -> Result<Answer, String> {
        self.write(method, path).map_err(kind("write"))?;
        let (status, headers) = loop {
            let (status, headers) = self.read_head()?;
            if status >= 200 {
                break (status, headers);
            }
        };
        let header = |name: &str| {
            headers
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, value)| value.as_str())
        };
        let body = self.read_body(status, header("content-length"), header("transfer-encoding"))?;
        self.finished |= header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        let replica = String::from_utf8_lossy(&body)
            .trim()
            .strip_prefix("Hello, world! I am ")
            .map(str::to_owned);
        Ok(Answer {
            status,
            replica,
            retry_after: header("retry-after").map(str::to_owned),
        })
    }

    fn write(&mut self, method: &str, path: &str) -> io::Result<()> {
        let body = if method == "POST" { BODY } else { &[] };
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.host).into_bytes();
        if method == "POST" {
            write!(
                request,
                "content-type: text/plain\r\ncontent-length: {}\r\n",
                body.len()
            )?;
        }
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(body);
        self.input.get_mut().write_all(&request)
    }

    fn read_head(&mut self) -> Result<(u16, Vec<(String, String)>), String> {
        // Nothing at all came back: this is what a request lost to a dying server looks like.
        let start = self.read_line("closed-unanswered")?;
        let status = start.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
        let status = status.and_then(|status| status.parse().ok()).ok_or("protocol")?;
        let mut headers = Vec::new();
        loop {
            let line = self.read_line("cut")?;
            if line.is_empty() {
                return Ok((status, headers));
            }
            let (name, value) = line.split_once(':').ok_or("protocol")?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    fn read_body(
        &mut self,
        status: u16,
        length: Option<&str>,
        coding: Option<&str>,
    ) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        if status == 204 || status == 304 {
            return Ok(body);
        }
        if coding.is_some() {
            loop {
                let line = self.read_line("cut")?;
                let size = line.split(';').next().unwrap_or_default().trim();
                let size = u64::from_str_radix(size, 16).map_err(|_| "protocol")?;
                if size == 0 {
                    while !self.read_line("cut")?.is_empty() {}
                    return Ok(body);
                }
                self.read_exactly(size, &mut body)?;
                self.read_line("cut")?;
            }
        }
        match length {
            Some(length) => self.read_exactly(length.parse().map_err(|_| "protocol")?, &mut body)?,
            None => {
                self.finished = true;
                self.input.read_to_end(&mut body).map_err(kind("read"))?;
            }
        }
        Ok(body)
    }

    fn read_exactly(&mut self, length: u64, into: &mut Vec<u8>) -> Result<(), String> {
        match (&mut self.input)
            .take(length)
            .read_to_end(into)
            .map_err(kind("read"))? as u64
        {
            read if read == length => Ok(()),
            _ => Err("cut".into()),
        }
    }

    /// A line without its end; the end of the stream is the failure called `at_end`.
    fn read_line(&mut self, at_end: &str) -> Result<String, String> {
        let mut line = String::new();
        match self.input.read_line(&mut line).map_err(kind("read"))? {
            0 => Err(at_end.into()),
            _ if !line.ends_with('\n') => Err("cut".into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }
}

/// Names a transport error by what was being done and what happened: `connect-refused`, `read-timeout`.
fn kind(doing: &str) -> impl Fn(io::Error) -> String + '_ {
    move |error| {
        let happened = match error.kind() {
            io::ErrorKind::ConnectionRefused => "refused",
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "reset",
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "timeout",
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "unreachable",
            _ => "error",
        };
        format!("{doing}-{happened}")
    }
}
