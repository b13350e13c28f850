//! One record as one line. Pushes bytes, allocates nothing.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::{HeaderName, HeaderValue, Version, header};

use super::clock::Clock;
use super::escape;
use crate::telemetry::{Attribute, PluginTime, Record};

/// The start of a field: one copy instead of three.
macro_rules! key {
    ($name:literal) => {
        concat!(",\"", $name, "\":").as_bytes()
    };
}

/// A JSON object. Fields that a record does not have are left out.
pub(super) fn json(record: &Record<'_>, query: bool, clock: &mut Clock, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"ts\":\"");
    clock.rfc3339(record.time, out);
    out.extend_from_slice(b"\",\"level\":\"info\"");
    text(out, key!("request_id"), record.request_id.as_bytes());
    text(out, key!("listener"), record.listener.as_bytes());
    address(out, key!("client_ip"), record.client_ip);
    address(out, key!("peer_ip"), record.peer.ip());
    number(out, key!("peer_port"), record.peer.port().into());
    text(out, key!("method"), record.method.as_str().as_bytes());
    text(out, key!("scheme"), record.scheme.as_bytes());
    text(out, key!("host"), record.host.as_bytes());
    text(out, key!("path"), record.path.as_bytes());
    if let Some(value) = record.query.filter(|_| query) {
        text(out, key!("query"), value.as_bytes());
    }
    text(out, key!("protocol"), protocol(record.version).as_bytes());
    number(out, key!("status"), record.status.into());
    number(out, key!("bytes_in"), record.bytes_in);
    number(out, key!("bytes_out"), record.bytes_out);
    millis(out, key!("duration_ms"), record.duration);
    upstream(out, record);
    for (key, value) in [
        (key!("user_agent"), record.user_agent),
        (key!("referer"), record.referer),
    ] {
        if let Some(value) = value {
            text(out, key, value.as_bytes());
        }
    }
    if let Some(flag) = record.flag {
        text(out, key!("response_flag"), flag.name().as_bytes());
    }
    extra(out, record.extra);
    plugins(out, record.plugins);
    attributes(out, record.attributes);
    out.extend_from_slice(b"}\n");
}

fn upstream(out: &mut Vec<u8>, record: &Record<'_>) {
    if let Some(route) = record.route {
        text(out, key!("route"), route.as_bytes());
    }
    if let Some(upstream) = record.upstream {
        text(out, key!("upstream"), upstream.as_bytes());
    }
    if let Some(endpoint) = record.endpoint {
        out.extend_from_slice(key!("upstream_addr"));
        out.push(b'"');
        socket(out, endpoint);
        out.push(b'"');
    }
    if let Some(status) = record.upstream_status {
        number(out, key!("upstream_status"), status.into());
    }
    if let Some(duration) = record.upstream_duration {
        millis(out, key!("upstream_duration_ms"), duration);
    }
    number(out, key!("retries"), record.attempts.saturating_sub(1).into());
}

/// The lines of one name stand together as they came, and are joined as RFC 9110 section 5.3 allows.
fn extra(out: &mut Vec<u8>, headers: &[(HeaderName, HeaderValue)]) {
    let mut last = None;
    for (name, value) in headers.iter().filter(|(name, _)| !secret(name)) {
        match last {
            Some(last) if last == name => out.extend_from_slice(b", "),
            Some(_) => {
                out.extend_from_slice(b"\",\"");
                out.extend_from_slice(name.as_str().as_bytes());
                out.extend_from_slice(b"\":\"");
            }
            None => {
                out.extend_from_slice(b",\"headers\":{\"");
                out.extend_from_slice(name.as_str().as_bytes());
                out.extend_from_slice(b"\":\"");
            }
        }
        escape::json(value.as_bytes(), out);
        last = Some(name);
    }
    if last.is_some() {
        out.extend_from_slice(b"\"}");
    }
}

