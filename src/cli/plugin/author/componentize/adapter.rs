//! What modules for WASI 0.1 are wrapped with: `preview1.wat` says what it does.

use std::error::Error;

use wasmparser::{Parser, Payload};
use wit_component::StringEncoding;
use wit_parser::Resolve;

/// What such modules call it.
pub(super) const MODULE: &str = "wasi_snapshot_preview1";

/// `preview1.wat`, compiled.
const CODE: &[u8] = include_bytes!("preview1.wasm");

/// What it imports.
const WIT: &str = include_str!("preview1.wit");

/// Whether a module asks for anything of it.
pub(super) fn is_needed(module: &[u8]) -> bool {
    let imports = Parser::new(0)
        .parse_all(module)
        .filter_map(|payload| match payload {
            Ok(Payload::ImportSection(section)) => Some(section),
            _ => None,
        });
    imports
        .flat_map(wasmparser::SectionLimited::into_imports)
        .any(|import| import.is_ok_and(|import| import.module == MODULE))
}

/// The adapter, with the types of what it imports.
pub(super) fn module() -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
    let mut resolve = Resolve::default();
    let package = resolve.push_source("preview1.wit", WIT)?;
    let world = resolve.select_world(&[package], None)?;
    let mut module = CODE.to_vec();
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    Ok(module)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// With `GATEWIT_BLESS` set, it is written anew.
    #[test]
    fn the_compiled_adapter_is_that_of_the_text() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/plugin/author/componentize");
        let compiled = wat::parse_file(folder.join("preview1.wat")).unwrap();
        if std::env::var_os("GATEWIT_BLESS").is_some() {
            std::fs::write(folder.join("preview1.wasm"), &compiled).unwrap();
            return;
        }
        assert_eq!(compiled, CODE, "preview1.wasm is not what preview1.wat says");
    }

    /// All of `wasi_snapshot_preview1`, and what the runtime of Go calls around its allocations.
    #[test]
    fn every_function_of_preview1_is_there() {
        let mut functions = 0;
        for payload in Parser::new(0).parse_all(CODE) {
            if let Payload::ExportSection(section) = payload.unwrap() {
                functions = section.count();
            }
        }
        assert_eq!(functions, 46 + 1);
    }
}
