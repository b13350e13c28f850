//! The state folder: what of plugins outlives the process. Files only; nothing here knows what they are good for.
//!
//! ```text
//! STATE/compiled/…                    compiled code, the engine's own
//! STATE/downloads/SHA256.wasm         components from the network
//! STATE/plugins/NAME/manifest.json    generations, and which of them is wanted
//! STATE/plugins/NAME/SHA256.wasm      components of these generations
//! ```
//!
//! Every file is written beside its place, flushed to the disk and renamed, so that each is whole or not there. What is
//! read is compared with its digest. Everything blocks: call it off the control runtime.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Digest;
use crate::durable;

/// Bytes of a manifest; it holds a handful of lines.
const MANIFEST: u64 = 64 * 1024;

/// Letters of a plugin's name that stand for themselves in a file name.
const PLAIN: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// See the module.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// The store in this folder, which is made when something is written.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder for compiled code.
    pub fn compiled(&self) -> PathBuf {
        self.folder.join("compiled")
    }

    /// A component that was downloaded. One that is damaged is not there.
    pub fn download(&self, digest: Digest) -> Option<Bytes> {
        read_component(&self.downloads(), digest)
    }

    /// Keeps a component that was downloaded.
    ///
    /// # Errors
    ///
    /// The disk refuses.
    pub fn keep_download(&self, digest: Digest, component: &[u8]) -> io::Result<()> {
        keep_component(&self.downloads(), digest, component)
    }

    /// A component of one of this plugin's generations. One that is damaged is not there.
    pub fn component(&self, plugin: &str, digest: Digest) -> Option<Bytes> {
        read_component(&self.of(plugin), digest)
    }

    /// Keeps a component of this plugin.
    ///
    /// # Errors
    ///
    /// The disk refuses.
    pub fn keep_component(&self, plugin: &str, digest: Digest, component: &[u8]) -> io::Result<()> {
        keep_component(&self.of(plugin), digest, component)
    }

    /// What is known of this plugin; `None` when nothing is.
    ///
    /// # Errors
    ///
    /// It is there and cannot be read.
    pub fn manifest(&self, plugin: &str) -> io::Result<Option<Vec<u8>>> {
        let path = self.of(plugin).join("manifest.json");
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
            Ok(metadata) if metadata.len() > MANIFEST => return Err(io::ErrorKind::FileTooLarge.into()),
            Ok(_) => {}
        }
        fs::read(path).map(Some)
    }

    /// Writes what is known of this plugin, and then removes its components that are not among `keep`.
    ///
    /// # Errors
    ///
    /// The disk refuses; then what was written before is still there.
    pub fn write_manifest(&self, plugin: &str, manifest: &[u8], keep: &[Digest]) -> io::Result<()> {
        let folder = self.of(plugin);
        durable::make(&folder)?;
        durable::write(&folder, "manifest.json", manifest)?;
        for entry in fs::read_dir(&folder)?.flatten() {
            let path = entry.path();
            let digest = path.file_stem().and_then(|stem| stem.to_str()).map(str::parse);
            if let Some(Ok(digest)) = digest
                && !keep.contains(&digest)
            {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    fn downloads(&self) -> PathBuf {
        self.folder.join("downloads")
    }

    fn of(&self, plugin: &str) -> PathBuf {
        let name = utf8_percent_encode(plugin, &PLAIN).to_string();
        self.folder.join("plugins").join(name)
    }
}

fn read_component(folder: &Path, digest: Digest) -> Option<Bytes> {
    let component = fs::read(folder.join(file_name(digest))).ok()?;
    (Digest::of(&component) == digest).then(|| component.into())
}

fn keep_component(folder: &Path, digest: Digest, component: &[u8]) -> io::Result<()> {
    if read_component(folder, digest).is_some() {
        return Ok(());
    }
    durable::make(folder)?;
    durable::write(folder, &file_name(digest), component)
}

fn file_name(digest: Digest) -> String {
    format!("{digest}.wasm")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().join("state"));
        (folder, store)
    }

    #[test]
    fn what_was_kept_is_there_for_another_process() {
        let (folder, store) = store();
        let digest = Digest::of(b"component");
        assert_eq!(store.component("jwt", digest), None);
        assert_eq!(store.manifest("jwt").unwrap(), None);
        store.keep_component("jwt", digest, b"component").unwrap();
        store.keep_download(digest, b"component").unwrap();
        store.write_manifest("jwt", b"{}", &[digest]).unwrap();
        let other = Store::new(folder.path().join("state"));
        assert_eq!(other.component("jwt", digest).unwrap(), "component");
        assert_eq!(other.download(digest).unwrap(), "component");
        assert_eq!(other.manifest("jwt").unwrap().unwrap(), b"{}");
        assert_eq!(other.component("other", digest), None, "each has its own");
    }

    #[test]
    fn what_is_damaged_is_not_there_and_can_be_kept_again() {
        let (_folder, store) = store();
        let digest = Digest::of(b"component");
        store.keep_component("jwt", digest, b"component").unwrap();
        fs::write(store.of("jwt").join(file_name(digest)), b"compo").unwrap();
        assert_eq!(store.component("jwt", digest), None);
        store.keep_component("jwt", digest, b"component").unwrap();
        assert_eq!(store.component("jwt", digest).unwrap(), "component");
    }

    #[test]
    fn components_that_nobody_wants_any_more_are_removed() {
        let (_folder, store) = store();
        let (old, new) = (Digest::of(b"old"), Digest::of(b"new"));
        store.keep_component("jwt", old, b"old").unwrap();
        store.keep_component("jwt", new, b"new").unwrap();
        store.write_manifest("jwt", b"{}", &[new]).unwrap();
        assert_eq!(store.component("jwt", old), None);
        assert!(store.component("jwt", new).is_some() && store.manifest("jwt").unwrap().is_some());
        let left = fs::read_dir(store.of("jwt")).unwrap().count();
        assert_eq!(left, 2, "nothing half written stays behind");
    }

    #[test]
    fn a_name_never_leads_out_of_the_folder() {
        let store = Store::new("/state");
        for name in ["..", "../x", "/etc", ".", "a/b", ""] {
            let path = store.of(name);
            let inside = path.strip_prefix("/state/plugins").unwrap();
            assert!(inside.components().count() <= 1, "{path:?}");
            assert!(!path.to_str().unwrap().contains(".."), "{path:?}");
        }
    }
}
