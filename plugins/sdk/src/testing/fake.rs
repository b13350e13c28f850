//! The interfaces of the contract, with the signatures that wit-bindgen gives them, answered by the [`State`] of the
//! host whose test runs.

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

pub(crate) mod request {
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
}

pub(crate) mod response {
    use super::{EditError, with};
    use crate::bindings::imports::gatewit::plugin::types::Field;

    pub(crate) fn status() -> u16 {
        with(|host| host.exchange.status)
    }

    pub(crate) fn endpoint() -> Option<String> {
        with(|host| host.exchange.endpoint.clone())
    }

    pub(crate) fn header(name: &str) -> Option<Vec<u8>> {
        with(|host| super::joined(&host.exchange.received, name))
    }

    pub(crate) fn header_values(name: &str) -> Vec<Vec<u8>> {
        with(|host| super::values(&host.exchange.received, name))
    }

    pub(crate) fn headers() -> Vec<Field> {
        with(|host| {
            let lines = host.exchange.received.iter();
            lines
                .map(|(name, value)| Field {
                    name: name.clone(),
                    value: value.clone(),
                })
                .collect()
        })
    }

    pub(crate) fn set_status(status: u16) -> Result<(), EditError> {
        edit(|exchange| {
            if !(200..600).contains(&status) {
                return Err(EditError::InvalidSyntax);
            }
            exchange.status = status;
            Ok(())
        })
    }

    pub(crate) fn set_header(name: &str, value: &[u8]) -> Result<(), EditError> {
        edit(|exchange| super::set(&mut exchange.received, name, value))
    }

    pub(crate) fn append_header(name: &str, value: &[u8]) -> Result<(), EditError> {
        edit(|exchange| super::append(&mut exchange.received, name, value))
    }

    pub(crate) fn remove_header(name: &str) -> Result<(), EditError> {
        edit(|exchange| super::remove(&mut exchange.received, name))
    }

    /// Only once there is a response.
    fn edit(
        edit: impl FnOnce(&mut crate::testing::state::Exchange) -> Result<(), EditError>,
    ) -> Result<(), EditError> {
        with(|host| match host.exchange.status {
            0 => Err(EditError::WrongPhase),
            _ => edit(&mut host.exchange),
        })
    }
}

pub(crate) mod body {
    use super::with;

    pub(crate) fn length() -> u64 {
        with(|host| host.exchange.body.len() as u64)
    }

    pub(crate) fn read(offset: u64, max: u32) -> Vec<u8> {
        with(|host| {
            let body = &host.exchange.body;
            let from = body.len().min(usize::try_from(offset).unwrap_or(usize::MAX));
            let to = body.len().min(from + (max as usize).min(1 << 20));
            body[from..to].to_vec()
        })
    }
}

pub(crate) mod context {
    use super::{EditError, with};
    use crate::context::Attribute;

    pub(crate) fn private() -> Vec<u8> {
        with(|host| host.exchange.private.clone())
    }

    pub(crate) fn set_private(state: &[u8]) -> Result<(), EditError> {
        if state.len() > 64 << 10 {
            return Err(EditError::TooLarge);
        }
        with(|host| host.exchange.private = state.to_vec());
        Ok(())
    }

    pub(crate) fn get(key: &str) -> Option<Attribute> {
        with(|host| host.exchange.attributes.get(key).cloned())
    }

    pub(crate) fn set(key: &str, value: &Attribute) -> Result<(), EditError> {
        if key.len() > 128 {
            return Err(EditError::TooLarge);
        }
        with(|host| host.exchange.attributes.insert(key.to_owned(), value.clone()));
        Ok(())
    }
}

pub(crate) mod log {
    use super::with;
    use crate::log::Level;
    use crate::testing::LogLine;

    pub(crate) fn enabled(_: Level) -> bool {
        true
    }

    pub(crate) fn emit(level: Level, message: &str, fields: &[(String, String)]) {
        let message = message.to_owned();
        let line = LogLine {
            level,
            message,
            fields: fields.to_vec(),
        };
        with(|host| host.world.logs.push(line));
    }
}

pub(crate) mod metrics {
    use super::with;

    #[expect(
        clippy::cast_precision_loss,
        reason = "a test that counts that far does not end"
    )]
    pub(crate) fn add(name: &str, delta: u64, labels: &[(String, String)]) {
        observe(name, delta as f64, labels);
    }

    pub(crate) fn set_gauge(name: &str, value: f64, _: &[(String, String)]) {
        with(|host| host.world.metrics.insert(name.to_owned(), value));
    }

    pub(crate) fn observe(name: &str, value: f64, _: &[(String, String)]) {
        with(|host| *host.world.metrics.entry(name.to_owned()).or_default() += value);
    }
}

