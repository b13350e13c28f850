//! Builds the plugins of `plugins/` as WebAssembly components, and puts them into the binary (`src/plugin/bundled.rs`).
//!
//! Needs what Rust needs, and the target `wasm32-wasip2`, which is added by rustup when it is missing.
#![allow(
    clippy::unwrap_used,
    reason = "a build script that fails may panic, and says why"
)]

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const TARGET: &str = "wasm32-wasip2";

fn main() {
    let plugins = Path::new(&env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("plugins");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    let members = members(&plugins);
    assert!(
        members.iter().any(|name| name == "fixture"),
        "{} is not there: build Gatewit from its repository",
        plugins.display()
    );
    watch(&plugins, &members);
    require_target();
    let components = build(&plugins, &target_folder(&out));
    let mut table = String::from("[\n");
    for name in members.iter().filter(|name| *name != "sdk") {
        let component = keep(&components, &out, name);
        if name.starts_with("fixture") {
            // Only tests name these: a path of the machine that builds has no place in the binary.
            let variable = name.to_uppercase().replace('-', "_");
            println!("cargo::rustc-env=GATEWIT_{variable}={}", component.display());
        } else {
            writeln!(table, "    ({name:?}, include_bytes!({component:?})),").unwrap();
        }
    }
    table.push_str("]\n");
    fs::write(out.join("bundled.rs"), table).unwrap();
    fs::write(out.join("kit.rs"), kit(plugins.parent().unwrap())).unwrap();
}

/// The folders that hold a package, sorted.
fn members(plugins: &Path) -> Vec<String> {
    let folders = fs::read_dir(plugins).into_iter().flatten().flatten();
    let mut names: Vec<String> = folders
        .filter(|folder| folder.path().join("Cargo.toml").is_file())
        .filter_map(|folder| folder.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

/// Only sources: a README does not rebuild the gateway.
fn watch(plugins: &Path, members: &[String]) {
    let mut paths = vec![
        plugins.join("Cargo.toml"),
        plugins.join("Cargo.lock"),
        plugins.join("sdk/macros"),
    ];
    for member in members {
        paths.push(plugins.join(member).join("src"));
        paths.push(plugins.join(member).join("Cargo.toml"));
    }
    paths.push(plugins.with_file_name("wit"));
    paths.push(plugins.with_file_name("build.rs"));
    for path in paths {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}

fn require_target() {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let sysroot = Command::new(&rustc)
        .args(["--print", "sysroot"])
        .output()
        .unwrap();
    let sysroot = PathBuf::from(String::from_utf8(sysroot.stdout).unwrap().trim());
    if sysroot.join("lib/rustlib").join(TARGET).is_dir() {
        return;
    }
    let added = Command::new("rustup").args(["target", "add", TARGET]).status();
    assert!(
        added.is_ok_and(|status| status.success()),
        "the plugins of Gatewit are built for {TARGET}, which {} does not have and rustup could not add. \
         Add it by hand: rustup target add {TARGET}",
        rustc.display()
    );
}

/// A place that all profiles and targets share. OUT_DIR is `TARGET_DIR[/TRIPLE]/PROFILE/build/gatewit-HASH/out`.
fn target_folder(out: &Path) -> PathBuf {
    let above = out.ancestors().nth(4).unwrap();
    let triple = env::var_os("TARGET").unwrap();
    let root = if above.file_name() == Some(&triple) {
        above.parent().unwrap()
    } else {
        above
    };
    root.join("plugins")
}

/// Builds all members, and returns the folder of the components.
fn build(plugins: &Path, target: &Path) -> PathBuf {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap());
    cargo
        .current_dir(plugins)
        .args([
            "build",
            "--workspace",
            "--locked",
            "--release",
            "--target",
            TARGET,
            "--target-dir",
        ])
        .arg(target);
    for (name, _) in env::vars_os().filter(|(name, _)| belongs_to_the_outer_build(name)) {
        cargo.env_remove(name);
    }
    // Set, not removed: flags that a user's configuration has for the host are not for components. Panics name their
    // places; those of this machine are nobody's business, and would make each build another one.
    let flags: Vec<OsString> = registries()
        .iter()
        .map(|registry| remap(registry, "crates"))
        .chain([remap(plugins, "plugins")])
        .collect();
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join(OsStr::new("\u{1f}")));
    let status = cargo.status().unwrap();
    assert!(
        status.success(),
        "the plugins of Gatewit do not build: cargo said why above"
    );
    target.join(TARGET).join("release")
}

/// What a new plugin is built with: paths below the repository's root, and texts.
fn kit(root: &Path) -> String {
    let mut files = vec![root.join("plugins/Cargo.toml"), root.join("plugins/Cargo.lock")];
    collect(&root.join("plugins/sdk"), &mut files);
    collect(&root.join("wit"), &mut files);
    examples(&root.join("examples/plugins"), &mut files);
    files.sort();
    let mut list = String::from("[\n");
    for file in files {
        println!("cargo::rerun-if-changed={}", file.display());
        let path = file.strip_prefix(root).unwrap();
        writeln!(list, "    ({path:?}, include_str!({file:?})),").unwrap();
    }
    list.push_str("]\n");
    list
}

/// Plugins in other languages: one folder each, and the cases that all of them are tested with. What they say of
/// themselves as examples stays behind, and so does the one in Rust, where the SDK is at hand.
fn examples(folder: &Path, files: &mut Vec<PathBuf>) {
    files.push(folder.join("cases.toml"));
    let is_begun_with = |example: &PathBuf| example.join("build.sh").is_file() && !example.ends_with("rust");
    for example in entries(folder).filter(is_begun_with) {
        let mut skipped = ignored(&example.join(".gitignore"));
        skipped.push("README.md".to_owned());
        for entry in entries(&example) {
            if skipped.iter().any(|name| entry.ends_with(name)) {
                continue;
            }
            if entry.is_dir() {
                collect(&entry, files);
            } else {
                files.push(entry);
            }
        }
    }
}

/// The names in a `.gitignore`: what is built, or fetched.
fn ignored(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines()
        .map(|line| line.trim_matches('/').to_owned())
        .collect()
}

/// The files of a folder, and of the folders in it; not what links lead to.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in entries(folder).filter(|entry| !entry.is_symlink()) {
        if entry.is_dir() {
            collect(&entry, files);
        } else {
            files.push(entry);
        }
    }
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path())
}

