//! `[verifier.NAME]`: whose tokens are believed.

use std::net::IpAddr;
use std::time::Duration;

use http::Uri;

use super::material::{public_key, secret_or_file};
use super::powers::{count, hide, only};
use crate::config::diagnostics::Code;
use crate::config::reading::Reading;
use crate::config::section::Section;
use crate::config::tree::{Key as Name, Text};
use crate::config::{Verifier, VerifierKeys, defaults, suggest};

/// RFC 7518 section 3.1, RFC 8037 section 3.1.
const SECRET: [&str; 3] = ["HS256", "HS384", "HS512"];
const PUBLIC: [&str; 9] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
];

/// Issuers that are asked more often slow down or refuse.
const SHORTEST_REFRESH: Duration = Duration::from_secs(1);

/// A clock that is off by more needs a clock, not forgiveness.
const LONGEST_LEEWAY: Duration = Duration::from_secs(3600);

pub(super) fn verifier(name: &Name, mut table: Section, reading: &mut Reading<'_>) -> Option<Verifier> {
    let kinds = &["jwks", "pem", "pem_file", "secret", "secret_file"];
    hide(&table, "secret", reading);
    let said = only(&name.name, name.at, "verifier", kinds, &table, reading);
    let hmac = said.is_some_and(|said| said.starts_with("secret"));
    let algorithms = algorithms(&mut table, hmac, reading);
    let issuer = names(&mut table, "issuer", reading);
    let audience = names(&mut table, "audience", reading);
    let required = if table.has("required") {
        names(&mut table, "required", reading)
    } else {
        defaults::REQUIRED_CLAIMS.map(str::to_owned).to_vec()
    };
    let leeway = leeway(&mut table, reading);
    let keys = match said? {
        "jwks" => key_set(&mut table, reading),
        said => {
            for key in ["refresh", "grace"] {
                unfetched(&table, key, &format!("`{said}`"), reading);
            }
            match said {
                "pem" | "pem_file" => public_key(&mut table, reading).map(VerifierKeys::Pem),
                _ => secret_or_file(&mut table, reading).map(VerifierKeys::Secret),
            }
        }
    };
    Some(Verifier {
        name: name.name.clone(),
        keys: keys?,
        algorithms,
        issuer,
        audience,
        required,
        leeway,
        cache: table.whole("cache").map_or(defaults::VERIFIED_TOKENS, count),
        place: reading.place(name.at),
    })
}

fn algorithms(table: &mut Section, hmac: bool, reading: &mut Reading<'_>) -> Vec<String> {
    let (ours, others): (&[&str], &[&str]) = if hmac {
        (&SECRET, &PUBLIC)
    } else {
        (&PUBLIC, &SECRET)
    };
    let at = table.key_at("algorithms").filter(|_| table.right("algorithms"));
    let said = table.texts("algorithms");
    let Some(at) = at else {
        let usual: &[&str] = if hmac {
            &defaults::SECRET_ALGORITHMS
        } else {
            &defaults::PUBLIC_ALGORITHMS
        };
        return usual.iter().map(|name| (*name).to_owned()).collect();
    };
    if said.is_empty() {
        reading.invalid::<()>(
            at,
            "no algorithm is accepted",
            "leave the key out for the usual ones",
        );
    }
    let mut algorithms = Vec::new();
    for text in said {
        if !ours.contains(&text.value.as_str()) {
            refused(&text, hmac, ours, others, reading);
        } else if algorithms.contains(&text.value) {
            let problem = reading
                .problems
                .error(Code::Duplicate, text.at, "this algorithm is there twice");
            problem.help("name it once");
        } else {
            algorithms.push(text.value);
        }
    }
    algorithms
}

fn refused(text: &Text, hmac: bool, ours: &[&str], others: &[&str], reading: &mut Reading<'_>) {
    let (name, known) = (
        text.value.as_str(),
        format!("accepted are {}", suggest::listed(ours)),
    );
    if !text.variables.is_empty() {
        reading.invalid::<()>(
            text.at,
            "the variable does not hold an algorithm that fits",
            known,
        );
        return;
    }
    if same(name, "none") {
        reading.invalid::<()>(text.at, "tokens without a signature are nobody's", known);
        return;
    }
    if others.contains(&name) {
        let (message, help) = if hmac {
            (
                format!("`{name}` needs a public key, not a secret"),
                "write `jwks` or `pem_file` in place of the secret",
            )
        } else {
            // The classic forgery: a token signed with the public key as the secret.
            (
                format!("`{name}` needs a secret: with public keys anybody could sign"),
                "leave it out; a verifier has either a secret or public keys",
            )
        };
        reading
            .problems
            .error(Code::Conflict, text.at, message)
            .help(help);
        return;
    }
    let message = format!("`{name}` is not an algorithm that is known here");
    let problem = reading.problems.error(Code::InvalidValue, text.at, message);
    // Another kind of algorithm is no slip.
    let kin = ours
        .iter()
        .filter(|other| same(&other[..1], name.get(..1).unwrap_or_default()));
    let lower: Vec<_> = kin.map(|other| other.to_lowercase()).collect();
    let near = suggest::nearest(name, lower.iter().map(String::as_str));
    match near.and_then(|near| ours.iter().find(|other| same(other, near))) {
        Some(near) => problem.label(format!("did you mean `{near}`?")),
        None => problem.help(known),
    };
}