pub(crate) mod limits {
    use std::time::Duration;

    use super::with;
    use crate::limits::{LimitsError, Verdict};

    pub(crate) fn take(budget: &str, key: &[u8], cost: u32) -> Result<Verdict, LimitsError> {
        with(|host| {
            let now = host.world.now;
            let budget = host
                .world
                .budgets
                .get_mut(budget)
                .ok_or(LimitsError::NoSuchBudget)?;
            let (taken, since) = budget.taken.entry(key.to_vec()).or_insert((0, now));
            if now >= *since + budget.period {
                (*taken, *since) = (0, now);
            }
            let cost = u64::from(cost);
            let allowed = *taken + cost <= budget.limit;
            if allowed {
                *taken += cost;
            }
            let wait =
                u64::try_from((*since + budget.period).saturating_sub(now).as_millis()).unwrap_or(u64::MAX);
            let retry = if cost > budget.limit || budget.period == Duration::MAX {
                u64::MAX
            } else {
                wait
            };
            Ok(Verdict {
                allowed,
                limit: budget.limit,
                remaining: budget.limit - *taken,
                reset_after_ms: if *taken == 0 { 0 } else { wait },
                retry_after_ms: if allowed { 0 } else { retry },
            })
        })
    }
}

pub(crate) mod jwt {
    use serde_json::Value;

    use super::{request, with};
    use crate::jwt::{JwtError, Verified};
    use crate::testing::state::Verifier;

    pub(crate) fn verify(verifier: &str, token: &str) -> Result<Verified, JwtError> {
        with(|host| {
            let claims = match host.world.verifiers.get(verifier) {
                None => return Err(JwtError::NoSuchVerifier),
                Some(Verifier::WithoutKeys) => return Err(JwtError::KeysUnavailable),
                Some(Verifier::Knows(tokens)) => tokens.get(token).ok_or(JwtError::BadSignature)?,
            };
            let text = |name: &str| claims[name].as_str().map(str::to_owned);
            let audience = match &claims["aud"] {
                Value::Array(many) => many
                    .iter()
                    .filter_map(|one| Some(one.as_str()?.to_owned()))
                    .collect(),
                one => one.as_str().map(str::to_owned).into_iter().collect(),
            };
            let verified = Verified {
                subject: text("sub"),
                issuer: text("iss"),
                audience,
                expires_at: claims["exp"].as_u64(),
                key_id: None,
                claims_json: claims.to_string(),
            };
            host.exchange.claims = claims.clone();
            Ok(verified)
        })
    }

    pub(crate) fn verify_bearer(verifier: &str) -> Result<(), JwtError> {
        let lines = request::header_values("authorization");
        let [line] = lines.as_slice() else {
            return Err(if lines.is_empty() {
                JwtError::Missing
            } else {
                JwtError::Malformed
            });
        };
        let line = String::from_utf8_lossy(line);
        let (scheme, token) = line.split_once(' ').ok_or(JwtError::Missing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(JwtError::Missing);
        }
        verify(verifier, token.trim_matches(' ')).map(|_| ())
    }

    pub(crate) fn claim(name: &str) -> Option<String> {
        with(|host| {
            let claims = &host.exchange.claims;
            let found = if name.starts_with('/') {
                claims.pointer(name)
            } else {
                claims.get(name)
            };
            found.map(Value::to_string)
        })
    }
}

pub(crate) mod crypto {
    use hmac::{Hmac, Mac};
    use sha2::{Digest as _, Sha256, Sha384, Sha512};

    use super::with;
    use crate::crypto::{CryptoError, Digest, Signature};

    pub(crate) fn hash(algorithm: Digest, data: &[u8]) -> Vec<u8> {
        match algorithm {
            Digest::Sha256 => Sha256::digest(data).to_vec(),
            Digest::Sha384 => Sha384::digest(data).to_vec(),
            Digest::Sha512 => Sha512::digest(data).to_vec(),
        }
    }

    pub(crate) fn hmac(algorithm: Digest, key: &str, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        macro_rules! mac {
            ($hash:ty, $key:expr) => {{
                let mut mac = Hmac::<$hash>::new_from_slice($key).map_err(|_| CryptoError::Refused)?;
                mac.update(data);
                Ok(mac.finalize().into_bytes().to_vec())
            }};
        }
        with(|host| {
            let key = host.world.keys.get(key).ok_or(CryptoError::NoSuchKey)?;
            match algorithm {
                Digest::Sha256 => mac!(Sha256, key),
                Digest::Sha384 => mac!(Sha384, key),
                Digest::Sha512 => mac!(Sha512, key),
            }
        })
    }

