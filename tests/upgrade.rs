//! Changes of protocol: B10 of the yardsticks.

use std::time::Duration;

use crate::support::origin::{answering, named, origin};
use crate::support::{Client, Gateway, Origin, eventually, gateway};

const ASK: &str = "GET /chat HTTP/1.1\r\nHost: test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n";
const AGREED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: y\r\n\r\n";

/// Agrees, and sends back what it is sent.
fn echoing() -> Origin {
    origin(|visit| {
        visit.read();
        visit.send(AGREED);
        visit.echo();
        visit.finish();
    })
}

fn before(origin: &Origin) -> Gateway {
    gateway().route("/", origin).start()
}

#[track_caller]
fn tunnel(gateway: &Gateway) -> Client {
    let mut client = gateway.connect();
    client.send(ASK);
    let head = client.head();
    assert_eq!(head.status, 101);
    assert_eq!(head.field("upgrade").unwrap(), "websocket");
    assert_eq!(head.field("connection").unwrap().to_ascii_lowercase(), "upgrade");
    assert_eq!(head.field("sec-websocket-accept").unwrap(), "y");
    assert_eq!(
        head.all("content-length").len() + head.all("transfer-encoding").len(),
        0
    );
    client
}

#[test]
fn a_tunnel_is_opaque_both_ways() {
    let origin = echoing();
    let gateway = before(&origin);
    let mut client = tunnel(&gateway);
    for bytes in [
        &b"hello"[..],
        b"\0\xff\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: evil\r\n\r\n",
        &[7; 100_000],
    ] {
        client.send(bytes);
        assert_eq!(client.exactly(bytes.len()).unwrap(), bytes);
    }
    let asked = origin.request();
    assert_eq!(asked.field("upgrade").unwrap(), "websocket");
    assert_eq!(asked.field("connection").unwrap().to_ascii_lowercase(), "upgrade");
    assert_eq!(asked.field("sec-websocket-key").unwrap(), "x");
}

/// Bytes that come with the request, or with the answer, are the tunnel's first.
#[test]
fn nothing_is_lost_that_came_early() {
    let origin = origin(|visit| {
        visit.read();
        visit.send([AGREED.as_bytes(), b"early"].concat());
        visit.echo();
    });
    let gateway = before(&origin);
    let mut client = gateway.connect();
    client.send([ASK.as_bytes(), b"soon"].concat());
    assert_eq!(client.head().status, 101);
    assert_eq!(client.exactly(9).unwrap(), b"earlysoon");
}

#[test]
fn the_client_closes_and_the_origin_knows() {
    let origin = echoing();
    let gateway = before(&origin);
    let mut client = tunnel(&gateway);
    client.send("last").finish();
    // What is on its way arrives.
    assert_eq!(client.rest().unwrap(), b"last");
    eventually("the origin's connection ends", || origin.open() == 0);
    let line = gateway.log(1).remove(0);
    assert_eq!(
        (line["status"].as_u64(), line["bytes_out"].as_u64()),
        (Some(101), Some(4)),
        "{line}"
    );
}

#[test]
fn the_origin_closes_and_the_client_knows() {
    let origin = origin(|visit| {
        visit.read();
        visit.send(AGREED);
        visit.send("bye");
        visit.finish();
    });
    let gateway = before(&origin);
    let mut client = tunnel(&gateway);
    assert_eq!(client.rest().unwrap(), b"bye");
    client.finish();
    eventually("the origin's connection ends", || origin.open() == 0);
}

#[test]
fn a_reset_on_one_side_ends_the_other() {
    let origin = echoing();
    let gateway = before(&origin);
    tunnel(&gateway).reset();
    eventually("the origin's connection ends", || origin.open() == 0);
}

