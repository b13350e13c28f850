//! Fetching with bounds: what is not a plain 200 in time and size is an error, and nobody is asked twice.

use std::time::{Duration, Instant};

use gatewit::fetch::{self, Error, Limits};
use gatewit::tls;

use crate::support::origin::{Nobody, Origin, answering, ok, origin, silent};
use crate::support::tls::terminator;

const LIMITS: Limits = Limits {
    time: Duration::from_secs(20),
    size: 1000,
};

fn get(tls: &tls::Client, url: &str, limits: Limits) -> Result<Vec<u8>, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime
        .block_on(fetch::get(tls, url, limits))
        .map(|body| body.to_vec())
}

fn plain(origin: &Origin, limits: Limits) -> Result<Vec<u8>, Error> {
    get(
        &tls::Client::new(None),
        &format!("http://{}/keys?v=1", origin.address()),
        limits,
    )
}

#[test]
fn a_body_is_fetched() {
    let origin = answering(ok("hello"));
    assert_eq!(plain(&origin, LIMITS).unwrap(), b"hello");
    let request = origin.request();
    assert_eq!(request.line, "GET /keys?v=1 HTTP/1.1");
    assert_eq!(request.all("host"), [origin.address().to_string()]);
}

#[test]
fn another_status_is_an_error_and_redirects_are_not_followed() {
    let target = answering(ok("elsewhere"));
    for status in [204, 301, 302, 404, 500, 503] {
        let origin = answering(format!(
            "HTTP/1.1 {status} X\r\nLocation: http://{}/\r\nContent-Length: 0\r\n\r\n",
            target.address()
        ));
        let fetched = plain(&origin, LIMITS);
        assert!(
            matches!(fetched, Err(Error::Status(is)) if is.as_u16() == status),
            "{fetched:?}"
        );
    }
    assert_eq!(target.connections(), 0);
}

#[test]
fn a_body_above_the_limit_is_an_error_however_it_is_framed() {
    let large = "x".repeat(1001);
    let chunked = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n{large}\r\n0\r\n\r\n");
    for answer in [
        ok(&large),
        chunked,
        format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{large}"),
    ] {
        let origin = origin(move |visit| {
            visit.read();
            visit.send(answer.as_bytes());
            visit.close();
        });
        let fetched = plain(&origin, LIMITS);
        assert!(matches!(fetched, Err(Error::TooLarge(1000))), "{fetched:?}");
    }
    assert_eq!(
        plain(&answering(ok(&"x".repeat(1000))), LIMITS).unwrap().len(),
        1000
    );
}

#[test]
fn ten_megabytes_are_not_read_to_the_end() {
    let origin = answering(format!(
        "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n{}",
        "x".repeat(2000)
    ));
    assert!(matches!(plain(&origin, LIMITS), Err(Error::TooLarge(_))));
}

#[test]
fn silence_ends_in_time() {
    let limits = Limits {
        time: Duration::from_millis(50),
        ..LIMITS
    };
    let dripping = origin(|visit| {
        visit.read();
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal");
        visit.wait();
    });
    for origin in [silent(), dripping] {
        let began = Instant::now();
        assert!(matches!(plain(&origin, limits), Err(Error::Timeout)));
        assert!(began.elapsed() >= limits.time);
    }
}

#[test]
fn what_is_no_response_is_an_error() {
    let broken = origin(|visit| {
        visit.read();
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal");
        visit.close();
    });
    for origin in [answering("hello\r\n\r\n"), broken] {
        let fetched = plain(&origin, LIMITS);
        assert!(matches!(fetched, Err(Error::Http(_))), "{fetched:?}");
    }
    let nobody = Nobody::new();
    let url = format!("http://{}/", nobody.address());
    assert!(matches!(
        get(&tls::Client::new(None), &url, LIMITS),
        Err(Error::Connect(_))
    ));
}

#[test]
fn a_server_is_believed_by_its_certificate_and_its_name() {
    let origin = answering(ok("secret"));
    let named = terminator(&["localhost"], origin.address());
    let url = format!("https://localhost:{}/", named.port());
    let trusting = tls::Client::new(Some(named.certificate()));
    assert_eq!(get(&trusting, &url, LIMITS).unwrap(), b"secret");

    let stranger = get(&tls::Client::new(None), &url, LIMITS);
    assert!(matches!(stranger, Err(Error::Tls(_))), "{stranger:?}");
    let other = terminator(&["other.example"], origin.address());
    let wrong = get(
        &tls::Client::new(Some(other.certificate())),
        &format!("https://localhost:{}/", other.port()),
        LIMITS,
    );
    assert!(matches!(wrong, Err(Error::Tls(_))), "{wrong:?}");
    assert_eq!(origin.requests().len(), 1, "only the first one was sent");
}