/// Where cargo unpacks dependencies: one folder for each registry.
fn registries() -> Vec<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let Some(home) = home.or_else(|| Some(env::home_dir()?.join(".cargo"))) else {
        return Vec::new();
    };
    let folders = fs::read_dir(home.join("registry/src"))
        .into_iter()
        .flatten()
        .flatten();
    folders.map(|folder| folder.path()).collect()
}

fn remap(from: &Path, to: &str) -> OsString {
    let mut flag = OsString::from("--remap-path-prefix=");
    flag.push(from);
    flag.push("=");
    flag.push(to);
    flag
}

/// What cargo, or its user, has said about the build of the gateway. Where cargo lives, how it reaches its registry, and
/// the job server stay.
fn belongs_to_the_outer_build(name: &OsStr) -> bool {
    const ALSO: [&str; 14] = [
        "CLIPPY_ARGS",
        "DEBUG",
        "HOST",
        "NUM_JOBS",
        "OPT_LEVEL",
        "OUT_DIR",
        "PROFILE",
        "RUSTC_LINKER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_WRAPPER",
        "RUSTDOCFLAGS",
        "RUSTFLAGS",
        "TARGET",
        "__CARGO_DEFAULT_LIB_METADATA",
    ];
    const KEPT: [&str; 7] = [
        "CARGO_HOME",
        "CARGO_HTTP_",
        "CARGO_MAKEFLAGS",
        "CARGO_NET_",
        "CARGO_REGISTRIES_",
        "CARGO_REGISTRY_",
        "CARGO_TERM_",
    ];
    let Some(name) = name.to_str() else {
        return false;
    };
    ALSO.contains(&name)
        || name.starts_with("CARGO_") && !KEPT.iter().any(|kept| name.starts_with(kept))
        || name.starts_with("DEP_")
}

/// Copies a component to where no other build replaces it; leaves it alone when it is the same, so that nothing that
/// includes it is compiled again.
fn keep(components: &Path, out: &Path, name: &str) -> PathBuf {
    let built = fs::read(components.join(format!("{}.wasm", name.replace('-', "_")))).unwrap();
    let kept = out.join(format!("{name}.wasm"));
    if fs::read(&kept).ok().as_ref() != Some(&built) {
        fs::write(&kept, built).unwrap();
    }
    kept
}
