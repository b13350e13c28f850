//! A client that writes bytes and reads responses strictly: what it takes for a response is one, and ends where
//! it says it ends. Everything that waits has a limit.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::SockRef;

use super::LIMIT;

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    /// Read, and not yet taken.
    buffer: Vec<u8>,
}

/// Names in lower case, in the order in which they came.
pub(crate) type Fields = Vec<(String, Vec<u8>)>;

/// A whole response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Response {
    pub(crate) version: String,
    pub(crate) status: u16,
    pub(crate) fields: Fields,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Fields,
    /// Interim responses that came before it.
    pub(crate) interim: Vec<(u16, Fields)>,
}

/// Why there was no whole response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Broken {
    /// The connection ended. Carries the status, when the head was complete, and everything after the head.
    Ended(Option<u16>, Vec<u8>),
    /// Nothing came within the limit.
    Late,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, LIMIT).expect("the gateway accepts");
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_write_timeout(Some(LIMIT)).unwrap();
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    /// Sends bytes. A peer that has closed shows when reading.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.stream.write_all(bytes.as_ref());
        self
    }

    /// Sends as much of `bytes` as the peer takes; gives up when it takes nothing for `patience`. Returns how much
    /// it took.
    pub(crate) fn send_until_stuck(&mut self, bytes: &[u8], patience: Duration) -> usize {
        self.stream.set_write_timeout(Some(patience)).unwrap();
        let mut sent = 0;
        while sent < bytes.len() {
            match self.stream.write(&bytes[sent..]) {
                Ok(0) | Err(_) => break,
                Ok(n) => sent += n,
            }
        }
        self.stream.set_write_timeout(Some(LIMIT)).unwrap();
        sent
    }

    /// `GET path` and its response.
    pub(crate) fn get(&mut self, path: &str) -> Response {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        self.response()
    }

    /// `GET path` and its status, if there is an answer.
    pub(crate) fn try_get(&mut self, path: &str) -> Option<u16> {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        Some(self.try_response().ok()?.status)
    }

    /// The next response, to anything but HEAD.
    #[track_caller]
    pub(crate) fn response(&mut self) -> Response {
        self.try_response().expect("a whole response")
    }

    pub(crate) fn try_response(&mut self) -> Result<Response, Broken> {
        self.read_response(true)
    }

    /// The next response, to HEAD.
    #[track_caller]
    pub(crate) fn response_to_head(&mut self) -> Response {
        self.read_response(false).expect("a whole response")
    }

    /// The next final response's head; its body stays unread.
    #[track_caller]
    pub(crate) fn head(&mut self) -> Response {
        let mut interim = Vec::new();
        loop {
            let head = self.read_head().expect("a response head");
            if (100..200).contains(&head.status) && head.status != 101 {
                interim.push((head.status, head.fields));
                continue;
            }
            return Response { interim, ..head };
        }
    }

    /// The next head, be it interim or final.
    #[track_caller]
    pub(crate) fn any_head(&mut self) -> Response {
        self.read_head().expect("a response head")
    }

    fn read_response(&mut self, may_have_body: bool) -> Result<Response, Broken> {
        let mut interim = Vec::new();
        let mut response = loop {
            let head = self.read_head()?;
            if (100..200).contains(&head.status) && head.status != 101 {
                interim.push((head.status, head.fields));
                continue;
            }
            break head;
        };
        response.interim = interim;
        let broken = |body: Vec<u8>| Broken::Ended(Some(response.status), body);
        if !may_have_body || matches!(response.status, 101 | 204 | 304) {
            return Ok(response);
        }
        let (codings, lengths) = (response.all("transfer-encoding"), response.all("content-length"));
        match (codings.as_slice(), lengths.as_slice()) {
            ([coding], []) => {
                assert_eq!(coding, "chunked");
                assert_eq!(response.version, "HTTP/1.1", "chunked to an old client");
                (response.body, response.trailers) = self.read_chunks().map_err(broken)?;
            }
            ([], [length]) => {
                assert!(length.bytes().all(|b| b.is_ascii_digit()), "{length}");
                let length = length.parse().unwrap();
                response.body = self.exactly(length).map_err(broken)?;
            }
            ([], []) => {
                assert!(response.closes(), "no length, and the connection stays open");
                response.body = self.rest().ok_or(Broken::Late)?;
            }
            other => panic!("two lengths: {other:?}"),
        }
        Ok(response)
    }

    fn read_head(&mut self) -> Result<Response, Broken> {
        let end = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            match self.fill() {
                Filled::Some => {}
                Filled::End => return Err(Broken::Ended(None, std::mem::take(&mut self.buffer))),
                Filled::Late => return Err(Broken::Late),
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        let mut lines = lines(&head);
        let status_line = String::from_utf8(lines.remove(0)).expect("a status line in ASCII");
        let (version, rest) = status_line.split_once(' ').expect("a status line");
        assert!(matches!(version, "HTTP/1.1" | "HTTP/1.0"), "{status_line}");
        let (status, _) = rest.split_once(' ').expect("a space after the status");
        assert_eq!(status.len(), 3, "{status_line}");
        Ok(Response {
            version: version.to_owned(),
            status: status.parse().expect("a status"),
            fields: lines.iter().map(|line| field(line)).collect(),
            body: Vec::new(),
            trailers: Vec::new(),
            interim: Vec::new(),
        })
    }

    fn read_chunks(&mut self) -> Result<(Vec<u8>, Fields), Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let Some(line) = self.line() else { return Err(body) };
            let size = std::str::from_utf8(&line).expect("a chunk size");
            assert!(
                !size.is_empty() && size.bytes().all(|b| b.is_ascii_hexdigit()),
                "a bare chunk size, not {size:?}"
            );
            let size = usize::from_str_radix(size, 16).unwrap();
            if size == 0 {
                break;
            }
            match self.exactly(size) {
                Ok(data) => body.extend(data),
                Err(part) => {
                    body.extend(part);
                    return Err(body);
                }
            }
            match self.exactly(2) {
                Ok(end) => assert_eq!(end, b"\r\n"),
                Err(_) => return Err(body),
            }
        }
        let mut trailers = Vec::new();
        loop {
            match self.line() {
                None => return Err(body),
                Some(line) if line.is_empty() => return Ok((body, trailers)),
                Some(line) => trailers.push(field(&line)),
            }
        }
    }

    fn line(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                let mut line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                line.truncate(end);
                return Some(line);
            }
            if self.fill() != Filled::Some {
                return None;
            }
        }
    }

    /// `length` bytes, or what there was of them.
    pub(crate) fn exactly(&mut self, length: usize) -> Result<Vec<u8>, Vec<u8>> {
        while self.buffer.len() < length {
            if self.fill() != Filled::Some {
                return Err(std::mem::take(&mut self.buffer));
            }
        }
        Ok(self.buffer.drain(..length).collect())
    }

    /// Everything until the peer closes; `None` when it does not.
    pub(crate) fn rest(&mut self) -> Option<Vec<u8>> {
        loop {
            match self.fill() {
                Filled::Some => {}
                Filled::End => return Some(std::mem::take(&mut self.buffer)),
                Filled::Late => return None,
            }
        }
    }

    /// The peer closes, and says nothing more.
    #[track_caller]
    pub(crate) fn assert_closed(&mut self) {
        let rest = self.rest().expect("the connection is closed");
        assert!(rest.is_empty(), "{:?}", String::from_utf8_lossy(&rest));
    }

    /// Another request on the same connection works.
    #[track_caller]
    pub(crate) fn assert_open(&mut self) {
        let response = self.get("/still-open");
        assert_eq!(response.status, 200);
    }

    /// Nothing comes for `how_long`, and the peer does not close.
    pub(crate) fn is_quiet_for(&mut self, how_long: Duration) -> bool {
        self.stream.set_read_timeout(Some(how_long)).unwrap();
        let filled = self.fill();
        self.stream.set_read_timeout(Some(LIMIT)).unwrap();
        filled == Filled::Late
    }

    /// The peer ends the connection with a reset.
    pub(crate) fn is_reset(&mut self) -> bool {
        let mut bytes = [0; 1024];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) => return error.kind() == ErrorKind::ConnectionReset,
            }
        }
    }

    /// Closes the sending side.
    pub(crate) fn finish(&mut self) -> &mut Self {
        let _ = self.stream.shutdown(Shutdown::Write);
        self
    }

    /// Closes with a reset.
    pub(crate) fn reset(self) {
        SockRef::from(&self.stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }

    fn fill(&mut self) -> Filled {
        let mut bytes = [0; 16 * 1024];
        loop {
            return match self.stream.read(&mut bytes) {
                Ok(0) => Filled::End,
                Ok(n) => {
                    self.buffer.extend_from_slice(&bytes[..n]);
                    Filled::Some
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    Filled::Late
                }
                Err(_) => Filled::End,
            };
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Filled {
    Some,
    End,
    Late,
}

impl Response {
    /// The only line of this name.
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        only(&self.fields, name)
    }

    /// Every line of this name, in order.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        every(&self.fields, name)
    }

    /// It says that the connection ends with it.
    pub(crate) fn closes(&self) -> bool {
        let options = self.all("connection").join(",").to_ascii_lowercase();
        let says = |option: &str| options.split(',').any(|said| said.trim() == option);
        says("close") || (self.version == "HTTP/1.0" && !says("keep-alive"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One request on a connection of its own.
#[track_caller]
pub(crate) fn exchange(address: SocketAddr, request: impl AsRef<[u8]>) -> Response {
    Client::connect(address).send(request).response()
}

/// The lines of a head, which end with CRLF and hold no other CR, LF or NUL.
pub(crate) fn lines(head: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    let mut rest = head;
    while let Some(end) = find(rest, b"\r\n") {
        let line = &rest[..end];
        assert!(
            !line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)),
            "a control character in {:?}",
            String::from_utf8_lossy(line)
        );
        if !line.is_empty() {
            lines.push(line.to_vec());
        }
        rest = &rest[end + 2..];
    }
    assert!(rest.is_empty());
    lines
}

/// `name: value`.
pub(crate) fn field(line: &[u8]) -> (String, Vec<u8>) {
    let colon = line.iter().position(|byte| *byte == b':').expect("a colon");
    let name = std::str::from_utf8(&line[..colon]).expect("a name in ASCII");
    assert!(
        !name.is_empty() && !name.contains([' ', '\t']),
        "a field name, not {name:?}"
    );
    (name.to_ascii_lowercase(), line[colon + 1..].trim_ascii().to_vec())
}

/// The value of the only line of this name.
#[track_caller]
pub(super) fn only(fields: &Fields, name: &str) -> Option<String> {
    let mut all = every(fields, name);
    assert!(all.len() < 2, "{name} more than once: {all:?}");
    all.pop()
}

/// The values of every line of this name, in order.
pub(super) fn every(fields: &Fields, name: &str) -> Vec<String> {
    fields
        .iter()
        .filter(|(field, _)| field.eq_ignore_ascii_case(name))
        .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        .collect()
}

pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
