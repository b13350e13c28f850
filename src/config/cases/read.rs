//! From a step as said to a step that can be played.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;

use super::{Answer, Expect, Expected, Forwarded, Message, Outcome, Request, Step};
use crate::config::ValuePattern;
use crate::config::diagnostics::{At, Code};
use crate::config::reading::{Reading, reason};
use crate::config::section::{Section, What};
use crate::config::tree::{self, Text};

/// 2026-01-01T00:00:00Z.
const BEGINNING: Duration = Duration::from_secs(1_767_225_600);

/// Clients of no interest come from here (RFC 5737).
const CLIENT: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 40_000);

/// The date when a case begins.
pub(super) fn date(table: &mut Section, reading: &mut Reading<'_>) -> SystemTime {
    let beginning = UNIX_EPOCH + BEGINNING;
    let Some(text) = table.text("now") else {
        return beginning;
    };
    seconds(&text.value)
        .map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds))
        .or_else(|| {
            reading.invalid(
                text.at,
                "not a date after 1970, in UTC",
                "write `\"2026-01-01T00:00:00Z\"`",
            )
        })
        .unwrap_or(beginning)
}

/// Seconds from 1970 to a date as RFC 3339 writes it, in UTC and without fractions.
fn seconds(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, by: char, widths: [usize; 3]| -> Option<[u64; 3]> {
        let parts: Vec<_> = text.split(by).collect();
        let parts: [&str; 3] = parts.try_into().ok()?;
        let mut numbers = [0; 3];
        for ((number, part), width) in numbers.iter_mut().zip(parts).zip(widths) {
            let digits = part.len() == width && part.bytes().all(|byte| byte.is_ascii_digit());
            *number = digits.then(|| part.parse().ok())??;
        }
        Some(numbers)
    };
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let leap = |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let days = |year: u64, month: u64| match month {
        2 if leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let real = year >= 1970
        && (1..=12).contains(&month)
        && (1..=days(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !real {
        return None;
    }
    let years: u64 = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum();
    let months: u64 = (1..month).map(|month| days(year, month)).sum();
    let day = years + months + day - 1;
    Some(((day * 24 + hour) * 60 + minute) * 60 + second)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_seconds_since_1970() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-01-01T00:00:00Z", Some(BEGINNING.as_secs())),
            ("2000-02-29T12:34:56Z", Some(951_827_696)),
            ("2100-03-01T00:00:00Z", Some(4_107_542_400)),
            ("2026-02-29T00:00:00Z", None),
            ("2026-13-01T00:00:00Z", None),
            ("2026-01-01T24:00:00Z", None),
            ("2026-01-01T00:00:00", None),
            ("2026-1-01T00:00:00Z", None),
            ("1969-12-31T23:59:59Z", None),
            ("+026-01-01T00:00:00Z", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
