//! Requests as they come from clients that err or lie: section A of the yardsticks, message framing.
//!
//! Every hostile request is followed by a second one, `/smuggled`, on the same connection. Whatever the gateway
//! makes of the first, the second must never reach the origin.

use std::time::Instant;

use crate::support::origin::{Request, named};
use crate::support::{Client, Gateway, LIMIT, Origin, Response, eventually, exchange, gateway};

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n";

struct Pair {
    origin: Origin,
    gateway: Gateway,
}

fn pair() -> Pair {
    let origin = named("a");
    let gateway = gateway().route("/", &origin).start();
    Pair { origin, gateway }
}

impl Pair {
    /// Refused: an error of the client's, a closed connection, and nothing whole at the origin.
    #[track_caller]
    fn refuses(&self, request: impl AsRef<[u8]>) -> u16 {
        let shown = shown(request.as_ref());
        let before = self.origin.requests().len();
        let mut client = self.gateway.connect();
        client.send([request.as_ref(), SMUGGLED.as_bytes()].concat());
        let response = client
            .try_response()
            .unwrap_or_else(|how| panic!("{shown}: {how:?}"));
        assert!(
            matches!(response.status, 400..=499 | 501 | 505),
            "{shown}: {}",
            response.status
        );
        assert!(response.closes(), "{shown}: the connection stays open");
        client.assert_closed();
        let after = self.origin.requests();
        assert_eq!(after.len(), before, "{shown}: {:?}", after.last());
        response.status
    }

    /// Passed: answered by the origin, and the origin saw one request more.
    #[track_caller]
    fn passes(&self, request: impl AsRef<[u8]>) -> Request {
        let shown = shown(request.as_ref());
        let before = self.origin.requests().len();
        let response = exchange(self.gateway.address(), request);
        assert_eq!(response.status, 200, "{shown}");
        let mut after = self.origin.requests();
        assert_eq!(after.len(), before + 1, "{shown}");
        after.pop().unwrap()
    }
}

fn shown(request: &[u8]) -> String {
    let text = request.escape_ascii().to_string();
    text.chars().take(200).collect()
}

fn post(fields: &str, body: &str) -> String {
    format!("POST /first HTTP/1.1\r\nHost: test\r\n{fields}\r\n\r\n{body}")
}

/// A1.
#[test]
fn two_lengths_are_one_and_the_connection_ends() {
    for fields in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
    ] {
        for body in ["0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n"] {
            let Pair { origin, gateway } = pair();
            let mut client = gateway.connect();
            client.send(post(fields, body)).send(SMUGGLED);
            assert!(client.response().closes(), "{fields}");
            client.assert_closed();
            let request = origin.request();
            assert_eq!(request.all("content-length"), Vec::<String>::new());
            assert_eq!(request.field("transfer-encoding").unwrap(), "chunked");
            assert_eq!(request.target(), "/first");
        }
    }
}

/// A1: an invalid length is not made valid by another one.
#[test]
fn an_invalid_length_beside_a_coding_never_counts() {
    let pair = pair();
    pair.refuses(post(
        "Content-Length: x\r\nTransfer-Encoding: chunked",
        "0\r\n\r\n",
    ));
}

/// A2, A11.
#[test]
fn transfer_codings_other_than_a_sole_chunked_are_refused() {
    let pair = pair();
    for coding in [
        "Transfer-Encoding: identity",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunkedx",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: 'chunked'",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked,",
        "Transfer-Encoding: ,chunked",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding: chun ked",
        "Transfer-Encoding:",
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding: chunked\x0b",
        "Transfer-Encoding: \x0cchunked",
        "Transfer-Encoding: chunked\0",
        "Transfer-Encoding: \rchunked",
        "Transfer-Encoding: chunked\rX: y",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\t: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding:\r\n chunked",
        " Transfer-Encoding: chunked",
    ] {
        pair.refuses(post(coding, "0\r\n\r\n"));
        // The length that is there does not take its place.
        pair.refuses(post(&format!("Content-Length: 5\r\n{coding}"), "0\r\n\r\n"));
    }
}

/// A3.
#[test]
fn chunked_is_chunked_in_any_case_and_behind_any_blanks() {
    let pair = pair();
    for coding in ["\tchunked", "  chunked \t ", "Chunked", "CHUNKED", "chunkeD"] {
        let request = post(
            &format!("Transfer-Encoding:{coding}\r\nConnection: close"),
            "5\r\nhello\r\n0\r\n\r\n",
        );
        let seen = pair.passes(request);
        assert_eq!(
            (seen.body.as_slice(), seen.field("transfer-encoding").as_deref()),
            (&b"hello"[..], Some("chunked")),
            "{coding:?}"
        );
    }
}

