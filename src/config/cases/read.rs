//! From a step as said to a step that can be played.

use std::fs;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;

use super::{Answer, Expect, Expected, Forwarded, Message, Outcome, Request, Step};
use crate::config::ValuePattern;
use crate::config::diagnostics::{At, Code};
use crate::config::reading::{Reading, reason};
use crate::config::section::{Section, What};
use crate::config::tree::{self, Text};

/// Clients of no interest come from here (RFC 5737).
const CLIENT: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 40_000);

pub(super) fn step(table: &mut Section, reading: &mut Reading<'_>) -> Step {
    Step {
        place: reading.place(table.at),
        after: table.time("after").unwrap_or_default(),
        times: table
            .whole("times")
            .and_then(|times| u32::try_from(times).ok())
            .unwrap_or(1),
        request: request(table.section("request"), reading),
        response: table
            .section("response")
            .map_or_else(Message::default, |mut table| message(&mut table, reading)),
        expect: table
            .section("expect")
            .map_or_else(Expect::default, |table| expect(table, reading)),
    }
}

pub(super) fn answer(mut table: Section, reading: &mut Reading<'_>) -> Option<Answer> {
    Some(Answer {
        place: reading.place(table.at),
        upstream: table.text("upstream")?.value,
        method: method(&mut table, reading),
        target: table.text("path").map(|path| path.value),
        delay: table.time("delay").unwrap_or_default(),
        message: message(&mut table, reading),
    })
}

fn request(table: Option<Section>, reading: &mut Reading<'_>) -> Request {
    let mut request = Request {
        method: Method::GET,
        target: "/".to_owned(),
        host: "localhost".to_owned(),
        tls: false,
        client: CLIENT,
        message: Message::default(),
    };
    let Some(mut table) = table else { return request };
    request.method = method(&mut table, reading).unwrap_or_default();
    if let Some(path) = table.text("path") {
        if path.value.starts_with('/') && path.value.parse::<http::Uri>().is_ok() {
            request.target = path.value;
        } else {
            reading.invalid::<()>(path.at, "not a path", "write `\"/path?query\"`, percent-encoded");
        }
    }
    if let Some(host) = table.text("host") {
        if HeaderValue::from_str(&host.value).is_err() {
            reading.invalid::<()>(host.at, "not a host", "write `\"api.example.com\"`");
        }
        request.host = host.value;
    }
    request.tls = table.text("scheme").is_some_and(|scheme| scheme.value == "https");
    if let Some(client) = table.text("client") {
        let port = |address: IpAddr| SocketAddr::new(address, CLIENT.port());
        match client.value.parse().or_else(|_| client.value.parse().map(port)) {
            Ok(client) => request.client = client,
            Err(_) => {
                reading.invalid::<()>(client.at, "not an address", "write `\"192.0.2.1\"`");
            }
        }
    }
    request.message = message(&mut table, reading);
    request
}

fn method(table: &mut Section, reading: &mut Reading<'_>) -> Option<Method> {
    let text = table.text("method")?;
    match Method::from_bytes(text.value.as_bytes()) {
        Ok(method) => Some(method),
        Err(_) => reading.invalid(text.at, "not a method", "write `\"GET\"`, `\"POST\"`, …"),
    }
}

fn message(table: &mut Section, reading: &mut Reading<'_>) -> Message {
    Message {
        status: table
            .whole("status")
            .and_then(|status| StatusCode::from_u16(u16::try_from(status).ok()?).ok())
            .unwrap_or_default(),
        headers: fields(table.section("headers"), reading),
        body: body(table, reading),
    }
}

fn fields(table: Option<Section>, reading: &mut Reading<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (key, said) in table.into_iter().flat_map(Section::into_entries) {
        let Some(name) = header_name(&key, reading) else {
            continue;
        };
        let lines = match said {
            What::List(lines) => lines,
            line => vec![line],
        };
        for line in lines {
            let What::Text(text) = line else { continue };
            match HeaderValue::from_bytes(text.value.as_bytes()) {
                Ok(value) => {
                    headers.append(name.clone(), value);
                }
                Err(_) => {
                    reading.invalid::<()>(
                        text.at,
                        "not a header value",
                        "one line, without control characters",
                    );
                }
            }
        }
    }
    headers
}

fn header_name(key: &tree::Key, reading: &mut Reading<'_>) -> Option<HeaderName> {
    match HeaderName::from_bytes(key.name.as_bytes()) {
        Ok(name) => Some(name),
        Err(_) => reading.invalid(
            key.at,
            "not a header name",
            "letters, digits and `-`, such as `x-request-id`",
        ),
    }
}

