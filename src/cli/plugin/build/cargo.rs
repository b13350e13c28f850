//! Plugins that cargo builds: with the SDK, or any package whose library is a component.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{Error, unstarted};
use crate::cli::complain;

/// What plugins are compiled for: a component with WASI 0.2, out of the stock toolchain.
const TARGET: &str = "wasm32-wasip2";

/// Why cargo made no component.
#[derive(Debug, thiserror::Error)]
pub(super) enum CargoError {
    #[error(
        "this toolchain cannot compile for {TARGET}, and there is no rustup to change that: \
         install Rust from https://rustup.rs, or your distribution's package with the standard library for {TARGET}"
    )]
    NoTarget,
    #[error("rustup could not add the target {TARGET}; what it said stands above")]
    TargetRefused,
    #[error("cargo failed; what it said stands above")]
    Failed,
    #[error(
        "cargo built no component: Cargo.toml needs `[lib]` with `crate-type = [\"cdylib\"]`, and to be a package of its own"
    )]
    NoComponent,
}

/// Builds the package in a folder: where its components are.
pub(super) fn build(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    if !has_target(dir)? {
        add_target(dir)?;
    }
    let paths = components(&cargo(dir)?);
    if paths.is_empty() {
        return Err(CargoError::NoComponent.into());
    }
    Ok(paths)
}

/// Whether the toolchain of this folder has the target's standard library.
fn has_target(dir: &Path) -> Result<bool, Error> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| unstarted("rustc", source))?;
    let folder = String::from_utf8_lossy(&output.stdout);
    Ok(output.status.success() && Path::new(folder.trim()).is_dir())
}

fn add_target(dir: &Path) -> Result<(), Error> {
    complain(&format!("adding the target {TARGET} to the Rust toolchain\n"));
    let status = Command::new("rustup")
        .args(["target", "add", TARGET])
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(io::stderr())
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(CargoError::TargetRefused.into()),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Err(CargoError::NoTarget.into()),
        Err(source) => Err(unstarted("rustup", source)),
    }
}

/// What cargo says on standard output: one JSON object a line. To people it speaks on standard error.
fn cargo(dir: &Path) -> Result<String, Error> {
    let output = Command::new("cargo")
        .args(["build", "--release", "--target", TARGET])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(dir)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| unstarted("cargo", source))?;
    if !output.status.success() {
        return Err(CargoError::Failed.into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The components among what cargo says that it made, whatever the workspace and the target folder are.
fn components(said: &str) -> Vec<PathBuf> {
    let artifact = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        (message["reason"] == "compiler-artifact").then_some(message)
    };
    let mut paths = Vec::new();
    for message in said.lines().filter_map(artifact) {
        for name in message["filenames"].as_array().into_iter().flatten() {
            let path = PathBuf::from(name.as_str().unwrap_or_default());
            if path.extension().is_some_and(|extension| extension == "wasm") {
                paths.push(path);
            }
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_all_that_cargo_makes_only_components_are_named() {
        let said = concat!(
            r#"{"reason":"compiler-artifact","filenames":["/t/debug/build/x/build-script"]}"#,
            "\n",
            r#"{"reason":"compiler-artifact","filenames":["/t/deps/libsdk.rlib","/t/deps/libsdk.rmeta"]}"#,
            "\nnot JSON\n",
            r#"{"reason":"compiler-message","filenames":["/t/other.wasm"]}"#,
            "\n",
            r#"{"reason":"compiler-artifact","filenames":["/t/hello.wasm"]}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(components(said), [PathBuf::from("/t/hello.wasm")]);
    }
}
