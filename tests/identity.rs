//! Who says what about the client, and what ends at this hop: section C of the yardsticks. (What hooks set, C6 to
//! C8, is tested with the plugins.)

use crate::support::origin::{Request, answering, named};
use crate::support::{Gateway, Origin, exchange, gateway};

fn pair() -> (Origin, Gateway) {
    let origin = named("a");
    let gateway = gateway().route("/", &origin).start();
    (origin, gateway)
}

/// Behind a proxy that is trusted: every test comes from loopback.
fn trusting() -> (Origin, Gateway) {
    let origin = named("a");
    let gateway = gateway()
        .toml("trusted_proxies = [\"127.0.0.0/8\", \"10.0.0.0/8\"]")
        .route("/", &origin)
        .start();
    (origin, gateway)
}

#[track_caller]
fn seen(origin: &Origin, gateway: &Gateway, fields: &str) -> Request {
    let request = format!("GET /x HTTP/1.1\r\nHost: test:80\r\n{fields}\r\n\r\n");
    assert_eq!(exchange(gateway.address(), request).status, 200, "{fields}");
    origin.requests().pop().unwrap()
}

/// C1.
#[test]
fn fields_named_in_connection_end_here_on_the_way_up() {
    let (origin, gateway) = pair();
    for connection in [
        "Connection: X-One, x-two",
        "connection:X-ONE,\tX-Two ,, close",
        "Connection: x-one\r\nX-Between: y\r\nConnection: X-Two",
        "Connection: keep-alive, X-One\r\nCONNECTION: x-two, keep-alive",
    ] {
        let request = seen(
            &origin,
            &gateway,
            &format!(
                "{connection}\r\nX-One: 1\r\nX-Two: 2\r\nx-one: 3\r\nX-Three: 3\r\nKeep-Alive: timeout=9\r\n\
                 Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic x\r\nTE: gzip"
            ),
        );
        for name in [
            "x-one",
            "x-two",
            "connection",
            "keep-alive",
            "proxy-connection",
            "proxy-authorization",
            "te",
        ] {
            assert_eq!(request.all(name), Vec::<String>::new(), "{connection}: {name}");
        }
        assert_eq!(request.field("x-three").unwrap(), "3");
    }
}

/// C1.
#[test]
fn fields_named_in_connection_end_here_on_the_way_down() {
    let origin = answering(
        "HTTP/1.1 200 OK\r\nConnection: X-One\r\nX-One: 1\r\nconnection: keep-alive ,\tx-two\r\nX-Two: 2\r\n\
         Keep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nProxy-Connection: close\r\nTE: x\r\nUpgrade: h2c\r\n\
         X-Three: 3\r\nContent-Length: 0\r\n\r\n",
    );
    let gateway = gateway().route("/", &origin).start();
    let mut client = gateway.connect();
    for _ in 0..2 {
        let response = client.get("/");
        for name in [
            "x-one",
            "x-two",
            "connection",
            "keep-alive",
            "proxy-authenticate",
            "proxy-connection",
            "te",
            "upgrade",
        ] {
            assert_eq!(response.all(name), Vec::<String>::new(), "{name}");
        }
        assert_eq!(response.field("x-three").unwrap(), "3");
    }
    assert_eq!(origin.connections(), 1);
}

/// C2, C3.
#[test]
fn connection_takes_away_nothing_that_the_gateway_says() {
    let (origin, gateway) = pair();
    let mut client = gateway.connect();
    client.send(
        "POST / HTTP/1.1\r\nHost: test:80\r\nConnection: Host, Content-Length, Transfer-Encoding\r\n\
         Connection: X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Request-Id\r\n\
         X-Forwarded-For: 6.6.6.6\r\nContent-Length: 5\r\n\r\nhello",
    );
    assert_eq!(client.response().status, 200);
    client.send(
        "PUT / HTTP/1.1\r\nHost: test:80\r\nConnection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n\
         5\r\nhello\r\n0\r\n\r\n",
    );
    assert_eq!(client.response().status, 200);
    for request in origin.requests() {
        assert_eq!(request.body, b"hello");
        assert_eq!(request.field("host").unwrap(), "test:80");
        assert_eq!(request.field("x-forwarded-for").unwrap(), "127.0.0.1");
        assert_eq!(request.field("x-forwarded-proto").unwrap(), "http");
        assert_eq!(request.field("x-forwarded-host").unwrap(), "test:80");
        assert_eq!(request.field("x-request-id").unwrap().len(), 32);
    }
}

