//! `gatewit plugin …`: from an empty folder to a component that is checked, tested and measured.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::binary::gatewit;

/// Runs `gatewit plugin …` in a folder: exit code, standard output, standard error.
fn plugin(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = gatewit(&["plugin"])
        .args(arguments)
        .current_dir(folder)
        // What is compiled once serves the next run of the tests.
        .env(
            "CARGO_TARGET_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("new"),
        )
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// What stands behind a word at the beginning of a line.
fn said<'a>(out: &'a str, word: &str) -> &'a str {
    let line = out.lines().find_map(|line| line.strip_prefix(word));
    line.unwrap_or_else(|| panic!("{word} is not in\n{out}")).trim()
}

#[test]
fn a_new_plugin_builds() {
    let folder = tempfile::tempdir().unwrap();
    let (code, out, err) = plugin(folder.path(), &["new", "say-hello"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("gatewit plugin build"), "{out}");
    let (code, out, err) = plugin(&folder.path().join("say-hello"), &["build"]);
    assert_eq!(code, 0, "{err}");
    let component = PathBuf::from(said(&out, "component"));
    assert!(
        component.ends_with("wasm32-wasip2/release/say_hello.wasm"),
        "{out}"
    );
    assert_eq!(said(&out, "sha256").len(), 64, "{out}");
    assert!(fs::read(&component).unwrap().starts_with(b"\0asm\x0d\0\x01\0"));
}

#[test]
fn what_cannot_be_made_or_built_is_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("there")).unwrap();
    let (code, out, err) = plugin(folder.path(), &["new", "there"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("there is there already"), "{err}");
    assert_eq!(plugin(folder.path(), &["new", "../x"]).0, 2);
    let (code, out, err) = plugin(folder.path(), &["build", "there"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("there is no Cargo.toml in there"), "{err}");
    // A machine without Rust.
    fs::write(folder.path().join("there/Cargo.toml"), "").unwrap();
    let output = gatewit(&["plugin", "build", "there"])
        .current_dir(folder.path())
        .env("PATH", folder.path())
        .output()
        .unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains("https://rustup.rs"), "{err}");
}
