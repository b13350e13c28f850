//! A scripted HTTP/1 server on a raw socket. It does what the script says, however wrong, and remembers every
//! byte that it was sent, on which connection, and how each connection ended.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use super::LIMIT;
use super::client::{Fields, every, field, find, lines, only};

/// Answers until it is dropped.
pub(crate) struct Origin {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    connections: Mutex<Vec<Arc<Connection>>>,
    requests: Mutex<Vec<Request>>,
    closing: AtomicBool,
}

/// One accepted connection.
struct Connection {
    /// `None` once it was reset.
    stream: Mutex<Option<Arc<TcpStream>>>,
    received: Mutex<Vec<u8>>,
    ended: AtomicBool,
}

/// A request that arrived whole.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Request {
    /// Which connection it came on, in the order of accepting.
    pub(crate) connection: usize,
    /// `GET / HTTP/1.1`.
    pub(crate) line: String,
    pub(crate) fields: Fields,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Fields,
}

/// A request head that arrived, and the connection to answer on.
pub(crate) struct Visit<'a> {
    pub(crate) request: Request,
    connection: &'a Connection,
    stream: &'a TcpStream,
    shared: &'a Shared,
    buffer: &'a mut Vec<u8>,
    /// The body has been read.
    whole: bool,
    /// No other request is read from this connection.
    over: bool,
}

