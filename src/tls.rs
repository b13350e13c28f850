//! TLS as a client: which certificates are believed, and the handshake. Who connects to whom is decided by those who
//! call: `fetch`, and `upstream/`. Certificates of our own are the listeners' business.

use std::io;
use std::sync::{Arc, OnceLock};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Connects by TLS 1.2 or 1.3, offers HTTP/1.1, and believes certificates of the system's authorities (`SSL_CERT_FILE`
/// and `SSL_CERT_DIR` replace those) and of those given. Sessions are resumed. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// PEM.
    authorities: Option<String>,
    /// Made when it is first wanted: most gateways speak TLS to nobody, and reading the system's certificates takes
    /// some milliseconds.
    config: OnceLock<Arc<ClientConfig>>,
}

/// A server to speak TLS to: its name, and how to connect.
#[derive(Clone)]
pub struct Server {
    name: ServerName<'static>,
    connector: TlsConnector,
}

/// Why authorities cannot be believed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unreadable {
    /// There is not one certificate.
    #[error("there is no certificate in PEM (`-----BEGIN CERTIFICATE-----`)")]
    Empty,
    /// This one, counted from 1, is not one.
    #[error("certificate number {0} cannot be read")]
    Certificate(usize),
}

impl Client {
    /// `authorities` are certificates in PEM, believed besides the system's; see [`authorities`].
    pub fn new(authorities: Option<&str>) -> Self {
        Self(Arc::new(Inner {
            authorities: authorities.map(str::to_owned),
            config: OnceLock::new(),
        }))
    }

    /// Whether [`Client::new`] would make the same.
    pub fn believes(&self, authorities: Option<&str>) -> bool {
        self.0.authorities.as_deref() == authorities
    }

    /// Whether they are one: sessions, and what was believed when it was made.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// A server by its name or address. Reads the system's certificates when it is the first: not to be called on a
    /// worker.
    ///
    /// # Errors
    ///
    /// When it is neither a DNS name nor an address.
    pub fn server(&self, name: &str) -> io::Result<Server> {
        let name = server_name(name)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not the name of a TLS server"))?;
        let config = self
            .0
            .config
            .get_or_init(|| Arc::new(config(self.0.authorities.as_deref())));
        Ok(Server {
            name,
            connector: TlsConnector::from(Arc::clone(config)),
        })
    }
}

impl Server {
    /// The handshake. There is no time limit: that is the caller's.
    ///
    /// # Errors
    ///
    /// When the connection breaks, or the server's certificate is not believed.
    pub async fn connect<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<TlsStream<S>> {
        self.connector.connect(self.name.clone(), stream).await
    }

    /// What the server's certificate must be for.
    pub fn name(&self) -> String {
        self.name.to_str().into_owned()
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Server").field(&self.name).finish()
    }
}

/// Whether a certificate can be for this name or address.
pub fn can_be_server(name: &str) -> bool {
    server_name(name).is_some()
}

fn server_name(name: &str) -> Option<ServerName<'static>> {
    let inner = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    ServerName::try_from(inner.unwrap_or(name).to_owned()).ok()
}

/// Certificates of authorities in PEM.
///
/// # Errors
///
/// When there is none, or one cannot be read.
pub fn authorities(pem: &str) -> Result<Vec<CertificateDer<'static>>, Unreadable> {
    let mut found = Vec::new();
    let mut probe = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.ok().filter(|it| probe.add(it.clone()).is_ok());
        found.push(certificate.ok_or(Unreadable::Certificate(found.len() + 1))?);
    }
    if found.is_empty() {
        return Err(Unreadable::Empty);
    }
    Ok(found)
}

fn config(extra: Option<&str>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        tracing::warn!(%error, "certificates of the system's authorities could not be read");
    }
    let (believed, unreadable) = roots.add_parsable_certificates(native.certs);
    tracing::debug!(believed, unreadable, "certificates of the system's authorities");
    roots.add_parsable_certificates(extra.and_then(|pem| authorities(pem).ok()).unwrap_or_default());
    if roots.is_empty() {
        tracing::warn!("no certificate authorities: no server will be believed");
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("aws-lc-rs has cipher suites for TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_servers() {
        let client = Client::new(None);
        for name in ["api.example.com", "127.0.0.1", "::1", "[::1]"] {
            assert!(client.server(name).is_ok(), "{name}");
        }
        for name in ["", "a b", "[::1"] {
            assert!(client.server(name).is_err(), "{name}");
        }
    }

    #[test]
    fn authorities_must_be_certificates() {
        assert_eq!(authorities(""), Err(Unreadable::Empty));
        assert_eq!(authorities("hello"), Err(Unreadable::Empty));
        let garbage = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
        assert_eq!(authorities(garbage), Err(Unreadable::Certificate(1)));
    }

    #[test]
    fn the_same_authorities_make_the_same_client() {
        let client = Client::new(Some("x"));
        assert!(client.believes(Some("x")) && !client.believes(None));
        assert!(client.is_same(&client.clone()) && !client.is_same(&Client::new(Some("x"))));
    }
}