fn plugins(out: &mut Vec<u8>, plugins: &[PluginTime<'_>]) {
    for (index, plugin) in plugins.iter().enumerate() {
        let start = if index == 0 { key!("plugins") } else { b"," };
        out.extend_from_slice(start);
        out.extend_from_slice(if index == 0 {
            b"[{\"name\":\""
        } else {
            b"{\"name\":\""
        });
        escape::json(plugin.name.as_bytes(), out);
        out.push(b'"');
        number(
            out,
            key!("us"),
            u64::try_from(plugin.time.as_micros()).unwrap_or(u64::MAX),
        );
        text(out, key!("outcome"), plugin.outcome.as_bytes());
        if plugin.skipped {
            out.extend_from_slice(key!("skipped"));
            out.extend_from_slice(b"true");
        }
        out.push(b'}');
    }
    if !plugins.is_empty() {
        out.push(b']');
    }
}

fn attributes(out: &mut Vec<u8>, attributes: &[(&str, Attribute<'_>)]) {
    for (index, (name, value)) in attributes.iter().enumerate() {
        let start = if index == 0 { key!("attributes") } else { b"," };
        out.extend_from_slice(start);
        out.extend_from_slice(if index == 0 { b"{\"" } else { b"\"" });
        escape::json(name.as_bytes(), out);
        out.extend_from_slice(b"\":");
        attribute(out, *value);
    }
    if !attributes.is_empty() {
        out.push(b'}');
    }
}

/// Bytes are written in hexadecimal; numbers that JSON does not have as `null`.
fn attribute(out: &mut Vec<u8>, value: Attribute<'_>) {
    // Writing to a vector cannot fail.
    let written = match value {
        Attribute::Text(value) => {
            out.push(b'"');
            escape::json(value.as_bytes(), out);
            out.push(b'"');
            Ok(())
        }
        Attribute::Integer(value) => write!(out, "{value}"),
        Attribute::Number(value) if value.is_finite() => write!(out, "{value}"),
        Attribute::Number(_) => write!(out, "null"),
        Attribute::Boolean(value) => write!(out, "{value}"),
        Attribute::Bytes(value) => {
            out.push(b'"');
            value.iter().for_each(|byte| drop(write!(out, "{byte:02x}")));
            out.push(b'"');
            Ok(())
        }
    };
    debug_assert!(written.is_ok());
}

/// The configuration refuses these; nobody else gets them into a line either.
fn secret(name: &HeaderName) -> bool {
    [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE].contains(name)
}

/// Apache's combined log format. A missing status is 000.
pub(super) fn clf(record: &Record<'_>, query: bool, clock: &mut Clock, out: &mut Vec<u8>) {
    ip(out, record.client_ip);
    out.extend_from_slice(b" - - [");
    clock.clf(record.time, out);
    out.extend_from_slice(b"] \"");
    escape::clf(record.method.as_str().as_bytes(), out);
    out.push(b' ');
    escape::clf(record.path.as_bytes(), out);
    if let Some(value) = record.query.filter(|_| query) {
        out.push(b'?');
        escape::clf(value.as_bytes(), out);
    }
    out.push(b' ');
    out.extend_from_slice(protocol(record.version).as_bytes());
    out.extend_from_slice(b"\" ");
    out.extend_from_slice(if record.status == 0 { b"00" } else { b"" });
    integer(out, record.status.into());
    out.push(b' ');
    integer(out, record.bytes_out);
    for value in [record.referer, record.user_agent] {
        out.extend_from_slice(b" \"");
        escape::clf(value.map_or(b"-", HeaderValue::as_bytes), out);
        out.push(b'"');
    }
    out.push(b'\n');
}

fn text(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    out.extend_from_slice(key);
    out.push(b'"');
    escape::json(value, out);
    out.push(b'"');
}

fn number(out: &mut Vec<u8>, key: &[u8], value: u64) {
    out.extend_from_slice(key);
    integer(out, value);
}

/// Milliseconds with three decimals.
fn millis(out: &mut Vec<u8>, key: &[u8], duration: Duration) {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    number(out, key, micros / 1000);
    let rest = micros % 1000;
    out.extend_from_slice(&[b'.', digit(rest / 100), digit(rest / 10), digit(rest)]);
}

fn digit(value: u64) -> u8 {
    b'0' + (value % 10) as u8
}

fn integer(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn address(out: &mut Vec<u8>, key: &[u8], value: IpAddr) {
    out.extend_from_slice(key);
    out.push(b'"');
    ip(out, value);
    out.push(b'"');
}

fn ip(out: &mut Vec<u8>, value: IpAddr) {
    match value.to_canonical() {
        IpAddr::V4(value) => {
            for (index, octet) in value.octets().into_iter().enumerate() {
                if index > 0 {
                    out.push(b'.');
                }
                integer(out, octet.into());
            }
        }
        // Writing to a vector cannot fail.
        IpAddr::V6(value) => drop(write!(out, "{value}")),
    }
}

fn socket(out: &mut Vec<u8>, value: SocketAddr) {
    match value.ip().to_canonical() {
        address @ IpAddr::V4(_) => ip(out, address),
        address @ IpAddr::V6(_) => {
            out.push(b'[');
            ip(out, address);
            out.push(b']');
        }
    }
    out.push(b':');
    integer(out, value.port().into());
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_11 => "HTTP/1.1",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::telemetry::{Flag, sample};

    fn line(record: &Record<'_>, query: bool) -> Value {
        let mut out = Vec::new();
        json(record, query, &mut Clock::default(), &mut out);
        assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn a_record_is_one_json_object_with_the_fields_that_people_query() {
        let agent = HeaderValue::from_static("curl/8");
        let record = Record {
            user_agent: Some(&agent),
            flag: Some(Flag::Timeout),
            ..sample::record()
        };
        let expected = json!({
            "ts": "2026-11-22T14:47:00.123Z", "level": "info",
            "request_id": "0a1b2c3d4e5f60718293a4b5c6d7e8f9", "listener": ":2015",
            "client_ip": "192.0.2.1", "peer_ip": "10.0.0.2", "peer_port": 40000,
            "method": "GET", "scheme": "http", "host": "example.com", "path": "/hello",
            "protocol": "HTTP/1.1", "status": 200, "bytes_in": 0, "bytes_out": 31, "duration_ms": 1.234,
            "route": "/", "upstream": "app:12345", "upstream_addr": "10.0.1.7:12345",
            "upstream_status": 200, "upstream_duration_ms": 0.9, "retries": 0,
            "user_agent": "curl/8", "response_flag": "timeout",
        });
        assert_eq!(line(&record, false), expected);
    }

    #[test]
    fn what_a_record_lacks_is_left_out() {
        let record = Record {
            route: None,
            upstream: None,
            endpoint: None,
            upstream_status: None,
            upstream_duration: None,
            status: 0,
            ..sample::record()
        };
        let line = line(&record, false);
        for key in [
            "route",
            "upstream",
            "upstream_addr",
            "upstream_status",
            "user_agent",
            "headers",
            "query",
        ] {
            assert_eq!(line.get(key), None, "{key}");
        }
    }

    #[test]
    fn the_query_is_logged_only_when_asked_for() {
        assert_eq!(line(&sample::record(), false).get("query"), None);
        assert_eq!(line(&sample::record(), true)["query"], "token=secret");
    }

    #[test]
    fn configured_headers_are_logged_joined_by_name_but_credentials_never() {
        let extra = [
            (header::ACCEPT, HeaderValue::from_static("a")),
            (header::ACCEPT, HeaderValue::from_static("b")),
            (header::AUTHORIZATION, HeaderValue::from_static("Bearer x")),
            (header::COOKIE, HeaderValue::from_static("id=x")),
            (header::ORIGIN, HeaderValue::from_bytes(b"o\"\xff").unwrap()),
        ];
        let line = line(
            &Record {
                extra: &extra,
                ..sample::record()
            },
            false,
        );
        assert_eq!(line["headers"], json!({"accept": "a, b", "origin": "o\"\\xff"}));
    }

    #[test]
    fn plugins_and_what_they_noted_are_logged_and_cannot_break_the_line() {
        let plugins =
            [("jwt", "next", false), ("limit\"", "trap", true)].map(|(name, outcome, skipped)| PluginTime {
                name,
                time: Duration::from_nanos(2_900),
                outcome,
                skipped,
            });
        let attributes = [
            ("sub", Attribute::Text("a\"\n")),
            ("n\"", Attribute::Integer(-1)),
            ("half", Attribute::Number(0.5)),
            ("nan", Attribute::Number(f64::NAN)),
            ("yes", Attribute::Boolean(true)),
            ("raw", Attribute::Bytes(&[0, 255])),
        ];
        let line = line(
            &Record {
                plugins: &plugins,
                attributes: &attributes,
                ..sample::record()
            },
            false,
        );
        assert_eq!(
            line["plugins"],
            json!([
                {"name": "jwt", "us": 2, "outcome": "next"},
                {"name": "limit\"", "us": 2, "outcome": "trap", "skipped": true},
            ])
        );
        let expected =
            json!({"sub": "a\"\n", "n\"": -1, "half": 0.5, "nan": null, "yes": true, "raw": "00ff"});
        assert_eq!(line["attributes"], expected);
    }

    #[test]
    fn a_hostile_client_cannot_forge_a_second_line() {
        let agent = HeaderValue::from_bytes(b"x\"}\t\x80").unwrap();
        let record = Record {
            path: "/a\"}\n{\"ts\":1",
            user_agent: Some(&agent),
            ..sample::record()
        };
        assert_eq!(line(&record, false)["path"], "/a\"}\n{\"ts\":1");
        let mut out = Vec::new();
        clf(&record, false, &mut Clock::default(), &mut out);
        assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1);
        assert!(out.is_ascii());
    }

    #[test]
    fn clf_is_the_combined_format() {
        let (agent, referer) = (
            HeaderValue::from_static("curl/8"),
            HeaderValue::from_static("http://a/"),
        );
        let mut record = Record {
            user_agent: Some(&agent),
            referer: Some(&referer),
            ..sample::record()
        };
        let mut out = Vec::new();
        clf(&record, true, &mut Clock::default(), &mut out);
        (record.user_agent, record.referer, record.status) = (None, None, 0);
        record.client_ip = "2001:db8::1".parse().unwrap();
        clf(&record, false, &mut Clock::default(), &mut out);
        let expected = concat!(
            "192.0.2.1 - - [22/Nov/2026:14:47:00 +0000] \"GET /hello?token=secret HTTP/1.1\" 200 31 ",
            "\"http://a/\" \"curl/8\"\n",
            "2001:db8::1 - - [22/Nov/2026:14:47:00 +0000] \"GET /hello HTTP/1.1\" 000 31 \"-\" \"-\"\n",
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn addresses_are_written_as_people_write_them() {
        let cases = [
            ("10.0.0.1:80", "10.0.0.1:80"),
            ("[::ffff:10.0.0.1]:80", "10.0.0.1:80"),
            ("[::1]:80", "[::1]:80"),
        ];
        for (address, expected) in cases {
            let mut out = Vec::new();
            socket(&mut out, address.parse().unwrap());
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
