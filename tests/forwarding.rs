//! What goes through: unchanged, as it comes, within bounds, and to the connection that asked for it. Sections B1
//! and B10 to B13 of the yardsticks, and section D on the wire.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use crate::support::origin::{answering, named, ok, origin, silent};
use crate::support::{Client, LIMIT, eventually, exchange, gateway};

const MIB: usize = 1 << 20;

/// B13, D2.
#[test]
fn ordinary_targets_are_forwarded_byte_for_byte() {
    let origin = named("a");
    let gateway = gateway().route("/", &origin).start();
    for target in [
        "/",
        "/a/b.c/",
        "/a%20b",
        "/caf%c3%a9",
        "/%e2%82%ac?%zz&a=1&&=;b#".trim_end_matches('#'),
        "/x?",
        "/x?a=b?c=/../d",
        "/x?a=%2f%5c%00%%",
        "/x?'`{}|^\\[]~!$*()",
        "/a;v=1/b,c!$&'()*+=:@",
        "/~user/-_.",
        "/{a}|b",
        "/.well-known/x",
    ] {
        assert_eq!(gateway.connect().get(target).status, 200, "{target}");
        assert_eq!(origin.requests().pop().unwrap().target(), target);
    }
}

/// D1, D3: one canonical path, and the origin sees the one that was routed.
#[test]
fn what_is_read_in_two_ways_is_forwarded_in_one() {
    let (admin, api) = (named("admin"), named("api"));
    let gateway = gateway().route("/admin", &admin).route("/api", &api).start();
    for (target, answer, seen) in [
        ("/api/../admin/x", "admin", "/admin/x"),
        ("/api/%2e%2e/admin/x", "admin", "/admin/x"),
        ("/api/%2E./admin/x", "admin", "/admin/x"),
        ("//admin/x", "admin", "/admin/x"),
        ("/api//x", "api", "/api/x"),
        ("/./api/x", "api", "/api/x"),
        ("/%61pi/x", "api", "/api/x"),
        ("/%61dmin", "admin", "/admin"),
        ("/api/.", "api", "/api/"),
    ] {
        let response = gateway.connect().get(target);
        assert_eq!(response.text(), answer, "{target}");
        let origin = if answer == "api" { &api } else { &admin };
        assert_eq!(origin.requests().pop().unwrap().target(), seen, "{target}");
    }
    for target in [
        "/api/%2f..%2fadmin",
        "/api%2fadmin",
        "/api/%5cadmin",
        "/api/..%5cadmin",
        "/api/%00",
        "/api/..;/admin",
        "/api/.;x/admin",
        "/../admin",
        "/api/%",
        "/api/%4",
        "/api/%zz",
    ] {
        assert_eq!(gateway.connect().get(target).status, 400, "{target}");
    }
    // No double decoding.
    assert_eq!(gateway.connect().get("/api/%252e%252e/admin").text(), "api");
    assert_eq!(api.requests().pop().unwrap().target(), "/api/%252e%252e/admin");
}

/// D4.
#[test]
fn a_prefix_ends_with_an_element() {
    let origin = named("a");
    let gateway = gateway().route("/admin", &origin).start();
    for (target, status) in [
        ("/admin", 200),
        ("/admin/", 200),
        ("/admin/x", 200),
        ("/admin?x", 200),
        ("/administrator", 404),
        ("/adminx/", 404),
        ("/admi", 404),
        ("/ADMIN", 404),
        ("/admin%20", 404),
    ] {
        assert_eq!(gateway.connect().get(target).status, status, "{target}");
    }
}

