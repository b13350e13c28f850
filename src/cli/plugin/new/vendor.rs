//! What a plugin is built with, as it stands in `plugins/sdk` and `wit`: a workspace of its own below `vendor/`.

use std::path::PathBuf;

macro_rules! of_the_repository {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $path)))),+]
    };
}

/// Each file below the root of the repository.
const FILES: &[(&str, &str)] = of_the_repository![
    "plugins/Cargo.lock",
    "plugins/Cargo.toml",
    "plugins/sdk/Cargo.toml",
    "plugins/sdk/README.md",
    "plugins/sdk/macros/Cargo.toml",
    "plugins/sdk/macros/src/attributes.rs",
    "plugins/sdk/macros/src/case.rs",
    "plugins/sdk/macros/src/lib.rs",
    "plugins/sdk/macros/src/schema.rs",
    "plugins/sdk/src/bindings.rs",
    "plugins/sdk/src/body.rs",
    "plugins/sdk/src/clock.rs",
    "plugins/sdk/src/config.rs",
    "plugins/sdk/src/context.rs",
    "plugins/sdk/src/crypto.rs",
    "plugins/sdk/src/error.rs",
    "plugins/sdk/src/export.rs",
    "plugins/sdk/src/http.rs",
    "plugins/sdk/src/jwt.rs",
    "plugins/sdk/src/kv.rs",
    "plugins/sdk/src/lib.rs",
    "plugins/sdk/src/limits.rs",
    "plugins/sdk/src/log.rs",
    "plugins/sdk/src/metrics.rs",
    "plugins/sdk/src/plugin.rs",
    "plugins/sdk/src/request.rs",
    "plugins/sdk/src/response.rs",
    "plugins/sdk/src/schema.rs",
    "plugins/sdk/src/secrets.rs",
    "plugins/sdk/src/testing/fake/body.rs",
    "plugins/sdk/src/testing/fake/context.rs",
    "plugins/sdk/src/testing/fake/crypto.rs",
    "plugins/sdk/src/testing/fake/http_client.rs",
    "plugins/sdk/src/testing/fake/jwt.rs",
    "plugins/sdk/src/testing/fake/kv.rs",
    "plugins/sdk/src/testing/fake/limits.rs",
    "plugins/sdk/src/testing/fake/log.rs",
    "plugins/sdk/src/testing/fake/metrics.rs",
    "plugins/sdk/src/testing/fake/mod.rs",
    "plugins/sdk/src/testing/fake/request.rs",
    "plugins/sdk/src/testing/fake/response.rs",
    "plugins/sdk/src/testing/fake/secrets.rs",
    "plugins/sdk/src/testing/fake/upstreams.rs",
    "plugins/sdk/src/testing/host.rs",
    "plugins/sdk/src/testing/mod.rs",
    "plugins/sdk/src/testing/state.rs",
    "plugins/sdk/src/upstreams.rs",
    "wit/capabilities.wit",
    "wit/exchange.wit",
    "wit/hooks.wit",
    "wit/types.wit",
    "wit/worlds.wit",
];

/// The files with their place in a plugin's folder.
pub(super) fn files() -> impl Iterator<Item = (PathBuf, String)> {
    FILES.iter().map(|(path, text)| (place(path), (*text).to_owned()))
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
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    fn collect(folder: &Path, into: &mut BTreeSet<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, into);
            } else {
                into.insert(path);
            }
        }
    }

    #[test]
    fn no_file_of_the_kit_is_forgotten() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut there = BTreeSet::from([root.join("plugins/Cargo.toml"), root.join("plugins/Cargo.lock")]);
        collect(&root.join("wit"), &mut there);
        collect(&root.join("plugins/sdk"), &mut there);
        there.retain(|path| !path.starts_with(root.join("plugins/sdk/wit")));
        let listed: BTreeSet<_> = FILES.iter().map(|(path, _)| root.join(path)).collect();
        assert_eq!(listed, there);
    }
}
