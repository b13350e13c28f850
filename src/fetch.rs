//! A bounded HTTP(S) GET for the control runtime: key sets, components. Requests of exchanges do not pass here.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, HOST, USER_AGENT};
use http::uri::{Authority, Scheme};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::tls;

/// How long one address may take to accept, so that another one gets its turn.
const CONNECT: Duration = Duration::from_secs(3);

/// What is waited for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// For everything: name, connection, handshake, the last byte of the body.
    pub time: Duration,
    /// Bytes of the body.
    pub size: usize,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not `http://host[:port]/path` or `https://…`.
    #[error("not a URL that can be fetched: {0}")]
    Url(&'static str),
    /// The name has no address.
    #[error("`{host}` could not be resolved: {source}")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// None of the addresses accepts.
    #[error("no connection: {0}")]
    Connect(io::Error),
    /// No handshake: above all, a certificate that is not believed.
    #[error("no TLS: {0}")]
    Tls(io::Error),
    /// Not in time.
    #[error("not in time")]
    Timeout,
    /// The connection broke, or what came is not HTTP.
    #[error("no valid response: {0}")]
    Http(hyper::Error),
    /// Another status than 200. Redirects are not followed.
    #[error("the answer was {0}")]
    Status(StatusCode),
    /// More than [`Limits::size`].
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
}

/// The body at a URL. One connection, which is closed after it; names are asked of the system.
///
/// # Errors
///
/// See [`Error`].
pub async fn get(tls: &tls::Client, url: &str, limits: Limits) -> Result<Bytes, Error> {
    let target = Target::parse(url)?;
    let fetched = tokio::time::timeout(limits.time, target.fetch(tls, limits.size));
    fetched.await.map_err(|_| Error::Timeout)?
}

/// Whether [`get`] would try.
///
/// # Errors
///
/// [`Error::Url`].
pub fn check(url: &str) -> Result<(), Error> {
    Target::parse(url).map(drop)
}

struct Target {
    secure: bool,
    authority: Authority,
    port: u16,
    path: String,
}

impl Target {
    fn parse(url: &str) -> Result<Self, Error> {
        let uri: Uri = url.parse().map_err(|_| Error::Url("it is not one"))?;
        let secure = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(Error::Url("it must begin with `https://` or `http://`")),
        };
        let authority = uri.authority().cloned().ok_or(Error::Url("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(Error::Url("it must not hold a user or a password"));
        }
        // A port that is there and is not one reads as none.
        let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
        if authority.host().is_empty() || authority.port().is_none() && authority.as_str().ends_with(':') {
            return Err(Error::Url("it has no host, or no port behind the colon"));
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self {
            secure,
            authority,
            port,
            path,
        })
    }

    async fn fetch(&self, tls: &tls::Client, size: usize) -> Result<Bytes, Error> {
        let stream = self.connect().await?;
        if !self.secure {
            return self.ask(stream, size).await;
        }
        let server = tls.server(self.authority.host()).map_err(Error::Tls)?;
        let stream = server.connect(stream).await.map_err(Error::Tls)?;
        self.ask(stream, size).await
    }

    async fn connect(&self) -> Result<TcpStream, Error> {
        let host = self.authority.host();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let resolved = tokio::net::lookup_host((bare, self.port)).await;
        let addresses: Vec<SocketAddr> = resolved
            .map_err(|source| Error::Resolve {
                host: host.to_owned(),
                source,
            })?
            .collect();
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in addresses {
            match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = error,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(Error::Connect(last))
    }

    async fn ask<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, size: usize) -> Result<Bytes, Error> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(Error::Http)?;
        let request = Request::get(&self.path)
            .header(HOST, self.authority.as_str())
            .header(USER_AGENT, concat!("gatewit/", env!("CARGO_PKG_VERSION")))
            .header(CONNECTION, "close")
            .body(Empty::<Bytes>::new())
            .map_err(|_| Error::Url("its path cannot be asked for"))?;
        let answer = async {
            let response = sender.send_request(request).await.map_err(Error::Http)?;
            match response.status() {
                StatusCode::OK => read(response.into_body(), size).await,
                other => Err(Error::Status(other)),
            }
        };
        tokio::pin!(connection);
        tokio::pin!(answer);
        tokio::select! {
            biased;
            answer = &mut answer => answer,
            // A connection that has ended has handed over all that came.
            _ = &mut connection => answer.await,
        }
    }
}

async fn read(mut body: Incoming, size: usize) -> Result<Bytes, Error> {
    if body.size_hint().lower() > size as u64 {
        return Err(Error::TooLarge(size));
    }
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(Error::Http)?.into_data() else {
            continue;
        };
        if read.len() + data.len() > size {
            return Err(Error::TooLarge(size));
        }
        read.extend_from_slice(&data);
    }
    Ok(read.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        for (url, secure, port, path) in [
            ("https://idp.example.com/keys?v=1", true, 443, "/keys?v=1"),
            ("http://idp:8080", false, 8080, "/"),
            ("https://[::1]:8443/x", true, 8443, "/x"),
        ] {
            let target = Target::parse(url).unwrap();
            assert_eq!(
                (target.secure, target.port, target.path.as_str()),
                (secure, port, path)
            );
        }
    }

    #[test]
    fn what_is_not_fetched_is_refused() {
        for url in [
            "",
            "idp/keys",
            "ftp://idp/keys",
            "https://",
            "https://me:secret@idp/keys",
            "file:///x",
        ] {
            assert!(matches!(check(url), Err(Error::Url(_))), "{url}");
        }
    }
}
