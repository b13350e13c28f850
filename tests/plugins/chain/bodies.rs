//! Bodies: whole, and piece by piece.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use super::{chained, fixture, gateway, headers};
use crate::support::origin::{answering, named, origin};
use crate::support::{Broken, Gateway, LIMIT, Origin, eventually};

/// A gateway with one route.
fn before(origin: &Origin, plugins: &str) -> Gateway {
    gateway()
        .toml(fixture("p"))
        .toml(chained("/", origin, plugins))
        .start()
}

fn post(body: &str) -> String {
    let length = body.len();
    format!("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\nDigest: old\r\n\r\n{body}")
}

const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\nTrailer: x-end\r\n\r\n\
                       3\r\nabc\r\n3\r\ndef\r\n0\r\nx-end: yes\r\n\r\n";

#[test]
fn a_replaced_request_body_has_its_own_length_and_no_digest_of_the_old_one() {
    let origin = named("a");
    let gateway = before(
        &origin,
        "[{ use = \"p\", request_body = \"replace:other bytes\" }]",
    );
    for request in [post("hello"), CHUNKED.to_owned()] {
        let mut client = gateway.connect();
        assert_eq!(client.send(&request).response().status, 200);
        let seen = origin.requests().pop().unwrap();
        assert_eq!(seen.body, b"other bytes");
        assert_eq!(seen.field("content-length").unwrap(), "11");
        assert_eq!(
            (seen.field("digest"), seen.field("transfer-encoding")),
            (None, None)
        );
        assert!(seen.trailers.is_empty());
    }
    // Nothing is made up where there was nothing.
    assert_eq!(gateway.connect().get("/").status, 200);
    assert_eq!(origin.requests().pop().unwrap().body, b"");
    assert_eq!(gateway.log(3)[0]["bytes_in"], 5);
}

#[test]
fn a_request_body_that_was_looked_at_is_forwarded_as_it_was() {
    let origin = named("a");
    let gateway = before(&origin, "[{ use = \"p\", request_body = \"next\" }]");
    gateway.connect().send(CHUNKED).response();
    let seen = origin.request();
    assert_eq!(seen.body, b"abcdef");
    assert_eq!(seen.field("transfer-encoding").unwrap(), "chunked");
    assert_eq!(seen.trailers, [("x-end".to_owned(), b"yes".to_vec())]);
}

#[test]
fn what_a_body_hook_finds_decides_for_the_plugins_behind_it() {
    let origin = named("a");
    let gateway = before(
        &origin,
        "[{ use = \"p\", request_body = \"attribute:kind=order\" }, { use = \"p\", request = \"attributes:kind\" }]",
    );
    assert_eq!(gateway.connect().send(post("x")).response().status, 200);
    let told = origin.request().field("x-fixture-result").unwrap();
    assert!(told.contains("order"), "{told}");
}

#[test]
fn a_body_hook_may_answer() {
    let origin = named("a");
    let gateway = before(
        &origin,
        "[{ use = \"p\", request_body = \"respond:422\", say = \"no\" }]",
    );
    let response = gateway.connect().send(post("x")).response();
    assert_eq!((response.status, response.text().as_str()), (422, "no"));
    assert_eq!(origin.connections(), 0);
}

#[test]
fn a_request_body_above_the_bound_is_refused_before_the_hook() {
    let origin = named("a");
    let gateway = before(
        &origin,
        "[{ use = \"p\", request_body = \"trap\", limits = { request_body = \"8B\" } }]",
    );
    let chunked =
        "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n123456789\r\n0\r\n\r\n";
    for request in [post("123456789"), chunked.to_owned()] {
        let response = gateway.connect().send(&request).response();
        assert_eq!(response.status, 413);
        assert!(response.closes());
    }
    assert_eq!(origin.connections(), 0);
    assert_eq!(gateway.log(2)[1]["response_flag"], "limit");
}

#[test]
fn a_client_that_waits_to_be_asked_for_its_body_is() {
    let origin = named("a");
    let gateway = before(&origin, "[{ use = \"p\", request_body = \"replace:b\" }]");
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.any_head().status, 100);
    assert_eq!(client.send("a").response().status, 200);
    let seen = origin.request();
    assert_eq!((seen.body.as_slice(), seen.field("expect")), (&b"b"[..], None));
}

#[test]
fn another_attempt_sends_what_the_hooks_made() {
    for (plugins, made) in [
        ("[{ use = \"p\", request_body = \"replace:made\" }]", "made"),
        ("[{ use = \"p\", chunk = \"upper\" }]", "HELLO"),
    ] {
        let visits = Arc::new(AtomicUsize::new(0));
        let [first, second] = [(), ()].map(|()| {
            let visits = Arc::clone(&visits);
            origin(move |visit| {
                visit.read();
                match visits.fetch_add(1, Ordering::SeqCst) {
                    0 => visit.reset(),
                    _ => visit.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
                }
            })
        });
        let gateway = gateway()
            .toml(format!(
                "[upstream.two]\nto = [\"{}\", \"{}\"]",
                first.address(),
                second.address()
            ))
            .toml(fixture("p"))
            .toml(format!("[[route]]\nto = \"two\"\nplugins = {plugins}"))
            .start();
        let request = post("hello").replace("POST", "PUT");
        assert_eq!(
            gateway.connect().send(request).response().status,
            200,
            "{plugins}"
        );
        let bodies: Vec<_> = [first, second]
            .iter()
            .flat_map(Origin::requests)
            .map(|request| request.body)
            .collect();
        assert_eq!(bodies, [made.as_bytes(), made.as_bytes()], "{plugins}");
    }
}

