//! One canonical spelling of a path, computed once; matching, hash keys and rewrites all use it.
//! What is forwarded is decided in `rewrite.rs`; hosts are spelled in `authority.rs`.
//!
//! The rule behind every choice: whoever reads the path after us (a backend, another proxy, an
//! authorisation hook) must find it in the same tree as we did, or the request is refused.
//!
//! | in the request target | canonical | forwarded |
//! |---|---|---|
//! | letters, digits, `-._~!$&'()*+,;=:@` | the same | the same |
//! | `%61`: an escaped unreserved character (RFC 3986, 2.3) | `a` | canonical |
//! | any other escape: `%20`, `%c3%a9`, `%3F` | upper-case hex, never decoded | as it came |
//! | ``" < > [ ] ^ ` { \| }`` | escaped | as it came |
//! | `.` and `..` elements, escaped or not | resolved | canonical |
//! | `//` | `/` (before `..` is resolved) | canonical |
//! | `;parameters` | the same; see [`Router::find`](super::Router::find) | the same |
//! | `..` above the root | refused | |
//! | `.;x` and `..;x`: dots to some servers, a name to others | refused | |
//! | `%2F`, `%5C`, `\`, `%00` and other control characters | refused | |
//! | an escape that is none (`%`, `%4`, `%zz`) | refused | |
//! | `#`, `?`, space, bytes outside of ASCII | refused | |

use std::borrow::Cow;

pub use super::authority::{HostError, host};

/// Why a path has no canonical form. Always the client's fault (400).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PathError {
    /// It does not begin with `/` and is not `*`.
    #[error("the path does not begin with a slash")]
    Relative,
    /// A `%` without two hexadecimal digits behind it.
    #[error("the path contains an invalid percent-encoding")]
    Escape,
    /// `%2F`, `%5C` or `\`: a separator to some servers and a character to others.
    #[error("the path contains an encoded slash or a backslash")]
    Separator,
    /// A control character, a space or a byte outside of ASCII.
    #[error("the path contains a character that is not allowed")]
    Character,
    /// `?` or `#`, which end a path.
    #[error("the path contains a fragment or query delimiter")]
    Delimiter,
    /// More `..` than elements before them.
    #[error("the path leads above the root")]
    AboveRoot,
    /// A dot element with parameters (`..;x`), or one where none may be.
    #[error("the path contains an ambiguous dot segment")]
    Dots,
}

/// The canonical form of a request target's path (without query). Idempotent.
///
/// Borrowed when the path is canonical already: one pass, no allocation. `*` (of `OPTIONS *`)
/// is its own canonical form and matches no pattern but an exact one; an empty path, which only
/// absolute-form targets have, is `/` (RFC 9110, 4.2.3).
///
/// # Errors
/// The path can be read in more than one way; see [`PathError`].
pub fn path(raw: &str) -> Result<Cow<'_, str>, PathError> {
    match raw.as_bytes() {
        [] => Ok(Cow::Borrowed("/")),
        b"*" => Ok(Cow::Borrowed(raw)),
        [b'/', ..] if is_canonical(raw.as_bytes()) => Ok(Cow::Borrowed(raw)),
        [b'/', ..] => resolve(raw, Dots::Resolve).map(Cow::Owned),
        _ => Err(PathError::Relative),
    }
}

/// Like [`path`], but a dot element is an error. For paths composed by the gateway, where it
/// can only come from pieces that became one by being put together.
pub(super) fn composed(raw: &str) -> Result<String, PathError> {
    match raw.as_bytes() {
        [] => Ok("/".to_owned()),
        [b'/', ..] => resolve(raw, Dots::Refuse),
        _ => Err(PathError::Relative),
    }
}

/// Whether `raw` differs from its canonical form in spelling only (case of hexadecimal digits,
/// characters that should have been escaped), so that it may be forwarded byte for byte.
pub(super) fn is_spelling_of(raw: &str, canonical: &str) -> bool {
    let mut canonical = canonical.bytes();
    let mut raw = raw.bytes();
    while let Some(byte) = raw.next() {
        let same = match CLASS[usize::from(byte)] {
            Class::Escape => {
                canonical.next() == Some(byte)
                    && (0..2).all(|_| {
                        let digit = raw.next().map(|d| d.to_ascii_uppercase());
                        digit.is_some() && digit == canonical.next()
                    })
            }
            Class::Escaped => escape(byte).into_iter().all(|b| canonical.next() == Some(b)),
            _ => canonical.next() == Some(byte),
        };
        if !same {
            return false;
        }
    }
    canonical.next().is_none()
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Class {
    /// Stands for itself and needs no escape: RFC 3986 unreserved.
    Unreserved,
    /// Stands for itself; its escaped form is something else.
    Reserved,
    Slash,
    Escape,
    /// Belongs escaped, is seen raw.
    Escaped,
    Backslash,
    Delimiter,
    Refused,
}

const CLASS: [Class; 256] = {
    let mut table = [Class::Refused; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => Class::Unreserved,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@' => {
                Class::Reserved
            }
            b'/' => Class::Slash,
            b'%' => Class::Escape,
            b'"' | b'<' | b'>' | b'[' | b']' | b'^' | b'`' | b'{' | b'|' | b'}' => Class::Escaped,
            b'\\' => Class::Backslash,
            b'?' | b'#' => Class::Delimiter,
            _ => Class::Refused,
        };
        byte += 1;
    }
    table
};

