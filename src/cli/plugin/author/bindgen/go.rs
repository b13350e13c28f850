//! Go: beside what is generated, the small module that generated code builds on. It is written out with the rest, so
//! that nothing has to be fetched.

use wit_bindgen_core::{Files, WorldGenerator};

/// Where it is, within the folder of the bindings.
const FOLDER: &str = "gatewit";

/// The module, by the name that generated code has for it.
const MODULE: [(&str, &str); 5] = [
    ("go.mod", include_str!("go/go.mod.in")),
    ("wit/runtime/runtime.go", include_str!("go/runtime.go.in")),
    ("wit/runtime/empty.s", include_str!("go/empty.s.in")),
    ("wit/types/types.go", include_str!("go/types.go.in")),
    ("README.md", include_str!("go/README.md.in")),
];

/// Where the exported functions are.
const EXPORTS: &str = "wit_exports.go";

/// What the author has made of it is left alone.
pub(super) const OWN: &str = "go.mod";

pub(super) fn generator() -> Box<dyn WorldGenerator> {
    let options = wit_bindgen_go::Opts {
        // What the author's own `gofmt` does would make it differ from machine to machine.
        format: wit_bindgen_go::Format::False,
        ..wit_bindgen_go::Opts::default()
    };
    options.build()
}

/// What was generated, and what it needs.
pub(super) fn complete(generated: &Files) -> Files {
    let mut files = Files::default();
    for (name, content) in generated.iter() {
        match (name, std::str::from_utf8(content)) {
            (OWN, _) => {
                files.push(name, content);
                let replace = format!("\nreplace go.bytecodealliance.org/pkg => ./{FOLDER}\n");
                files.push(name, replace.as_bytes());
            }
            (EXPORTS, Ok(code)) => files.push(name, unpinning(code).as_bytes()),
            _ => files.push(name, content),
        }
    }
    for (name, content) in MODULE {
        files.push(&format!("{FOLDER}/{name}"), content.as_bytes());
    }
    files
}

/// What the host has written for a hook stays pinned, and its memory taken, until somebody lets go of it. Generated code
/// does that only where a function takes parameters, which hooks do not.
fn unpinning(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    for line in code.lines() {
        out.push_str(line);
        out.push('\n');
        if line.starts_with("func wasm_export_") && !line.starts_with("func wasm_export_post_return_") {
            out.push_str("\tdefer witRuntime.Unpin()\n");
        }
    }
    out
}
