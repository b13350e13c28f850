//! One request and its answer, and a server with one answer: for what is asked once, and is no load.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// Longer than a gateway may think about a request.
const LIMIT: Duration = Duration::from_secs(30);

/// Prints the status on a line of its own, then the body; says whether it is a 200.
pub fn get(target: &str, path: &str) -> io::Result<bool> {
    let mut stream = TcpStream::connect(target)?;
    stream.set_read_timeout(Some(LIMIT))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).ok_or(io::ErrorKind::InvalidData)?;
    println!("{status}\n{body}");
    Ok(status == "200")
}

/// Answers every request on port 8080 with a file, as JSON.
pub fn answer(file: &str) -> io::Result<bool> {
    let body = std::fs::read_to_string(file)?;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
    for stream in TcpListener::bind("0.0.0.0:8080")?.incoming() {
        let mut stream = stream?;
        stream.set_read_timeout(Some(LIMIT))?;
        let lines = BufReader::new(stream.try_clone()?).lines();
        // One that breaks off is nobody's loss: whoever asks asks again.
        for line in lines.map_while(Result::ok) {
            if line.is_empty() {
                let _ = write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len());
                break;
            }
        }
    }
    Ok(true)
}
