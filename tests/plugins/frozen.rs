//! Components that were built for earlier versions of the contract, with the cases of their time. The large ones are
//! packed, and played by `examples/plugins/run.py`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::binary::said;

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .filter(|path| path.extension() == Some(OsStr::new(ending)))
        .collect();
    files.sort();
    files
}

#[test]
fn components_of_every_version_of_the_contract_go_on_working() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/components");
    let mut played = Vec::new();
    for version in fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()) {
        if !version.is_dir() {
            continue;
        }
        for component in files(&version, "wasm") {
            for cases in files(&version, "toml") {
                let (code, out, err) = said(&[
                    "plugin",
                    "test",
                    component.to_str().unwrap(),
                    cases.to_str().unwrap(),
                ]);
                assert_eq!(code, 0, "{} {}: {out}{err}", component.display(), cases.display());
            }
            let language = component.file_stem().unwrap().to_str().unwrap().to_owned();
            played.push(language);
        }
    }
    for language in ["assemblyscript", "c", "cpp", "nim", "rust", "zig"] {
        assert!(
            played.iter().any(|name| name == language),
            "{language} {played:?}"
        );
    }
}
