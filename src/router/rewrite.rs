//! The path that is forwarded. The query is none of its business: it goes on byte for byte.
//!
//! Whatever a rewrite makes is canonical again, and in the tree that the rewrite names: pieces of
//! a path that are harmless alone (`.` and `.`, `svc` and `../admin`) must not become a way out of
//! it when they are put together. The table of what is forwarded unchanged is in
//! [`canonical`].

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
            let mut out = canonical::composed(to)?;
            // Each half is canonical; they meet at one slash.
            if !rest.is_empty() && out.ends_with('/') {
                out.pop();
            }
            out.push_str(rest);
            Ok(Cow::Owned(out))
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
    let mut elements = canonical.split('/').skip(1);
    let mut ends = path.match_indices('/').map(|(at, _)| at).skip(1);
    let mut end = 0;
    for part in prefix.split('/').filter(|part| !part.is_empty()) {
        if !elements.next().is_some_and(|element| stands_for(part, element)) {
            return Err(RewriteError::Outside {
                prefix: prefix.to_owned(),
            });
        }
        end = ends.next().unwrap_or(path.len());
    }
    Ok(&path[end..])
}

/// Whether an element of a prefix, as people write it, is this one of a canonical path.
fn stands_for(part: &str, element: &str) -> bool {
    part == element
        || (part.starts_with('{') && part.ends_with('}') && !element.is_empty())
        || canonical::path(&format!("/{part}")).is_ok_and(|spelled| spelled[1..] == *element)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::{Request, Router, tests::routes};

    fn strip(prefix: &str) -> Rewrite {
        Rewrite::StripPrefix(prefix.to_owned())
    }

    fn replace(from: &str, to: &str) -> Rewrite {
        Rewrite::ReplacePrefix {
            from: from.to_owned(),
            to: to.to_owned(),
        }
    }

    fn forwarded(route: &str, how: &Rewrite, raw: &str) -> Option<Result<String, RewriteError>> {
        forward(&Router::new(&routes(&[route])), how, raw)
    }

    /// As the proxy does it; `None` when no route matches, so that nothing is forwarded.
    fn forward(router: &Router, how: &Rewrite, raw: &str) -> Option<Result<String, RewriteError>> {
        let canonical = canonical::path(raw).ok()?;
        let headers = http::HeaderMap::new();
        let method = &http::Method::GET;
        let request = Request {
            host: "",
            path: &canonical,
            query: None,
            method,
            headers: &headers,
        };
        let found = router.find(&request)?;
        Some(rewrite(how, raw, &canonical, &found.captures).map(Cow::into_owned))
    }

    #[test]
    fn ordinary_paths_go_on_byte_for_byte() {
        for raw in [
            "/",
            "/a%20b",
            "/caf%c3%a9",
            "/a|b/{c}",
            "/a;b=1/",
            "/q%3f",
            "/.well-known",
        ] {
            let canonical = canonical::path(raw).unwrap();
            let kept = rewrite(&Rewrite::Keep, raw, &canonical, &Captures::default()).unwrap();
            assert!(matches!(kept, Cow::Borrowed(path) if path == raw), "{raw}");
        }
    }

    #[test]
    fn what_others_might_read_differently_goes_on_canonical() {
        for (raw, expected) in [
            ("/x/../admin", "/admin"),
            ("/x/%2e%2e/admin", "/admin"),
            ("//admin", "/admin"),
            ("/./admin", "/admin"),
            ("/%61dmin", "/admin"),
            ("/%61/caf%c3%a9", "/a/caf%C3%A9"),
        ] {
            assert_eq!(
                forwarded("/", &Rewrite::Keep, raw),
                Some(Ok(expected.to_owned())),
                "{raw}"
            );
        }
    }

    #[test]
    fn prefixes_are_removed_and_replaced_by_elements() {
        for (route, how, raw, expected) in [
            ("/api", strip("/api"), "/api", "/"),
            ("/api", strip("/api"), "/api/", "/"),
            ("/api", strip("/api"), "/api/x%20y/", "/x%20y/"),
            ("/api/v1", strip("/api"), "/api/v1/x", "/v1/x"),
            ("/api", strip("/"), "/api/x", "/api/x"),
            ("/api", strip(""), "/api/x", "/api/x"),
            ("/caf%C3%A9", strip("/caf%C3%A9"), "/caf%c3%a9/%c3%a9", "/%c3%a9"),
            ("/~u", strip("/%7eu"), "/%7Eu/x", "/x"),
            ("/u/{id}", strip("/u/{id}"), "/u/7/x", "/x"),
            ("/foo", replace("/foo", "/xyz"), "/foo", "/xyz"),
            ("/foo", replace("/foo", "/xyz"), "/foo/", "/xyz/"),
            ("/foo", replace("/foo", "/xyz/"), "/foo/bar", "/xyz/bar"),
            ("/foo", replace("/foo", "/xyz/"), "/foo", "/xyz/"),
            ("/foo", replace("/foo", "/"), "/foo", "/"),
            ("/foo", replace("/foo", ""), "/foo/bar", "/bar"),
            ("/", replace("/", "/xyz"), "/", "/xyz/"),
            ("/", replace("", "/xyz"), "/a/b", "/xyz/a/b"),
        ] {
            assert_eq!(
                forwarded(route, &how, raw),
                Some(Ok(expected.to_owned())),
                "{raw} {how:?}"
            );
        }
    }

    #[test]
    fn no_rewrite_leads_out_of_its_tree() {
        let keep = |text: &str| Some(Ok(text.to_owned()));
        // Not in `/api` at all: nothing is forwarded.
        for raw in [
            "/api%2e/admin",
            "/api/..",
            "/api/../admin",
            "/api../admin",
            "/apix",
            "/api%2f..%2fadmin",
            "/api;/x",
        ] {
            assert_eq!(forwarded("/api", &strip("/api"), raw), None, "{raw}");
            assert_eq!(forwarded("/api", &replace("/api", "/svc"), raw), None, "{raw}");
        }
        assert_eq!(forwarded("/api", &strip("/api"), "/api//admin"), keep("/admin"));
        assert_eq!(
            forwarded("/api", &replace("/api", "/svc"), "/api//admin"),
            keep("/svc/admin")
        );
        assert_eq!(
            forwarded("/api", &replace("/api", "/svc"), "/api/x/..//../api/y"),
            keep("/svc/y")
        );
    }

    #[test]
    fn captures_cannot_be_put_together_into_a_way_out() {
        let dots = RewriteError::Result(PathError::Dots);
        let glued = || RewriteError::Glued {
            name: "rest".to_owned(),
        };
        for (route, template, raw, expected) in [
            ("~/api(?<rest>.*)", "/svc{rest}", "/api/x", Ok("/svc/x")),
            ("~/api(?<rest>.*)", "/svc{rest}", "/api", Ok("/svc")),
            ("~/api(?<rest>.*)", "/svc{rest}", "/api../admin", Err(glued())),
            ("~/api(?<rest>.*)", "/svc{rest}", "/apix/admin", Err(glued())),
            (
                "~/api(?<rest>.*)",
                "/svc/{rest}",
                "/api../admin",
                Err(dots.clone()),
            ),
            ("~/api(?<rest>.*)", "/svc/{rest}", "/api//admin", Ok("/svc/admin")),
            (
                "~/api(?<rest>.*)",
                "{rest}",
                "/apiadmin",
                Err(RewriteError::Result(PathError::Relative)),
            ),
            ("~/api(?<rest>.*)", "{rest}", "/api", Ok("/")),
            ("~/api(?<rest>.*)", "{rest}", "/api//admin", Ok("/admin")),
            (
                "~/(?<a>[^/]+)-(?<b>[^/]+)",
                "/{a}{b}/x",
                "/.-.",
                Err(dots.clone()),
            ),
            ("~/(?<a>.)e(?<b>.)", "/x%2{a}%2{b}", "/eee", Ok("/x..")),
            ("~/(?<a>.)e(?<b>.)", "/%2{a}%2{b}/x", "/eee", Err(dots)),
            (
                "/u/{id}/p/{post}",
                "/posts/{post}/by-{id}",
                "/u/7/p/%2e%61/z",
                Ok("/posts/.a/by-7"),
            ),
            (
                "/u/{id}",
                "/x?id={id}",
                "/u/7",
                Err(RewriteError::Result(PathError::Delimiter)),
            ),
            (
                "/u/{id}",
                "/x/{nobody}",
                "/u/7",
                Err(RewriteError::Unknown {
                    name: "nobody".to_owned(),
                }),
            ),
        ] {
            let how = Rewrite::Path(template.to_owned());
            assert_eq!(
                forwarded(route, &how, raw),
                Some(expected.map(str::to_owned)),
                "{raw} → {template}"
            );
        }
        let outside = forwarded("~/.*", &strip("/api"), "/apix");
        assert_eq!(
            outside,
            Some(Err(RewriteError::Outside {
                prefix: "/api".to_owned()
            }))
        );
    }

    #[test]
    fn whatever_is_forwarded_is_canonical_and_in_its_tree() {
        const PIECES: &[&str] = &[
            "/", "/", "/api", ".", "%2e", "a", "-", ";", "%61", "%c3%a9", "|", "api", "%2E.",
        ];
        let rewrites = [
            (strip("/api"), "/"),
            (replace("/api", "/svc"), "/svc"),
            (Rewrite::Path("/svc{rest}".to_owned()), "/svc"),
            (Rewrite::Path("/svc/{rest}".to_owned()), "/svc/"),
            (Rewrite::Path("/svc/x{a}{b}".to_owned()), "/svc/"),
        ];
        let router = Router::new(&routes(&["~/api(?<rest>(?<a>[^/]*)(?<b>.*))"]));
        let mut random = fastrand::Rng::with_seed(3);
        let mut seen = 0;
        for _ in 0..20_000 {
            let pieces: String = (0..random.usize(1..7))
                .map(|_| PIECES[random.usize(..PIECES.len())])
                .collect();
            let raw = format!("/api{pieces}");
            let (how, tree) = &rewrites[random.usize(..rewrites.len())];
            let Some(Ok(path)) = forward(&router, how, &raw) else {
                continue;
            };
            seen += 1;
            let canonical = canonical::path(&path).unwrap();
            assert!(canonical::is_spelling_of(&path, &canonical), "{raw} → {path}");
            assert!(path.starts_with(tree), "{raw} → {path}");
        }
        assert!(seen > 5_000, "{seen}");
    }
}