fn is_canonical(path: &[u8]) -> bool {
    let mut rest = path;
    while let [byte, tail @ ..] = rest {
        rest = match CLASS[usize::from(*byte)] {
            Class::Unreserved | Class::Reserved => tail,
            Class::Slash if matches!(tail, [b'/' | b'.', ..]) && !is_plain_element(tail) => return false,
            Class::Slash => tail,
            Class::Escape => match tail {
                [high, low, after @ ..] if is_canonical_escape(*high, *low) => after,
                _ => return false,
            },
            _ => return false,
        };
    }
    true
}

/// Whether what follows a slash is an element that stays: not empty, no dots, no dots with parameters.
fn is_plain_element(tail: &[u8]) -> bool {
    let after = match tail {
        [b'/', ..] => return false,
        [b'.', b'.', after @ ..] | [b'.', after @ ..] => after,
        _ => return true,
    };
    !matches!(after, [] | [b'/' | b';', ..] | [b'%', b'3', b'B' | b'b', ..])
}

fn is_canonical_escape(high: u8, low: u8) -> bool {
    !high.is_ascii_lowercase()
        && !low.is_ascii_lowercase()
        && decode(high, low).is_ok_and(|byte| CLASS[usize::from(byte)] != Class::Unreserved)
}

/// The byte that an escape stands for, when such a byte may be in a path.
fn decode(high: u8, low: u8) -> Result<u8, PathError> {
    let digit = |c: u8| char::from(c).to_digit(16).ok_or(PathError::Escape);
    let byte = (digit(high)? * 16 + digit(low)?) as u8;
    match byte {
        b'/' | b'\\' => Err(PathError::Separator),
        0..0x20 | 0x7f => Err(PathError::Character),
        _ => Ok(byte),
    }
}

