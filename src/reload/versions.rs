//! What was added while the gateway ran, as it is and as it was: one version after the other, on the disk.
//!
//! ```text
//! STATE/added/00000000000000000007.json    one version: a line with its SHA-256, then JSON
//! ```
//!
//! A version is one file, written as a whole. The newest that is sound is what counts; one that is torn or was changed
//! by somebody else is told, left where it is, and never overwritten.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::config::Additions;
use crate::durable;
use crate::plugin::Digest;
use crate::telemetry::Rfc3339;

use super::change::tag;

/// Versions that can be gone back to.
const KEPT: usize = 32;

/// Bytes of a file: more than any that was written.
const LARGEST: u64 = 64 << 20;

/// What was added, at one time.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Version {
    /// Counts the changes since the first one; 0 before it.
    pub number: u64,
    /// When it began, as RFC 3339 has it.
    pub at: String,
    /// What was changed.
    pub change: String,
    /// 16 hex digits over all that was added.
    pub hash: String,
    /// What was added.
    pub added: Additions,
}

impl Version {
    /// Before anything was added.
    fn first() -> Self {
        Self::new(0, String::new(), Additions::default())
    }

    fn new(number: u64, change: String, added: Additions) -> Self {
        Self {
            number,
            at: Rfc3339(SystemTime::now()).to_string(),
            change,
            hash: tag(&added),
            added,
        }
    }

    /// Names this version and all that is in it, as an entity tag.
    pub fn tag(&self) -> String {
        format!("{}-{}", self.number, self.hash)
    }
}

/// The versions that are known.
#[derive(Clone, Debug)]
pub struct Versions {
    folder: Option<PathBuf>,
    /// Oldest first, at least one.
    kept: Vec<Arc<Version>>,
    /// Numbers up to this one are taken, be it by a damaged file.
    taken: u64,
}

/// A file that is not what was written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", path.display())]
pub struct Damaged {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

impl Versions {
    /// What an earlier process kept in the state folder, and what of it is damaged.
    pub fn open(state: Option<&Path>) -> (Self, Vec<Damaged>) {
        let folder = state.map(|state| state.join("added"));
        let mut this = Self {
            folder,
            kept: Vec::new(),
            taken: 0,
        };
        let damaged = this.read();
        if this.kept.is_empty() {
            this.kept.push(Arc::new(Version::first()));
        }
        (this, damaged)
    }

    /// What is added now.
    pub fn current(&self) -> &Arc<Version> {
        &self.kept[self.kept.len() - 1]
    }

    /// All that are known, oldest first.
    pub fn all(&self) -> &[Arc<Version>] {
        &self.kept
    }

    /// One of them.
    pub fn find(&self, number: u64) -> Option<&Arc<Version>> {
        self.kept.iter().find(|version| version.number == number)
    }

    /// Whether they outlive the process.
    pub fn has_folder(&self) -> bool {
        self.folder.is_some()
    }

    /// The version after the current one.
    pub(super) fn next(&self, change: String, added: Additions) -> Arc<Version> {
        let number = self.current().number.max(self.taken) + 1;
        Arc::new(Version::new(number, change, added))
    }

    /// Keeps a version, which then is the current one. Blocks.
    ///
    /// # Errors
    ///
    /// The disk refuses; then nothing is different.
    pub(super) fn append(&mut self, version: Arc<Version>) -> io::Result<()> {
        if let Some(folder) = &self.folder {
            durable::make(folder)?;
            durable::write(folder, &file_name(version.number), &written(&version))?;
        }
        self.taken = version.number;
        self.kept.push(version);
        while self.kept.len() > KEPT {
            let old = self.kept.remove(0);
            if let Some(folder) = &self.folder {
                // It is only in the way: the next one is tried with the next start.
                let _ = fs::remove_file(folder.join(file_name(old.number)));
            }
        }
        Ok(())
    }

    fn read(&mut self) -> Vec<Damaged> {
        let mut damaged = Vec::new();
        let Some(folder) = &self.folder else {
            return damaged;
        };
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return damaged,
            Err(error) => {
                let (path, why) = (folder.clone(), error.to_string());
                return vec![Damaged { path, why }];
            }
        };
        let mut files: Vec<(u64, PathBuf)> = entries
            .flatten()
            .filter_map(|entry| Some((number(&entry.path())?, entry.path())))
            .collect();
        files.sort();
        for (number, path) in files {
            self.taken = number;
            match read(&path, number) {
                Ok(version) => self.kept.push(Arc::new(version)),
                Err(why) => damaged.push(Damaged { path, why }),
            }
        }
        let old = self.kept.len().saturating_sub(KEPT);
        self.kept.drain(..old);
        damaged
    }
}

