//! The path that is forwarded. The query is none of its business: it goes on byte for byte.
//!
//! Whatever a rewrite makes is canonical again, and in the tree that the rewrite names: pieces of
//! a path that are harmless alone (`.` and `.`, `svc` and `../admin`) must not become a way out of
//! it when they are put together. The table of what is forwarded unchanged is in
//! [`canonical`](super::canonical).

use std::borrow::Cow;

use super::Captures;
use super::canonical::{self, PathError};
use crate::config::Rewrite;

/// Why a matched request has no path to forward.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RewriteError {
    /// The path is not below the prefix that is to be removed. The configuration's fault.
    #[error("the path is not below `{prefix}`, which the rewrite removes")]
    Outside {
        /// The prefix.
        prefix: String,
    },
    /// A placeholder names no capture of the route. The configuration's fault.
    #[error("`{{{name}}}` is not a capture of the route")]
    Unknown {
        /// The name.
        name: String,
    },
    /// A value with several elements was put in the middle of one (`/svc{rest}` with `a/../b`). The client's fault.
    #[error("the value of `{{{name}}}` has to begin with a slash")]
    Glued {
        /// The capture.
        name: String,
    },
    /// The result is not a path, or has a dot element. The client's fault.
    #[error("the rewritten path is not acceptable: {0}")]
    Result(#[from] PathError),
}

/// The path to forward. `canonical` is the canonical form of `raw_path`, `captures` what the route found.
///
/// # Errors
/// There is no such path; see [`RewriteError`].
pub fn rewrite<'p>(
    rewrite: &Rewrite,
    raw_path: &'p str,
    canonical: &'p str,
    captures: &Captures,
) -> Result<Cow<'p, str>, RewriteError> {
    let path = kept(raw_path, canonical);
    match rewrite {
        Rewrite::Keep => Ok(Cow::Borrowed(path)),
        Rewrite::StripPrefix(prefix) => {
            let rest = behind(path, canonical, prefix)?;
            Ok(Cow::Borrowed(if rest.is_empty() { "/" } else { rest }))
        }
        Rewrite::ReplacePrefix { from, to } => {
            let rest = behind(path, canonical, from)?;
            // Each half is canonical, they meet at a slash.
            Ok(Cow::Owned(match (to.trim_end_matches('/'), rest) {
                ("", "") => "/".to_owned(),
                (to, rest) => format!("{to}{rest}"),
            }))
        }
        Rewrite::Path(template) => fill(template, captures).map(Cow::Owned),
    }
}

/// `template` with the captures in the places of `{name}`, as a canonical path.
///
/// # Errors
/// A name is unknown, or the result is no path or may lie outside of what the template says.
pub fn fill(template: &str, captures: &Captures) -> Result<String, RewriteError> {
    let mut out = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, (name, after))) = rest
        .split_once('{')
        .and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
    {
        out.push_str(before);
        let value = captures.value(name).ok_or_else(|| RewriteError::Unknown {
            name: name.to_owned(),
        })?;
        if !out.ends_with('/') && !value.starts_with('/') && value.contains('/') {
            return Err(RewriteError::Glued {
                name: name.to_owned(),
            });
        }
        out.push_str(value);
        rest = after;
    }
    out.push_str(rest);
    Ok(canonical::composed(&out)?)
}

/// The client's own spelling where it makes no difference.
fn kept<'p>(raw: &'p str, canonical: &'p str) -> &'p str {
    if raw == canonical || canonical::is_spelling_of(raw, canonical) {
        raw
    } else {
        canonical
    }
}

/// What follows `prefix`: empty, or beginning with a slash. `path` is a spelling of `canonical`,
/// so that both have the same elements.
fn behind<'p>(path: &'p str, canonical: &str, prefix: &str) -> Result<&'p str, RewriteError> {
    let outside = || RewriteError::Outside {
        prefix: prefix.to_owned(),
    };
    let mut elements = canonical.split('/').skip(1);
    let mut slashes = path.match_indices('/').map(|(at, _)| at).skip(1);
    let mut end = 0;
    for part in prefix.split('/').filter(|part| !part.is_empty()) {
        let element = elements
            .next()
            .filter(|element| !element.is_empty())
            .ok_or_else(outside)?;
        let capture = part.starts_with('{') && part.ends_with('}');
        if !capture
            && part != element
            && canonical::path(&format!("/{part}"))
                .ok()
                .as_deref()
                .map(|p| &p[1..])
                != Some(element)
        {
            return Err(outside());
        }
        end = slashes.next().unwrap_or(path.len());
    }
    Ok(&path[end..])
}
