//! What a route matches: host, path, method, headers, query.

use http::{HeaderName, Method};

use super::edits::checked_name;
use crate::config::diagnostics::Code;
use crate::config::reading::Reading;
use crate::config::section::{Section, What};
use crate::config::tree::Text;
use crate::config::{HostPattern, PathPattern, ValuePattern};

pub(super) fn hosts(table: &mut Section, reading: &mut Reading<'_>) -> Vec<HostPattern> {
    let mut hosts = Vec::new();
    for text in table.texts("host") {
        let Some(host) = reading.parse::<HostPattern>(&text, "a host") else {
            continue;
        };
        if hosts.contains(&host) {
            reading
                .problems
                .error(Code::Duplicate, text.at, "this host is there twice")
                .help("name it once");
        }
        hosts.push(host);
    }
    hosts
}

/// `path`, `path_exact` or `path_regex`; `None` when it was wrong.
pub(super) fn path(table: &mut Section, reading: &mut Reading<'_>) -> Option<PathPattern> {
    let keys = ["path", "path_exact", "path_regex"];
    let help = "one route has one kind of path; write a second route for the other";
    for (first, second) in [(0, 1), (0, 2), (1, 2)] {
        reading.conflict(table, [keys[first], keys[second]], help);
    }
    let Some(key) = keys.into_iter().find(|key| table.has(key)) else {
        return Some(PathPattern::Prefix(String::new()));
    };
    let text = table.text(key)?;
    match key {
        "path" => reading.parse(&text, "a path"),
        "path_exact" => reading.parsed(&text, PathPattern::exact(&text.value), "a path"),
        _ => reading.parsed(&text, PathPattern::regex(&text.value), "a regular expression"),
    }
}

/// Paths that are left to others.
pub(super) fn path_except(table: &mut Section, reading: &mut Reading<'_>) -> Vec<PathPattern> {
    let mut patterns = Vec::new();
    for said in table.list("path_except") {
        let pattern = match said {
            What::Text(text) => reading.parse(&text, "a path"),
            What::Table(mut table) => table.text("regex").and_then(|text| {
                reading.parsed(&text, PathPattern::regex(&text.value), "a regular expression")
            }),
            _ => None,
        };
        patterns.extend(pattern);
    }
    patterns
}

pub(super) fn methods(table: &mut Section, reading: &mut Reading<'_>) -> Vec<Method> {
    let mut methods = Vec::new();
    for text in table.texts("method") {
        let Some(method) = method(&text, reading) else {
            continue;
        };
        if methods.contains(&method) {
            reading
                .problems
                .error(Code::Duplicate, text.at, "this method is there twice")
                .help("name it once");
        }
        methods.push(method);
    }
    methods
}

fn method(text: &Text, reading: &mut Reading<'_>) -> Option<Method> {
    let upper = text.value.to_ascii_uppercase();
    if text.value != upper {
        let help = if text.variables.is_empty() {
            format!("write `\"{upper}\"`")
        } else {
            "write it in upper case".into()
        };
        return reading.invalid(
            text.at,
            "methods are case-sensitive, and all common ones are upper case",
            help,
        );
    }
    if upper == "CONNECT" {
        return reading.invalid(
            text.at,
            "`CONNECT` asks for a tunnel, which a gateway does not dig",
            "leave it out",
        );
    }
    match Method::from_bytes(text.value.as_bytes()) {
        Ok(method) => Some(method),
        Err(_) => reading.invalid(text.at, "not a method", "write `\"GET\"`, `\"POST\"`, …"),
    }
}

pub(super) fn headers(table: &mut Section, reading: &mut Reading<'_>) -> Vec<(HeaderName, ValuePattern)> {
    let mut headers: Vec<(HeaderName, ValuePattern)> = Vec::new();
    for (key, said) in table
        .section("header")
        .into_iter()
        .flat_map(Section::into_entries)
    {
        let Some(name) = checked_name(&key.name, key.at, reading) else {
            continue;
        };
        if name == http::header::HOST {
            reading.invalid::<()>(
                key.at,
                "the host has a key of its own",
                "write `host = \"api.example.com\"`",
            );
        }
        if headers.iter().any(|(other, _)| *other == name) {
            let message = format!("`{name}` is there twice");
            reading
                .problems
                .error(Code::Duplicate, key.at, message)
                .help("header names ignore case; name it once");
        }
        headers.extend(condition(said, reading).map(|condition| (name, condition)));
    }
    headers
}

pub(super) fn query(table: &mut Section, reading: &mut Reading<'_>) -> Vec<(String, ValuePattern)> {
    let mut query = Vec::new();
    for (key, said) in table.section("query").into_iter().flat_map(Section::into_entries) {
        query.extend(condition(said, reading).map(|condition| (key.name, condition)));
    }
    query
}

fn condition(said: What, reading: &mut Reading<'_>) -> Option<ValuePattern> {
    match said {
        What::Flag(true) => Some(ValuePattern::Present),
        What::Flag(false) => Some(ValuePattern::Absent),
        What::Text(text) => Some(ValuePattern::Exact(text.value)),
        What::Table(mut table) => {
            let text = table.text("regex")?;
            reading.parsed(&text, ValuePattern::regex(&text.value), "a regular expression")
        }
        _ => None,
    }
}
