//! Compiled code that is kept: found again, never believed when it is damaged, never put where others could change it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gatewit::plugin::{Engine, Generation};

use crate::support::plugin::{GRANTS, configured, fixture};

/// Loads the fixture as another process would.
async fn load(folder: &Path) -> Arc<Generation> {
    let engine = Engine::new(Some(folder)).unwrap();
    let (plugin, _) = configured(GRANTS, "");
    Generation::load(&engine, fixture(), &plugin, 1).await.unwrap()
}

async fn is_cached(folder: &Path) -> bool {
    load(folder).await.timings().cached
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

fn code(folder: &Path) -> PathBuf {
    let is_code = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "cwasm");
    files(folder).into_iter().find(is_code).unwrap()
}

#[tokio::test]
async fn what_was_compiled_is_found_by_the_next_process() {
    let state = tempfile::tempdir().unwrap();
    let folder = state.path().join("compiled");
    let first = load(&folder).await;
    assert!(!first.timings().cached);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&code(&folder)), 0o600);
    let second = load(&folder).await;
    assert!(second.timings().cached);
    assert_eq!((first.digest(), first.hooks()), (second.digest(), second.hooks()));
}

#[tokio::test]
async fn what_is_damaged_is_compiled_again() {
    let state = tempfile::tempdir().unwrap();
    let folder = state.path().join("compiled");
    assert!(!is_cached(&folder).await);
    let whole = fs::read(code(&folder)).unwrap();
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let damages = [
        flipped(whole.len() / 2),
        whole[..whole.len() / 2].to_vec(),
        Vec::new(),
    ];
    for damage in damages {
        // Beside and over it, as a file that is in use is not written to.
        let beside = folder.join("beside");
        fs::write(&beside, damage).unwrap();
        fs::rename(&beside, code(&folder)).unwrap();
        assert!(!is_cached(&folder).await);
        assert!(fs::read(code(&folder)).unwrap() == whole, "it is whole again");
    }
    assert!(is_cached(&folder).await);
}

#[tokio::test]
async fn a_folder_that_is_open_to_others_is_not_used() {
    let state = tempfile::tempdir().unwrap();
    for mode in [0o755, 0o770, 0o702] {
        fs::set_permissions(state.path(), Permissions::from_mode(mode)).unwrap();
        assert!(!is_cached(state.path()).await);
        assert_eq!(files(state.path()), Vec::<PathBuf>::new(), "{mode:o}");
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let link = state.path().join("link");
    std::os::unix::fs::symlink(elsewhere.path(), &link).unwrap();
    assert!(!is_cached(&link).await);
    assert_eq!(files(elsewhere.path()), Vec::<PathBuf>::new());
}