fn escape(byte: u8) -> [u8; 3] {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    [b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Dots {
    Resolve,
    Refuse,
}

/// `raw` begins with a slash. While it runs, `out` ends with one until the last element is written.
fn resolve(raw: &str, dots: Dots) -> Result<String, PathError> {
    let mut out = String::with_capacity(raw.len() + 8);
    out.push('/');
    let mut elements = raw.split('/').skip(1).peekable();
    while let Some(element) = elements.next() {
        let start = out.len();
        spell(element, &mut out)?;
        match &out[start..] {
            "" => {}
            "." | ".." if dots == Dots::Refuse => return Err(PathError::Dots),
            "." => out.truncate(start),
            ".." => {
                let parent = out[..start - 1].rfind('/').ok_or(PathError::AboveRoot)?;
                out.truncate(parent + 1);
            }
            plain if !is_plain_element(plain.as_bytes()) => return Err(PathError::Dots),
            _ if elements.peek().is_some() => out.push('/'),
            _ => {}
        }
    }
    Ok(out)
}

/// Appends one element in canonical spelling.
fn spell(element: &str, out: &mut String) -> Result<(), PathError> {
    let mut rest = element.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match CLASS[usize::from(*byte)] {
            Class::Unreserved | Class::Reserved => out.push(char::from(*byte)),
            Class::Escaped => out.extend(escape(*byte).map(char::from)),
            Class::Escape => {
                let [high, low, after @ ..] = tail else {
                    return Err(PathError::Escape);
                };
                let decoded = decode(*high, *low)?;
                match CLASS[usize::from(decoded)] {
                    Class::Unreserved => out.push(char::from(decoded)),
                    _ => out.extend(escape(decoded).map(char::from)),
                }
                rest = after;
            }
            Class::Backslash => return Err(PathError::Separator),
            Class::Delimiter => return Err(PathError::Delimiter),
            // Slashes are where the caller split.
            Class::Slash | Class::Refused => return Err(PathError::Character),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(raw: &str) -> Result<String, PathError> {
        path(raw).map(Cow::into_owned)
    }

    #[test]
    fn ordinary_paths_are_borrowed() {
        for raw in [
            "/",
            "/a/b",
            "/a/b/",
            "/.well-known/acme",
            "/..a/...",
            "/a.b/c..d/e.",
            "/a%20b",
            "/caf%C3%A9",
            "/q%3Fa%23b%25c",
            "/m;v=1/t;x",
            "/-._~!$&'()*+,;=:@",
            "*",
        ] {
            assert!(
                matches!(path(raw), Ok(Cow::Borrowed(same)) if same == raw),
                "{raw}"
            );
        }
    }

    #[test]
    fn every_spelling_of_a_protected_path_is_the_same_path() {
        for raw in [
            "/admin",
            "/%61dmin",
            "/%61%64%6d%69%6E",
            "/x/../admin",
            "/x/%2e%2e/admin",
            "/x/.%2E/admin",
            "/x/y/../../admin",
            "//admin",
            "///admin",
            "/./admin",
            "/%2e/admin",
            "/x//../admin",
        ] {
            assert_eq!(canonical(raw).as_deref(), Ok("/admin"), "{raw}");
        }
    }

    #[test]
    fn dot_segments_and_slashes_are_resolved() {
        for (raw, expected) in [
            ("", "/"),
            ("/.", "/"),
            ("/./", "/"),
            ("/a/.", "/a/"),
            ("/a/..", "/"),
            ("/a/../", "/"),
            ("/a/b/..", "/a/"),
            ("/a//", "/a/"),
            ("//", "/"),
            ("/a//b///c", "/a/b/c"),
            ("/a/./b/../c", "/a/c"),
            ("/%2e%2ea", "/..a"),
        ] {
            assert_eq!(canonical(raw).as_deref(), Ok(expected), "{raw}");
        }
    }

    #[test]
    fn escapes_have_one_spelling_and_are_decoded_once() {
        for (raw, expected) in [
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/%7euser", "/~user"),
            ("/a%2520b", "/a%2520b"),
            ("/%252e%252e/a", "/%252e%252e/a"),
            ("/%2525", "/%2525"),
            ("/a%3bb", "/a%3Bb"),
            ("/{x}|[y]", "/%7Bx%7D%7C%5By%5D"),
        ] {
            assert_eq!(canonical(raw).as_deref(), Ok(expected), "{raw}");
        }
    }

    #[test]
    fn ambiguous_paths_are_refused() {
        use PathError::*;
        for (raw, expected) in [
            ("admin", Relative),
            ("**", Relative),
            ("/..", AboveRoot),
            ("/a/../../b", AboveRoot),
            ("/%2e%2e/b", AboveRoot),
            ("/admin%2fx", Separator),
            ("/admin%2Fx", Separator),
            ("/a%5cb", Separator),
            ("/a\\b", Separator),
            ("/a%00", Character),
            ("/a%0d%0ab", Character),
            ("/a%7f", Character),
            ("/a b", Character),
            ("/a\tb", Character),
            ("/caf\u{e9}", Character),
            ("/%", Escape),
            ("/%4", Escape),
            ("/%zz", Escape),
            ("/%+1", Escape),
            ("/a%2", Escape),
            ("/a#b", Delimiter),
            ("/a?b", Delimiter),
            ("/x/..;/admin", Dots),
            ("/x/..;a=b/admin", Dots),
            ("/x/.;/admin", Dots),
            ("/x/%2e%2e;/admin", Dots),
            ("/x/..%3b/admin", Dots),
            ("/x/..%3B/admin", Dots),
        ] {
            assert_eq!(canonical(raw), Err(expected), "{raw}");
        }
    }

    #[test]
    fn composed_paths_have_no_dots_but_may_have_slashes_to_merge() {
        assert_eq!(composed("/a//b").as_deref(), Ok("/a/b"));
        assert_eq!(composed("").as_deref(), Ok("/"));
        for raw in ["/a/../b", "/a/.", "/%2e%2e", "/a/%2e./b"] {
            assert_eq!(composed(raw), Err(PathError::Dots), "{raw}");
        }
        assert_eq!(composed("a"), Err(PathError::Relative));
    }

    #[test]
    fn only_spelling_counts_as_spelling() {
        for (raw, same) in [
            ("/caf%c3%a9", true),
            ("/a|b", true),
            ("/a%20b", true),
            ("/%61", false),
            ("//a", false),
            ("/a/", true),
            ("/a/.", false),
            ("/a/../a", false),
        ] {
            let canonical = canonical(raw).unwrap();
            assert_eq!(is_spelling_of(raw, &canonical), same, "{raw} → {canonical}");
        }
    }

    #[test]
    fn canonical_is_a_fixed_point_for_random_paths() {
        const PIECES: &[&str] = &[
            "/", "/", "/", ".", "..", "%2e", "%2E", "a", "%61", "b", ";", "%3b", "%20", "%c3", "%25", "{",
            "%2f", "\\", "%", "#", "~", "%7E", "é",
        ];
        let mut random = fastrand::Rng::with_seed(7);
        let mut accepted = 0;
        for _ in 0..50_000 {
            let raw: String = std::iter::once("/")
                .chain((0..random.usize(..9)).map(|_| PIECES[random.usize(..PIECES.len())]))
                .collect();
            let Ok(once) = path(&raw) else { continue };
            accepted += 1;
            assert!(
                matches!(path(&once), Ok(Cow::Borrowed(twice)) if twice == once),
                "{raw} → {once}"
            );
            let dots = once.split('/').any(|element| matches!(element, "." | ".."));
            assert!(
                once.starts_with('/') && !once.contains("//") && !dots,
                "{raw} → {once}"
            );
        }
        assert!(accepted > 10_000, "{accepted}");
    }
}
