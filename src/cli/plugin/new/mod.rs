//! `gatewit plugin new`: a folder with a plugin that works, and all that it needs to be built: the contract is part of
//! this binary, because the plugin has to fit to it.

use std::fs;
use std::io;
use std::path::Path;

use super::COMPONENT;
use crate::cli::{Exit, complain, print};

mod guest;
mod language;
mod rust;
mod vendor;

use language::Language;
#[cfg(feature = "author")]
pub(super) use vendor::contract;

/// What `new` takes.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// What the plugin is called: small letters, digits and `-`
    #[arg(value_parser = name)]
    name: String,
    /// What it is written in
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    lang: Language,
}

/// Longer names do not fit into metrics and tables.
const LONGEST: usize = 64;

/// Runs the command.
pub(super) fn run(args: &Args) -> Exit {
    let Args { name, lang } = args;
    match write(Path::new(name), name, *lang) {
        Ok(()) => {
            print(&format!(
                "{name} is there. Next:\n  cd {name}\n  gatewit plugin build\n  \
                 gatewit plugin test {COMPONENT} cases.toml\n  gatewit run --watch\n"
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
    #[error("Rust means something else by `{0}`: choose another name")]
    Reserved(String),
    #[error("cannot write {path}: {source}")]
    Write { path: String, source: io::Error },
}

fn write(folder: &Path, name: &str, lang: Language) -> Result<(), Error> {
    if lang == Language::Rust && rust::is_reserved(name) {
        return Err(Error::Reserved(name.to_owned()));
    }
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
    for (path, text) in lang.files(name) {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|source| unwritten(parent, source))?;
        }
        fs::write(&path, text).map_err(|source| unwritten(&path, source))?;
    }
    Ok(())
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
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn names_are_what_cargo_and_configurations_take() {
        for good in ["a", "hello", "say-hello-2"] {
            assert_eq!(name(good).as_deref(), Ok(good));
        }
        let long = "x".repeat(65);
        for bad in [
            "", "-a", "a-", "a--b", "A", "1a", "a_b", "a/b", "..", "a b", "é", &long,
        ] {
            assert!(name(bad).is_err(), "{bad}");
        }
        let folder = tempfile::tempdir().unwrap();
        for (name, lang, fine) in [
            ("test", Language::Rust, false),
            ("match", Language::Rust, false),
            ("match", Language::C, true),
        ] {
            let written = write(&folder.path().join(name), name, lang);
            assert_eq!(written.is_ok(), fine, "{name} {lang:?}");
        }
    }

    #[test]
    fn a_folder_that_is_there_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let hello = folder.path().join("hello");
        write(&hello, "hello", Language::Rust).unwrap();
        let manifest = fs::read_to_string(hello.join("Cargo.toml")).unwrap();
        assert!(manifest.contains("name = \"hello\""), "{manifest}");
        fs::write(hello.join("cases.toml"), "mine").unwrap();
        assert!(matches!(
            write(&hello, "hello", Language::Rust),
            Err(Error::Exists(_))
        ));
        assert_eq!(fs::read_to_string(hello.join("cases.toml")).unwrap(), "mine");
    }

    /// What a plugin may come to need, beside what the example uses.
    #[test]
    fn the_whole_contract_comes_along() {
        for (lang, file) in [
            (Language::Assemblyscript, "gatewit/kv.ts"),
            (Language::Assemblyscript, "gatewit/hooks/tick-hook.ts"),
            (Language::Js, "jsconfig.json"),
            (Language::Js, "types/gatewit.d.ts"),
            (Language::Ts, "types/gatewit.d.ts"),
        ] {
            let files = lang.files("say-hello");
            let there = files.iter().any(|(path, _)| path == Path::new(file));
            assert!(there, "{lang:?} {file}");
        }
    }

    #[test]
    fn nothing_of_the_templates_is_left_open() {
        for lang in Language::value_variants() {
            let files = lang.files("say-hello");
            let own = files
                .into_iter()
                .filter(|(path, _)| !path.starts_with("vendor") && !path.starts_with("wit/deps"));
            let own: Vec<_> = own.collect();
            for (path, text) in &own {
                for open in ["{{name}}", "{{Type}}", "{{language}}", "{{source}}"] {
                    assert!(!text.contains(open), "{lang:?} {} {open}", path.display());
                }
                assert!(!text.contains("doorman"), "{lang:?} {}", path.display());
            }
            let all: String = own.iter().map(|(_, text)| text.as_str()).collect();
            assert!(all.contains("say-hello"), "{lang:?}");
            for file in ["README.md", "cases.toml", "gatewit.toml", ".gitignore"] {
                assert!(
                    own.iter().any(|(path, _)| path == Path::new(file)),
                    "{lang:?} {file}"
                );
            }
        }
    }
}