/// An origin that does this for each request head.
pub(crate) fn origin(script: impl Fn(&mut Visit<'_>) + Send + Sync + 'static) -> Origin {
    Origin::bind(None, script)
}

/// An origin that reads each request and sends these bytes.
pub(crate) fn answering(bytes: impl AsRef<[u8]>) -> Origin {
    let bytes = bytes.as_ref().to_vec();
    origin(move |visit| {
        visit.read();
        visit.send(&bytes);
    })
}

/// An origin that answers every request with this name.
pub(crate) fn named(name: &str) -> Origin {
    let answer = ok(name);
    origin(move |visit| {
        visit.read();
        visit.send(&answer);
    })
}

/// A 200 with this body.
pub(crate) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// An origin that accepts, and never says a word.
pub(crate) fn silent() -> Origin {
    origin(|visit| {
        visit.read();
        visit.wait();
    })
}

/// An address where nobody listens, and nobody else will: it is bound.
pub(crate) struct Nobody(socket2::Socket);

impl Nobody {
    pub(crate) fn new() -> Self {
        let socket = socket();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        socket.bind(&any.into()).unwrap();
        Self(socket)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap().as_socket().unwrap()
    }
}

fn socket() -> socket2::Socket {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket
}

impl Origin {
    /// At this address, when it is given.
    pub(crate) fn bind(
        address: Option<SocketAddr>,
        script: impl Fn(&mut Visit<'_>) + Send + Sync + 'static,
    ) -> Self {
        let listener = match address {
            Some(address) => {
                let socket = socket();
                socket.bind(&address.into()).unwrap();
                socket.listen(128).unwrap();
                TcpListener::from(socket)
            }
            None => TcpListener::bind("127.0.0.1:0").unwrap(),
        };
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            connections: Mutex::default(),
            requests: Mutex::default(),
            closing: AtomicBool::new(false),
        });
        let (accepting, script) = (Arc::clone(&shared), Arc::new(script));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if accepting.closing.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                stream.set_nodelay(true).unwrap();
                let stream = Arc::new(stream);
                let connection = Arc::new(Connection {
                    stream: Mutex::new(Some(Arc::clone(&stream))),
                    received: Mutex::default(),
                    ended: AtomicBool::new(false),
                });
                let number = {
                    let mut connections = accepting.connections.lock().unwrap();
                    connections.push(Arc::clone(&connection));
                    connections.len() - 1
                };
                let (shared, script) = (Arc::clone(&accepting), Arc::clone(&script));
                thread::spawn(move || serve(&connection, &stream, number, &shared, &*script));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every request that arrived whole.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// The only request that arrived.
    #[track_caller]
    pub(crate) fn request(&self) -> Request {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }

    /// What each connection was sent, in the order of accepting.
    pub(crate) fn received(&self) -> Vec<Vec<u8>> {
        let connections = self.shared.connections.lock().unwrap();
        connections
            .iter()
            .map(|connection| connection.received.lock().unwrap().clone())
            .collect()
    }

    /// Connections that were accepted.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.lock().unwrap().len()
    }

    /// Connections that the other side has not closed.
    pub(crate) fn open(&self) -> usize {
        let connections = self.shared.connections.lock().unwrap();
        connections
            .iter()
            .filter(|connection| !connection.ended.load(Ordering::SeqCst))
            .count()
    }

    /// Closes every connection that there is, as servers do with idle ones.
    pub(crate) fn close_connections(&self) {
        for connection in &*self.shared.connections.lock().unwrap() {
            if let Some(stream) = &*connection.stream.lock().unwrap() {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }

    /// Closes the sending side of every connection, and sees it end when the other side has noticed.
    pub(crate) fn finish_connections(&self) {
        for connection in &*self.shared.connections.lock().unwrap() {
            if let Some(stream) = &*connection.stream.lock().unwrap() {
                let _ = stream.shutdown(Shutdown::Write);
            }
        }
    }

    /// Sends bytes on every open connection that nobody asked for.
    pub(crate) fn interrupt(&self, bytes: &[u8]) {
        for connection in &*self.shared.connections.lock().unwrap() {
            if let Some(stream) = &*connection.stream.lock().unwrap() {
                let _ = (&**stream).write_all(bytes);
            }
        }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, which then lets go of the port.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        self.close_connections();
    }
}

fn serve(
    connection: &Connection,
    stream: &TcpStream,
    number: usize,
    shared: &Shared,
    script: &dyn Fn(&mut Visit<'_>),
) {
    let mut buffer = Vec::new();
    while let Some(head) = read_head(connection, stream, &mut buffer) {
        let mut lines = lines(&head);
        let mut visit = Visit {
            request: Request {
                connection: number,
                line: String::from_utf8(lines.remove(0)).expect("a request line in ASCII"),
                fields: lines.iter().map(|line| field(line)).collect(),
                body: Vec::new(),
                trailers: Vec::new(),
            },
            connection,
            stream,
            shared,
            buffer: &mut buffer,
            whole: false,
            over: false,
        };
        script(&mut visit);
        if visit.over || !visit.read() {
            break;
        }
    }
    // What is still open now waits for the other side to end, and remembers what it says.
    while connection.stream.lock().unwrap().is_some() && fill(connection, stream, &mut buffer) {}
    connection.ended.store(true, Ordering::SeqCst);
}

fn read_head(connection: &Connection, stream: &TcpStream, buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        if let Some(end) = find(buffer, b"\r\n\r\n") {
            return Some(buffer.drain(..end + 4).collect());
        }
        if !fill(connection, stream, buffer) {
            return None;
        }
    }
}

/// False when the connection has ended.
fn fill(connection: &Connection, mut stream: &TcpStream, buffer: &mut Vec<u8>) -> bool {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return false,
            Ok(n) => {
                connection.received.lock().unwrap().extend_from_slice(&bytes[..n]);
                buffer.extend_from_slice(&bytes[..n]);
                return true;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
}

impl Visit<'_> {
    /// Reads the body, and remembers the request; false when it does not arrive whole.
    pub(crate) fn read(&mut self) -> bool {
        if !self.whole {
            let Some(()) = self.read_body() else { return false };
            self.whole = true;
            self.shared.requests.lock().unwrap().push(self.request.clone());
        }
        true
    }

    fn read_body(&mut self) -> Option<()> {
        let (codings, lengths) = (
            self.request.all("transfer-encoding"),
            self.request.all("content-length"),
        );
        match (codings.as_slice(), lengths.as_slice()) {
            ([], []) => {}
            ([], [length]) => {
                assert!(length.bytes().all(|b| b.is_ascii_digit()), "{length}");
                self.request.body = self.exactly(length.parse().unwrap())?;
            }
            ([coding], []) => {
                assert_eq!(coding, "chunked");
                loop {
                    let size = self.line()?;
                    let size = usize::from_str_radix(std::str::from_utf8(&size).unwrap(), 16)
                        .expect("a bare chunk size");
                    if size == 0 {
                        break;
                    }
                    let data = self.exactly(size)?;
                    self.request.body.extend(data);
                    assert_eq!(self.exactly(2)?, b"\r\n");
                }
                loop {
                    let line = self.line()?;
                    if line.is_empty() {
                        break;
                    }
                    self.request.trailers.push(field(&line));
                }
            }
            other => panic!("the gateway sent two lengths: {other:?}"),
        }
        Some(())
    }

    fn line(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = find(self.buffer, b"\r\n") {
                let mut line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                line.truncate(end);
                return Some(line);
            }
            if !fill(self.connection, self.stream, self.buffer) {
                return None;
            }
        }
    }

    /// Bytes of the body, or of whatever follows.
    pub(crate) fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < length {
            if !fill(self.connection, self.stream, self.buffer) {
                return None;
            }
        }
        Some(self.buffer.drain(..length).collect())
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Sends until the other side takes nothing for `patience`; returns how much it took.
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

    /// Sends back what comes, until the other side stops sending.
    pub(crate) fn echo(&mut self) {
        loop {
            let bytes = std::mem::take(self.buffer);
            self.send(bytes);
            if !fill(self.connection, self.stream, self.buffer) {
                return;
            }
        }
    }

    /// Closes.
    pub(crate) fn close(&mut self) {
        self.over = true;
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Closes the sending side.
    pub(crate) fn finish(&mut self) {
        self.over = true;
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Closes with a reset.
    pub(crate) fn reset(&mut self) {
        self.over = true;
        SockRef::from(self.stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
        // The last handle is the serving thread's, which ends after this.
        *self.connection.stream.lock().unwrap() = None;
    }

    /// Reads nothing, says nothing, until the other side closes.
    pub(crate) fn wait(&mut self) {
        self.over = true;
    }

    pub(crate) fn target(&self) -> &str {
        self.request.line.split(' ').nth(1).unwrap()
    }
}

impl Request {
    /// The only line of this name.
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        only(&self.fields, name)
    }

    /// Every line of this name, in order.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        every(&self.fields, name)
    }

    pub(crate) fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap()
    }
}