fn body(table: &mut Section, reading: &mut Reading<'_>) -> Vec<Bytes> {
    let piece = |what| match what {
        What::Text(text) => Some(Bytes::from(text.value)),
        _ => None,
    };
    let mut pieces = match table.take("body") {
        Some(What::List(list)) => list.into_iter().filter_map(piece).collect(),
        Some(What::Table(mut table)) => {
            let name = table.text("file");
            name.and_then(|name| file(&name, reading)).into_iter().collect()
        }
        said => said.and_then(piece).into_iter().collect::<Vec<_>>(),
    };
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

fn file(name: &Text, reading: &mut Reading<'_>) -> Option<Bytes> {
    let path = reading.path(name);
    match fs::read(&path) {
        Ok(bytes) => Some(bytes.into()),
        Err(error) => {
            let message = format!("cannot read {}: {}", path.display(), reason(&error));
            reading
                .problems
                .error(Code::File, name.at, message)
                .help("names are relative to the file that they stand in");
            None
        }
    }
}

fn expect(mut table: Section, reading: &mut Reading<'_>) -> Expect {
    let forwarded = table.section("forwarded");
    let log = table.texts("log").into_iter();
    Expect {
        outcome: table.text("outcome").and_then(|text| {
            let outcome = Outcome::named(&text.value)?;
            Some(at(outcome, text.at, reading))
        }),
        status: number(&mut table, "status", reading),
        headers: patterns(&mut table, reading),
        body: pattern(&mut table, "body", reading),
        forwarded: forwarded.map_or_else(Forwarded::default, |table| forwarding(table, reading)),
        log: log.map(|text| at(text.value, text.at, reading)).collect(),
        attributes: attributes(&mut table, reading),
        error: text(&mut table, "error", reading),
    }
}

fn forwarding(mut table: Section, reading: &mut Reading<'_>) -> Forwarded {
    Forwarded {
        method: text(&mut table, "method", reading),
        target: pattern(&mut table, "path", reading),
        host: pattern(&mut table, "host", reading),
        headers: patterns(&mut table, reading),
        body: pattern(&mut table, "body", reading),
        upstream: text(&mut table, "upstream", reading),
        endpoint: text(&mut table, "endpoint", reading),
        hash_key: text(&mut table, "hash_key", reading),
    }
}

fn at<T>(value: T, at: At, reading: &Reading<'_>) -> Expected<T> {
    Expected {
        value,
        place: reading.place(at),
    }
}

pub(super) fn text(table: &mut Section, key: &str, reading: &Reading<'_>) -> Option<Expected<String>> {
    let text = table.text(key)?;
    Some(at(text.value, text.at, reading))
}

fn number(table: &mut Section, key: &str, reading: &Reading<'_>) -> Option<Expected<u16>> {
    let place = table.key_at(key)?;
    Some(at(u16::try_from(table.whole(key)?).ok()?, place, reading))
}

fn pattern(table: &mut Section, key: &str, reading: &mut Reading<'_>) -> Option<Expected<ValuePattern>> {
    let place = table.key_at(key)?;
    let said = table.take(key)?;
    Some(at(condition(said, reading)?, place, reading))
}

fn patterns(table: &mut Section, reading: &mut Reading<'_>) -> Vec<(HeaderName, Expected<ValuePattern>)> {
    let mut patterns = Vec::new();
    for (key, said) in table
        .section("headers")
        .into_iter()
        .flat_map(Section::into_entries)
    {
        let (Some(name), Some(pattern)) = (header_name(&key, reading), condition(said, reading)) else {
            continue;
        };
        patterns.push((name, at(pattern, key.at, reading)));
    }
    patterns
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

fn attributes(table: &mut Section, reading: &Reading<'_>) -> Vec<(String, Expected<Value>)> {
    let Some(What::Free(node)) = table.take("attributes") else {
        return Vec::new();
    };
    let tree::Value::Table(entries) = node.value else {
        return Vec::new();
    };
    let attribute = |(key, node): (tree::Key, tree::Node)| {
        let value = json(&node.value);
        (key.name, at(value, key.at, reading))
    };
    entries.into_iter().map(attribute).collect()
}

fn json(value: &tree::Value) -> Value {
    match value {
        tree::Value::Text(text) => text.value.clone().into(),
        tree::Value::Whole(number) => (*number).into(),
        tree::Value::Fraction(number) => (*number).into(),
        tree::Value::Flag(flag) => (*flag).into(),
        tree::Value::Date(date) => date.clone().into(),
        tree::Value::List(list) => list.iter().map(|node| json(&node.value)).collect(),
        tree::Value::Table(entries) => {
            let entry = |(key, node): &(tree::Key, tree::Node)| (key.name.clone(), json(&node.value));
            Value::Object(entries.iter().map(entry).collect())
        }
    }
}
