//! Redirects: a location, a path template, or the parts that change.

use http::{StatusCode, Uri};

use super::rewrite::template;
use crate::config::reading::Reading;
use crate::config::section::{Section, What};
use crate::config::tree::Text;
use crate::config::{Host, PathPattern, Redirect};

pub(super) fn redirect(said: What, pattern: &PathPattern, reading: &mut Reading<'_>) -> Option<Redirect> {
    let mut redirect = Redirect {
        status: StatusCode::PERMANENT_REDIRECT,
        scheme: None,
        host: None,
        port: None,
        path: None,
        keep_query: true,
        to: None,
    };
    match said {
        What::Text(text) if text.value.starts_with('/') && !text.value.starts_with("//") => {
            redirect.path = Some(template(&text, pattern, reading)?);
        }
        What::Text(text) => redirect.to = Some(location(&text, reading)?),
        What::Table(section) => by_table(section, &mut redirect, pattern, reading)?,
        _ => return None,
    }
    Some(redirect)
}

fn by_table(
    mut section: Section,
    redirect: &mut Redirect,
    pattern: &PathPattern,
    reading: &mut Reading<'_>,
) -> Option<()> {
    let (at, parts) = (section.at, ["scheme", "host", "port", "path"]);
    for part in parts.into_iter().chain(["keep_query"]) {
        reading.conflict(&section, ["to", part], "`to` is the complete location");
    }
    if !section.has("to") && !parts.iter().any(|part| section.has(part)) {
        let help = "say what changes: `to`, `scheme`, `host`, `port` or `path`";
        return reading.invalid(
            at,
            "this redirect leads to where the request was sent: an endless loop",
            help,
        );
    }
    if let Some(status) = section.whole("status") {
        redirect.status = u16::try_from(status)
            .ok()
            .and_then(|status| StatusCode::from_u16(status).ok())?;
    }
    redirect.scheme = section.text("scheme").map(|text| text.value);
    redirect.port = section.whole("port").and_then(|port| u16::try_from(port).ok());
    redirect.keep_query = section.flag("keep_query").unwrap_or(true);
    if let Some(text) = section.text("host") {
        let host: Host = reading.parse(&text, "a host name")?;
        redirect.host = Some(host.to_string());
    }
    if let Some(text) = section.text("path") {
        redirect.path = Some(template(&text, pattern, reading)?);
    }
    if let Some(text) = section.text("to") {
        redirect.to = Some(location(&text, reading)?);
    }
    Some(())
}

fn location(text: &Text, reading: &mut Reading<'_>) -> Option<Uri> {
    let help = "write `https://example.com/new`, or a path such as `/new`";
    if text.value.contains(['{', '}']) {
        let help = "captures stand in `path`: `redirect = { host = \"example.com\", path = \"/new/{id}\" }`";
        return reading.invalid(text.at, "a complete location has no captures", help);
    }
    match text.value.parse::<Uri>() {
        Ok(uri) if matches!(uri.scheme_str(), Some("http" | "https")) => Some(uri),
        _ => reading.invalid(text.at, "not a location", help),
    }
}
