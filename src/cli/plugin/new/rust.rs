//! A plugin in Rust: a template of its own, with the SDK, which needs less code than the contract alone.

use std::path::PathBuf;

use super::vendor::{self, Placed};

/// The plugin's own files.
const TEMPLATE: [(&str, &str); 6] = [
    ("Cargo.toml", include_str!("template/Cargo.toml.in")),
    ("src/lib.rs", include_str!("template/lib.rs.in")),
    ("cases.toml", include_str!("template/cases.toml.in")),
    ("README.md", include_str!("template/README.md.in")),
    ("gatewit.toml", include_str!("template/gatewit.toml.in")),
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

/// Whether cargo or Rust mean something else by a name.
pub(super) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name) || KEYWORDS.contains(&name)
}

/// Everything that the folder holds.
pub(super) fn files(name: &str) -> Vec<Placed> {
    let template = TEMPLATE.map(|(path, text)| (PathBuf::from(path), filled(text, name)));
    template.into_iter().chain(vendor::sdk()).collect()
}

fn filled(text: &str, name: &str) -> String {
    text.replace("{{name}}", name)
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
}
