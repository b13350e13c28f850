//! Responses as they come from endpoints that err or die: section B of the yardsticks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::origin::{answering, named, ok, origin};
use crate::support::{Broken, Client, Gateway, Origin, eventually, exchange, gateway};

const GET: &str = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";
const HEAD: &str = "HEAD / HTTP/1.1\r\nHost: test\r\n\r\n";

fn before(origin: &Origin) -> Gateway {
    gateway().route("/", origin).start()
}

/// An origin that says `bytes` to the first request, then behaves.
fn once(bytes: impl AsRef<[u8]>) -> Origin {
    let bytes = bytes.as_ref().to_vec();
    let first = AtomicBool::new(true);
    origin(move |visit| {
        visit.read();
        if first.swap(false, Ordering::SeqCst) {
            visit.send(&bytes);
        } else {
            visit.send(ok("good"));
        }
    })
}

/// B2.
#[test]
fn an_early_answer_reaches_the_client_at_once_and_its_connection_nobody() {
    let origin = origin(|visit| {
        if visit.target() == "/next" {
            visit.read();
            return visit.send(ok("next"));
        }
        // Without having read the body.
        visit.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
        visit.wait();
    });
    for fields in ["Content-Length: 1000", "Transfer-Encoding: chunked"] {
        let gateway = before(&origin);
        let mut client = gateway.connect();
        client.send(format!(
            "POST / HTTP/1.1\r\nHost: test\r\n{fields}\r\n\r\n3\r\nabc\r\n"
        ));
        let response = client.response();
        assert_eq!((response.status, response.text().as_str()), (403, "no"));
        let used = origin.connections();
        assert_eq!(gateway.connect().get("/next").text(), "next");
        assert_eq!(
            origin.requests().pop().unwrap().connection,
            used,
            "a new connection"
        );
        // What follows belongs to the body, and is never read as a request.
        let seen = origin.requests().len();
        client.send("GET /next HTTP/1.1\r\nHost: test\r\n\r\n").finish();
        client.assert_closed();
        assert_eq!(origin.requests().len(), seen);
        eventually("the unfinished connection is closed", || origin.open() <= 1);
        drop(gateway);
        eventually("the pooled connection is closed", || origin.open() == 0);
    }
}

