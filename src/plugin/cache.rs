//! Compiled code on disk: what was compiled once is mapped into memory at the next start.
//!
//! Compiled code is believed: who can write to the folder can run code in the gateway. So the folder must be ours, and
//! closed to everybody else; files appear in it whole, are never written to again, and carry a digest that tells
//! damage. Everything here blocks.

use std::fs::{self, DirBuilder, File, Metadata};
use std::hash::Hash;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use wasmtime::Engine;
use wasmtime::component::Component;
use xxhash_rust::xxh3::Xxh3Default;

use super::Digest;

/// Bytes of all files; the longest unused go first.
const MOST: u64 = 1 << 30;

/// Why a folder is not used.
#[derive(Debug, thiserror::Error)]
pub(super) enum CacheError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("not a folder")]
    NoFolder,
    #[error("owned by user {owner}, not by user {us}")]
    Foreign { owner: u32, us: u32 },
    #[error("open to others (mode {mode:03o}): `chmod 700` it")]
    Open { mode: u32 },
}

/// See the module.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    /// Version and settings of the engine.
    kind: u64,
}

impl Cache {
    /// A cache in this folder, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// When others own it or may look into it.
    pub(super) fn open(folder: &Path, engine: &Engine) -> Result<Self, CacheError> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        check(&fs::symlink_metadata(folder)?)?;
        let mut kind = Xxh3Default::new();
        engine.precompile_compatibility_hash().hash(&mut kind);
        Ok(Self {
            folder: folder.to_owned(),
            kind: kind.digest(),
        })
    }

    /// The compiled code of a component, if it is here and whole.
    pub(super) fn load(&self, engine: &Engine, component: Digest) -> Option<Component> {
        let path = self.path(component);
        let sum: Digest = fs::read_to_string(path.with_extension("sum"))
            .ok()?
            .parse()
            .ok()?;
        let file = File::open(&path).ok()?;
        if Digest::of(&fs::read(&path).ok()?) != sum {
            tracing::warn!(file = %path.display(), "damaged compiled plugin, compiled again");
            return None;
        }
        // Those that were used last stay longest.
        let _ = file.set_modified(SystemTime::now());
        #[expect(
            unsafe_code,
            reason = "compiled code cannot be checked, only where it comes from: see the module"
        )]
        let loaded = unsafe { Component::deserialize_file(engine, &path) };
        match loaded {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::debug!(file = %path.display(), error = %format_args!("{error:#}"), "compiled again");
                None
            }
        }
    }

    /// Keeps compiled code.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub(super) fn keep(&self, component: Digest, code: &[u8]) -> io::Result<()> {
        let path = self.path(component);
        self.make_room(code.len() as u64)?;
        self.write(&path, code)?;
        self.write(
            &path.with_extension("sum"),
            Digest::of(code).to_string().as_bytes(),
        )
    }

    fn path(&self, component: Digest) -> PathBuf {
        self.folder.join(format!("{component}-{:016x}.cwasm", self.kind))
    }

    /// Whole or not at all: a file of that name is never written to, because it may be in use.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let beside = path.with_extension(format!("{}.{:x}.tmp", std::process::id(), fastrand::u32(..)));
        let written = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside);
        let written = written.and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&beside, path)?;
            File::open(&self.folder)?.sync_all()
        });
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        written
    }

    fn make_room(&self, wanted: u64) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let Ok(metadata) = entry.metadata() else { continue };
            files.push((metadata.modified()?, metadata.len(), entry.path()));
        }
        let mut size: u64 = wanted + files.iter().map(|(_, size, _)| size).sum::<u64>();
        files.sort_unstable();
        for (_, length, path) in files {
            if size <= MOST {
                break;
            }
            fs::remove_file(path)?;
            size -= length;
        }
        Ok(())
    }
}

fn check(folder: &Metadata) -> Result<(), CacheError> {
    let us = rustix::process::geteuid().as_raw();
    let (owner, mode) = (folder.uid(), folder.mode() & 0o777);
    match () {
        () if !folder.is_dir() => Err(CacheError::NoFolder),
        () if owner != us => Err(CacheError::Foreign { owner, us }),
        () if mode & 0o077 != 0 => Err(CacheError::Open { mode }),
        () => Ok(()),
    }
}