/// Whether two names differ in case at most.
fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

fn leeway(table: &mut Section, reading: &mut Reading<'_>) -> Duration {
    let at = table.key_at("leeway");
    match (table.time("leeway"), at) {
        (Some(time), Some(at)) if time > LONGEST_LEEWAY => {
            reading.invalid::<()>(at, "more than any clock is off", "at most `leeway = \"1h\"`");
            time
        }
        (time, _) => time.unwrap_or(defaults::LEEWAY),
    }
}

/// Texts that must say something.
fn names(table: &mut Section, key: &str, reading: &mut Reading<'_>) -> Vec<String> {
    let mut names = Vec::new();
    for text in table.texts(key) {
        if text.value.trim().is_empty() {
            reading.invalid::<()>(text.at, format!("`{key}` is empty"), "leave it out");
        } else {
            names.push(text.value);
        }
    }
    names
}

fn unfetched(table: &Section, key: &str, said: &str, reading: &mut Reading<'_>) {
    if let Some(at) = table.key_at(key) {
        let message = format!("`{key}` is for keys that are fetched, not for {said}");
        let problem = reading.problems.error(Code::Conflict, at, message);
        problem.help("leave it out: files are watched and read again when they change");
    }
}

fn key_set(table: &mut Section, reading: &mut Reading<'_>) -> Option<VerifierKeys> {
    let text = table.text("jwks")?;
    if !text.value.starts_with("http://") && !text.value.starts_with("https://") {
        for key in ["refresh", "grace"] {
            unfetched(table, key, "a file", reading);
        }
        return known_set(&text, reading);
    }
    let at = table.key_at("refresh");
    let refresh = table.time("refresh").unwrap_or(defaults::KEYS_REFRESH);
    if let (Some(at), true) = (at, refresh < SHORTEST_REFRESH) {
        reading.invalid::<()>(
            at,
            "this asks too often",
            "at least `refresh = \"1s\"`; new keys are also asked for when a token names one",
        );
    }
    Some(VerifierKeys::Url {
        url: location(&text, reading)?,
        refresh,
        grace: table.time("grace").unwrap_or(defaults::KEYS_GRACE),
    })
}

/// A set that stands there, or in the file of that name.
fn known_set(said: &Text, reading: &mut Reading<'_>) -> Option<VerifierKeys> {
    let inline = said.value.trim_start().starts_with('{');
    let set = if inline {
        said.value.clone()
    } else {
        reading.key_file(said)?
    };
    let json: Option<serde_json::Value> = serde_json::from_str(&set).ok();
    let Some(keys) = json.as_ref().and_then(|json| json.get("keys")?.as_array()) else {
        return reading.invalid(
            said.at,
            "not a JSON Web Key Set",
            "it is `{ \"keys\": [ … ] }` (RFC 7517 section 5)",
        );
    };
    // RFC 7518 section 6: `d` is the private part of RSA and elliptic curve keys, `k` a symmetric key.
    if keys.iter().any(|key| key.get("d").or(key.get("k")).is_some()) {
        if inline {
            reading.problems.hide(said.at);
        }
        let message = "this set holds a private key: whoever has it can sign";
        let help = "leave only the public parts of its keys; a shared secret is `secret_file`";
        return reading.invalid(said.at, message, help);
    }
    Some(VerifierKeys::Jwks(set))
}

fn location(text: &Text, reading: &mut Reading<'_>) -> Option<String> {
    let uri = text.value.parse::<Uri>().ok();
    let Some(authority) = uri
        .as_ref()
        .and_then(Uri::authority)
        .filter(|it| !it.host().is_empty())
    else {
        return reading.invalid(
            text.at,
            "not a location",
            "write `https://example.com/.well-known/jwks.json`",
        );
    };
    if authority.as_str().contains('@') {
        reading.problems.hide(text.at);
        return reading.invalid(
            text.at,
            "credentials in a location are not sent",
            "leave `user:password@` out",
        );
    }
    if text.value.starts_with("http://") && !near(authority.host()) {
        let message = "keys that come over plain HTTP can be exchanged on the way";
        reading
            .problems
            .warning(Code::Exposed, text.at, message)
            .help("write `https://…`");
    }
    Some(text.value.clone())
}

/// Whether a host is this machine, or a name of one label: a service in the same network.
fn near(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(ip) => ip.is_loopback(),
        Err(_) => !bare.trim_end_matches('.').contains('.'),
    }
}
