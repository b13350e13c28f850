//! What is said of types, variants and fields: serde's attributes and doc comments.

use syn::meta::ParseNestedMeta;
use syn::{Attribute, Error, Expr, ExprLit, Lit, LitStr, Meta, Token, Type};

use crate::case::Case;

/// Of one item; what does not apply to its kind stays empty.
#[derive(Default)]
pub(crate) struct Said {
    /// The doc comment, its lines joined to paragraphs.
    pub(crate) description: String,
    pub(crate) rename: Option<String>,
    pub(crate) rename_all: Option<Case>,
    pub(crate) tag: Option<String>,
    /// The type that is read in place of this one.
    pub(crate) from: Option<Type>,
    pub(crate) default: bool,
    pub(crate) denies_unknown: bool,
    pub(crate) untagged: bool,
    pub(crate) transparent: bool,
    pub(crate) skip: bool,
    /// It is read by a function, so nothing is known of it.
    pub(crate) opaque: bool,
}

impl Said {
    pub(crate) fn of(attributes: &[Attribute]) -> Result<Self, Error> {
        let mut said = Self::default();
        let mut lines = Vec::new();
        for attribute in attributes {
            if attribute.path().is_ident("doc") {
                lines.extend(line(attribute));
            } else if attribute.path().is_ident("serde") {
                attribute.parse_nested_meta(|meta| said.add(&meta))?;
            }
        }
        said.description = paragraphs(&lines);
        Ok(said)
    }

    fn add(&mut self, meta: &ParseNestedMeta<'_>) -> Result<(), Error> {
        let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        match name.as_str() {
            "rename" => self.rename = Some(text(meta)?.value()),
            "rename_all" => self.rename_all = Some(Case::parse(&text(meta)?)?),
            "tag" => self.tag = Some(text(meta)?.value()),
            "from" | "try_from" => self.from = Some(text(meta)?.parse()?),
            "default" => {
                self.default = true;
                skip_value(meta)?;
            }
            "deny_unknown_fields" => self.denies_unknown = true,
            "untagged" => self.untagged = true,
            "transparent" => self.transparent = true,
            "skip" | "skip_deserializing" => self.skip = true,
            "with" | "deserialize_with" => {
                self.opaque = true;
                skip_value(meta)?;
            }
            "flatten" | "content" | "rename_all_fields" => {
                return Err(meta.error("no schema can be derived with this; write `impl Schema` by hand"));
            }
            _ => skip_value(meta)?,
        }
        Ok(())
    }
}

fn text(meta: &ParseNestedMeta<'_>) -> Result<LitStr, Error> {
    meta.value()?.parse()
}

fn skip_value(meta: &ParseNestedMeta<'_>) -> Result<(), Error> {
    if meta.input.peek(Token![=]) {
        meta.value()?.parse::<Expr>()?;
    }
    Ok(())
}

fn line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    let Expr::Lit(ExprLit {
        lit: Lit::Str(text), ..
    }) = &pair.value
    else {
        return None;
    };
    Some(text.value().trim().to_owned())
}

fn paragraphs(lines: &[String]) -> String {
    let paragraphs = lines
        .split(|line| line.is_empty())
        .filter(|lines| !lines.is_empty());
    paragraphs
        .map(|lines| lines.join(" "))
        .collect::<Vec<_>>()
        .join("\n\n")
}