const CLAIMS: [&str; 17] = [
    "X-Forwarded-For: 6.6.6.6",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: evil",
    "X-Forwarded-Port: 666",
    "X-Forwarded-Prefix: /evil",
    "X-Forwarded-Server: evil",
    "X-Forwarded-Ssl: on",
    "X-Forwarded-Scheme: https",
    "X-Forwarded: for=6.6.6.6",
    "X-Forwarded-By: evil",
    "X-Real-IP: 6.6.6.6",
    "X-Client-IP: 6.6.6.6",
    "True-Client-IP: 6.6.6.6",
    "Forwarded: for=6.6.6.6;host=evil;proto=https",
    "X-Original-URL: /evil",
    "X-Rewrite-URL: /evil",
    "X-Request-Id: evil",
];

/// C4, and C5: the aliases by which servers that turn names into variables know them.
#[test]
fn a_stranger_says_nothing_about_the_client() {
    let (origin, gateway) = pair();
    for claim in CLAIMS {
        let (name, value) = claim.split_once(": ").unwrap();
        for spelled in [
            name.to_owned(),
            name.to_ascii_uppercase(),
            name.replace('-', "_"),
            name.replace('-', "."),
            name.replacen('-', "_", 1),
        ] {
            let request = seen(
                &origin,
                &gateway,
                &format!("{spelled}: {value}\r\n{spelled}: {value}\r\nX-Mine_too.now: 1"),
            );
            let all = format!("{:?}", request.fields);
            assert!(!all.contains("evil") && !all.contains("666"), "{spelled}: {all}");
            let lines: Vec<_> = request
                .fields
                .iter()
                .filter(|(field, _)| field.replace(['_', '.'], "-") == name.to_ascii_lowercase())
                .collect();
            assert!(
                lines
                    .iter()
                    .all(|(field, value)| !field.contains(['_', '.']) && *value != value_of(claim)),
                "{spelled}: {lines:?}"
            );
            assert_eq!(
                request.field("x-mine_too.now").unwrap(),
                "1",
                "others may have such names"
            );
        }
    }
}

fn value_of(claim: &str) -> Vec<u8> {
    claim.split_once(": ").unwrap().1.as_bytes().to_vec()
}

/// C5.
#[test]
fn aliases_of_what_frames_and_authorises_a_message_end_here() {
    for (origin, gateway) in [pair(), trusting()] {
        let request = seen(
            &origin,
            &gateway,
            "Content_Length: 5\r\nTransfer.Encoding: chunked\r\nHost_: x\r\nX_Forwarded_For: 6.6.6.6\r\nConnection_: x",
        );
        for name in ["content_length", "transfer.encoding", "x_forwarded_for"] {
            assert_eq!(request.all(name), Vec::<String>::new(), "{name}");
        }
    }
}

/// C4.
#[test]
fn a_trusted_proxy_is_believed_and_added_to() {
    let (origin, gateway) = trusting();
    let request = seen(
        &origin,
        &gateway,
        "X-Forwarded-For: 192.0.2.1, 10.0.0.9\r\nX-Forwarded-For: 10.0.0.8\r\nX-Forwarded-Proto: https\r\n\
         X-Forwarded-Host: public.test\r\nForwarded: for=192.0.2.1\r\nX-Request-Id: theirs-1\r\n\
         X-Forwarded-Prefix: /p",
    );
    assert_eq!(
        request.field("x-forwarded-for").unwrap(),
        "192.0.2.1, 10.0.0.9, 10.0.0.8, 127.0.0.1"
    );
    assert_eq!(request.field("x-forwarded-proto").unwrap(), "https");
    assert_eq!(request.field("x-forwarded-host").unwrap(), "public.test");
    assert_eq!(request.field("x-forwarded-prefix").unwrap(), "/p");
    assert_eq!(request.field("x-request-id").unwrap(), "theirs-1");
    assert_eq!(
        request.all("forwarded"),
        ["for=192.0.2.1", "for=127.0.0.1;proto=http"]
    );
    let line = gateway.log(1).remove(0);
    assert_eq!(line["client_ip"], "192.0.2.1", "{line}");
    assert_eq!(line["peer_ip"], "127.0.0.1", "{line}");
    assert_eq!(line["request_id"], "theirs-1", "{line}");
}

