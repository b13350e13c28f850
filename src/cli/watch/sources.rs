//! The sources of a plugin: which folder they are in, and what they look like.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::cli::plugin::is_project;

/// What tools make, and fetch. Hidden files and folders are theirs, too.
const MADE: [&str; 5] = ["build", "node_modules", "plugin.wasm", "target", "__pycache__"];

/// How far above a component its sources are looked for: `target/wasm32-wasip2/release/x.wasm` is four below.
const HEIGHT: usize = 5;

/// Files that are looked at: who has more has put something else beside them.
const MOST: usize = 5_000;

/// The files of a folder, each with when it was written and its size.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Sources(BTreeMap<PathBuf, (SystemTime, u64)>);

/// The folder whose build makes a component: the nearest one that knows how to.
pub(super) fn folder_of(component: &Path) -> Option<PathBuf> {
    let above = component.ancestors().skip(1).take(HEIGHT);
    // The folder of a relative path may be the empty one: that is here.
    let mut above = above.map(|folder| match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    });
    above.find(|folder| is_project(folder)).map(Path::to_path_buf)
}

impl Sources {
    /// As they look now. What cannot be read is not there.
    ///
    /// Neither are the files that this process holds open, its logs among them: whoever lets them be written beside the
    /// sources would have a build of every line.
    pub(super) fn of(folder: &Path) -> Self {
        let mut sources = Self::default();
        sources.collect(folder, folder, &held_open());
        sources
    }

    fn collect(&mut self, root: &Path, folder: &Path, held: &HashSet<Identity>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let made = name
                .to_str()
                .is_none_or(|name| name.starts_with('.') || MADE.contains(&name));
            if made || self.0.len() >= MOST {
                continue;
            }
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                self.collect(root, &path, held);
            } else if let Ok(written) = metadata.modified()
                && !held.contains(&identity(&metadata))
            {
                let name = path.strip_prefix(root).unwrap_or(&path).to_path_buf();
                self.0.insert(name, (written, metadata.len()));
            }
        }
    }

    /// What is not as it was, for people: `src/lib.rs and 2 more`.
    pub(super) fn changed(&self, before: &Self) -> String {
        let new = self
            .0
            .iter()
            .filter(|(path, look)| before.0.get(*path) != Some(look));
        let gone = before.0.keys().filter(|path| !self.0.contains_key(*path));
        let names: Vec<_> = new.map(|(path, _)| path).chain(gone).collect();
        match names.as_slice() {
            [] => "nothing".to_owned(),
            [one] => one.display().to_string(),
            [first, rest @ ..] => format!("{} and {} more", first.display(), rest.len()),
        }
    }
}

/// Which file it is, whatever it is called.
type Identity = (u64, u64);

fn identity(metadata: &Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}

/// The files that this process has open.
fn held_open() -> HashSet<Identity> {
    let open = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    open.filter_map(|entry| fs::metadata(entry.path()).ok())
        .map(|metadata| identity(&metadata))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_nearest_folder_that_builds_makes_the_component() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        for folder in ["in-c", "in-rust/target/wasm32-wasip2/release", "elsewhere"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::write(root.join("in-c/build.sh"), "").unwrap();
        fs::write(root.join("in-rust/Cargo.toml"), "").unwrap();
        for (component, folder) in [
            ("in-c/plugin.wasm", Some("in-c")),
            ("in-rust/target/wasm32-wasip2/release/x.wasm", Some("in-rust")),
            ("elsewhere/x.wasm", None),
        ] {
            let expected = folder.map(|folder| root.join(folder));
            assert_eq!(folder_of(&root.join(component)), expected, "{component}");
        }
    }

    #[test]
    fn what_is_saved_is_named_and_what_is_made_is_not_looked_at() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        fs::create_dir_all(root.join("src")).unwrap();
        fs::create_dir_all(root.join("node_modules/x")).unwrap();
        fs::write(root.join("src/lib.rs"), "1").unwrap();
        fs::write(root.join("gone.c"), "1").unwrap();
        let before = Sources::of(root);
        assert_eq!(before.changed(&before), "nothing");
        for made in ["plugin.wasm", "node_modules/x/index.js", ".hidden"] {
            fs::write(root.join(made), "2").unwrap();
        }
        let mut log = fs::File::create(root.join("log")).unwrap();
        log.write_all(b"a line").unwrap();
        assert_eq!(Sources::of(root), before);
        fs::write(root.join("src/lib.rs"), "22").unwrap();
        assert_eq!(Sources::of(root).changed(&before), "src/lib.rs");
        fs::remove_file(root.join("gone.c")).unwrap();
        assert_eq!(Sources::of(root).changed(&before), "src/lib.rs and 1 more");
    }
}
