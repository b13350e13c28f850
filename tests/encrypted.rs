//! TLS towards upstreams: endpoints prove who they are, or no request reaches them.

use std::io::Write as _;

use tempfile::NamedTempFile;

use crate::support::keys::base64;
use crate::support::origin::{Nobody, named, origin, silent};
use crate::support::tls::{Terminator, terminator};
use crate::support::{Gateway, eventually, exchange, gateway};

/// A gateway with this route that believes these certificates.
fn believing(terminators: &[&Terminator], toml: &str) -> Gateway {
    let mut file = NamedTempFile::new().unwrap();
    for terminator in terminators {
        file.write_all(terminator.certificate().as_bytes()).unwrap();
    }
    gateway()
        .toml(format!("ca_file = \"{}\"\n{toml}", file.path().display()))
        .start()
}

fn route(target: &str) -> String {
    format!("[[route]]\npath = \"/\"\nto = \"{target}\"")
}

#[test]
fn requests_go_encrypted_and_connections_are_used_again() {
    let origin = named("one");
    let tls = terminator(&["127.0.0.1"], origin.address());
    let gateway = believing(&[&tls], &route(&format!("https://127.0.0.1:{}", tls.port())));
    let mut client = gateway.connect();
    for _ in 0..5 {
        assert_eq!(client.get("/a?b=c").text(), "one");
    }
    let requests = origin.requests();
    assert_eq!(requests.len(), 5);
    assert!(
        requests
            .iter()
            .all(|it| it.line == "GET /a?b=c HTTP/1.1" && it.connection == 0)
    );
}

#[test]
fn a_scheme_says_whether_it_is_encrypted() {
    let origin = named("plain");
    let gateway = gateway()
        .toml(route(&format!("http://{}/", origin.address())))
        .start();
    assert_eq!(gateway.connect().get("/").text(), "plain");
}

#[test]
fn an_endpoint_that_cannot_prove_who_it_is_gets_no_request() {
    let origin = named("one");
    let stranger = terminator(&["127.0.0.1"], origin.address());
    let misnamed = terminator(&["127.0.0.2", "localhost"], origin.address());
    for (known, port) in [(&[][..], stranger.port()), (&[&misnamed], misnamed.port())] {
        let other = terminator(&["example.com"], origin.address());
        let all: Vec<_> = known.iter().copied().chain([&other]).collect();
        let gateway = believing(&all, &route(&format!("https://127.0.0.1:{port}")));
        assert_eq!(gateway.connect().get("/").status, 503);
    }
    let plain = believing(&[&misnamed], &route(&format!("https://{}", origin.address())));
    assert_eq!(plain.connect().get("/").status, 503);
    assert_eq!(origin.requests().len(), 0);
}

#[test]
fn a_handshake_that_takes_too_long_is_a_failed_connection() {
    let silent = silent();
    let tls = terminator(&["127.0.0.1"], silent.address());
    let target = format!("https://{}", silent.address());
    let toml = format!(
        "[upstream.slow]\nto = \"{target}\"\nconnect_timeout = \"100ms\"\n{}",
        route("slow")
    );
    let gateway = believing(&[&tls], &toml);
    assert_eq!(gateway.connect().get("/").status, 503);
}

#[test]
fn another_endpoint_answers_for_one_that_is_not_believed() {
    let origin = named("good");
    let good = terminator(&["127.0.0.1"], origin.address());
    let bad = terminator(&["127.0.0.1"], origin.address());
    let nobody = Nobody::new();
    let toml = format!(
        "[upstream.api]\nto = [\"https://127.0.0.1:{}\", \"https://127.0.0.1:{}\", \"https://{}\"]\n\
         policy = \"round-robin\"\n{}",
        bad.port(),
        good.port(),
        nobody.address(),
        route("api")
    );
    let gateway = believing(&[&good], &toml);
    let mut client = gateway.connect();
    for _ in 0..20 {
        assert_eq!(client.get("/").text(), "good");
    }
    let posted = exchange(
        gateway.address(),
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi",
    );
    assert_eq!(posted.text(), "good");
}

#[test]
fn probes_are_encrypted_as_well() {
    let origin = origin(|visit| {
        visit.read();
        let body = if visit.target() == "/health" { "up" } else { "one" };
        visit.send(crate::support::origin::ok(body));
    });
    let good = terminator(&["127.0.0.1"], origin.address());
    let bad = terminator(&["127.0.0.1"], origin.address());
    let toml = format!(
        "admin = \"127.0.0.1:0\"\n[upstream.api]\nto = [\"https://127.0.0.1:{}\", \"https://127.0.0.1:{}\"]\n\
         [upstream.api.probe]\npath = \"/health\"\ninterval = \"50ms\"\n{}",
        good.port(),
        bad.port(),
        route("api")
    );
    let gateway = believing(&[&good], &toml);
    let probed = || {
        origin
            .requests()
            .iter()
            .filter(|request| request.line.starts_with("GET /health "))
            .count()
    };
    eventually("probes", || probed() >= 3);
    let states = || {
        let body = exchange(
            gateway.admin(),
            "GET /api/v1/upstreams HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
        );
        let seen: serde_json::Value = serde_json::from_str(&body.text()).unwrap();
        let endpoints = seen["upstreams"][0]["endpoints"].as_array().unwrap().clone();
        endpoints
            .iter()
            .map(|it| {
                (
                    it["address"].as_str().unwrap().to_owned(),
                    it["state"].as_str().unwrap().to_owned(),
                )
            })
            .collect::<Vec<_>>()
    };
    eventually("a verdict", || {
        states().iter().all(|(address, state)| {
            let good = address.ends_with(&format!(":{}", good.port()));
            state == if good { "active" } else { "ejected" }
        })
    });
}

#[test]
fn a_tunnel_goes_encrypted() {
    let origin = origin(|visit| {
        visit.read();
        visit.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        visit.echo();
        visit.finish();
    });
    let tls = terminator(&["127.0.0.1"], origin.address());
    let gateway = believing(&[&tls], &route(&format!("https://127.0.0.1:{}", tls.port())));
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(client.head().status, 101);
    client.send("hello");
    assert_eq!(client.exactly(5).unwrap(), b"hello");
}

#[test]
fn large_bodies_pass_both_ways() {
    let body = base64(vec![7; 300_000]);
    let origin = origin(|visit| {
        visit.read();
        let answer = crate::support::origin::ok(std::str::from_utf8(&visit.request.body).unwrap());
        visit.send(answer);
    });
    let tls = terminator(&["127.0.0.1"], origin.address());
    let gateway = believing(&[&tls], &route(&format!("https://127.0.0.1:{}", tls.port())));
    let response = exchange(
        gateway.address(),
        format!(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        ),
    );
    assert_eq!(response.text(), body);
}

#[test]
fn other_authorities_take_effect_with_a_reload() {
    let origin = named("one");
    let tls = terminator(&["127.0.0.1"], origin.address());
    let toml = route(&format!("https://127.0.0.1:{}", tls.port()));
    let gateway = gateway().toml(&toml).start();
    assert_eq!(gateway.connect().get("/").status, 503);
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(tls.certificate().as_bytes()).unwrap();
    gateway.reload(&format!("ca_file = \"{}\"\n{toml}", file.path().display()));
    eventually("the new authority", || gateway.connect().get("/").status == 200);
}
