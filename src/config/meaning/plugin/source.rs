//! Where a plugin's component comes from.

use http::Uri;

use crate::config::diagnostics::Code;
use crate::config::reading::Reading;
use crate::config::section::Section;
use crate::config::suggest;
use crate::config::tree::{Key, Text};
use crate::config::{BUNDLED, Component};

/// `file`, `url` with `sha256`, or `bundled`; a table that is called like a bundled plugin needs none of them.
pub(super) fn component(key: &Key, table: &mut Section, reading: &mut Reading<'_>) -> Option<Component> {
    for keys in [["file", "url"], ["bundled", "file"], ["bundled", "url"]] {
        if reading.conflict(table, keys, "a component comes from one place") {
            return None;
        }
    }
    if let (Some(at), false) = (table.key_at("sha256"), table.has("url")) {
        reading
            .problems
            .error(
                Code::Conflict,
                at,
                "`sha256` is for a component that is downloaded",
            )
            .help("leave it out, or say `url = \"https://…\"`");
    }
    if table.has("bundled") {
        return bundled(&table.text("bundled")?, reading);
    }
    if table.has("file") {
        let file = table.text("file")?;
        if file.value.trim().is_empty() {
            return reading.invalid(file.at, "the file name is empty", "write `file = \"name.wasm\"`");
        }
        return Some(Component::File(reading.path(&file)));
    }
    if table.has("url") {
        return download(key, table, reading);
    }
    if BUNDLED.contains(&key.name.as_str()) {
        return Some(Component::Bundled(key.name.clone()));
    }
    let message = format!("the plugin `{}` comes from nowhere", key.name);
    let problem = reading.problems.error(Code::MissingKey, key.at, message);
    problem.help(format!(
        "add `file = \"{}.wasm\"`, or `url` with `sha256`",
        key.name
    ));
    if let Some(near) = suggest::nearest(&key.name, BUNDLED) {
        problem.label(format!("the bundled one is called `{near}`"));
    }
    None
}

fn bundled(name: &Text, reading: &mut Reading<'_>) -> Option<Component> {
    if BUNDLED.contains(&name.value.as_str()) {
        return Some(Component::Bundled(name.value.clone()));
    }
    let message = match name.variables.as_slice() {
        [] => format!("there is no bundled plugin `{}`", name.value),
        _ => "with the variable's value this is no bundled plugin".to_owned(),
    };
    let near = suggest::nearest(&name.value, BUNDLED);
    let problem = reading.problems.error(Code::UnknownName, name.at, message);
    match near {
        Some(near) => problem.label(format!("did you mean `{near}`?")),
        None => problem.help(format!("bundled are {}", suggest::listed(&BUNDLED))),
    };
    None
}

fn download(key: &Key, table: &mut Section, reading: &mut Reading<'_>) -> Option<Component> {
    if !table.has("sha256") {
        let message = format!("`sha256` of the plugin `{}` is missing", key.name);
        let help = "what is downloaded is run only when it is what was chosen: add `sha256 = \"…\"`, as `sha256sum` prints it";
        let at = table.key_at("url");
        reading.problems.error(Code::MissingKey, at, message).help(help);
    }
    let digest = table.text("sha256").and_then(|text| sha256(&text, reading));
    let url = table.text("url")?;
    let uri = url.value.parse::<Uri>().ok();
    let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
    match uri.as_ref().and_then(Uri::scheme_str) {
        Some("https") if !host.is_empty() => Some(Component::Url {
            url: url.value,
            sha256: digest?,
        }),
        Some("http") => reading.invalid(
            url.at,
            "components are downloaded over `https` only",
            "write `https://…`, or name a `file`",
        ),
        _ => reading.invalid(
            url.at,
            "not a location",
            "write `https://example.com/name.wasm`; a file on this machine is `file = \"…\"`",
        ),
    }
}

fn sha256(text: &Text, reading: &mut Reading<'_>) -> Option<[u8; 32]> {
    let digits = text.value.strip_prefix("sha256:").unwrap_or(&text.value);
    let mut digest = [0; 32];
    let right = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !right {
        let message = format!(
            "not a SHA-256 digest: it has 64 hexadecimal digits, not {}",
            digits.len()
        );
        return reading.invalid(text.at, message, "write what `sha256sum FILE` prints first");
    }
    for (byte, pair) in digest.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16).unwrap_or_default() as u8;
        *byte = digit(pair[0]) << 4 | digit(pair[1]);
    }
    Some(digest)
}