#[test]
fn a_replaced_response_body_has_its_own_length_and_nothing_that_speaks_of_the_old_one() {
    let head =
        "HTTP/1.1 200 OK\r\nETag: \"old\"\r\nContent-MD5: old\r\nAccept-Ranges: bytes\r\nX-Kept: yes\r\n";
    for framed in [
        format!("{head}Content-Length: 5\r\n\r\nhello"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-end: y\r\n\r\n"),
    ] {
        let origin = answering(framed);
        let gateway = before(
            &origin,
            "[{ use = \"p\", response_body = \"set:etag=new + replace:other bytes\" }]",
        );
        let mut client = gateway.connect();
        let response = client.get("/");
        assert_eq!(response.text(), "other bytes");
        assert_eq!(response.field("content-length").unwrap(), "11");
        assert_eq!(response.field("etag").unwrap(), "new");
        assert_eq!(
            (response.field("content-md5"), response.field("accept-ranges")),
            (None, None)
        );
        assert_eq!(response.field("x-kept").unwrap(), "yes");
        // The endpoint's connection is used again.
        client.get("/");
        assert_eq!(origin.connections(), 1);
    }
}

#[test]
fn a_response_body_above_the_bound_is_a_502_and_its_connection_is_closed() {
    for framed in [
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n123456789\r\n0\r\n\r\n",
    ] {
        let origin = answering(framed);
        let gateway = before(
            &origin,
            "[{ use = \"p\", response_body = \"trap\", limits = { response_body = \"8B\" } }]",
        );
        assert_eq!(gateway.connect().get("/").status, 502);
        assert_eq!(gateway.log(1)[0]["response_flag"], "limit");
        eventually("the endpoint's connection is closed", || origin.open() == 0);
    }
}

#[test]
fn a_response_that_breaks_off_while_a_hook_waits_for_it_is_a_502() {
    let origin = origin(|visit| {
        visit.read();
        visit.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1234");
        visit.close();
    });
    let gateway = before(&origin, "[{ use = \"p\", response_body = \"next\" }]");
    assert_eq!(gateway.connect().get("/").status, 502);
}

#[test]
fn responses_without_a_body_are_not_shown_to_body_hooks() {
    let origin = origin(|visit| {
        visit.read();
        match visit.target() {
            "/204" => visit.send("HTTP/1.1 204 No Content\r\n\r\n"),
            "/304" => visit.send("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n"),
            "/empty" => visit.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            _ => visit.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
        }
    });
    let gateway = before(
        &origin,
        "[{ use = \"p\", response_body = \"trap\", chunk = \"trap\" }]",
    );
    let mut client = gateway.connect();
    for (target, status) in [("/204", 204), ("/304", 304), ("/empty", 200)] {
        assert_eq!(client.get(target).status, status, "{target}");
    }
    client.send("HEAD /head HTTP/1.1\r\nHost: test\r\n\r\n");
    let response = client.response_to_head();
    assert_eq!(
        (
            response.status,
            response.field("content-length").unwrap().as_str()
        ),
        (200, "5")
    );
}

#[test]
fn a_response_hook_replaces_a_response_and_the_endpoints_body_goes_nowhere() {
    let origin = answering(format!(
        "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{}",
        "x".repeat(1_000_000)
    ));
    let gateway = before(
        &origin,
        "[{ use = \"p\", response = \"respond:451\", say = \"gone\" }]",
    );
    let mut client = gateway.connect();
    let response = client.get("/");
    assert_eq!((response.status, response.text().as_str()), (451, "gone"));
    assert_eq!(client.get("/").status, 451);
    assert_eq!(gateway.log(1)[0]["response_flag"], "plugin");
    eventually("the endpoint's connections are closed", || origin.open() == 0);
}

#[test]
fn pieces_are_changed_on_their_way_in_both_directions() {
    let origin = origin(|visit| {
        visit.read();
        let body = String::from_utf8(visit.request.body.clone()).unwrap();
        visit.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}",
            body.len() + 3,
            body + "abc"
        ));
    });
    let gateway = before(&origin, "[{ use = \"p\", chunk = \"upper\" }]");
    let mut client = gateway.connect();
    let big = "x".repeat(300_000);
    for body in ["hello", &big] {
        let response = client.send(post(body)).response();
        assert_eq!(response.text(), format!("{}ABC", body.to_uppercase()));
        assert_eq!(response.field("content-length"), None);
        let seen = origin.requests().pop().unwrap();
        assert_eq!(seen.body, body.to_uppercase().into_bytes());
        assert_eq!(
            (
                seen.field("content-length"),
                seen.field("transfer-encoding").as_deref()
            ),
            (None, Some("chunked"))
        );
    }
    assert_eq!(gateway.log(2)[0]["bytes_in"], 5);
    assert_eq!(origin.connections(), 1);
}