/// A4.
#[test]
fn an_old_client_has_no_transfer_codings() {
    pair().refuses("POST /first HTTP/1.0\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
}

/// A5, A11.
#[test]
fn lengths_that_are_no_number_are_refused() {
    let pair = pair();
    for length in [
        "+5",
        "-5",
        "0x5",
        "5.0",
        "1_0",
        "",
        " ",
        "5, 6",
        "5,5",
        "5 5",
        "5;",
        "\"5\"",
        "5e0",
        "\u{665}",
        "5\x0b",
        "18446744073709551616",
        "18446744073709551621",
        "18446744073709551615",
        "99999999999999999999999999999999999999",
    ] {
        pair.refuses(post(&format!("Content-Length: {length}"), "hello"));
    }
    pair.refuses(post("Content-Length: 5\r\nContent-Length: 6", "hello"));
    pair.refuses(post("Content-Length: 6\r\nContent-Length: 5", "hello"));
    pair.refuses(post("Content-Length : 5", "hello"));
    pair.refuses(post("Content-Length: 0\r\nContent-Length: 5", "hello"));
}

/// A5.
#[test]
fn the_same_length_twice_is_one() {
    let seen = pair().passes(post("Content-Length: 5\r\ncontent-length: 5", "hello"));
    assert_eq!(
        (
            seen.field("content-length").unwrap().as_str(),
            seen.body.as_slice()
        ),
        ("5", &b"hello"[..])
    );
}

/// A6, A11: the head has gone to the origin by then, its end has not.
#[test]
fn a_broken_chunk_is_never_the_end_of_a_request() {
    let pair = pair();
    for chunks in [
        "+5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "0_5\r\nhello\r\n0\r\n\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "g\r\nhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "10000000000000000\r\nhello\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\rhello\r\n0\r\n\r\n",
        "5\rXhello\r\n0\r\n\r\n",
        "3\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\r\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nX\r\n\r\n",
        "5\r\nhello\r\n0\r\nX : y\r\n\r\n",
        "5\r\nhello\r\n0\r\n\rX",
        "5\r\nhello\r\n\r\n0\r\n\r\n",
        "5\r\nhello\r\n-0\r\n\r\n",
    ] {
        pair.refuses(post("Transfer-Encoding: chunked", chunks));
    }
}

/// A7.
#[test]
fn chunk_extensions_end_here() {
    let pair = pair();
    for line in ["5;a\n", "5;a=\"\nb\"", "5;a\x0bb\n"] {
        pair.refuses(post(
            "Transfer-Encoding: chunked",
            &format!("{line}\r\nhello\r\n0\r\n\r\n"),
        ));
    }
    for line in ["5;a=b", "5 ; a", "5;a=\"b", "5;a=\"\\", "005;;;"] {
        let seen = pair.passes(post(
            "Transfer-Encoding: chunked\r\nConnection: close",
            &format!("{line}\r\nhello\r\n0;x=\"y\r\n\r\n"),
        ));
        assert_eq!(seen.body, b"hello", "{line}");
        let raw = pair.origin.received().concat();
        assert!(!raw.contains(&b';'), "{}", shown(&raw));
    }
}

/// A8.
#[test]
fn extensions_that_outweigh_the_data_are_refused() {
    let pair = pair();
    let long = format!("5;{}\r\nhello\r\n0\r\n\r\n", "a".repeat(1 << 20));
    let many = format!("1;{}\r\na\r\n", "b".repeat(2048)).repeat(512) + "0\r\n\r\n";
    for chunks in [long, many] {
        pair.refuses(post("Transfer-Encoding: chunked", &chunks));
    }
}

/// A9.
#[test]
fn trailers_stay_trailers_and_say_nothing_about_framing_or_identity() {
    let pair = pair();
    let refused = [
        "Content-Length: 5",
        "Transfer-Encoding: chunked",
        "Host: evil",
        "Authorization: Basic x",
        "Cookie: a=b",
        "X-Forwarded-For: 1.2.3.4",
        "X-Real-IP: 1.2.3.4",
        "X_Forwarded_For: 1.2.3.4",
        "Forwarded: for=1.2.3.4",
        "Connection: close",
        "TE: trailers",
    ];
    let names: Vec<&str> = refused
        .iter()
        .map(|line| line.split(':').next().unwrap())
        .chain(["X-Checksum"])
        .collect();
    let seen = pair.passes(post(
        &format!("Transfer-Encoding: chunked\r\nTrailer: {}", names.join(", ")),
        &format!(
            "5\r\nhello\r\n0\r\n{}\r\nX-Checksum: 7\r\n\r\n",
            refused.join("\r\n")
        ),
    ));
    assert_eq!(seen.trailers, [("x-checksum".to_owned(), b"7".to_vec())]);
    assert_eq!(seen.field("x-checksum"), None);
    assert_eq!(seen.field("host").unwrap(), "test");
    assert_eq!(seen.all("authorization"), Vec::<String>::new());
}

/// A10.
#[test]
fn a_client_that_vanishes_leaves_no_whole_request_and_no_connection_to_reuse() {
    type Vanish = fn(Client);
    let ways: [Vanish; 2] = [
        |mut client| {
            client.finish();
        },
        Client::reset,
    ];
    for vanish in ways {
        for start in [
            post("Content-Length: 10", "hello"),
            post("Transfer-Encoding: chunked", "a\r\nhello"),
            post("Transfer-Encoding: chunked", "5\r\nhello\r\n"),
        ] {
            let Pair { origin, gateway } = pair();
            let mut client = gateway.connect();
            client.send(&start);
            eventually("the beginning of the body", || {
                origin.received().concat().windows(5).any(|w| w == b"hello")
            });
            vanish(client);
            eventually("the end of the origin's connection", || origin.open() == 0);
            assert_eq!(origin.requests(), []);
            assert_eq!(gateway.connect().get("/next").status, 200);
            assert_eq!(origin.request().connection, 1);
        }
    }
}

/// A12. What is repaired is repaired before it is forwarded: the origin's reader refuses a head with anything
/// but CRLF in it.
#[test]
fn heads_that_are_no_heads_are_refused() {
    let pair = pair();
    for line in [
        "X: a\0b",
        "X: \0",
        "X\0: a",
        "X: a\rb",
        "X: \ra",
        "X: a\r\n b",
        "X: a\r\n\tb",
        "X : a",
        "X\t: a",
        ": a",
        "X",
        "X a",
        "X\x7f: a",
        "X: a\x7fb",
        "X: a\x01b",
        "X(y): a",
        "X\u{e9}: a",
    ] {
        pair.refuses(format!("GET /first HTTP/1.1\r\nHost: test\r\n{line}\r\n\r\n"));
    }
    pair.refuses("GET /first HTTP/1.1\r\n X: a\r\nHost: test\r\n\r\n");
    pair.refuses("GET /first HTTP/1.1\r\n\tHost: test\r\n\r\n");
}

/// A12: hyper takes a bare LF for a line's end, as RFC 9112 section 2.2 allows; it is CRLF behind the gateway.
#[test]
fn a_bare_line_feed_is_repaired() {
    let pair = pair();
    let seen = pair.passes("GET /first HTTP/1.1\nHost: test\nX: y\n\n");
    assert_eq!(seen.field("x").unwrap(), "y");
    assert!(
        !pair
            .origin
            .received()
            .concat()
            .windows(2)
            .any(|pair| pair[1] == b'\n' && pair[0] != b'\r')
    );
}

/// A13.
#[test]
fn a_request_has_one_host_that_is_a_host() {
    let pair = pair();
    for hosts in [
        "",
        "Host: a\r\nHost: a\r\n",
        "Host: a\r\nHost: b\r\n",
        "Host: a b\r\n",
        "Host: a/b\r\n",
        "Host: user@a\r\n",
        "Host: a:\u{661}\r\n",
        "Host: a:0\r\n",
        "Host: a:65536\r\n",
        "Host: a:80:80\r\n",
        "Host: a:+80\r\n",
        "Host: a:x\r\n",
        "Host: a..b\r\n",
        "Host: [::1\r\n",
        "Host: a,b\r\n",
        "Host: a?b\r\n",
        "Host: a#b\r\n",
        "Host: a%2fb\r\n",
        "Host: \u{e9}\r\n",
    ] {
        assert_eq!(
            pair.refuses(format!("GET /first HTTP/1.1\r\n{hosts}\r\n")),
            400,
            "{hosts:?}"
        );
    }
    for host in ["a", "A.B", "a:80", "[::1]:80", "a_b.c", "a."] {
        let seen = pair.passes(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(seen.field("host").unwrap(), host);
    }
}

/// A13.
#[test]
fn an_absolute_target_replaces_the_host() {
    let pair = pair();
    let seen = pair.passes("GET http://one.test:81/x?y HTTP/1.1\r\nHost: two.test\r\n\r\n");
    assert_eq!(
        (seen.line.as_str(), seen.field("host").as_deref()),
        ("GET /x?y HTTP/1.1", Some("one.test:81"))
    );
    assert_eq!(seen.field("x-forwarded-host").as_deref(), Some("one.test:81"));
    let seen = pair.passes("GET http://one.test HTTP/1.1\r\nHost: two.test\r\n\r\n");
    assert_eq!(seen.line, "GET / HTTP/1.1");
    for target in [
        "http://user@one.test/",
        "http://user:password@one.test/",
        "http://one.test:99999/",
        "ftp://one.test/",
        "http:///x",
        "one.test:80",
        "one.test",
        "//",
    ] {
        if target == "//" {
            // Origin form: an empty element.
            assert_eq!(pair.passes("GET // HTTP/1.1\r\nHost: a\r\n\r\n").target(), "/");
            continue;
        }
        pair.refuses(format!("GET {target} HTTP/1.1\r\nHost: two.test\r\n\r\n"));
    }
}

/// A14.
#[test]
fn request_lines_that_are_none_are_refused() {
    let pair = pair();
    for line in [
        "G\0T / HTTP/1.1",
        "G(T / HTTP/1.1",
        "G T / HTTP/1.1",
        "G\u{e9}T / HTTP/1.1",
        " GET / HTTP/1.1",
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET / x HTTP/1.1",
        "GET /\x01 HTTP/1.1",
        "GET /\0 HTTP/1.1",
        "GET /\x7f HTTP/1.1",
        "GET /\tx HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET x HTTP/1.1",
        "GET / HTTP/1.1x",
        "GET / HTTP/1.1 x",
        "GET / HTTP/1.10",
        "GET / HTTP/1.2",
        "GET / HTTP/2.0",
        "GET / HTTP/0.9",
        "GET / HTTP/1",
        "GET / http/1.1",
        "GET / HTTPS/1.1",
        "GET / HTTP/",
        "GET /",
        "GET",
        "/ HTTP/1.1",
        "GET HTTP/1.1",
        "GET \\ HTTP/1.1",
        "GET /a\\b HTTP/1.1",
        "GET ? HTTP/1.1",
    ] {
        pair.refuses(format!("{line}\r\nHost: test\r\n\r\n"));
    }
    assert_eq!(
        pair.refuses("CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n"),
        501
    );
    pair.refuses("CONNECT / HTTP/1.1\r\nHost: a.test:443\r\n\r\n");
}

/// A14: the `http` crate cuts a fragment off before anybody here sees the target. What remains is what is routed,
/// logged and forwarded, so that nothing is read in two ways; the fragment itself never reaches an origin.
#[test]
fn a_fragment_reaches_nobody() {
    let pair = pair();
    let seen = pair.passes("GET /x?y#/../admin HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(seen.target(), "/x?y");
    assert_eq!(pair.gateway.log(1)[0]["path"], "/x");
}

/// A14.
#[test]
fn unknown_methods_pass_in_their_own_case() {
    let pair = pair();
    for method in ["PATCH", "get", "Purge", "M-SEARCH", "X!#$%&'*+.^_`|~"] {
        let seen = pair.passes(format!("{method} / HTTP/1.1\r\nHost: test\r\n\r\n"));
        assert_eq!(seen.line, format!("{method} / HTTP/1.1"));
    }
    let response = exchange(pair.gateway.address(), "TRACE / HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(response.status, 405);
    assert!(response.field("allow").is_some());
}

/// A15.
#[test]
fn large_heads_pass_up_to_a_limit() {
    let pair = pair();
    let long = "a".repeat(7980);
    let many: String = (0..80).map(|n| format!("X-{n}: {n}\r\n")).collect();
    let seen = pair.passes(format!("GET /{long} HTTP/1.1\r\nHost: test\r\n{many}\r\n"));
    assert_eq!(seen.target().len(), 7981);
    assert!((0..80).all(|n| seen.field(&format!("x-{n}")).is_some_and(|v| v == n.to_string())));
}

/// A15.
#[test]
fn larger_heads_are_refused() {
    let pair = pair();
    let huge = "a".repeat(256 * 1024);
    let many: String = (0..5000).map(|n| format!("X-{n}: {n}\r\n")).collect();
    for request in [
        format!("GET /{huge} HTTP/1.1\r\nHost: test\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: test\r\nX: {huge}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: test\r\n{huge}: x\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: test\r\n{many}\r\n"),
        format!("{huge} / HTTP/1.1\r\nHost: test\r\n\r\n"),
    ] {
        assert!(matches!(pair.refuses(request), 400 | 414 | 431));
    }
}

/// A15.
#[test]
fn a_head_without_end_is_cut_off() {
    let pair = pair();
    let mut client = pair.gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: test\r\n");
    let filler = "X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(1 << 12);
    let begun = Instant::now();
    while client.send_until_stuck(filler.as_bytes(), LIMIT) == filler.len() {
        assert!(begun.elapsed() < LIMIT, "it never ends");
    }
    assert_eq!(client.response().status, 431);
    assert_eq!(pair.origin.requests(), []);
}

/// A1: hyper's client leaves out the body of a GET whose length is not known, unless it is told.
#[test]
fn a_body_is_forwarded_whatever_the_method() {
    let pair = pair();
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "PUT", "FOO"] {
        for fields in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
            let body = if fields.starts_with('C') {
                "hello"
            } else {
                "5\r\nhello\r\n0\r\n\r\n"
            };
            let mut client = pair.gateway.connect();
            client.send(format!(
                "{method} / HTTP/1.1\r\nHost: test\r\n{fields}\r\n\r\n{body}"
            ));
            let status = if method == "HEAD" {
                client.response_to_head().status
            } else {
                client.response().status
            };
            assert_eq!(status, 200);
            let seen = pair.origin.requests().pop().unwrap();
            assert_eq!(seen.body, b"hello", "{method} {fields}");
        }
    }
}

/// A15: a body beyond the limit is refused before it is sent on, or cut while it is.
#[test]
fn a_body_beyond_its_limit_is_refused() {
    let origin = named("a");
    let gateway = gateway()
        .toml("[limits]\nrequest_body = \"1KiB\"")
        .route("/", &origin)
        .start();
    for (fields, body) in [
        ("Content-Length: 1025", "a".repeat(1025)),
        (
            "Transfer-Encoding: chunked",
            format!("400\r\n{}\r\n1\r\na\r\n0\r\n\r\n", "a".repeat(1024)),
        ),
    ] {
        let response: Response = exchange(gateway.address(), post(fields, &body));
        assert_eq!(response.status, 413, "{fields}");
        assert!(response.closes(), "{fields}");
    }
    // A reset would take the answer from clients that still send.
    let mut client = gateway.connect();
    client.send(post("Content-Length: 4000000", &"a".repeat(1000)));
    assert_eq!(client.response().status, 413);
    client
        .send("a".repeat(1_000_000))
        .send("a".repeat(1_000_000))
        .finish();
    assert!(!client.is_reset());
    assert_eq!(origin.requests(), []);
    let fits = exchange(gateway.address(), post("Content-Length: 1024", &"a".repeat(1024)));
    assert_eq!(fits.status, 200);
}

/// B3.
#[test]
fn an_unknown_expectation_is_refused() {
    let pair = pair();
    let response = exchange(
        pair.gateway.address(),
        "POST / HTTP/1.1\r\nHost: test\r\nExpect: 200-ok\r\nContent-Length: 5\r\n\r\nhello",
    );
    assert_eq!(response.status, 417);
    assert_eq!(pair.origin.requests(), []);
}

/// B2: an answer of the gateway's own does not wait for the body, and is not lost to a client that still sends it.
#[test]
fn an_early_answer_reaches_a_client_that_goes_on_sending() {
    let gateway = gateway()
        .toml("[[route]]\npath = \"/elsewhere\"\nredirect = \"/\"")
        .start();
    for (path, status) in [("/nowhere", 404), ("/elsewhere", 308)] {
        let mut client = gateway.connect();
        client.send(format!(
            "POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: 9000000\r\n\r\n"
        ));
        assert_eq!(client.response().status, status);
        // A client that goes on sending is not reset, which it might notice before it has read the answer.
        for _ in 0..50 {
            let piece = [b'x'; 10_000];
            assert_eq!(client.send_until_stuck(&piece, LIMIT), piece.len(), "{path}");
        }
    }
}