/// C4, H1: the client is the rightmost one that is not trusted; what can not be read is not trusted.
#[test]
fn the_client_is_who_the_last_stranger_was() {
    let (_origin, gateway) = trusting();
    let table = [
        ("192.0.2.1, 198.51.100.7, 10.0.0.9", "198.51.100.7"),
        ("6.6.6.6, 192.0.2.1", "192.0.2.1"),
        ("10.0.0.1, 10.0.0.2", "10.0.0.1"),
        ("6.6.6.6, unknown", "127.0.0.1"),
        ("6.6.6.6, garbage, 10.0.0.9", "10.0.0.9"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", "127.0.0.1"),
    ];
    for (chain, _) in table {
        let request = format!("GET / HTTP/1.1\r\nHost: test\r\nX-Forwarded-For: {chain}\r\n\r\n");
        assert_eq!(exchange(gateway.address(), request).status, 200);
    }
    let lines = gateway.log(table.len());
    for ((chain, client), line) in table.iter().zip(lines) {
        assert_eq!(line["client_ip"], *client, "{chain}");
    }
}

/// C4: an id that is no id is not repeated.
#[test]
fn only_a_plain_request_id_is_taken_over() {
    let (origin, gateway) = trusting();
    for id in ["", "a b", "\"", "a\tb", &"x".repeat(129)] {
        let request = seen(&origin, &gateway, &format!("X-Request-Id: {id}"));
        let id = request.field("x-request-id").unwrap();
        assert!(
            id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()),
            "{id:?}"
        );
    }
}

/// C1: trailers are asked for where they are taken.
#[test]
fn te_says_only_trailers() {
    let (origin, gateway) = pair();
    let request = seen(&origin, &gateway, "TE: gzip;q=1, trailers\r\nConnection: TE");
    assert_eq!(request.field("te").unwrap(), "trailers");
}

/// C9.
#[test]
fn max_forwards_counts_down_and_ends_at_zero() {
    let (origin, gateway) = pair();
    for (method, left, status) in [
        ("OPTIONS", "0", None),
        ("TRACE", "0", Some(405)),
        ("TRACE", "5", Some(405)),
    ] {
        let request = format!("{method} / HTTP/1.1\r\nHost: test\r\nMax-Forwards: {left}\r\n\r\n");
        let response = exchange(gateway.address(), request);
        match status {
            Some(status) => assert_eq!(response.status, status),
            None => assert!((200..300).contains(&response.status), "{}", response.status),
        }
    }
    assert_eq!(origin.requests(), []);
    exchange(
        gateway.address(),
        "OPTIONS * HTTP/1.1\r\nHost: test\r\nMax-Forwards: 0\r\n\r\n",
    );
    assert_eq!(origin.requests(), []);
    let request = "OPTIONS / HTTP/1.1\r\nHost: test\r\nMax-Forwards: 5\r\n\r\n";
    assert_eq!(exchange(gateway.address(), request).status, 200);
    assert_eq!(origin.request().field("max-forwards").unwrap(), "4");
}

/// C3: a route decides by what the gateway believes, not by what the client claims.
#[test]
fn a_claim_does_not_choose_the_route() {
    let (open, closed) = (named("open"), named("closed"));
    let (open_at, closed_at) = (open.address(), closed.address());
    let gateway = gateway()
        .toml(format!(
            "[[route]]\nto = \"{open_at}\"\n\
             [[route]]\nheader = {{ X-Forwarded-Proto = \"https\" }}\nto = \"{closed_at}\""
        ))
        .start();
    for fields in ["X-Forwarded-Proto: https", "X_Forwarded_Proto: https"] {
        let request = format!("GET / HTTP/1.1\r\nHost: test\r\n{fields}\r\n\r\n");
        assert_eq!(exchange(gateway.address(), request).text(), "open");
    }
}

/// C2: what a route adds stays as well.
#[test]
fn connection_takes_away_nothing_that_a_route_adds() {
    let origin = named("a");
    let to = origin.address();
    let gateway = gateway()
        .toml(format!(
            "[[route]]\nto = \"{to}\"\nrequest_headers = {{ set = {{ X-User = \"anonymous\" }} }}"
        ))
        .start();
    let request = seen(&origin, &gateway, "Connection: X-User\r\nX-User: admin");
    assert_eq!(request.field("x-user").unwrap(), "anonymous");
}