/// D3.
#[test]
fn a_rewrite_does_not_leave_its_tree() {
    let origin = named("a");
    let to = origin.address();
    let gateway = gateway()
        .toml(format!(
            "[[route]]\npath = \"/api\"\nstrip_prefix = true\nto = \"{to}\"\n\
             [[route]]\npath = \"/v/{{x}}\"\nrewrite = \"/inner/{{x}}\"\nto = \"{to}\"\n\
             [[route]]\npath_regex = \"/r(?<rest>.*)\"\nrewrite = \"/svc{{rest}}\"\nto = \"{to}\""
        ))
        .start();
    for (target, seen) in [
        ("/api", Some("/")),
        ("/api/x?y", Some("/x?y")),
        ("/api//admin", Some("/admin")),
        ("/api/../admin", None),
        ("/api%2e/admin", None),
        ("/api..", None),
        ("/v/1", Some("/inner/1")),
        ("/v/..", None),
        ("/v/%2e%2e/", None),
        ("/r/x", Some("/svc/x")),
        ("/r../admin", None),
        ("/r/../../admin", None),
    ] {
        let before = origin.requests().len();
        let status = gateway.connect().get(target).status;
        match seen {
            Some(seen) => {
                assert_eq!(status, 200, "{target}");
                assert_eq!(origin.requests().pop().unwrap().target(), seen, "{target}");
            }
            None => {
                assert!(matches!(status, 400 | 404), "{target}: {status}");
                assert_eq!(origin.requests().len(), before, "{target}");
            }
        }
    }
}

/// D5: alone or among a thousand.
#[test]
fn hosts_match_in_any_case_with_any_port() {
    let (right, wrong) = (named("right"), named("wrong"));
    for others in [0, 1000] {
        let mut toml = String::new();
        for number in 0..others {
            let to = wrong.address();
            toml += &format!("[[route]]\nhost = \"h{number}.test\"\nto = \"{to}\"\n");
        }
        let to = right.address();
        toml += &format!("[[route]]\nhost = \"API.Example.test\"\nto = \"{to}\"\n");
        let gateway = gateway().toml(toml).start();
        for host in [
            "api.example.test",
            "API.EXAMPLE.TEST",
            "Api.Example.Test:2015",
            "api.example.test.",
            "api.example.test.:80",
        ] {
            let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
            assert_eq!(exchange(gateway.address(), request).text(), "right", "{host}");
        }
        let other = exchange(
            gateway.address(),
            "GET / HTTP/1.1\r\nHost: xapi.example.test\r\n\r\n",
        );
        assert_eq!(other.status, 404);
    }
}

/// B13.
#[test]
fn fields_and_bodies_are_forwarded_as_they_are() {
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x04\x00\x43\xbe\xb7\xe8\x01\x00\x00\x00";
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nETag: W/\"x\"\r\nSet-Cookie: a=1; Path=/\r\n\
         Set-Cookie: b=2\r\nX-Many: 1\r\nX-Other: o\r\nX-Many: 2, 3\r\nVary: a\r\nServer: origin\r\n\
         Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: {}\r\nX-Latin: ",
        gzip.len()
    )
    .into_bytes();
    answer.extend_from_slice(b"caf\xe9\r\n\r\n");
    answer.extend_from_slice(gzip);
    let origin = answering(answer);
    let gateway = gateway().route("/", &origin).start();
    let mut client = gateway.connect();
    client.send(
        b"POST / HTTP/1.1\r\nHost: test\r\nX-Many: 1\r\nAccept: a\r\nX-Many: 2, 3\r\nX-Many: 1\r\n\
          Cookie: a=1; b=2\r\nX-Latin: caf\xe9\r\nX-Empty:\r\nX-Spaced:   a  b \t\r\nContent-Length: 3\r\n\r\n\0\xff\r",
    );
    let response = client.response();
    assert_eq!(response.body, gzip);
    assert_eq!(response.all("set-cookie"), ["a=1; Path=/", "b=2"]);
    assert_eq!(response.all("x-many"), ["1", "2, 3"]);
    assert_eq!(response.field("etag").unwrap(), "W/\"x\"");
    assert_eq!(response.field("content-encoding").unwrap(), "gzip");
    assert_eq!(response.field("server").unwrap(), "origin");
    assert_eq!(response.field("date").unwrap(), "Thu, 01 Jan 1970 00:00:00 GMT");
    assert!(
        response
            .fields
            .contains(&("x-latin".to_owned(), b"caf\xe9".to_vec()))
    );
    let seen = origin.request();
    assert_eq!(seen.body, b"\0\xff\r");
    assert_eq!(seen.all("x-many"), ["1", "2, 3", "1"]);
    assert_eq!(seen.field("cookie").unwrap(), "a=1; b=2");
    assert_eq!(seen.field("x-empty").unwrap(), "");
    assert_eq!(seen.field("x-spaced").unwrap(), "a  b");
    assert!(seen.fields.contains(&("x-latin".to_owned(), b"caf\xe9".to_vec())));
}

