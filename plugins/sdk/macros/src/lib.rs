//! `#[config]`: what makes a type readable as a plugin's configuration. Only adds attributes; serde and schemars do
//! the work.

use proc_macro::TokenStream;

/// Makes a struct or an enum part of a plugin's configuration: it can be read from JSON, and has a JSON Schema whose
/// descriptions are the doc comments. Unknown keys are refused. The attributes of serde and schemars may be used on
/// its fields: `#[serde(default)]` for one that may be missing.
#[proc_macro_attribute]
pub fn config(_: TokenStream, item: TokenStream) -> TokenStream {
    const ATTRIBUTES: &str =
        "#[derive(Debug, ::gatewit_plugin::serde::Deserialize, ::gatewit_plugin::schemars::JsonSchema)]
        #[serde(crate = \"::gatewit_plugin::serde\", deny_unknown_fields)]
        #[schemars(crate = \"::gatewit_plugin::schemars\")]";
    let mut attributed: TokenStream = ATTRIBUTES.parse().expect("the attributes above are Rust");
    attributed.extend(item);
    attributed
}
