//! What keys and verifiers are made of: secrets and public keys, in the configuration or in files of their own.

use crate::config::diagnostics::{At, Code};
use crate::config::reading::Reading;
use crate::config::section::Section;
use crate::config::{Authorities, Secret};

/// RFC 7518 section 3.2: a key for HMAC has at least as many bits as the hash; SHA-256 is the shortest.
const SHORTEST_SECRET: usize = 32;

/// `secret` or `secret_file`, whichever is there.
pub(super) fn secret_or_file(table: &mut Section, reading: &mut Reading<'_>) -> Option<Secret> {
    let at = table.key_at("secret").or(table.key_at("secret_file"))?;
    let secret = match table.text("secret_file") {
        Some(name) => reading.secret_file(&name),
        None => super::settings::secret(table.take("secret"), "secret", reading),
    }?;
    if secret.0.len() < SHORTEST_SECRET {
        let message = format!("the secret is shorter than {SHORTEST_SECRET} bytes: it can be guessed");
        let help = "write what `openssl rand -base64 48` prints into its file";
        reading.problems.warning(Code::Exposed, at, message).help(help);
    }
    Some(secret)
}

/// `pem` or `pem_file`, whichever is there.
pub(super) fn public_key(table: &mut Section, reading: &mut Reading<'_>) -> Option<String> {
    if let Some(name) = table.text("pem_file") {
        let pem = reading.key_file(&name)?;
        return checked(pem, name.at, reading);
    }
    let pem = table.text("pem")?;
    if pem.value.contains("PRIVATE KEY") {
        reading.problems.hide(pem.at);
    }
    checked(pem.value, pem.at, reading)
}

/// `ca_file`.
pub(super) fn authorities(main: &mut Section, reading: &mut Reading<'_>) -> Option<Authorities> {
    let name = main.text("ca_file")?;
    let pem = reading.key_file(&name)?;
    match crate::tls::authorities(&pem) {
        Ok(_) => Some(Authorities {
            file: reading.path(&name),
            pem,
        }),
        Err(error) => {
            let help = "it holds certificates, each from `-----BEGIN CERTIFICATE-----` to its end";
            reading.invalid(name.at, error.to_string(), help)
        }
    }
}

fn checked(pem: String, at: At, reading: &mut Reading<'_>) -> Option<String> {
    if pem.contains("PRIVATE KEY") {
        return reading.invalid(
            at,
            "this is a private key: whoever has it can sign",
            "write the public one: `openssl pkey -in FILE -pubout`",
        );
    }
    if !pem.contains("-----BEGIN ") {
        return reading.invalid(
            at,
            "not PEM",
            "it begins with `-----BEGIN PUBLIC KEY-----`, on a line of its own",
        );
    }
    Some(pem)
}
