//! The request being handled.

use crate::bindings::imports::gatewit::plugin::types::EditError;
use crate::host::{request, response};

pub use crate::bindings::imports::gatewit::plugin::request::ClientInfo;
pub use crate::bindings::imports::gatewit::plugin::types::{Field, HttpVersion};

/// The request being handled. Reads see the edits made so far.
#[derive(Debug)]
#[non_exhaustive]
pub struct Request;

impl Request {
    /// The view that hooks are given.
    #[doc(hidden)]
    pub fn current() -> Self {
        Self
    }

    /// The request id: in every log line, answer and forwarded request of the exchange.
    pub fn id(&self) -> String {
        request::id()
    }

    /// The method, case kept.
    pub fn method(&self) -> String {
        request::method()
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> String {
        request::scheme()
    }

    /// `Host`, or the authority of an absolute-form target.
    pub fn authority(&self) -> Option<String> {
        request::authority()
    }

    /// The canonical path: the one that was routed by. `%6c`, `//` and `/./` are resolved in it, so that it can be
    /// compared and used as a key.
    pub fn path(&self) -> String {
        request::path()
    }

    /// The query as it is now, without the `?`.
    pub fn query(&self) -> Option<String> {
        request::query()
    }

    /// Path and query as they are now, as sent by the client unless a hook replaced them.
    pub fn path_with_query(&self) -> String {
        request::path_with_query()
    }

    /// Version of HTTP that the client speaks.
    pub fn version(&self) -> HttpVersion {
        request::version()
    }

    /// Who sent it.
    pub fn client(&self) -> ClientInfo {
        request::client()
    }

    /// Name of the route that matched.
    pub fn route(&self) -> String {
        request::route()
    }

    /// Name of the upstream that it goes to, as far as is known.
    pub fn upstream(&self) -> String {
        request::upstream()
    }

    /// A capture of the route's path pattern.
    pub fn path_param(&self, name: &str) -> Option<String> {
        request::path_param(name)
    }

    /// A header's value: all its lines joined with `, ` in their order (`cookie` with `; `).
    pub fn header(&self, name: &str) -> Option<Vec<u8>> {
        request::header(name)
    }

    /// [`Request::header`] as text; what is not UTF-8 in it reads as U+FFFD.
    pub fn header_text(&self, name: &str) -> Option<String> {
        request::header(name).map(text)
    }

    /// Each line of a header.
    pub fn header_values(&self, name: &str) -> Vec<Vec<u8>> {
        request::header_values(name)
    }

    /// Every line of every header, in lower case and in order. Costs more than a few times [`Request::header`].
    pub fn headers(&self) -> Vec<Field> {
        let packed = request::headers_packed();
        let mut parts = packed.split(|byte| *byte == 0);
        let mut fields = Vec::new();
        while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
            fields.push(Field {
                name: String::from_utf8_lossy(name).into_owned(),
                value: value.to_vec(),
            });
        }
        fields
    }

    /// A cookie's value, the first of that name (RFC 6265 section 4.2).
    pub fn cookie(&self, name: &str) -> Option<Vec<u8>> {
        request::cookie(name)
    }

    /// [`Request::cookie`] as text; what is not UTF-8 in it reads as U+FFFD.
    pub fn cookie_text(&self, name: &str) -> Option<String> {
        request::cookie(name).map(text)
    }

    /// A query parameter's value, percent-decoded, the first of that name.
    pub fn query_param(&self, name: &str) -> Option<String> {
        request::query_param(name)
    }

    /// Replaces every line of a header by one.
    ///
    /// # Errors
    /// Not a valid name or value, or one that belongs to the gateway.
    pub fn set_header(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), EditError> {
        request::set_header(name, value.as_ref())
    }

    /// Adds a line.
    ///
    /// # Errors
    /// As for [`Request::set_header`].
    pub fn append_header(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), EditError> {
        request::append_header(name, value.as_ref())
    }

    /// Removes every line of a header, and those of names that some servers read as the same (`_` or `.` for `-`).
    ///
    /// # Errors
    /// The header belongs to the gateway.
    pub fn remove_header(&mut self, name: &str) -> Result<(), EditError> {
        request::remove_header(name)
    }

