//! What is read from the disk, and remembered: a configuration that runs can be understood again together with something
//! new, whatever has happened to its files since.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// No configuration is larger; something else was named.
const LARGEST: u64 = 8 << 20;

/// What was read, and what is read when it is asked for.
#[derive(Clone, Default)]
pub(super) struct Disk {
    texts: HashMap<PathBuf, Arc<str>>,
    folders: HashMap<(PathBuf, String), Vec<PathBuf>>,
}

impl Disk {
    /// A configuration file.
    pub(super) fn configuration(&mut self, path: &Path) -> io::Result<Arc<str>> {
        self.read(path, LARGEST)
    }

    /// A text of at most `limit` bytes.
    pub(super) fn read(&mut self, path: &Path, limit: u64) -> io::Result<Arc<str>> {
        if let Some(text) = self.texts.get(path) {
            return Ok(Arc::clone(text));
        }
        let text: Arc<str> = read(path, limit)?.into();
        self.texts.insert(path.to_owned(), Arc::clone(&text));
        Ok(text)
    }

    /// The files of a folder whose names fit `pattern`, in alphabetical order.
    pub(super) fn listing(&mut self, folder: &Path, pattern: &str) -> io::Result<Vec<PathBuf>> {
        let key = (folder.to_owned(), pattern.to_owned());
        if let Some(files) = self.folders.get(&key) {
            return Ok(files.clone());
        }
        let files = listing(folder, pattern)?;
        self.folders.insert(key, files.clone());
        Ok(files)
    }
}

/// Secrets may be among the texts.
impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.texts.keys()).finish()
    }
}

fn read(path: &Path, limit: u64) -> io::Result<String> {
    if fs::metadata(path)?.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
    }
    let mut text = String::new();
    // Devices never end.
    let read = fs::File::open(path)?.take(limit + 1).read_to_string(&mut text)?;
    if read as u64 > limit {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is larger than {limit} bytes"),
        ));
    }
    Ok(text)
}

fn listing(folder: &Path, pattern: &str) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let Some(name) = name.to_str() else { continue };
        // Editors keep their unfinished work in hidden files.
        if matches(pattern, name) && (pattern.starts_with('.') || !name.starts_with('.')) {
            files.push(folder.join(name));
        }
    }
    files.sort();
    Ok(files)
}

/// `*` stands for any number of characters.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some(found) = rest.find(part) else {
            return false;
        };
        rest = &rest[found + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, name, expected) in [
            ("*.toml", "a.toml", true),
            ("*.toml", ".toml", true),
            ("*.toml", "a.toml.bak", false),
            ("a*b*c", "abc", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "ac", false),
            ("ab*ba", "aba", false),
            ("*", "x", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
