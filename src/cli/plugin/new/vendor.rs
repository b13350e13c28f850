//! What a plugin is built with, as it stands in `plugins/sdk` and `wit`: a workspace of its own below `vendor/`.

use std::path::PathBuf;

/// Each file below the root of the repository; `build.rs` lists them.
const FILES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/kit.rs"));

/// The files with their place in a plugin's folder.
pub(super) fn files() -> impl Iterator<Item = (PathBuf, String)> {
    FILES.iter().map(|(path, text)| (place(path), (*text).to_owned()))
}

/// The contract alone: its files, and what is in them.
#[cfg(feature = "author")]
pub(in crate::cli::plugin) fn contract() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().copied().filter(|(path, _)| path.starts_with("wit/"))
}

fn place(path: &str) -> PathBuf {
    let vendor = PathBuf::from("vendor");
    match path.strip_prefix("plugins/") {
        // The versions that the SDK was tested with.
        Some(lock @ "Cargo.lock") => PathBuf::from(lock),
        Some(path) => vendor.join(path),
        // The SDK finds the contract in a folder of its own; in the repository that is a link.
        None => vendor.join("sdk").join(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kit_is_whole() {
        let places: Vec<PathBuf> = files().map(|(place, _)| place).collect();
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
