//! Gives every exchange an identifier that clients and services know, too: taken from the client, or made here.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

use gatewit_plugin::config::header_problem;
use gatewit_plugin::context;
use gatewit_plugin::prelude::*;

/// The longest identifier that is taken from a client.
const LONGEST: usize = 128;

/// Gives every exchange an identifier that clients and services know, too.
#[config]
#[serde(default)]
struct RequestId {
    /// The header it stands in.
    header: String,
    /// Whether an identifier that the client brings is kept: one of letters, digits and `-_.:/+=`, at most 128 of them.
    trust: bool,
    /// Whether the response carries it.
    respond: bool,
    #[serde(skip)]
    made: Made,
}

/// What identifiers are made from: a key that nobody knows, and a count.
#[derive(Debug, Default)]
struct Made {
    key: RandomState,
    count: Cell<u64>,
}

impl Default for RequestId {
    fn default() -> Self {
        Self {
            header: "x-correlation-id".to_owned(),
            trust: true,
            respond: true,
            made: Made::default(),
        }
    }
}

impl Plugin for RequestId {
    fn check(&self) -> Vec<Problem> {
        let why = header_problem(&self.header);
        why.map(|why| Problem::at("/header", why)).into_iter().collect()
    }

    fn request(&self, request: &mut Request) -> Result<Outcome> {
        let brought = request.header_values(&self.header);
        let kept = match brought.as_slice() {
            [one] if self.trust && is_plain(one) => String::from_utf8(one.clone()).ok(),
            _ => None,
        };
        let id = kept.unwrap_or_else(|| self.made.next(&request.id()));
        request.set_header(&self.header, &id)?;
        if self.respond {
            request.set_response_header(&self.header, &id)?;
        }
        context::set("correlation_id", id)?;
        Ok(Outcome::Next)
    }
}

impl Made {
    /// A UUID of version 4 (RFC 9562 section 5.4). It is unique, and nobody can guess the next one; it is no secret.
    fn next(&self, exchange: &str) -> String {
        let count = self.count.get();
        self.count.set(count.wrapping_add(1));
        let half = |which: u8| u128::from(self.key.hash_one((which, count, exchange)));
        let bits = half(0) << 64 | half(1);
        let bits = bits & !(0xf << 76) & !(0b11 << 62) | 4 << 76 | 0b10 << 62;
        let hex = format!("{bits:032x}");
        let [a, b, c, d, e] = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        format!("{a}-{b}-{c}-{d}-{e}")
    }
}

/// Whether an identifier can be written into logs, headers and commands as it is.
fn is_plain(id: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
    (1..=LONGEST).contains(&id.len()) && id.iter().all(plain)
}

gatewit_plugin::export!(RequestId: request);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use gatewit_plugin::serde_json::json;
    use gatewit_plugin::testing::{Host, configured};

    use super::*;

    #[test]
    fn an_identifier_is_made_sent_echoed_and_logged() {
        let plugin: RequestId = configured(json!({})).unwrap();
        let mut host = Host::get("/");
        assert_eq!(host.request(&plugin), Ok(Outcome::Next));
        let id = host.sent("x-correlation-id").unwrap();
        let host = host.answered(200, &[("x-correlation-id", "another")]);
        assert_eq!(host.received("x-correlation-id"), Some(id.clone()));
        assert_eq!(host.attribute("correlation_id"), Some(&id.into()));
    }

    #[test]
    fn made_identifiers_are_uuids_and_differ() {
        let plugins: Vec<RequestId> = (0..4).map(|_| configured(json!({})).unwrap()).collect();
        let ids: BTreeSet<String> = plugins
            .iter()
            .flat_map(|plugin| (0..1000).map(|_| plugin.made.next("same")))
            .collect();
        assert_eq!(ids.len(), 4000);
        for id in ids {
            let parts: Vec<usize> = id.split('-').map(str::len).collect();
            assert_eq!(parts, [8, 4, 4, 4, 12], "{id}");
            assert_eq!(&id[14..15], "4", "{id}");
            assert!(matches!(&id[19..20], "8" | "9" | "a" | "b"), "{id}");
        }
    }

    #[test]
    fn only_plain_identifiers_of_clients_are_kept() {
        let long = "a".repeat(LONGEST + 1);
        for (brought, trust, kept) in [
            ("01ARZ3NDEKTSV4RRFFQ69G5FAV", true, true),
            ("a:b/c+d=._-", true, true),
            ("a", false, false),
            ("", true, false),
            ("a b", true, false),
            ("a\"b", true, false),
            ("${jndi:ldap}", true, false),
            ("<script>", true, false),
            (&long, true, false),
        ] {
            let plugin: RequestId = configured(json!({ "trust": trust, "header": "X-Trace" })).unwrap();
            let mut host = Host::get("/").header("x-trace", brought);
            host.request(&plugin).unwrap();
            assert_eq!(
                host.sent("x-trace").as_deref() == Some(brought),
                kept,
                "{brought}"
            );
        }
        let plugin: RequestId = configured(json!({})).unwrap();
        let twice = Host::get("/").header("x-correlation-id", "a");
        let mut twice = twice.header("x-correlation-id", "b");
        twice.request(&plugin).unwrap();
        assert_eq!(twice.sent("x-correlation-id").map(|id| id.len()), Some(36));
    }

    #[test]
    fn the_response_is_left_alone_on_wish() {
        let plugin: RequestId = configured(json!({ "respond": false })).unwrap();
        let mut host = Host::get("/");
        host.request(&plugin).unwrap();
        let host = host.answered(200, &[]);
        assert_eq!(host.received("x-correlation-id"), None);
    }

    #[test]
    fn the_header_must_be_one_that_a_plugin_may_set() {
        for header in ["", "a b", "x-request-id", "host"] {
            let problems = configured::<RequestId>(json!({ "header": header })).unwrap_err();
            assert_eq!(problems[0].pointer, "/header", "{header}");
        }
        assert!(configured::<RequestId>(json!({ "made": {} })).is_err());
    }
}
