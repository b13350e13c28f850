//! TLS in front of an origin: what comes decrypted goes there, byte for byte.

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsAcceptor;

/// Terminates TLS until it is dropped.
pub(crate) struct Terminator {
    address: SocketAddr,
    certificate: String,
    runtime: Option<Runtime>,
}

/// A terminator with a certificate of its own for these names and addresses.
pub(crate) fn terminator(names: &[&str], behind: SocketAddr) -> Terminator {
    let key = KeyPair::generate().unwrap();
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    runtime.spawn(async move {
        let listener = TcpListener::from_std(listener).unwrap();
        accept(listener, acceptor, behind).await;
    });
    Terminator {
        address,
        certificate: pem("CERTIFICATE", certificate.der()),
        runtime: Some(runtime),
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, behind: SocketAddr) {
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let Ok(mut inner) = acceptor.accept(stream).await else {
                return;
            };
            let mut outer = TcpStream::connect(behind).await.unwrap();
            let _ = copy_bidirectional(&mut inner, &mut outer).await;
        });
    }
}

impl Terminator {
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// What has to be believed, in PEM.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }
}

impl Drop for Terminator {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// DER as PEM (RFC 7468).
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}