    /// Removes every cookie of a name.
    ///
    /// # Errors
    /// Too much was edited.
    pub fn remove_cookie(&mut self, name: &str) -> Result<(), EditError> {
        let Some(cookies) = request::header("cookie") else {
            return Ok(());
        };
        let is_it = |pair: &[u8]| {
            pair.split(|byte| *byte == b'=').next().map(<[u8]>::trim_ascii) == Some(name.as_bytes())
        };
        let pairs = cookies.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let others: Vec<&[u8]> = pairs.filter(|pair| !pair.is_empty() && !is_it(pair)).collect();
        if others.is_empty() {
            request::remove_header("cookie")
        } else {
            request::set_header("cookie", &others.join(&b"; "[..]))
        }
    }

    /// Removes every query parameter of a name, however it is escaped.
    ///
    /// # Errors
    /// Too much was edited.
    pub fn remove_query_param(&mut self, name: &str) -> Result<(), EditError> {
        let target = request::path_with_query();
        let Some((path, query)) = target.split_once('?') else {
            return Ok(());
        };
        let key = |pair: &str| decoded(pair.split_once('=').map_or(pair, |(key, _)| key));
        let pairs = query.split('&');
        let others: Vec<&str> = pairs.filter(|pair| key(pair) != name.as_bytes()).collect();
        let others = others.join("&");
        if others == query {
            Ok(())
        } else if others.is_empty() {
            request::set_path_with_query(path)
        } else {
            request::set_path_with_query(&format!("{path}?{others}"))
        }
    }

    /// Replaces every line of a header of the response by one, when it comes, whoever makes it. It is done where
    /// [`Plugin::response`](crate::Plugin::response) of this plugin would be called, before it; to know a value already
    /// makes that call unnecessary.
    ///
    /// # Errors
    /// As for [`ResponseHead::set_header`](crate::ResponseHead::set_header).
    pub fn set_response_header(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), EditError> {
        response::set_header(name, value.as_ref())
    }

    /// Adds a line to the response when it comes: see [`Request::set_response_header`].
    ///
    /// # Errors
    /// As for [`Request::set_response_header`].
    pub fn append_response_header(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), EditError> {
        response::append_header(name, value.as_ref())
    }

    /// Removes every line of a header of the response when it comes: see [`Request::set_response_header`].
    ///
    /// # Errors
    /// The header belongs to the gateway.
    pub fn remove_response_header(&mut self, name: &str) -> Result<(), EditError> {
        response::remove_header(name)
    }

    /// Replaces the method.
    ///
    /// # Errors
    /// Not a method, or `CONNECT`.
    pub fn set_method(&mut self, method: &str) -> Result<(), EditError> {
        request::set_method(method)
    }

    /// Replaces the authority that is sent upstream.
    ///
    /// # Errors
    /// Not an authority.
    pub fn set_authority(&mut self, authority: &str) -> Result<(), EditError> {
        request::set_authority(authority)
    }

    /// Replaces path and query. The route stays the same; its `rewrite` or `strip_prefix` starts from this path.
    ///
    /// # Errors
    /// Does not begin with `/`, or has what does not belong into a target.
    pub fn set_path_with_query(&mut self, target: &str) -> Result<(), EditError> {
        request::set_path_with_query(target)
    }
}

/// A query key without its percent-encoding.
fn decoded(key: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after.get(..2).filter(|_| *first == b'%');
        let code = code.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(code.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    bytes
}

pub(crate) fn text(value: Vec<u8>) -> String {
    String::from_utf8(value)
        .unwrap_or_else(|invalid| String::from_utf8_lossy(invalid.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Host;

    #[test]
    fn a_cookie_is_removed_wherever_it_stands() {
        for (cookies, left) in [
            ("key=1", None),
            ("a=1; key=1; b=2; key=3", Some("a=1; b=2")),
            ("key; a=key; keys=1;; key =2", Some("a=key; keys=1")),
            ("a=1", Some("a=1")),
        ] {
            let mut host = Host::get("/").header("cookie", cookies);
            host.run(|| Request::current().remove_cookie("key")).unwrap();
            assert_eq!(host.sent("cookie").as_deref(), left, "{cookies}");
        }
    }

    #[test]
    fn a_query_parameter_is_removed_however_it_is_escaped() {
        for (target, left) in [
            ("/?key=1", "/"),
            ("/a?b=1&key=2&c&%6bey=3&key", "/a?b=1&c"),
            ("/a?keys=1&b=key", "/a?keys=1&b=key"),
            ("/a?", "/a?"),
            ("/a", "/a"),
        ] {
            let mut host = Host::get(target);
            host.run(|| Request::current().remove_query_param("key")).unwrap();
            assert_eq!(host.target(), left, "{target}");
        }
    }
}