/// Nothing is tunnelled before the answer, and what follows a declined request is another request.
#[test]
fn a_declined_upgrade_stays_http() {
    let origin = named("plain");
    let gateway = before(&origin);
    let mut client = gateway.connect();
    client.send(ASK).send("GET /next HTTP/1.1\r\nHost: test\r\n\r\n");
    let response = client.response();
    assert_eq!((response.status, response.text().as_str()), (200, "plain"));
    assert_eq!(response.all("upgrade"), Vec::<String>::new());
    assert_eq!(client.response().status, 200);
    let targets: Vec<_> = origin.requests().iter().map(|r| r.target().to_owned()).collect();
    assert_eq!(targets, ["/chat", "/next"]);
    client.assert_open();
}

#[test]
fn protocols_that_lead_past_the_gateway_are_not_passed_on() {
    let origin = named("plain");
    let gateway = before(&origin);
    for (connection, upgrade) in [
        ("Upgrade, HTTP2-Settings", "h2c"),
        ("Upgrade", "H2C"),
        ("Upgrade", "h2c, websocket"),
        ("Upgrade", "websocket, h2c"),
        ("Upgrade", "HTTP/2.0"),
        ("Upgrade", "TLS/1.0, HTTP/1.1"),
        ("keep-alive", "websocket"),
        ("Upgrade", ""),
    ] {
        let mut client = gateway.connect();
        client.send(format!(
            "GET / HTTP/1.1\r\nHost: test\r\nConnection: {connection}\r\nUpgrade: {upgrade}\r\n\
             HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n"
        ));
        assert_eq!(client.response().status, 200, "{upgrade}");
        let seen = origin.requests().pop().unwrap();
        for name in ["upgrade", "connection", "http2-settings"] {
            assert_eq!(seen.all(name), Vec::<String>::new(), "{connection} {upgrade}");
        }
    }
}

#[test]
fn an_old_client_changes_no_protocol() {
    let origin = echoing();
    let gateway = before(&origin);
    let mut client = gateway.connect();
    client.send(ASK.replace("HTTP/1.1", "HTTP/1.0"));
    assert_ne!(client.response().status, 101);
    assert_eq!(origin.requests()[0].all("upgrade"), Vec::<String>::new());
}

/// B5, B10.
#[test]
fn a_change_to_another_protocol_than_asked_is_a_bad_gateway() {
    for answer in [
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ] {
        let origin = answering(answer);
        let gateway = before(&origin);
        let mut client = gateway.connect();
        client.send(ASK);
        assert_eq!(client.response().status, 502, "{answer}");
        eventually("the connection is closed", || origin.open() == 0);
    }
}

#[test]
fn a_tunnel_without_a_byte_ends_in_time() {
    let origin = echoing();
    let gateway = gateway()
        .toml("[timeouts]\ntunnel_idle = \"300ms\"")
        .route("/", &origin)
        .start();
    let mut client = tunnel(&gateway);
    for _ in 0..4 {
        assert!(client.is_quiet_for(Duration::from_millis(100)));
        client.send("x");
        assert_eq!(client.exactly(1).unwrap(), b"x");
    }
    client.rest().expect("the tunnel ends");
    eventually("the origin's connection ends", || origin.open() == 0);
}

/// A tunnel outlives the time limits of exchanges.
#[test]
fn a_tunnel_may_be_quiet_for_longer_than_an_exchange() {
    let origin = echoing();
    let to = origin.address();
    let gateway = gateway()
        .toml(format!(
            "[timeouts]\nkeep_alive = \"100ms\"\nrequest_head = \"100ms\"\nrequest_body_idle = \"100ms\"\n\
             response_body_idle = \"100ms\"\nresponse_write_idle = \"100ms\"\n\
             [[route]]\nto = \"{to}\"\ntimeout = \"500ms\""
        ))
        .start();
    let mut client = tunnel(&gateway);
    assert!(client.is_quiet_for(Duration::from_millis(800)));
    client.send("still");
    assert_eq!(client.exactly(5).unwrap(), b"still");
}
