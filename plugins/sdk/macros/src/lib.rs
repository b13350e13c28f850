//! `#[config]`, which makes a type readable as a plugin's configuration, and `#[derive(Schema)]`, which writes its JSON
//! Schema while the plugin is compiled: a component carries the text, not what makes it.

mod attributes;
mod case;
mod schema;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct or an enum part of a plugin's configuration: it can be read from JSON, and has a JSON Schema whose
/// descriptions are the doc comments. Unknown keys are refused. The attributes of serde may be used on it:
/// `#[serde(default)]` for a field that may be missing.
#[proc_macro_attribute]
pub fn config(_: TokenStream, item: TokenStream) -> TokenStream {
    const ATTRIBUTES: &str =
        "#[derive(Debug, ::gatewit_plugin::serde::Deserialize, ::gatewit_plugin::Schema)]
        #[serde(crate = \"::gatewit_plugin::serde\", deny_unknown_fields)]";
    let mut attributed: TokenStream = ATTRIBUTES.parse().expect("the attributes above are Rust");
    attributed.extend(item);
    attributed
}

/// The JSON Schema of what serde's `Deserialize` reads. Knows serde's attributes but `flatten`, `content` and
/// `rename_all_fields`; write [`Schema`](../gatewit_plugin/schema/trait.Schema.html) by hand for types that need them.
#[proc_macro_derive(Schema, attributes(serde))]
pub fn derive_schema(item: TokenStream) -> TokenStream {
    let input = parse_macro_input!(item as DeriveInput);
    schema::derive(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
