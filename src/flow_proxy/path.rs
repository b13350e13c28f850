//! Paths as Docker Flow Proxy compares them, in the keys of a route; and what of its rewriting a route can do.

use serde_json::{Value, json};

use super::service::PathType;
use crate::config::{PathPattern, Prefix};

/// How a route asks for a path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Path {
    /// `path`: whole elements.
    Elements(String),
    /// `path_exact`.
    Exact(String),
    /// `path_regex`, over the whole path.
    Regex(String),
}

impl Path {
    /// What `said` means.
    ///
    /// # Errors
    ///
    /// No request has such a path.
    pub(super) fn new(said: &str, path_type: PathType, prefix: Prefix) -> Result<Self, String> {
        let literal = || regex::escape(&said.replace('{', "%7B").replace('}', "%7D"));
        Ok(match (path_type, prefix) {
            (PathType::Exact, _) => Self::Exact(spelled(said)?),
            // The catch-all, behind every regular expression.
            (PathType::Beginning, _) if said == "/" => Self::Elements("/".to_owned()),
            (PathType::Beginning, Prefix::Segment) => Self::Elements(spelled(said)?),
            (PathType::Beginning, Prefix::String) => {
                Self::Regex(format!("{}.*", regex::escape(&spelled(said)?)))
            }
            (PathType::End, _) => Self::Regex(format!(".*{}", literal())),
            (PathType::Part, _) => Self::Regex(format!(".*{}.*", literal())),
            (PathType::Elements, _) => {
                let elements = regex::escape(said.trim_matches('/'));
                Self::Regex(format!("(?:/.*)?/{elements}(?:/.*)?"))
            }
            (PathType::Regex, _) => {
                PathPattern::regex(said).map_err(|wrong| wrong.to_string())?;
                // Anywhere in the path; `^` and `$` in it still mean its ends.
                Self::Regex(format!(".*(?:{said}).*"))
            }
        })
    }

    /// The key of a route, and its value.
    pub(super) fn entry(&self) -> (&'static str, Value) {
        match self {
            Self::Elements(path) => ("path", json!(path)),
            Self::Exact(path) => ("path_exact", json!(path)),
            Self::Regex(regex) => ("path_regex", json!(regex)),
        }
    }

    /// One of `path_except`.
    pub(super) fn exception(&self) -> Value {
        match self {
            Self::Elements(path) => json!(path),
            Self::Exact(path) => json!({"regex": regex::escape(path)}),
            Self::Regex(regex) => json!({"regex": regex}),
        }
    }

    /// `rewrite`, for the first occurrence of `search`, which has to be at the beginning of this path.
    ///
    /// # Errors
    ///
    /// Why a route cannot do it.
    pub(super) fn rewrite(&self, search: &str, replace: &str) -> Result<Value, String> {
        const ELSE: &str = "write a `[[route]]` with `path_regex` and `rewrite`";
        let own = match self {
            Self::Elements(path) | Self::Exact(path) => path.trim_end_matches('/'),
            Self::Regex(_) => return Err(format!("only a plain path can be rewritten: {ELSE}")),
        };
        let (search, replace) = without_rest(search, replace);
        let Some(literal) = literal(search) else {
            return Err(format!(
                "a regular expression in the path is not replaced: {ELSE}"
            ));
        };
        if !replace.is_empty() && !replace.starts_with('/') || replace.contains('\\') {
            return Err(format!("the replacement is no path that begins with `/`: {ELSE}"));
        }
        // What follows a slash that is taken away has to follow another one.
        let glued =
            literal.ends_with('/') && literal != "/" && !replace.is_empty() && !replace.ends_with('/');
        let from = literal.trim_end_matches('/');
        let below = own
            .strip_prefix(from)
            .filter(|rest| rest.is_empty() || rest.starts_with('/'));
        if glued || below.is_none() || literal == "/" && !replace.ends_with('/') {
            let message = format!(
                "only whole elements at the beginning of `servicePath` are replaced, such as `{own},/new`: {ELSE}"
            );
            return Err(message);
        }
        let rooted = |path: &str| match path.trim_end_matches('/') {
            "" => "/".to_owned(),
            path => path.to_owned(),
        };
        Ok(json!({"prefix": rooted(from), "replace_prefix": rooted(replace)}))
    }
}

/// The one spelling that requests have.
fn spelled(path: &str) -> Result<String, String> {
    let path = path.replace('{', "%7B").replace('}', "%7D");
    match PathPattern::exact(&path) {
        Ok(path) => Ok(path.to_string()),
        Err(wrong) => Err(match wrong.help {
            Some(help) => format!("{}: {help}", wrong.message),
            None => wrong.message,
        }),
    }
}

/// `^/a/(.*)` with `/b/\1` is `^/a/` with `/b/`.
fn without_rest<'a>(search: &'a str, replace: &'a str) -> (&'a str, &'a str) {
    let bare = search.strip_suffix('$').unwrap_or(search).strip_suffix("(.*)");
    match (bare, replace.strip_suffix("\\1")) {
        (Some(search), Some(replace)) => (search, replace),
        _ => (search, replace),
    }
}

