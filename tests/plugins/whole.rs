//! The languages whose side of the contract is not made by a generator when a plugin is built: what is checked in for them is
//! the whole contract.

use std::fs;
use std::path::{Path, PathBuf};

use wit_parser::Resolve;

use crate::support::typescript::{contract, declarations};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn examples(path: &str) -> PathBuf {
    root().join("examples/plugins").join(path)
}

fn the_contract() -> Resolve {
    contract(&root().join("wit"))
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
