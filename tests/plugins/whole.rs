//! The languages whose side of the contract is not made by a generator when a plugin is built: what is checked in for them is
//! the whole contract, and a plugin in each calls all of it. That it works is seen by `examples/plugins/run.py`.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use wit_parser::{Resolve, TypeDefKind};

use crate::support::typescript::{camel, contract, declarations, parts, pascal};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn examples(path: &str) -> PathBuf {
    root().join("examples/plugins").join(path)
}

fn the_contract() -> Resolve {
    contract(&root().join("wit"))
}

/// The sources in a folder, and in those below it, one behind the other.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            text += &sources(&path);
        } else if path.extension().is_some_and(|extension| extension == "ts") {
            text += &fs::read_to_string(&path).unwrap();
        }
    }
    text
}

/// What plugins call an interface.
fn alias(interface: &str) -> &str {
    match interface {
        "http-client" => "http",
        other => other,
    }
}

/// `UPDATE_EXPECT=1 cargo test the_types_of_typescript` writes them anew: read them before they are committed.
#[test]
fn the_types_of_typescript_are_the_contract() {
    let declared = declarations(&the_contract());
    let file = examples("ts/types/gatewit.d.ts");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&file, &declared).unwrap();
    }
    let found = fs::read_to_string(&file).unwrap();
    assert!(found == declared, "{} is not what wit/ says", file.display());
}

#[test]
fn a_plugin_in_typescript_uses_the_whole_contract() {
    let whole = sources(&examples("suite/whole/ts"));
    for part in parts(&the_contract()) {
        for function in part.interface.functions.keys() {
            let used = match part.exported {
                true => Regex::new(&format!(r"\b{}\b\s*[(:]", camel(function))).unwrap(),
                false => Regex::new(&format!(r"\b{}\.{}\(", alias(part.name()), camel(function))).unwrap(),
            };
            assert!(used.is_match(&whole), "{}.{function}", part.name());
        }
    }
}

#[test]
fn a_plugin_in_assemblyscript_uses_the_whole_contract() {
    let library = sources(&examples("assemblyscript/gatewit"));
    let whole = sources(&examples("suite/whole/assemblyscript"));
    for part in parts(&the_contract()) {
        let name = part.name();
        for function in part.interface.functions.keys() {
            if part.exported {
                let export = format!("export function {name}_{function}(").replace('-', "_");
                assert!(library.contains(&export), "{export}");
                assert!(whole.contains(&format!("\"./gatewit/hooks/{name}\"")), "{name}");
            } else {
                let import = format!("@external(\"gatewit:plugin/{name}@0.1.0\", \"{function}\")");
                let (_, behind) = library.split_once(&import).expect(&import);
                let (_, behind) = behind.split_once("export function ").expect(&import);
                let (called, _) = behind.split_once('(').unwrap();
                let called = format!("{}.{called}(", alias(name));
                assert!(whole.contains(&called), "{called}");
            }
        }
    }
}

/// They are numbers in memory: the order of the contract is theirs.
#[test]
fn the_enumerations_of_assemblyscript_are_those_of_the_contract() {
    let library = sources(&examples("assemblyscript/gatewit"));
    let resolve = the_contract();
    let mut compared = 0;
    for (_, it) in &resolve.types {
        let Some(name) = it.name.as_deref() else { continue };
        let cases: Vec<String> = match &it.kind {
            TypeDefKind::Enum(it) => it.cases.iter().map(|case| pascal(&case.name)).collect(),
            // Made by functions: `rejected`, `unavailable`, `internal`.
            TypeDefKind::Variant(it) if name.ends_with("-error") && name != "plugin-error" => {
                it.cases.iter().map(|case| pascal(&case.name)).collect()
            }
            _ => continue,
        };
        let head = format!("export enum {} {{", pascal(name));
        let (_, behind) = library.split_once(&head).expect(&head);
        let (body, _) = behind.split_once('}').unwrap();
        let found: Vec<&str> = body
            .split(',')
            .map(str::trim)
            .filter(|it| !it.is_empty())
            .collect();
        assert_eq!(found, cases, "{name}");
        compared += 1;
    }
    assert!(compared >= 10, "{compared}");
}
