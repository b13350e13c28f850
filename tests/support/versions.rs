//! Components in as many versions as a test wants.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Client;

/// The fixture with `request-hook` and `response-hook`, telling this version.
pub(crate) fn version(number: u32) -> Vec<u8> {
    replaced(b"gatewit fixture version 00000000", |marker| {
        marker[24..].copy_from_slice(format!("{number:08}").as_bytes());
    })
}

/// The fixture doing this when it is asked what it is.
pub(crate) fn describing(act: &str) -> Vec<u8> {
    replaced(b"gatewit fixture describe next                   ", |marker| {
        let (_, rest) = marker.split_at_mut(25);
        rest.fill(b' ');
        rest[..act.len()].copy_from_slice(act.as_bytes());
    })
}

fn replaced(marker: &[u8], change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut component = fs::read(env!("GATEWIT_FIXTURE_HEADERS")).unwrap();
    let at = component
        .windows(marker.len())
        .position(|bytes| bytes == marker)
        .unwrap();
    change(&mut component[at..at + marker.len()]);
    component
}

/// A component in a file of its own.
pub(crate) struct InFile {
    folder: tempfile::TempDir,
}

impl InFile {
    pub(crate) fn new(component: &[u8]) -> Self {
        let this = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        this.write(component);
        this
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("plugin.wasm")
    }

    /// Puts another one there, in one step.
    pub(crate) fn write(&self, component: &[u8]) {
        let beside = self.folder.path().join("next");
        fs::write(&beside, component).unwrap();
        fs::rename(beside, self.path()).unwrap();
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }
}

/// What the admin API says: status and JSON.
pub(crate) fn api(admin: SocketAddr, method: &str, path: &str, body: &[u8]) -> (u16, Value) {
    let mut client = Client::connect(admin);
    let length = body.len();
    client.send(format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
    ));
    client.send(body);
    let response = client.response();
    (response.status, serde_json::from_str(&response.text()).unwrap())
}

/// The digest of a component in the words of the API.
pub(crate) fn digest(component: &[u8]) -> String {
    gatewit::plugin::Digest::of(component).to_string()
}

/// A plugin called `mine` out of this file, with all that the fixture asks for.
pub(crate) fn table(path: &Path) -> String {
    format!(
        "[plugin.mine]\nfile = \"{}\"\ngrants = {{ budgets = [\"b\"], verifiers = [\"v\"], stores = [\"s\"], \
         keys = [\"k\"], secrets = [\"s\"], http = [\"u\"] }}\n\
         [budget.b]\nrate = \"10/s\"\n[store.s]\n[secret.s]\nenv = \"PATH\"\n\
         [verifier.v]\nsecret = \"hush-hush-hush-hush-hush-hush-hush\"\n[key.k]\nsecret = \"hush-hush-hush-hush-hush-hush-hush\"\n\
         [upstream.u]\nto = \"127.0.0.1:1\"\n",
        path.display()
    )
}