#[test]
fn trailers_pass_behind_the_pieces() {
    let origin =
        answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-end: y\r\n\r\n");
    let gateway = before(&origin, "[{ use = \"p\", chunk = \"upper\" }]");
    let request = CHUNKED.replace("Host: test", "Host: test\r\nTE: trailers\r\nConnection: te");
    let response = gateway.connect().send(request).response();
    assert_eq!(response.text(), "ABC");
    let seen = origin.request();
    assert_eq!(seen.body, b"ABCDEF");
    assert_eq!(seen.trailers, [("x-end".to_owned(), b"yes".to_vec())]);
}

#[test]
fn what_is_held_comes_with_the_last_piece_through_every_plugin() {
    let origin =
        answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n");
    let gateway = before(
        &origin,
        "[{ use = \"p\", chunk = \"upper\" }, { use = \"p\", chunk = \"hold\" }]",
    );
    let response = gateway.connect().send(CHUNKED).response();
    assert_eq!(response.text(), "ABCDEF");
    assert_eq!(origin.request().body, b"ABCDEF");
}

#[test]
fn a_body_that_a_plugin_breaks_off_is_broken_for_the_other_side() {
    let origin = answering("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcdef");
    // The plugin looks at the request's body too, if there is one.
    let gateway = before(&origin, "[{ use = \"p\", chunk = \"abort-body\" }]");
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    assert!(matches!(client.try_response(), Err(Broken::Ended(..))));
    let mut client = gateway.connect();
    let response = client.send(post("hello")).response();
    assert_eq!(response.status, 403);
    assert!(response.closes());
    let lines = gateway.log(2);
    assert_eq!(
        (&lines[0]["response_flag"], &lines[1]["response_flag"]),
        (&"plugin".into(), &"plugin".into())
    );
    assert!(origin.requests().iter().all(|request| request.body.is_empty()));
}

#[test]
fn a_failure_within_a_body_is_an_answer_while_there_can_be_one_and_a_break_afterwards() {
    let origin = answering("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcdef");
    let gateway = gateway()
        .toml(fixture("p"))
        .toml(chained("/closed", &origin, "[{ use = \"p\", chunk = \"trap\" }]"))
        .toml(chained(
            "/open",
            &origin,
            "[{ use = \"p\", chunk = \"trap\", failure = \"open\" }]",
        ))
        .toml(chained(
            "/begins",
            &origin,
            "[{ use = \"p\", open = \"trap\", chunk = \"next\" }]",
        ))
        .start();
    let to = |path: &str| post("hello").replace("POST /", &format!("POST {path}"));
    assert_eq!(gateway.connect().send(to("/closed")).response().status, 500);
    assert_eq!(gateway.connect().send(to("/begins")).response().status, 500);
    assert_eq!(gateway.connect().get("/begins").status, 500);
    let mut client = gateway.connect();
    client.send("GET /closed HTTP/1.1\r\nHost: test\r\n\r\n");
    assert!(matches!(client.try_response(), Err(Broken::Ended(..))));
    let response = gateway.connect().send(to("/open")).response();
    assert_eq!((response.status, response.text().as_str()), (200, "abcdef"));
    assert_eq!(origin.requests().pop().unwrap().body, b"hello");
}

#[test]
fn bodies_flow_by_plugins_that_only_look_at_heads_in_both_directions_at_once() {
    let origin = origin(|visit| {
        visit.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        // Answers each piece of the request before the next one comes.
        for _ in 0..3 {
            let piece = visit.exactly(b"1\r\nx\r\n".len()).unwrap();
            visit.send(piece);
        }
        visit.send("0\r\n\r\n");
        visit.close();
    });
    let gateway = gateway()
        .toml(headers("p"))
        .toml(chained(
            "/",
            &origin,
            "[{ use = \"p\", request = \"set:x-a=b\", response = \"set:x-c=d\" }]",
        ))
        .start();
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(client.head().field("x-c").unwrap(), "d");
    for _ in 0..3 {
        client.send("1\r\nx\r\n");
        assert_eq!(client.exactly(6).unwrap(), b"1\r\nx\r\n");
    }
}

#[test]
fn a_slow_reader_slows_the_other_side_and_not_the_memory_of_the_gateway() {
    const MUCH: usize = 64 << 20;
    let (taken, took) = mpsc::channel();
    let taken = Mutex::new(taken);
    let origin = origin(move |visit| {
        visit.read();
        visit.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {MUCH}\r\n\r\n"));
        let sent = visit.send_until_stuck(&vec![b'x'; MUCH], Duration::from_millis(500));
        taken.lock().unwrap().send(sent).unwrap();
        visit.close();
    });
    let gateway = before(&origin, "[{ use = \"p\", chunk = \"upper\" }]");
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    let sent = took.recv_timeout(LIMIT).unwrap();
    assert!(sent < MUCH / 2, "{sent}");
}