/// B1.
#[test]
fn pipelined_requests_are_answered_in_order() {
    let origin = origin(|visit| {
        visit.read();
        let target = visit.target().to_owned();
        if target == "/0" {
            // The slowest comes first.
            thread::sleep(Duration::from_millis(50));
        }
        visit.send(ok(&target));
    });
    let gateway = gateway().route("/", &origin).start();
    let mut client = gateway.connect();
    let requests: String = (0..20)
        .map(|n| match n % 3 {
            0 => format!("GET /{n} HTTP/1.1\r\nHost: test\r\n\r\n"),
            1 => format!("POST /{n} HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc"),
            _ => format!(
                "PUT /{n} HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
            ),
        })
        .collect();
    client.send(requests);
    for n in 0..20 {
        assert_eq!(client.response().text(), format!("/{n}"));
    }
}

/// B1.
#[test]
fn parallel_clients_get_their_own_answers_whoever_else_gives_up() {
    let origin = origin(|visit| {
        visit.read();
        let answer = ok(visit.target());
        // In two pieces, so that others come in between.
        visit.send(&answer[..20]);
        visit.send(&answer[20..]);
    });
    let gateway = gateway().route("/", &origin).workers(2).start();
    let answered = Arc::new(AtomicUsize::new(0));
    thread::scope(|scope| {
        for client in 0..24 {
            let (address, answered) = (gateway.address(), Arc::clone(&answered));
            scope.spawn(move || {
                let mut connection = Client::connect(address);
                for turn in 0..30 {
                    let target = format!("/{client}/{turn}");
                    connection.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n"));
                    if client % 3 == 0 && turn % 2 == 1 {
                        let gone = std::mem::replace(&mut connection, Client::connect(address));
                        gone.reset();
                        continue;
                    }
                    assert_eq!(connection.response().text(), target);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(answered.load(Ordering::Relaxed), 16 * 30 + 8 * 15);
}

/// B12.
#[test]
fn the_first_bytes_pass_while_the_rest_is_being_made() {
    let origin = origin(|visit| {
        // Answers each piece of the request body before the next one is sent.
        visit.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for _ in 0..3 {
            let piece = visit.exactly(b"1\r\nx\r\n".len()).unwrap();
            visit.send(piece);
        }
        visit.exactly(5);
        visit.send("0\r\n\r\n");
        visit.close();
    });
    let gateway = gateway().route("/", &origin).start();
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(client.head().status, 200);
    for _ in 0..3 {
        client.send("1\r\nx\r\n");
        assert_eq!(client.exactly(6).unwrap(), b"1\r\nx\r\n");
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.exactly(5).unwrap(), b"0\r\n\r\n");
}

/// B12: what is taken while the other side is stalled is what the gateway holds, and the kernel's buffers on both
/// sides, which grow to a few MiB each on loopback.
#[test]
fn a_stalled_origin_stalls_the_client() {
    let (go_on, stalled) = mpsc::channel::<()>();
    let stalled = Mutex::new(stalled);
    let origin = origin(move |visit| {
        let _ = stalled.lock().unwrap().recv();
        visit.close();
    });
    let gateway = gateway().route("/", &origin).start();
    let mut client = gateway.connect();
    let size = 100 * MIB;
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: {size}\r\n\r\n"
    ));
    let taken = client.send_until_stuck(&vec![0; size], Duration::from_millis(700));
    assert!(taken < 24 * MIB, "{taken} bytes were taken");
    drop(go_on);
}

/// B12.
#[test]
fn a_stalled_client_stalls_the_origin() {
    let (tell, told) = mpsc::channel();
    let size = 100 * MIB;
    let origin = origin(move |visit| {
        visit.read();
        visit.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n"));
        let _ = tell.send(visit.send_until_stuck(&vec![0; size], Duration::from_millis(700)));
        visit.close();
    });
    let gateway = gateway().route("/", &origin).start();
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    let taken = told.recv_timeout(LIMIT).unwrap();
    assert!(taken < 24 * MIB, "{taken} bytes were taken");
}

/// B12.
#[test]
fn large_bodies_arrive_whole_both_ways() {
    let size = 32 * MIB;
    let origin = origin(move |visit| {
        visit.read();
        let length = visit.request.body.len();
        visit.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"));
        let body = std::mem::take(&mut visit.request.body);
        visit.send(body);
    });
    let gateway = gateway().route("/", &origin).start();
    let body: Vec<u8> = (0..size).map(|n| (n * 31 % 251) as u8).collect();
    let mut client = gateway.connect();
    client.send(format!(
        "PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: {size}\r\n\r\n"
    ));
    client.send(&body);
    assert!(client.response().body == body);
}

/// B11: an endpoint that says nothing is answered 504 on time.
#[test]
fn a_silent_origin_is_a_timeout() {
    let origin = silent();
    let gateway = gateway()
        .toml("[defaults]\ntimeout = \"200ms\"")
        .route("/", &origin)
        .start();
    let response = gateway.connect().get("/");
    assert_eq!(response.status, 504);
    let line = gateway.log(1).remove(0);
    assert_eq!(line["response_flag"], "timeout", "{line}");
    eventually("the attempt is given up", || origin.open() == 0);
}

/// B11: a slow request head is cut on time.
#[test]
fn a_slow_head_is_cut() {
    let origin = named("a");
    let gateway = gateway()
        .toml("[timeouts]\nrequest_head = \"200ms\"\nkeep_alive = \"300ms\"\nrequest_body_idle = \"200ms\"")
        .route("/", &origin)
        .start();
    let mut silent = gateway.connect();
    let mut slow = gateway.connect();
    let mut idle = gateway.connect();
    let mut body = gateway.connect();
    slow.send("GET / HTTP/1.1\r\nHost: te");
    assert_eq!(idle.get("/").status, 200);
    body.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhe");
    silent.assert_closed();
    slow.rest().expect("the connection is closed");
    idle.assert_closed();
    body.rest().expect("the connection is closed");
    assert_eq!(origin.requests().len(), 1);
}

/// B1.
#[test]
fn a_connection_is_kept_or_closed_as_both_sides_say() {
    let origin = named("a");
    let gateway = gateway().route("/", &origin).start();
    for (request, stays) in [
        ("GET / HTTP/1.1\r\nHost: test\r\n\r\n", true),
        ("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n", false),
        (
            "GET / HTTP/1.1\r\nHost: test\r\nConnection: X, Close\r\n\r\n",
            false,
        ),
        ("GET / HTTP/1.0\r\n\r\n", false),
        (
            "GET / HTTP/1.0\r\nHost: test\r\nConnection: Keep-Alive\r\n\r\n",
            true,
        ),
        (
            "GET /missing HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
            false,
        ),
    ] {
        let mut client = gateway.connect();
        for _ in 0..3 {
            client.send(request);
            assert_eq!(client.response().closes(), !stays, "{request}");
            if !stays {
                client.assert_closed();
                break;
            }
        }
    }
    // What the client says of its connection says nothing of the gateway's own.
    assert_eq!(origin.connections(), 1);
}

#[test]
fn a_connection_ends_after_its_number_of_requests() {
    let origin = named("a");
    let gateway = gateway()
        .toml("[limits]\nrequests_per_connection = 3")
        .route("/a", &origin)
        .start();
    for path in ["/a", "/missing"] {
        let mut client = gateway.connect();
        for turn in 1..=3 {
            assert_eq!(client.get(path).closes(), turn == 3, "{path}");
        }
        client.assert_closed();
    }
}
