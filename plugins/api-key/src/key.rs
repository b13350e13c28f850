//! Where the key is.

use gatewit_plugin::prelude::*;

/// Where it may stand: the first place that is there decides.
pub(crate) struct Places<'a> {
    pub(crate) header: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) cookie: Option<&'a str>,
}

impl Places<'_> {
    /// The key; empty when there is none, or more than one.
    pub(crate) fn find(&self, request: &Request) -> Vec<u8> {
        match request.header_values(self.header).as_slice() {
            [] => {}
            [line] if self.header.eq_ignore_ascii_case("authorization") => return credentials(line),
            [line] => return line.trim_ascii().to_vec(),
            // Whoever is behind the gateway might look at another one.
            _ => return Vec::new(),
        }
        let query = self.query.and_then(|name| request.query_param(name));
        query
            .map(String::into_bytes)
            .or_else(|| request.cookie(self.cookie?))
            .unwrap_or_default()
    }

    /// Removes it from wherever it may stand.
    pub(crate) fn clear(&self, request: &mut Request) -> Result<()> {
        request.remove_header(self.header)?;
        if let Some(name) = self.query {
            request.remove_query_param(name)?;
        }
        if let Some(name) = self.cookie {
            request.remove_cookie(name)?;
        }
        Ok(())
    }
}

/// What follows the scheme (RFC 9110 section 11.4).
fn credentials(line: &[u8]) -> Vec<u8> {
    let line = line.trim_ascii();
    let Some(end) = line.iter().position(|byte| *byte == b' ') else {
        return Vec::new();
    };
    let (scheme, key) = line.split_at(end);
    if scheme.eq_ignore_ascii_case(b"bearer") || scheme.eq_ignore_ascii_case(b"apikey") {
        key.trim_ascii().to_vec()
    } else {
        Vec::new()
    }
}
