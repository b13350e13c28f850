//! `request`: the request of the exchange, and its edits.

use super::{EditError, with};
use crate::bindings::imports::gatewit::plugin::request::ClientInfo;
use crate::bindings::imports::gatewit::plugin::types::HttpVersion;

pub(crate) fn id() -> String {
    "0123456789abcdef".to_owned()
}

pub(crate) fn method() -> String {
    with(|host| host.exchange.method.clone())
}

pub(crate) fn scheme() -> String {
    with(|host| {
        host.exchange
            .client
            .tls_version
            .as_ref()
            .map_or("http", |_| "https")
            .to_owned()
    })
}

pub(crate) fn authority() -> Option<String> {
    with(|host| host.exchange.authority.clone())
}

pub(crate) fn path() -> String {
    let target = path_with_query();
    target
        .split_once('?')
        .map_or(target.as_str(), |(path, _)| path)
        .to_owned()
}

pub(crate) fn query() -> Option<String> {
    path_with_query()
        .split_once('?')
        .map(|(_, query)| query.to_owned())
}

pub(crate) fn path_with_query() -> String {
    with(|host| host.exchange.target.clone())
}

pub(crate) fn version() -> HttpVersion {
    HttpVersion::Http11
}

pub(crate) fn client() -> ClientInfo {
    with(|host| host.exchange.client.clone())
}

pub(crate) fn route() -> String {
    with(|host| host.exchange.route.clone())
}

pub(crate) fn upstream() -> String {
    with(|host| host.exchange.upstream.clone())
}

pub(crate) fn path_param(name: &str) -> Option<String> {
    with(|host| host.exchange.params.get(name).cloned())
}

pub(crate) fn header(name: &str) -> Option<Vec<u8>> {
    with(|host| super::joined(&host.exchange.sent, name))
}

pub(crate) fn header_values(name: &str) -> Vec<Vec<u8>> {
    with(|host| super::values(&host.exchange.sent, name))
}

pub(crate) fn headers_packed() -> Vec<u8> {
    with(|host| {
        let lines = host.exchange.sent.iter();
        lines
            .flat_map(|(name, value)| [name.as_bytes(), &[0], value, &[0]].concat())
            .collect()
    })
}

pub(crate) fn cookie(name: &str) -> Option<Vec<u8>> {
    let cookies = header("cookie")?;
    let mut pairs = cookies.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    pairs.find_map(|pair| Some(pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?.to_vec()))
}

pub(crate) fn query_param(name: &str) -> Option<String> {
    let query = query()?;
    let mut pairs = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs
        .find(|(key, _)| decoded(key) == name)
        .map(|(_, value)| decoded(value))
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after
            .get(..2)
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (first, code) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(crate) fn set_header(name: &str, value: &[u8]) -> Result<(), EditError> {
    with(|host| super::set(&mut host.exchange.sent, name, value))
}

pub(crate) fn append_header(name: &str, value: &[u8]) -> Result<(), EditError> {
    with(|host| super::append(&mut host.exchange.sent, name, value))
}

pub(crate) fn remove_header(name: &str) -> Result<(), EditError> {
    with(|host| super::remove(&mut host.exchange.sent, name))
}

pub(crate) fn set_method(method: &str) -> Result<(), EditError> {
    with(|host| method.clone_into(&mut host.exchange.method));
    Ok(())
}

pub(crate) fn set_authority(authority: &str) -> Result<(), EditError> {
    with(|host| host.exchange.authority = Some(authority.to_owned()));
    Ok(())
}

pub(crate) fn set_path_with_query(target: &str) -> Result<(), EditError> {
    if !target.starts_with('/') || target.contains([' ', '\r', '\n', '#']) {
        return Err(EditError::InvalidSyntax);
    }
    with(|host| target.clone_into(&mut host.exchange.target));
    Ok(())
}
