//! A plugin in another language than Rust: the folder of `examples/plugins` that is written in it, under another name.

use std::path::{Path, PathBuf};

use super::vendor::{self, Placed};

/// What the examples are called.
const EXAMPLE: &str = "doorman";

/// What every folder holds beside its own files.
const TEMPLATE: [(&str, &str); 2] = [
    ("README.md", include_str!("template/guest.md.in")),
    ("gatewit.toml", include_str!("template/guest.toml.in")),
];

/// Everything that the folder holds.
pub(super) fn files(folder: &'static str, language: &str, name: &str) -> Vec<Placed> {
    let own: Vec<Placed> = vendor::example(folder).collect();
    let source = source(&own);
    let filled = |text: &str| {
        text.replace("{{name}}", name)
            .replace("{{language}}", language)
            .replace("{{source}}", &source)
    };
    let template = TEMPLATE.map(|(path, text)| (PathBuf::from(path), filled(text)));
    let renamed = own
        .into_iter()
        .map(|(path, text)| (path, text.replace(EXAMPLE, name)));
    renamed
        .chain(template)
        .chain(vendor::contract("wit/deps/gatewit"))
        .collect()
}

/// The file that a newcomer opens first.
fn source(files: &[Placed]) -> String {
    let named = |path: &Path| path.file_stem().is_some_and(|stem| stem == "plugin");
    let source = files.iter().find(|(path, _)| named(path));
    source.map_or_else(String::new, |(path, _)| path.display().to_string())
}
