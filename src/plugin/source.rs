//! The bytes of a component: out of this binary, from a file, from the network. Whether they are any good is seen later.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;

use super::{Digest, Store, bundled};
use crate::{config, fetch, tls};

/// Bytes of a component: the largest there are (an interpreter with its library) have 18 MiB.
pub const LARGEST: u64 = 64 * 1024 * 1024;

/// A download, from the lookup of the name to the last byte.
const DOWNLOAD: Duration = Duration::from_secs(30);

/// A file that changes while it is read is read again so often...
const ATTEMPTS: usize = 5;

/// ...after such a pause: longer than a copy pauses between two writes.
const PAUSE: Duration = Duration::from_millis(50);

/// Why there are no bytes.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No plugin of this name is part of this binary.
    #[error("there is no bundled plugin \"{name}\"")]
    NotBundled {
        /// As configured.
        name: String,
    },
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// As configured.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody still writes it.
    #[error("{} is still being written", path.display())]
    Unsteady {
        /// As configured.
        path: PathBuf,
    },
    /// More than [`LARGEST`].
    #[error("it is larger than {} MiB", LARGEST / 1024 / 1024)]
    TooLarge,
    /// The network does not give it.
    #[error("cannot download {url}")]
    Download {
        /// As configured.
        url: String,
        /// Why.
        source: fetch::Error,
    },
    /// The network gives another one.
    #[error("what {url} gives has the SHA-256 {found}")]
    WrongDigest {
        /// As configured.
        url: String,
        /// What came.
        found: Digest,
    },
}

/// Reads a component. On the control runtime; what blocks is done elsewhere.
///
/// # Errors
///
/// See [`Error`].
pub async fn read(
    component: &config::Component,
    store: Option<&Store>,
    tls: &tls::Client,
) -> Result<Bytes, Error> {
    match component {
        config::Component::Bundled(name) => bundled::find(name)
            .map(Bytes::from_static)
            .ok_or_else(|| Error::NotBundled { name: name.clone() }),
        config::Component::File(path) => read_file(path).await,
        config::Component::Url { url, sha256 } => download(url, Digest(*sha256), store, tls).await,
    }
}

async fn read_file(path: &Path) -> Result<Bytes, Error> {
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let of = path.to_owned();
        let read = tokio::task::spawn_blocking(move || read_once(&of, || ())).await;
        match read.unwrap_or_else(|panic| Err(io::Error::other(panic))) {
            Ok(Some(component)) => return Ok(component),
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => return Err(Error::TooLarge),
            Err(source) => {
                let path = path.to_owned();
                return Err(Error::File { path, source });
            }
        }
    }
    Err(Error::Unsteady {
        path: path.to_owned(),
    })
}

/// `None` when it changed meanwhile. `then` happens when the last byte has been read.
fn read_once(path: &Path, then: impl FnOnce()) -> io::Result<Option<Bytes>> {
    let mut file = File::open(path)?;
    let before = file.metadata()?;
    if before.len() > LARGEST {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut component = Vec::with_capacity(usize::try_from(before.len()).unwrap_or_default());
    // A file that grows while it is read does not grow for ever here.
    let read = (&mut file).take(LARGEST + 1).read_to_end(&mut component)?;
    then();
    let steady = look(&before) == look(&file.metadata()?) && before.len() == read as u64;
    // Replaced by another one while this one was read.
    let current = fs::metadata(path).is_ok_and(|now| look(&now) == look(&before));
    Ok((steady && current).then(|| component.into()))
}

/// What differs between two states of a file.
fn look(metadata: &Metadata) -> (u64, u64, i64, i64) {
    let modified = (metadata.mtime(), metadata.mtime_nsec());
    (metadata.ino(), metadata.len(), modified.0, modified.1)
}

async fn download(
    url: &str,
    digest: Digest,
    store: Option<&Store>,
    tls: &tls::Client,
) -> Result<Bytes, Error> {
    if let Some(component) = store.and_then(|store| store.download(digest)) {
        return Ok(component);
    }
    let limits = fetch::Limits {
        time: DOWNLOAD,
        size: LARGEST as usize,
    };
    let component = fetch::get(tls, url, limits)
        .await
        .map_err(|source| match source {
            fetch::Error::TooLarge(_) => Error::TooLarge,
            source => Error::Download {
                url: url.to_owned(),
                source,
            },
        })?;
    let found = Digest::of(&component);
    if found != digest {
        let url = url.to_owned();
        return Err(Error::WrongDigest { url, found });
    }
    if let Some(store) = store
        && let Err(error) = store.keep_download(digest, &component)
    {
        tracing::warn!(%error, url, "a downloaded component cannot be kept: it is downloaded again at the next start");
    }
    Ok(component)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

    use super::*;

    fn file(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plugin.wasm");
        fs::write(&path, content).unwrap();
        (folder, path)
    }

    #[tokio::test]
    async fn a_file_is_read_and_one_that_is_not_there_is_named() {
        let (_folder, path) = file(b"component");
        assert_eq!(read_file(&path).await.unwrap(), "component");
        let error = read_file(Path::new("/nowhere.wasm")).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot read /nowhere.wasm");
    }

    #[tokio::test]
    async fn a_file_that_is_too_large_is_not_even_read() {
        let (_folder, path) = file(b"");
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(LARGEST + 1)
            .unwrap();
        assert!(matches!(read_file(&path).await, Err(Error::TooLarge)));
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_not_taken() {
        let (_folder, path) = file(b"half of it");
        let grow = || fs::write(&path, b"half of it, and the other half").unwrap();
        assert_eq!(read_once(&path, grow).unwrap(), None);
        let beside = path.with_extension("new");
        fs::write(&beside, b"another").unwrap();
        let replace = || fs::rename(&beside, &path).unwrap();
        assert_eq!(read_once(&path, replace).unwrap(), None);
        assert_eq!(read_once(&path, || ()).unwrap().unwrap(), "another");
    }
}
