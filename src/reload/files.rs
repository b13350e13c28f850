//! What the files of a configuration looked like, components of plugins among them.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::config::{Component, Config};

/// What files looked like: enough to see that one was written, replaced, added or removed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Files(Vec<(PathBuf, Option<Look>)>);

/// When it was written, its bytes, and which file it is: one may be replaced by another of the same time and size.
type Look = (SystemTime, u64, u64);

impl Files {
    /// What the files of this configuration look like now.
    pub fn of(config: &Config) -> Self {
        let components = config.plugins.iter().filter_map(|plugin| match &plugin.source {
            Component::File(path) => Some(path),
            Component::Bundled(_) | Component::Url { .. } => None,
        });
        let paths = config.files.iter().chain(&config.folders).chain(components);
        let look = |path: &Path| {
            let metadata = fs::metadata(path).ok()?;
            let size = if metadata.is_dir() { 0 } else { metadata.len() };
            Some((metadata.modified().ok()?, size, metadata.ino()))
        };
        Self(paths.map(|path| (path.clone(), look(path))).collect())
    }

    /// With every file that both know as it looked `before` it was read: what was written meanwhile is another change.
    pub(super) fn dated(self, before: &Self) -> Self {
        let earlier: HashMap<_, _> = before.0.iter().cloned().collect();
        let then = |(path, look)| {
            let look = earlier.get(&path).copied().unwrap_or(look);
            (path, look)
        };
        Self(self.0.into_iter().map(then).collect())
    }
}