/// The text that an expression without operators stands for. A dot may be one: at the beginning of a known path it
/// can only be itself.
fn literal(search: &str) -> Option<String> {
    let mut text = String::new();
    let mut chars = search.strip_prefix('^').unwrap_or(search).chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => text.push(chars.next().filter(char::is_ascii_punctuation)?),
            char if "*+?()[]{}|^$".contains(char) => return None,
            char => text.push(char),
        }
    }
    text.starts_with('/').then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(said: &str, path_type: PathType, prefix: Prefix) -> Path {
        Path::new(said, path_type, prefix).unwrap()
    }

    #[test]
    fn paths_are_compared_as_they_were() {
        use PathType::*;
        for (said, path_type, path, matches) in [
            ("/demo", Beginning, "/demo", true),
            ("/demo", Beginning, "/demolition", true),
            ("/demo/", Beginning, "/demo", false),
            ("/v1.0", Beginning, "/v1x0", false),
            (".jpg", End, "/a/b.jpg", true),
            (".jpg", End, "/a/b.jpg/", false),
            ("mid", Part, "/a/amidst/b", true),
            ("b", Elements, "/a/b/c", true),
            ("/b/", Elements, "/b", true),
            ("b", Elements, "/a/bb/c", false),
            ("b/c", Elements, "/a/b/c", true),
            ("^/v[0-9]+/", Regex, "/v12/x", true),
            ("^/v[0-9]+/", Regex, "/x/v12/x", false),
            ("/v[0-9]+$", Regex, "/x/v12", true),
            ("a|b", Regex, "/xbx", true),
        ] {
            let Path::Regex(regex) = self::path(said, path_type, Prefix::String) else {
                panic!("{said}");
            };
            let regex = regex::Regex::new(&format!("^(?:{regex})$")).unwrap();
            assert_eq!(
                regex.is_match(path),
                matches,
                "{said} {path_type:?} {path} {regex}"
            );
        }
    }

    #[test]
    fn prefixes_are_elements_unless_told_otherwise() {
        let elements = |said: &str| path(said, PathType::Beginning, Prefix::Segment);
        assert_eq!(elements("/demo"), Path::Elements("/demo".to_owned()));
        assert_eq!(
            elements("/%7euser/{x}"),
            Path::Elements("/~user/%7Bx%7D".to_owned())
        );
        let root = path("/", PathType::Beginning, Prefix::String);
        assert_eq!(root, Path::Elements("/".to_owned()));
        let exact = path("/a", PathType::Exact, Prefix::String);
        assert_eq!(exact, Path::Exact("/a".to_owned()));
    }

    #[test]
    fn what_no_request_has_is_refused() {
        for (said, path_type) in [
            ("demo", PathType::Beginning),
            ("/a//b", PathType::Beginning),
            ("/a?b", PathType::Exact),
            ("/../a", PathType::Beginning),
            ("(", PathType::Regex),
            ("(?=a)", PathType::Regex),
        ] {
            assert!(Path::new(said, path_type, Prefix::Segment).is_err(), "{said}");
        }
    }

    #[test]
    fn a_prefix_is_replaced_and_nothing_else() {
        let rewrite = |own: &str, search: &str, replace: &str| {
            let own = Path::Elements(own.to_owned());
            let table = own.rewrite(search, replace).ok()?;
            let text = |key: &str| table[key].as_str().unwrap().to_owned();
            Some((text("prefix"), text("replace_prefix")))
        };
        for (own, search, replace, wanted) in [
            ("/demo", "/demo", "", Some(("/demo", "/"))),
            ("/demo", "/demo", "/", Some(("/demo", "/"))),
            ("/demo", "/demo/", "/", Some(("/demo", "/"))),
            ("/demo", "/demo/", "", Some(("/demo", "/"))),
            ("/demo", "^/demo", "/new", Some(("/demo", "/new"))),
            ("/demo/v1", "/demo", "/new", Some(("/demo", "/new"))),
            ("/demo", "^/demo/(.*)", "/\\1", Some(("/demo", "/"))),
            ("/demo", "^/demo/(.*)$", "/a/b/\\1", Some(("/demo", "/a/b"))),
            ("/v1.0", "^\\/v1\\.0", "/v2", Some(("/v1.0", "/v2"))),
            ("/demo", "/", "/new/", Some(("/", "/new"))),
            ("/demo", "/", "/new", None),
            ("/demo", "/demo/", "/new", None),
            ("/demo", "/dem", "/x", None),
            ("/demo", "/other", "/x", None),
            ("/demo", "demo", "x", None),
            ("/demo", "/demo/[0-9]+", "/x", None),
            ("/demo", "^/demo/(.*)", "/x", None),
            ("/demo", "/demo", "/x/\\1", None),
            ("/demo", "/demo", "x", None),
        ] {
            let wanted = wanted.map(|(from, to): (&str, &str)| (from.to_owned(), to.to_owned()));
            assert_eq!(rewrite(own, search, replace), wanted, "{own} {search},{replace}");
        }
        assert!(Path::Regex("/a.*".to_owned()).rewrite("/a", "/b").is_err());
    }
}