/// B2: an origin that answers and closes without having read the body.
#[test]
fn an_early_answer_that_closes_is_not_lost() {
    for turn in 0..20 {
        let origin = origin(|visit| {
            visit.send("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
            visit.close();
        });
        let gateway = before(&origin);
        let mut client = gateway.connect();
        client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4000000\r\n\r\n");
        client.send(vec![b'x'; 4_000_000]);
        assert_eq!(client.response().status, 413, "turn {turn}");
    }
}

/// B3.
#[test]
fn a_continue_comes_from_the_origin() {
    let origin = origin(|visit| {
        assert_eq!(visit.request.field("expect").unwrap(), "100-continue");
        visit.send("HTTP/1.1 100 Continue\r\n\r\n");
        visit.read();
        visit.send(ok("done"));
    });
    let gateway = before(&origin);
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    assert_eq!(client.any_head().status, 100);
    client.send("hello");
    assert_eq!(client.response().text(), "done");
    assert_eq!(origin.request().body, b"hello");
}

/// B3.
#[test]
fn a_final_answer_takes_the_place_of_a_continue() {
    let origin = origin(|visit| {
        visit.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
        visit.wait();
    });
    let gateway = before(&origin);
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    let response = client.response();
    assert_eq!((response.status, response.interim.len()), (401, 0));
}

/// B3: a client need not be kept waiting by an origin that does not know of 100.
#[test]
fn a_continue_comes_even_when_the_origin_waits_for_the_body() {
    let origin = named("a");
    let gateway = before(&origin);
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    assert_eq!(client.any_head().status, 100);
    client.send("hello");
    assert_eq!(client.response().status, 200);
    assert_eq!(origin.request().body, b"hello");
}

/// B3.
#[test]
fn an_old_client_never_gets_an_interim_response() {
    let origin = origin(|visit| {
        visit.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
        visit.read();
        visit.send(ok("done"));
    });
    let gateway = before(&origin);
    let response = exchange(
        gateway.address(),
        "POST / HTTP/1.0\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
    );
    assert_eq!((response.interim.len(), response.text().as_str()), (0, "done"));
}

/// B4.
#[test]
fn bodies_where_none_may_be_spoil_no_other_answer() {
    for (request, answer) in [
        (HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
        (HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n"),
        (
            HEAD,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n",
        ),
        (HEAD, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (GET, "HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nevil"),
        (
            GET,
            "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n",
        ),
        (GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nevil"),
        (GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 400\r\n\r\n"),
        (
            GET,
            "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n",
        ),
        (
            GET,
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nX: evil\r\n\r\n",
        ),
    ] {
        let origin = once(answer);
        let gateway = before(&origin);
        let mut client = gateway.connect();
        client.send(request);
        let response = client.response_to_head();
        assert_eq!(response.status.to_string(), answer[9..12], "{answer}");
        assert_eq!(
            response.all("transfer-encoding"),
            Vec::<String>::new(),
            "{answer}"
        );
        assert_eq!(client.get("/same").text(), "good", "{answer}");
        assert_eq!(gateway.connect().get("/other").text(), "good", "{answer}");
    }
}

/// B4: the length that a GET would have is told.
#[test]
fn the_length_in_an_answer_to_head_is_kept() {
    let origin = once("HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n");
    let gateway = before(&origin);
    let mut client = gateway.connect();
    client.send(HEAD);
    assert_eq!(client.response_to_head().field("content-length").unwrap(), "400");
    client.assert_open();
}

/// B5.
#[test]
fn interim_responses_are_passed_on_in_order() {
    let origin = origin(|visit| {
        visit.read();
        visit.send("HTTP/1.1 102 Processing\r\n\r\n");
        visit.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\nConnection: x\r\nX: y\r\n\r\n");
        visit.send(ok("done"));
    });
    let gateway = before(&origin);
    let mut client = gateway.connect();
    for _ in 0..3 {
        client.send(GET);
        let response = client.response();
        assert_eq!(response.text(), "done");
        let link = |value: &str| ("link".to_owned(), value.as_bytes().to_vec());
        assert_eq!(response.interim.len(), 2);
        assert_eq!(response.interim[0], (102, vec![]));
        assert_eq!(response.interim[1], (103, vec![link("</a>"), link("</b>")]));
    }
}

/// B5: an interim response does not wait for the final one.
#[test]
fn an_interim_response_comes_at_once() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let origin = origin(move |visit| {
        visit.read();
        visit.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
        let _ = wait.lock().unwrap().recv();
        visit.send(ok("done"));
    });
    let gateway = before(&origin);
    let mut client = gateway.connect();
    client.send(GET);
    assert_eq!(client.any_head().status, 103);
    go.send(()).unwrap();
    assert_eq!(client.response().text(), "done");
}

/// B5.
#[test]
fn a_flood_of_interim_responses_is_bounded() {
    let origin = once("HTTP/1.1 102 Processing\r\nX: y\r\n\r\n".repeat(10_000) + &ok("done"));
    let gateway = before(&origin);
    let mut client = gateway.connect();
    client.send(GET);
    let response = client.response();
    assert!(response.interim.len() <= 16, "{}", response.interim.len());
    assert_eq!(client.get("/next").status, 200);
}

/// B5.
#[test]
fn an_unasked_change_of_protocol_is_a_bad_gateway() {
    for answer in [
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nevil",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ] {
        let origin = once(answer);
        let gateway = before(&origin);
        let mut client = gateway.connect();
        client.send(GET);
        assert_eq!(client.response().status, 502);
        assert_eq!(client.get("/same").text(), "good");
        eventually("the connection is closed", || origin.open() == 1);
    }
}

/// How an origin ends an answer before its end.
#[derive(Clone, Copy)]
enum End {
    Finish,
    Reset,
}

/// B6.
#[test]
fn a_broken_answer_can_be_told_from_a_whole_one() {
    for (answer, body) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", "hello"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", ""),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "hello",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhello",
            "hello",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
            "hello",
        ),
    ] {
        for end in [End::Finish, End::Reset] {
            let origin = origin(move |visit| {
                visit.read();
                visit.send(answer);
                // A reset takes with it what has not been read yet.
                thread::sleep(Duration::from_millis(20));
                match end {
                    End::Finish => visit.close(),
                    End::Reset => visit.reset(),
                }
            });
            let gateway = before(&origin);
            let mut client = gateway.connect();
            client.send(GET);
            match client.try_response() {
                Err(Broken::Ended(Some(200), rest)) => {
                    let rest = String::from_utf8(rest).unwrap();
                    assert!(
                        body.starts_with(&rest) && !rest.contains("0\r\n"),
                        "{answer}: {rest}"
                    );
                }
                other => panic!("{answer}: {other:?}"),
            }
            let line = gateway.log(1).remove(0);
            assert_eq!(line["response_flag"], "body_broken", "{line}");
        }
    }
}

/// B6: an answer that ends with its connection, and breaks.
#[test]
fn a_reset_is_not_the_end_of_an_answer_without_length() {
    let origin = origin(|visit| {
        visit.read();
        visit.send("HTTP/1.1 200 OK\r\n\r\nhello");
        thread::sleep(Duration::from_millis(20));
        visit.reset();
    });
    let gateway = before(&origin);
    let mut client = gateway.connect();
    client.send(GET);
    assert_eq!(
        client.try_response(),
        Err(Broken::Ended(Some(200), b"hello".to_vec()))
    );
}

/// B6: a client that is only told of the end by the end of its connection is told of a broken end by a reset.
#[test]
fn an_old_client_can_tell_too() {
    let origin = origin(|visit| {
        visit.read();
        visit.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        thread::sleep(Duration::from_millis(20));
        visit.close();
    });
    let gateway = before(&origin);
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(client.head().status, 200);
    assert!(
        client.is_reset(),
        "the connection ends as if the answer were whole"
    );
}

/// B6: an answer without a length that ends well.
#[test]
fn an_answer_that_ends_with_its_connection_is_whole() {
    for version in ["1.1", "1.0"] {
        let answer = format!("HTTP/{version} 200 OK\r\n\r\nhello");
        let origin = origin(move |visit| {
            visit.read();
            visit.send(&answer);
            visit.close();
        });
        let gateway = before(&origin);
        let mut client = gateway.connect();
        client.send(GET);
        assert_eq!(client.response().text(), "hello");
        client.send("GET / HTTP/1.0\r\n\r\n");
        let response = client.response();
        assert_eq!((response.text().as_str(), response.closes()), ("hello", true));
    }
}

/// B7.
#[test]
fn answers_that_are_none_are_a_bad_gateway() {
    for answer in [
        "garbage\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
        "HTTP/1.1\r\n\r\n",
        "HTTP/1.1 \r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 -20 OK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.2 200 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        " HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 O\0K\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551621\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, identity\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX\0: a\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    ] {
        let origin = once(answer);
        let gateway = before(&origin);
        let mut client = gateway.connect();
        client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n");
        let response = client.response();
        assert_eq!(response.status, 502, "{answer:?}");
        assert_eq!(client.get("/same").text(), "good", "{answer:?}");
        assert!(
            origin.requests().pop().unwrap().connection > 0,
            "{answer:?}: reused"
        );
    }
}

/// B7.
#[test]
fn a_bad_chunk_in_an_answer_breaks_it_visibly() {
    for chunks in [
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nX : y\r\n\r\n",
        "5\r\nhello\r\ng\r\n",
    ] {
        let origin = once(format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"
        ));
        let gateway = before(&origin);
        let mut client = gateway.connect();
        client.send(GET);
        assert!(
            matches!(client.try_response(), Err(Broken::Ended(..))),
            "{chunks:?}"
        );
        assert_eq!(gateway.connect().get("/next").text(), "good");
        assert_eq!(origin.requests().pop().unwrap().connection, 1);
    }
}

/// B7.
#[test]
fn the_same_length_twice_is_told_once() {
    for lengths in [
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5, 5",
        "Content-Length: 5,5\r\nContent-Length: 5",
    ] {
        let origin = once(format!("HTTP/1.1 200 OK\r\n{lengths}\r\n\r\nhello"));
        let gateway = before(&origin);
        let response = gateway.connect().get("/");
        assert_eq!(
            (
                response.field("content-length").unwrap().as_str(),
                response.text().as_str()
            ),
            ("5", "hello")
        );
    }
}

/// B7: heads beyond any bound.
#[test]
fn an_answer_with_too_large_a_head_is_a_bad_gateway() {
    let many: String = (0..5000).map(|n| format!("X-{n}: {n}\r\n")).collect();
    for fields in [many, format!("X: {}\r\n", "a".repeat(1 << 20))] {
        let origin = once(format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 0\r\n\r\n"));
        let gateway = before(&origin);
        assert_eq!(gateway.connect().get("/").status, 502);
        assert_eq!(gateway.connect().get("/next").text(), "good");
    }
}

/// B8.
#[test]
fn bytes_behind_an_answer_are_nobodys() {
    let extra = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    for answer in [
        ok("first") + extra,
        ok("first") + "x",
        ok("first") + "\r\n",
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n0\r\n\r\n{extra}"),
    ] {
        let origin = once(&answer);
        let gateway = before(&origin);
        let mut client = gateway.connect();
        assert_eq!(client.get("/").text(), "first");
        assert_eq!(client.get("/").text(), "good", "{answer}");
        assert_eq!(gateway.connect().get("/").text(), "good", "{answer}");
        assert!(origin.requests()[1].connection > 0, "{answer}");
    }
}

/// B8: an answer on an idle connection.
#[test]
fn an_answer_that_nobody_asked_for_closes_its_connection() {
    let origin = named("good");
    let gateway = before(&origin);
    assert_eq!(gateway.connect().get("/").text(), "good");
    origin.interrupt(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    eventually("the connection is closed", || origin.open() == 0);
    assert_eq!(gateway.connect().get("/").text(), "good");
    assert_eq!(origin.requests()[1].connection, 1);
}

/// B13: to a client that says it takes them, when they are announced (RFC 9110 section 6.5.1).
#[test]
fn trailers_reach_a_client_that_takes_them() {
    let origin = answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Checksum, Content-Length\r\n\r\n\
         5\r\nhello\r\n0\r\nX-Checksum: 7\r\nContent-Length: 3\r\nX-Unannounced: 1\r\n\r\n",
    );
    let gateway = before(&origin);
    let mut client = gateway.connect();
    for (te, trailers) in [
        (
            "TE: trailers\r\nConnection: TE\r\n",
            vec![("x-checksum".to_owned(), b"7".to_vec())],
        ),
        ("", vec![]),
    ] {
        client.send(format!("GET / HTTP/1.1\r\nHost: test\r\n{te}\r\n"));
        let response = client.response();
        assert_eq!(
            (response.text().as_str(), response.trailers),
            ("hello", trailers),
            "{te}"
        );
    }
}

/// B12: an answer that stalls is cut.
#[test]
fn an_answer_that_stalls_is_cut_visibly() {
    let origin = origin(|visit| {
        visit.read();
        visit.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
        visit.wait();
    });
    let gateway = gateway()
        .toml("[timeouts]\nresponse_body_idle = \"200ms\"")
        .route("/", &origin)
        .start();
    let mut client = gateway.connect();
    client.send(GET);
    assert_eq!(
        client.try_response(),
        Err(Broken::Ended(Some(200), b"hello".to_vec()))
    );
    eventually("the origin's connection is closed", || origin.open() == 0);
}

/// B1: the response's version is this hop's.
#[test]
fn an_answer_of_an_old_origin_is_a_new_one() {
    let origin = answering("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let gateway = before(&origin);
    let mut client: Client = gateway.connect();
    for _ in 0..2 {
        let response = client.get("/");
        assert_eq!((response.version.as_str(), response.status), ("HTTP/1.1", 200));
    }
}
