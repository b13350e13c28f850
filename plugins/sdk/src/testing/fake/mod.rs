//! The interfaces of the contract, with the signatures that wit-bindgen gives them, answered by the state of the
//! host whose test runs.

pub(crate) mod body;
pub(crate) mod context;
pub(crate) mod crypto;
pub(crate) mod http_client;
pub(crate) mod jwt;
pub(crate) mod kv;
pub(crate) mod limits;
pub(crate) mod log;
pub(crate) mod metrics;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod secrets;
pub(crate) mod upstreams;

use std::time::Duration;

use super::state::{Lines, with};
use crate::bindings::imports::gatewit::plugin::types::EditError;

pub(crate) fn clock() -> Duration {
    with(|host| host.world.now)
}

/// All lines of a name, joined.
pub(crate) fn joined(lines: &Lines, name: &str) -> Option<Vec<u8>> {
    let separator: &[u8] = if name.eq_ignore_ascii_case("cookie") {
        b"; "
    } else {
        b", "
    };
    let values = values(lines, name);
    (!values.is_empty()).then(|| values.join(separator))
}

fn values(lines: &Lines, name: &str) -> Vec<Vec<u8>> {
    let own = lines.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
    own.map(|(_, value)| value.clone()).collect()
}

/// The rough of what the gateway refuses: enough to notice a plugin that relies on it.
fn editable(name: &str, value: &[u8]) -> Result<String, EditError> {
    const OWNED: [&str; 6] = [
        "connection",
        "content-length",
        "host",
        "transfer-encoding",
        "upgrade",
        "x-forwarded-for",
    ];
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let name = name.to_ascii_lowercase();
    if name.is_empty()
        || !name.bytes().all(token)
        || value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
    {
        return Err(EditError::InvalidSyntax);
    }
    if OWNED.contains(&name.as_str()) {
        return Err(EditError::Forbidden);
    }
    Ok(name)
}

fn set(lines: &mut Lines, name: &str, value: &[u8]) -> Result<(), EditError> {
    remove(lines, name)?;
    append(lines, name, value)
}

fn append(lines: &mut Lines, name: &str, value: &[u8]) -> Result<(), EditError> {
    lines.push((editable(name, value)?, value.to_vec()));
    Ok(())
}

fn remove(lines: &mut Lines, name: &str) -> Result<(), EditError> {
    let name = editable(name, b"")?;
    lines.retain(|(other, _)| other.replace(['_', '.'], "-") != name && *other != name);
    Ok(())
}
