//! A small HTTP client for commands that ask a running gateway.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header, request};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time;

use super::{ConfigArgs, Exit};
use crate::config::{self, Admin};

/// Connecting, and then each exchange.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of an answer.
const BODY: usize = 16 * 1024 * 1024;

/// Which running gateway a command is about.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct AdminArgs {
    /// Admin address of the running gateway [default: what the configuration says]
    #[arg(long, env = "GATEWIT_ADMIN", value_name = "ADDRESS")]
    admin: Option<String>,

    /// File that holds the bearer token [default: what the configuration says]
    #[arg(long, env = "GATEWIT_ADMIN_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,

    #[command(flatten)]
    config: ConfigArgs,
}

/// Where to ask and what to show there.
#[derive(Debug)]
struct Target {
    address: SocketAddr,
    token: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// Within [`PATIENCE`].
    #[error("no answer from {0} in time")]
    Timeout(SocketAddr),
    /// Nobody listens there, or it cannot be reached.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        address: SocketAddr,
        source: std::io::Error,
    },
    /// The other side speaks another language or has left.
    #[error("{address} broke off: {source}")]
    Broken {
        address: SocketAddr,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// An answer, whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

/// A keep-alive connection.
#[derive(Debug)]
pub(super) struct Connection {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl AdminArgs {
    /// The configuration that tells where the gateway is.
    pub(super) fn config(&self) -> &ConfigArgs {
        &self.config
    }

    /// Asks the gateway that is meant; says why when there is no answer.
    pub(super) fn ask(&self, method: Method, path: &str, patience: Duration) -> Result<Answer, Exit> {
        once(&self.target()?, method, path, patience).map_err(|error| {
            super::complain(&format!("{error}\n"));
            Exit::Failed
        })
    }

    /// What was said, else what the configuration says, else the default. A configuration that is broken by
    /// now does not matter: the running gateway has a good one.
    fn target(&self) -> Result<Target, Exit> {
        let configured = || match config::load(self.config.source()) {
            Ok(loaded) => loaded.config.admin,
            Err(_) => Some(Admin::default()),
        };
        let (address, secret) = match &self.admin {
            Some(text) => (parse(text)?, None),
            None => {
                let admin = configured().ok_or_else(|| {
                    super::complain("the configuration switches the admin listener off\n");
                    Exit::Failed
                })?;
                (admin.address, admin.token.map(|token| token.0))
            }
        };
        let token = match &self.token_file {
            Some(path) => Some(read(path)?),
            None => secret,
        };
        Ok(Target {
            address: reachable(address),
            token,
        })
    }
}

fn parse(text: &str) -> Result<SocketAddr, Exit> {
    let full = if text.starts_with(':') {
        format!("127.0.0.1{text}")
    } else {
        text.to_owned()
    };
    let address = full
        .to_socket_addrs()
        .ok()
        .and_then(|mut addresses| addresses.next());
    address.ok_or_else(|| {
        super::complain(&format!("{text:?} is not an address; write HOST:PORT or :PORT\n"));
        Exit::Usage
    })
}

fn read(path: &PathBuf) -> Result<String, Exit> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        super::complain(&format!("cannot read {}: {error}\n", path.display()));
        Exit::Failed
    })?;
    Ok(text.trim().to_owned())
}

/// An address to listen on as one to connect to.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// One request on a connection of its own, with a runtime of its own.
fn once(target: &Target, method: Method, path: &str, patience: Duration) -> Result<Answer, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| Error::Connect {
        address: target.address,
        source,
    })?;
    runtime.block_on(async {
        let mut connection = Connection::open(target.address).await?;
        connection
            .send(method, path, target.token.as_deref(), patience)
            .await
    })
}

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> Result<Self, Error> {
        let connecting = time::timeout(PATIENCE, TcpStream::connect(address));
        let stream = connecting.await.map_err(|_| Error::Timeout(address))?;
        let stream = stream.map_err(|source| Error::Connect { address, source })?;
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = handshake.map_err(|source| Error::Broken {
            address,
            source: source.into(),
        })?;
        // What goes wrong in there comes out of the exchanges.
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Self {
            address,
            sender,
            driver,
        })
    }

    pub(super) async fn send(
        &mut self,
        method: Method,
        path: &str,
        token: Option<&str>,
        patience: Duration,
    ) -> Result<Answer, Error> {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        self.ask(request, Bytes::new(), patience).await
    }

    /// The same for any request; `Host` is added.
    pub(super) async fn ask(
        &mut self,
        request: request::Builder,
        body: Bytes,
        patience: Duration,
    ) -> Result<Answer, Error> {
        let exchange = time::timeout(patience, self.exchange(request, body));
        match exchange.await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(source)) => Err(Error::Broken {
                address: self.address,
                source,
            }),
            Err(_) => Err(Error::Timeout(self.address)),
        }
    }

    async fn exchange(
        &mut self,
        request: request::Builder,
        body: Bytes,
    ) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let request = request.header(header::HOST, self.address.to_string());
        self.sender.ready().await?;
        let response = self.sender.send_request(request.body(Full::new(body))?).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, BODY).collect().await?.to_bytes();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_to_listen_on_become_addresses_to_connect_to() {
        for (said, meant) in [
            ("127.0.0.1:9901", "127.0.0.1:9901"),
            (":9901", "127.0.0.1:9901"),
            ("0.0.0.0:9901", "127.0.0.1:9901"),
            ("[::]:9901", "[::1]:9901"),
            ("10.0.0.1:1", "10.0.0.1:1"),
        ] {
            assert_eq!(reachable(parse(said).unwrap()), meant.parse().unwrap(), "{said}");
        }
        assert_eq!(parse("127.0.0.1"), Err(Exit::Usage));
    }
}
