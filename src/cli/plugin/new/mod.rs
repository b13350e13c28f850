//! `gatewit plugin new`: a folder with a small plugin that works, and all that it needs to be built: the SDK and the
//! contract are part of this binary, because the plugin has to fit to it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::cli::{Exit, complain, print};

mod vendor;

#[cfg(feature = "author")]
pub(super) use vendor::contract;

/// What `new` takes.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// What the plugin is called: small letters, digits and `-`
    #[arg(value_parser = name)]
    name: String,
}

/// The plugin's own files.
const TEMPLATE: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("template/Cargo.toml.in")),
    ("src/lib.rs", include_str!("template/lib.rs.in")),
    ("cases.toml", include_str!("template/cases.toml.in")),
    ("README.md", include_str!("template/README.md.in")),
    (".gitignore", include_str!("template/gitignore.in")),
];

/// Words that cargo or Rust do not take for a package.
const RESERVED: [&str; 13] = [
    "alloc",
    "build",
    "core",
    "deps",
    "enum",
    "examples",
    "gatewit-plugin",
    "incremental",
    "proc-macro",
    "self",
    "std",
    "test",
    "vendor",
];

/// Longer names do not fit into metrics and tables.
const LONGEST: usize = 64;

/// Runs the command.
pub(super) fn run(args: &Args) -> Exit {
    match write(Path::new(&args.name), &args.name) {
        Ok(()) => {
            let file = args.name.replace('-', "_");
            print(&format!(
                "{name} is there. Next:\n  cd {name}\n  gatewit plugin build\n  \
                 gatewit plugin test target/wasm32-wasip2/release/{file}.wasm cases.toml\n",
                name = args.name
            ));
            Exit::Ok
        }
        Err(error) => {
            complain(&format!("error: {error}\n"));
            Exit::Failed
        }
    }
}

/// Why there is no folder.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{0} is there already: choose another name, or remove it")]
    Exists(String),
    #[error("cannot write {path}: {source}")]
    Write { path: String, source: io::Error },
}

fn write(folder: &Path, name: &str) -> Result<(), Error> {
    let unwritten = |path: &Path, source| Error::Write {
        path: path.display().to_string(),
        source,
    };
    // Made and checked in one step: what is there is never written into.
    match fs::create_dir(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Error::Exists(folder.display().to_string()));
        }
        Err(source) => return Err(unwritten(folder, source)),
    }
    for (path, text) in files(name) {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|source| unwritten(parent, source))?;
        }
        fs::write(&path, text).map_err(|source| unwritten(&path, source))?;
    }
    Ok(())
}

/// Everything that the folder holds.
fn files(name: &str) -> impl Iterator<Item = (PathBuf, String)> {
    let template = TEMPLATE.map(|(path, text)| (PathBuf::from(path), filled(text, name)));
    template.into_iter().chain(vendor::files())
}

fn filled(text: &str, name: &str) -> String {
    let file = name.replace('-', "_");
    text.replace("{{name}}", name)
        .replace("{{file}}", &file)
        .replace("{{Type}}", &type_name(name))
}

/// `say-hello` as a type: `SayHello`.
fn type_name(name: &str) -> String {
    let words = name.split('-').filter(|word| !word.is_empty());
    let capital = |word: &str| {
        let (first, rest) = word.split_at(1);
        first.to_ascii_uppercase() + rest
    };
    let name: String = words.map(capital).collect();
    // What the prelude of the SDK calls something else.
    match name.as_str() {
        "Body" | "BodyOutcome" | "Error" | "Ok" | "Err" | "Outcome" | "Option" | "Pick" | "Plugin"
        | "Problem" | "Request" | "Response" | "ResponseHead" | "ResponseOutcome" | "Result" | "Route"
        | "String" | "Vec" => name + "Plugin",
        _ => name,
    }
}

fn name(text: &str) -> Result<String, String> {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !text.starts_with(|first: char| first.is_ascii_lowercase())
        || !text.bytes().all(good)
        || text.ends_with('-')
        || text.contains("--")
    {
        return Err("small letters, digits and single `-` between them, beginning with a letter".to_owned());
    }
    if text.len() > LONGEST {
        return Err(format!("at most {LONGEST} characters"));
    }
    if RESERVED.contains(&text) || KEYWORDS.contains(&text) {
        return Err("Rust means something else by it".to_owned());
    }
    Ok(text.to_owned())
}

/// Rust's own words, of small letters alone.
const KEYWORDS: [&str; 49] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "static", "struct", "super",
    "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while",
    "yield",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_cargo_and_configurations_take() {
        for good in ["a", "hello", "say-hello-2"] {
            assert_eq!(name(good).as_deref(), Ok(good));
        }
        let long = "x".repeat(65);
        for bad in [
            "", "-a", "a-", "a--b", "A", "1a", "a_b", "a/b", "..", "a b", "é", "test", "match", &long,
        ] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn types_are_words_in_a_row() {
        for (name, expected) in [
            ("hello", "Hello"),
            ("say-hello-2", "SayHello2"),
            ("plugin", "PluginPlugin"),
            ("x", "X"),
        ] {
            assert_eq!(type_name(name), expected);
        }
    }

    #[test]
    fn a_folder_that_is_there_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let hello = folder.path().join("hello");
        write(&hello, "hello").unwrap();
        let manifest = fs::read_to_string(hello.join("Cargo.toml")).unwrap();
        assert!(manifest.contains("name = \"hello\""), "{manifest}");
        fs::write(hello.join("cases.toml"), "mine").unwrap();
        assert!(matches!(write(&hello, "hello"), Err(Error::Exists(_))));
        assert_eq!(fs::read_to_string(hello.join("cases.toml")).unwrap(), "mine");
    }

    #[test]
    fn nothing_of_the_templates_is_left_open() {
        for (path, text) in files("say-hello") {
            assert!(
                path.starts_with("vendor") || !text.contains("{{"),
                "{}",
                path.display()
            );
        }
    }
}