fn file_name(number: u64) -> String {
    format!("{number:020}.json")
}

fn number(path: &Path) -> Option<u64> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".json")?;
    (stem.len() == 20).then(|| stem.parse().ok())?
}

fn written(version: &Version) -> Vec<u8> {
    // Texts, numbers and JSON: there is nothing in it that JSON could not say.
    let json = serde_json::to_vec(version).unwrap_or_default();
    let mut file = format!("sha256 {}\n", Digest::of(&json)).into_bytes();
    file.extend(json);
    file
}

fn read(path: &Path, number: u64) -> Result<Version, String> {
    let told = |error: io::Error| error.to_string();
    if fs::metadata(path).map_err(told)?.len() > LARGEST {
        return Err("it is too large".to_owned());
    }
    let file = fs::read(path).map_err(told)?;
    let end = file.iter().position(|byte| *byte == b'\n').unwrap_or(file.len());
    let (head, json) = (&file[..end], file.get(end + 1..).unwrap_or_default());
    if head != format!("sha256 {}", Digest::of(json)).as_bytes() {
        return Err("its checksum is wrong: it is torn, or was changed".to_owned());
    }
    let version: Version = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    if version.number != number {
        return Err(format!("it holds version {}", version.number));
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

    use serde_json::json;

    use super::*;
    use crate::config::Kind;

    fn adding(versions: &mut Versions, name: &str) {
        let mut added = versions.current().added.clone();
        added.put(Kind::Route, name, json!({"path": "/"}));
        let next = versions.next(format!("route {name} put"), added);
        versions.append(next).unwrap();
    }

    fn path(folder: &Path, number: u64) -> PathBuf {
        folder.join("added").join(file_name(number))
    }

    #[test]
    fn what_was_added_is_there_for_another_process() {
        let folder = tempfile::tempdir().unwrap();
        let (mut versions, damaged) = Versions::open(Some(folder.path()));
        assert!(damaged.is_empty() && versions.current().number == 0);
        adding(&mut versions, "a");
        adding(&mut versions, "b");
        let (again, damaged) = Versions::open(Some(folder.path()));
        assert!(damaged.is_empty());
        assert_eq!(again.current().tag(), versions.current().tag());
        assert_eq!(again.find(1).unwrap().added.all(Kind::Route).count(), 1);
        assert_eq!(
            (again.current().change.as_str(), again.all().len()),
            ("route b put", 2)
        );
    }

    #[test]
    fn a_file_that_is_torn_or_changed_is_told_and_the_one_before_counts() {
        let folder = tempfile::tempdir().unwrap();
        let (mut versions, _) = Versions::open(Some(folder.path()));
        for name in ["a", "b", "c"] {
            adding(&mut versions, name);
        }
        let whole = fs::read(path(folder.path(), 3)).unwrap();
        let changed = String::from_utf8(whole.clone())
            .unwrap()
            .replace("\"c\"", "\"x\"");
        for bad in [
            &whole[..whole.len() / 2],
            &whole[..10],
            b"",
            changed.as_bytes(),
            &[0xff; 100],
        ] {
            fs::write(path(folder.path(), 3), bad).unwrap();
            let (mut again, damaged) = Versions::open(Some(folder.path()));
            assert_eq!((damaged.len(), again.current().number), (1, 2), "{bad:?}");
            assert!(damaged[0].to_string().contains("00000003.json: "), "{damaged:?}");
            // What is damaged may still be of use to somebody.
            adding(&mut again, "d");
            assert_eq!(again.current().number, 4);
            assert_eq!(fs::read(path(folder.path(), 3)).unwrap(), bad);
            fs::remove_file(path(folder.path(), 4)).unwrap();
        }
    }

    #[test]
    fn a_disk_that_refuses_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("added"), "in the way").unwrap();
        let (mut versions, damaged) = Versions::open(Some(folder.path()));
        assert_eq!(damaged.len(), 1);
        let next = versions.next("x".to_owned(), Additions::default());
        assert!(versions.append(next).is_err());
        assert_eq!(versions.current().number, 0);
    }

    #[test]
    fn only_so_many_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (mut versions, _) = Versions::open(Some(folder.path()));
        for number in 0..KEPT + 5 {
            adding(&mut versions, &number.to_string());
        }
        let files = fs::read_dir(folder.path().join("added")).unwrap().count();
        assert_eq!((versions.all().len(), files), (KEPT, KEPT));
        assert_eq!(Versions::open(Some(folder.path())).0.all().len(), KEPT);
    }
}
