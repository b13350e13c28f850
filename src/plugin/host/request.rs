//! `request`: the exchange's request, with the edits made so far. In hooks that belong to no exchange there is nothing.

use std::net::IpAddr;

use http::Version;

use super::edit;
use crate::plugin::Side;
use crate::plugin::bindings::gatewit::plugin::request::{ClientInfo, EditError, Field, Host, HttpVersion};
use crate::plugin::fields::Fields;
use crate::plugin::guest::Guest;
use crate::plugin::scene::Scene;

type Edited = wasmtime::Result<Result<(), EditError>>;

impl Guest {
    /// What a hook of an exchange looks at.
    fn seen<T: Default>(&self, look: impl FnOnce(&Scene) -> T) -> wasmtime::Result<T> {
        Ok(self.scene.as_deref().map(look).unwrap_or_default())
    }
}

impl Host for Guest {
    fn id(&mut self) -> wasmtime::Result<String> {
        self.seen(|scene| text(&scene.id))
    }

    fn method(&mut self) -> wasmtime::Result<String> {
        self.seen(|scene| scene.method().as_str().to_owned())
    }

    fn scheme(&mut self) -> wasmtime::Result<String> {
        self.seen(|scene| scene.scheme.to_owned())
    }

    fn authority(&mut self) -> wasmtime::Result<Option<String>> {
        self.seen(|scene| scene.authority().map(text))
    }

    fn path(&mut self) -> wasmtime::Result<String> {
        self.seen(|scene| scene.path().to_owned())
    }

    fn query(&mut self) -> wasmtime::Result<Option<String>> {
        self.seen(|scene| scene.query().map(str::to_owned))
    }

    fn path_with_query(&mut self) -> wasmtime::Result<String> {
        self.seen(|scene| scene.path_with_query().to_owned())
    }

    fn version(&mut self) -> wasmtime::Result<HttpVersion> {
        let version = self.scene.as_ref().map(|scene| scene.head.version);
        Ok(match version {
            Some(Version::HTTP_09 | Version::HTTP_10) => HttpVersion::Http10,
            Some(Version::HTTP_2) => HttpVersion::Http2,
            Some(Version::HTTP_3) => HttpVersion::Http3,
            _ => HttpVersion::Http11,
        })
    }

    fn client(&mut self) -> wasmtime::Result<ClientInfo> {
        let client = self.scene.as_ref().map(|scene| scene.client);
        Ok(ClientInfo {
            // One address has one spelling, whether it came over an IPv6 socket or not.
            ip: client.map_or_else(String::new, |client| spelled(client.ip().to_canonical())),
            port: client.map_or(0, |client| client.port()),
            tls_version: None,
            sni: None,
            cert_subject: None,
            cert_sha256: None,
        })
    }

    fn route(&mut self) -> wasmtime::Result<String> {
        self.seen(|scene| scene.route.name.clone())
    }

    fn upstream(&mut self) -> wasmtime::Result<String> {
        self.seen(|scene| (*scene.upstream).to_owned())
    }

    fn path_param(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        self.seen(|scene| {
            let param = scene.params.iter().find(|(own, _)| *own == name);
            param.map(|(_, value)| value.clone())
        })
    }

    fn header(&mut self, name: String) -> wasmtime::Result<Option<Vec<u8>>> {
        self.seen(|scene| scene.fields().joined(&name))
    }

    fn header_values(&mut self, name: String) -> wasmtime::Result<Vec<Vec<u8>>> {
        self.seen(|scene| values(scene.fields(), &name))
    }

    fn headers(&mut self) -> wasmtime::Result<Vec<Field>> {
        self.seen(|scene| lines(scene.fields()))
    }

    fn headers_packed(&mut self) -> wasmtime::Result<Vec<u8>> {
        self.seen(|scene| {
            let mut packed = Vec::with_capacity(1024);
            for (name, value) in scene.fields().all() {
                packed.extend_from_slice(name.as_str().as_bytes());
                packed.push(0);
                packed.extend_from_slice(value.as_bytes());
                packed.push(0);
            }
            packed
        })
    }

    fn cookie(&mut self, name: String) -> wasmtime::Result<Option<Vec<u8>>> {
        self.seen(|scene| scene.fields().cookie(&name).map(<[u8]>::to_vec))
    }

    fn query_param(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        self.seen(|scene| param(scene.query()?, &name))
    }

    fn set_header(&mut self, name: String, value: Vec<u8>) -> Edited {
        edit(self, |scene| scene.set_line(Side::Request, &name, value))
    }

    fn append_header(&mut self, name: String, value: Vec<u8>) -> Edited {
        edit(self, |scene| scene.append_line(Side::Request, &name, value))
    }

    fn remove_header(&mut self, name: String) -> Edited {
        edit(self, |scene| scene.remove_line(Side::Request, &name))
    }

    fn set_method(&mut self, method: String) -> Edited {
        edit(self, |scene| scene.set_method(&method))
    }

    fn set_authority(&mut self, authority: String) -> Edited {
        edit(self, |scene| scene.set_authority(&authority))
    }

    fn set_path_with_query(&mut self, target: String) -> Edited {
        edit(self, |scene| scene.set_target(&target))
    }
}

/// By hand for the most usual ones: `to_string` takes longer than the rest of the call.
fn spelled(address: IpAddr) -> String {
    let IpAddr::V4(address) = address else {
        return address.to_string();
    };
    let mut text = String::with_capacity("255.255.255.255".len());
    for (place, octet) in address.octets().into_iter().enumerate() {
        if place > 0 {
            text.push('.');
        }
        for (above, power) in [(100, 100), (10, 10), (0, 1)] {
            if octet >= above {
                text.push(char::from(b'0' + octet / power % 10));
            }
        }
    }
    text
}

fn text(value: &http::HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

pub(super) fn values(fields: Fields<'_>, name: &str) -> Vec<Vec<u8>> {
    fields.of(name).map(|value| value.as_bytes().to_vec()).collect()
}

pub(super) fn lines(fields: Fields<'_>) -> Vec<Field> {
    let field = |(name, value): (&http::HeaderName, &http::HeaderValue)| Field {
        name: name.as_str().to_owned(),
        value: value.as_bytes().to_vec(),
    };
    fields.all().map(field).collect()
}

/// The first of this name, `%` and `+` decoded (as HTML forms write them); bytes that are not UTF-8 are replaced.
fn param(query: &str, name: &str) -> Option<String> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(key) == name).then(|| decoded(value))
    })
}

fn decoded(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced)
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_spelled_as_everybody_spells_them() {
        let v4 = (0..=255_u8).map(|octet| IpAddr::from([octet, 1, 255 - octet, 10]));
        for address in v4.chain(["::1".parse().unwrap(), "2001:db8::1".parse().unwrap()]) {
            assert_eq!(spelled(address), address.to_string());
        }
    }

    #[test]
    fn query_parameters_are_found_and_decoded() {
        let table = [
            ("a=1&b=2", "b", Some("2")),
            ("a=1&a=2", "a", Some("1")),
            ("a", "a", Some("")),
            ("a=b=c", "a", Some("b=c")),
            ("%61=x%20y+z%2B", "a", Some("x y z+")),
            ("a=%ff", "a", Some("\u{fffd}")),
            ("a=%zz", "a", Some("%zz")),
            ("ab=1", "a", None),
            ("", "a", None),
        ];
        for (query, name, value) in table {
            assert_eq!(param(query, name).as_deref(), value, "{query}");
        }
    }
}