    /// There are only secret keys here: a signature that is right equals HMAC-SHA-256.
    pub(crate) fn verify(
        _: Signature,
        key: &str,
        data: &[u8],
        signature: &[u8],
    ) -> Result<bool, CryptoError> {
        Ok(hmac(Digest::Sha256, key, data)? == signature)
    }

    pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
        a == b
    }

    pub(crate) fn verify_password(hash: &str, password: &[u8]) -> Result<bool, CryptoError> {
        with(|host| {
            let known = host.world.passwords.get(hash).ok_or(CryptoError::BadInput)?;
            Ok(known == password)
        })
    }
}

pub(crate) mod kv {
    use std::time::Duration;

    use super::with;
    use crate::kv::{Entry, KvError};
    use crate::testing::state::Store;

    fn within<T>(
        name: &str,
        key: &str,
        act: impl FnOnce(&mut Store, Duration) -> Result<T, KvError>,
    ) -> Result<T, KvError> {
        with(|host| {
            let now = host.world.now;
            let store = host.world.stores.get_mut(name).ok_or(KvError::NoSuchStore)?;
            if key.len() > 1 << 10 {
                return Err(KvError::Refused);
            }
            store
                .entries
                .retain(|_, (_, until)| until.is_none_or(|until| now < until));
            act(store, now)
        })
    }

    fn write(store: &mut Store, key: &str, value: &[u8], until: Option<Duration>) -> u64 {
        store.revision += 1;
        let entry = Entry {
            value: value.to_vec(),
            revision: store.revision,
        };
        store.entries.insert(key.to_owned(), (entry, until));
        store.revision
    }

    fn until(now: Duration, ttl_ms: Option<u64>) -> Option<Duration> {
        Some(now.saturating_add(Duration::from_millis(ttl_ms?)))
    }

    pub(crate) fn get(store: &str, key: &str) -> Result<Option<Entry>, KvError> {
        within(store, key, |store, _| {
            Ok(store.entries.get(key).map(|(entry, _)| entry.clone()))
        })
    }

    pub(crate) fn set(store: &str, key: &str, value: &[u8], ttl_ms: Option<u64>) -> Result<u64, KvError> {
        within(store, key, |store, now| {
            Ok(write(store, key, value, until(now, ttl_ms)))
        })
    }

    pub(crate) fn delete(store: &str, key: &str) -> Result<(), KvError> {
        within(store, key, |store, _| {
            store.entries.remove(key);
            Ok(())
        })
    }

    pub(crate) fn increment(store: &str, key: &str, delta: i64, ttl_ms: Option<u64>) -> Result<i64, KvError> {
        within(store, key, |store, now| {
            let (before, until) = match store.entries.get(key) {
                None => (0, until(now, ttl_ms)),
                Some((entry, until)) => {
                    let bytes = entry.value.as_slice().try_into().map_err(|_| KvError::Refused)?;
                    (i64::from_le_bytes(bytes), *until)
                }
            };
            let sum = before.saturating_add(delta);
            write(store, key, &sum.to_le_bytes(), until);
            Ok(sum)
        })
    }

    pub(crate) fn compare_and_set(
        store: &str,
        key: &str,
        expected: Option<u64>,
        value: &[u8],
        ttl_ms: Option<u64>,
    ) -> Result<Option<u64>, KvError> {
        within(store, key, |store, now| {
            let found = store.entries.get(key).map(|(entry, _)| entry.revision);
            Ok((found == expected).then(|| write(store, key, value, until(now, ttl_ms))))
        })
    }
}

pub(crate) mod secrets {
    use super::with;

    pub(crate) fn reveal(name: &str) -> Option<Vec<u8>> {
        with(|host| host.world.secrets.get(name).cloned())
    }
}

pub(crate) mod http_client {
    use super::with;
    use crate::bindings::imports::gatewit::plugin::http_client::{Call, CallError, Reply};

    pub(crate) fn send(call: &Call) -> Result<Reply, CallError> {
        with(|host| {
            let service = host.world.services.get_mut(&call.upstream);
            service.ok_or(CallError::NotAllowed)?(call)
        })
    }

    pub(crate) fn send_all(calls: &[Call]) -> Vec<Result<Reply, CallError>> {
        calls.iter().map(send).collect()
    }
}

pub(crate) mod upstreams {
    use super::with;
    use crate::upstreams::Endpoint;

    pub(crate) fn names() -> Vec<String> {
        with(|host| host.world.upstreams.keys().cloned().collect())
    }

    pub(crate) fn endpoints(upstream: &str) -> Option<Vec<Endpoint>> {
        with(|host| host.world.upstreams.get(upstream).cloned())
    }
}
