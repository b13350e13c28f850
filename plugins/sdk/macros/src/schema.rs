//! From a type to the code that writes its schema: pieces of text, with the schemas of its fields in between.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Data, DataEnum, DeriveInput, Error, Field, Fields, Type, parse_quote};

use crate::attributes::Said;

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream, Error> {
    let mut generics = input.generics.clone();
    for parameter in generics.type_params_mut() {
        parameter
            .bounds
            .push(parse_quote!(::gatewit_plugin::schema::Schema));
    }
    let (parameters, arguments, wheres) = generics.split_for_impl();
    let said = Said::of(&input.attrs)?;
    let body = match (&said.from, &input.data) {
        (Some(other), _) => delegated(other),
        (None, Data::Struct(data)) => structure(&data.fields, &said)?,
        (None, Data::Enum(data)) => enumeration(data, &said)?,
        (None, Data::Union(_)) => {
            return Err(Error::new_spanned(input, "no schema can be derived for a union"));
        }
    };
    let (name, description) = (&input.ident, escaped(&said.description));
    Ok(quote! {
        #[automatically_derived]
        impl #parameters ::gatewit_plugin::schema::Schema for #name #arguments #wheres {
            fn write(out: &mut ::std::string::String, description: &str) {
                let description = if description.is_empty() { #description } else { description };
                #body
            }
        }
    })
}

/// The schema of another type, with this one's description.
fn delegated(other: &Type) -> TokenStream {
    quote! { <#other as ::gatewit_plugin::schema::Schema>::write(out, description); }
}

fn structure(fields: &Fields, said: &Said) -> Result<TokenStream, Error> {
    match fields {
        Fields::Named(named) if !said.transparent => {
            let properties = properties(named.named.iter(), said)?;
            Ok(quote! {
                ::gatewit_plugin::schema::open(out, description);
                #properties
                out.push('}');
            })
        }
        Fields::Unit => Ok(quote! { ::gatewit_plugin::schema::leaf(out, description, "\"type\":\"null\""); }),
        _ => match fields.iter().next() {
            Some(field) if fields.len() == 1 => Ok(delegated(&field.ty)),
            _ => Err(Error::new_spanned(fields, "no schema can be derived for a tuple")),
        },
    }
}

/// Members of an object's schema: what it may hold, and what it must.
fn properties<'a>(fields: impl Iterator<Item = &'a Field>, container: &Said) -> Result<TokenStream, Error> {
    let mut code = TokenStream::new();
    if let Some(tag) = &container.tag {
        // Only variants: the container of a struct has none.
        let name = container.rename.as_deref().unwrap_or_default();
        let constant = format!("{}:{{\"const\":{}}}", quoted(tag), quoted(name));
        code.extend(quote! { object.constant(#tag, #constant); });
    }
    for field in fields {
        let said = Said::of(&field.attrs)?;
        if said.skip {
            continue;
        }
        let name = name_of(field, &said, container);
        let (key, description) = (format!("{}:", quoted(&name)), escaped(&said.description));
        let optional = said.default || container.default;
        let ty = &field.ty;
        code.extend(if said.opaque {
            quote! { object.any(#name, #key, #description, #optional); }
        } else {
            quote! { object.field::<#ty>(#name, #key, #description, #optional); }
        });
    }
    let closed = container.denies_unknown;
    Ok(quote! {
        let mut object = ::gatewit_plugin::schema::Object::new(out, #closed);
        #code
        object.finish();
    })
}

fn name_of(field: &Field, said: &Said, container: &Said) -> String {
    if let Some(name) = &said.rename {
        return name.clone();
    }
    let ident = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
    let name = ident.strip_prefix("r#").unwrap_or(&ident);
    container
        .rename_all
        .map_or_else(|| name.to_owned(), |case| case.apply(name))
}

fn enumeration(data: &DataEnum, said: &Said) -> Result<TokenStream, Error> {
    let mut code = TokenStream::new();
    for variant in &data.variants {
        let own = Said::of(&variant.attrs)?;
        if own.skip {
            continue;
        }
        let ident = variant.ident.to_string();
        let name = own.rename.clone().unwrap_or_else(|| {
            said.rename_all
                .map_or_else(|| ident.clone(), |case| case.apply(&ident))
        });
        let of_fields = Said {
            denies_unknown: said.denies_unknown,
            rename_all: own.rename_all,
            tag: said.tag.clone(),
            rename: Some(name.clone()),
            ..Said::default()
        };
        let description = escaped(&own.description);
        let schema = if said.untagged {
            content(
                &variant.fields,
                &Said {
                    tag: None,
                    ..of_fields
                },
                &description,
            )?
        } else if said.tag.is_some() {
            tagged(&variant.fields, &of_fields, &description)?
        } else {
            keyed(&variant.fields, &of_fields, &name, &description)?
        };
        code.extend(quote! { ::gatewit_plugin::schema::separate(out); #schema });
    }
    let alternatives = if said.untagged {
        "\"anyOf\":["
    } else {
        "\"oneOf\":["
    };
    Ok(quote! {
        ::gatewit_plugin::schema::open(out, description);
        out.push_str(#alternatives);
        #code
        out.push_str("]}");
    })
}

/// `"name"`, or `{ "name": content }`.
fn keyed(fields: &Fields, said: &Said, name: &str, description: &str) -> Result<TokenStream, Error> {
    if matches!(fields, Fields::Unit) {
        let constant = format!("\"const\":{}", quoted(name));
        return Ok(quote! { ::gatewit_plugin::schema::leaf(out, #description, #constant); });
    }
    let content = content(
        fields,
        &Said {
            tag: None,
            denies_unknown: said.denies_unknown,
            rename_all: said.rename_all,
            ..Said::default()
        },
        "",
    )?;
    let before = format!("\"type\":\"object\",\"properties\":{{{}:", quoted(name));
    let after = format!(
        "}},\"required\":[{}],\"additionalProperties\":false}}",
        quoted(name)
    );
    Ok(quote! {
        ::gatewit_plugin::schema::open(out, #description);
        out.push_str(#before);
        #content
        out.push_str(#after);
    })
}

/// `{ "tag": "name", fields }`
fn tagged(fields: &Fields, said: &Said, description: &str) -> Result<TokenStream, Error> {
    if matches!(fields, Fields::Unnamed(_)) {
        return Err(Error::new_spanned(
            fields,
            "no schema can be derived for this; name the fields",
        ));
    }
    let properties = properties(fields.iter(), said)?;
    Ok(quote! {
        ::gatewit_plugin::schema::open(out, #description);
        #properties
        out.push('}');
    })
}

/// What stands within a variant.
fn content(fields: &Fields, said: &Said, description: &str) -> Result<TokenStream, Error> {
    let description_of = format_ident!("description");
    let inner = structure(fields, said)?;
    Ok(quote! { { let #description_of = #description; #inner } })
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// As it stands within a JSON string.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            control if control.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out
}
