//! What a plugin is built with, as it stands in the repository: the SDK, the contract, and the examples in other languages
//! than Rust.

use std::path::{Path, PathBuf};

/// Each file below the root of the repository; `build.rs` lists them.
const FILES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/kit.rs"));

/// A file of a plugin's folder.
pub(in crate::cli::plugin) type Placed = (PathBuf, String);

/// The SDK: a workspace of its own below `vendor/`, and the versions that it was tested with.
pub(super) fn sdk() -> impl Iterator<Item = Placed> {
    let own = below("plugins").map(|(path, text)| match path.to_str() {
        Some("Cargo.lock") => (path, text),
        _ => (Path::new("vendor").join(path), text),
    });
    // The SDK finds the contract in a folder of its own; in the repository that is a link.
    own.chain(contract("vendor/sdk/wit"))
}

/// The contract, in this folder.
pub(in crate::cli::plugin) fn contract(folder: &'static str) -> impl Iterator<Item = Placed> {
    below("wit").map(move |(path, text)| (Path::new(folder).join(path), text))
}

/// A folder of `examples/plugins`, and the cases that it is tested with.
pub(super) fn example(folder: &'static str) -> impl Iterator<Item = Placed> {
    let root = Path::new("examples/plugins");
    let cases = below(root).filter(|(path, _)| path == Path::new("cases.toml"));
    below(root.join(folder)).chain(cases)
}

fn below(folder: impl Into<PathBuf>) -> impl Iterator<Item = Placed> {
    let folder = folder.into();
    FILES.iter().filter_map(move |(path, text)| {
        let path = Path::new(path).strip_prefix(&folder).ok()?;
        Some((path.to_path_buf(), (*text).to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kit_is_whole() {
        let places: Vec<PathBuf> = sdk().map(|(place, _)| place).collect();
        for file in [
            "Cargo.lock",
            "vendor/Cargo.toml",
            "vendor/sdk/Cargo.toml",
            "vendor/sdk/src/lib.rs",
            "vendor/sdk/macros/src/lib.rs",
            "vendor/sdk/wit/worlds.wit",
        ] {
            assert!(places.contains(&PathBuf::from(file)), "{file} {places:?}");
        }
    }
}
