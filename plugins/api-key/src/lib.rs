//! Authentication by keys that clients were given: who brings one is the consumer that it was given to.

mod digest;
mod key;

use std::cell::OnceCell;
use std::collections::BTreeMap;

use digest::Digest;
use gatewit_plugin::config::header_problem;
use gatewit_plugin::prelude::*;
use gatewit_plugin::{context, secrets};

/// Lets in who brings a key that is known.
#[config]
#[serde(default)]
struct ApiKey {
    /// Header that the key stands in. In `authorization` it follows `Bearer` or `ApiKey`.
    header: String,
    /// Query parameter that the key stands in when the header is not there. Keys in URLs get into logs and histories.
    query: Option<String>,
    /// Cookie that the key stands in when neither header nor query parameter are there.
    cookie: Option<String>,
    /// Consumers, and the SHA-256 digests of their keys in hexadecimal: one, or a list while keys are replaced.
    keys: BTreeMap<String, Few<Digest>>,
    /// Consumers, and the names of secrets (`[secret.NAME]`) that hold their keys: one, or a list.
    secrets: BTreeMap<String, Few<String>>,
    /// Header that tells the service behind who the consumer is. What the client sends under this name never gets
    /// through.
    consumer_header: Option<String>,
    /// Whether the service behind gets the key, too.
    forward_key: bool,
    #[serde(skip)]
    known: OnceCell<Vec<(String, Digest)>>,
}

/// One, or several.
#[config]
#[serde(untagged, expecting = "expected a string, or a list of them")]
enum Few<T> {
    /// One.
    One(T),
    /// Several.
    Several(Vec<T>),
}

impl Default for ApiKey {
    fn default() -> Self {
        Self {
            header: "x-api-key".to_owned(),
            query: None,
            cookie: None,
            keys: BTreeMap::new(),
            secrets: BTreeMap::new(),
            consumer_header: None,
            forward_key: false,
            known: OnceCell::new(),
        }
    }
}

impl Plugin for ApiKey {
    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.keys.is_empty() && self.secrets.is_empty() {
            problems.push(Problem::at(
                "",
                "nobody has a key: name consumers in `keys` or `secrets`",
            ));
        }
        for (consumer, names) in &self.secrets {
            for name in names.all() {
                if let Err(why) = secret(name) {
                    problems.push(Problem::at(at("secrets", consumer), why));
                }
            }
        }
        let keys = self.keys.keys().map(|consumer| ("keys", consumer));
        for (table, consumer) in keys.chain(self.secrets.keys().map(|consumer| ("secrets", consumer))) {
            if !is_name(consumer) {
                let why = "the name of a consumer is printable ASCII without spaces around it";
                problems.push(Problem::at(at(table, consumer), why));
            }
        }
        if let Some(why) = header_problem(&self.header) {
            problems.push(Problem::at("/header", why));
        }
        if let Some(header) = &self.consumer_header {
            if let Some(why) = header_problem(header) {
                problems.push(Problem::at("/consumer_header", why));
            } else if header.eq_ignore_ascii_case(&self.header) {
                problems.push(Problem::at("/consumer_header", "this is where the key stands"));
            }
        }
        problems
    }

    fn request(&self, request: &mut Request) -> Result<Outcome> {
        // Before anything else: the service believes this header.
        if let Some(header) = &self.consumer_header {
            request.remove_header(header)?;
        }
        let places = key::Places {
            header: &self.header,
            query: self.query.as_deref(),
            cookie: self.cookie.as_deref(),
        };
        let Some(consumer) = self.consumer(&places.find(request)) else {
            // The same whether there was a key or not.
            return Ok(Response::refusal(401, "A valid key is needed.")
                .header("www-authenticate", "ApiKey")
                .into());
        };
        if let Some(header) = &self.consumer_header {
            request.set_header(header, consumer)?;
        }
        context::set("consumer", consumer)?;
        if !self.forward_key {
            places.clear(request)?;
        }
        Ok(Outcome::Next)
    }
}

impl ApiKey {
    /// Whose key it is. All are looked at, so that the time it takes says nothing.
    fn consumer(&self, key: &[u8]) -> Option<&str> {
        let brought = Digest::of(key);
        let mut found = None;
        for (consumer, digest) in self.known() {
            if digest.equals(&brought) {
                found = Some(consumer.as_str());
            }
        }
        found.filter(|_| !key.is_empty())
    }

    /// All keys, by their digests: secrets are read once in every instance.
    fn known(&self) -> &[(String, Digest)] {
        self.known.get_or_init(|| {
            let of_keys = self.keys.iter().flat_map(|(consumer, digests)| {
                let digests = digests.all().iter();
                digests.map(|digest| (consumer.clone(), digest.clone()))
            });
            let of_secrets = self.secrets.iter().flat_map(|(consumer, names)| {
                let keys = names.all().iter().filter_map(|name| secret(name).ok());
                keys.map(|key| (consumer.clone(), Digest::of(&key)))
            });
            of_keys.chain(of_secrets).collect()
        })
    }
}

impl<T> Few<T> {
    fn all(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several,
        }
    }
}

/// A key out of a secret: without the end of line that files have.
fn secret(name: &str) -> Result<Vec<u8>, String> {
    let key = secrets::reveal(name);
    let key = key.ok_or_else(|| format!("there is no secret `{name}`: declare [secret.{name}]"))?;
    let key = key.trim_ascii();
    if key.is_empty() {
        return Err(format!("the secret `{name}` is empty"));
    }
    Ok(key.to_vec())
}

fn at(table: &str, consumer: &str) -> String {
    format!("/{table}/{}", consumer.replace('~', "~0").replace('/', "~1"))
}

/// Whether it can stand in a header as it is.
fn is_name(consumer: &str) -> bool {
    !consumer.is_empty()
        && consumer.trim() == consumer
        && consumer.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

gatewit_plugin::export!(ApiKey: request);

#[cfg(test)]
mod tests;
