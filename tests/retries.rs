//! When a request is sent again, and above all when it is not: B9 and B11 of the yardsticks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use crate::support::origin::{Nobody, named, ok, origin, silent};
use crate::support::{Gateway, Origin, eventually, exchange, gateway};

/// One upstream with these endpoints, which take turns, and this tuning.
fn upstream(tuning: &str, endpoints: &[std::net::SocketAddr]) -> Gateway {
    let to: Vec<String> = endpoints.iter().map(|address| format!("\"{address}\"")).collect();
    gateway()
        .toml(format!(
            "[[route]]\nto = \"app\"\n[upstream.app]\nto = [{}]\npolicy = \"round-robin\"\n{tuning}",
            to.join(", ")
        ))
        .start()
}

/// Reads each request whole, and resets the connection.
fn resetting() -> Origin {
    origin(|visit| {
        visit.read();
        visit.reset();
    })
}

fn post(body: &str) -> String {
    format!(
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// B11: nothing was sent, so anything may be sent elsewhere.
#[test]
fn a_refused_connection_is_another_endpoints_chance_for_any_method() {
    let (nobody, origin) = (Nobody::new(), named("a"));
    let gateway = upstream("ejection = false", &[nobody.address(), origin.address()]);
    let large = "x".repeat(1_000_000);
    for request in [
        post("hello"),
        "GET / HTTP/1.1\r\nHost: test\r\n\r\n".to_owned(),
        post(&large),
        post("hello"),
    ] {
        let begun = Instant::now();
        assert_eq!(exchange(gateway.address(), request).text(), "a");
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
    assert_eq!(origin.requests().len(), 4);
    assert_eq!(origin.requests()[2].body.len(), large.len());
    let retries: u64 = gateway
        .log(4)
        .iter()
        .map(|line| line["retries"].as_u64().unwrap())
        .sum();
    assert!((2..=4).contains(&retries), "{retries}: they take turns");
}

/// B11.
#[test]
fn with_nobody_there_the_answer_comes_at_once_and_recovery_within_seconds() {
    let nobody = Nobody::new();
    let address = nobody.address();
    let gateway = upstream("", &[address]);
    for _ in 0..3 {
        let begun = Instant::now();
        let response = gateway.connect().get("/");
        assert_eq!(response.status, 503);
        assert!(response.field("retry-after").is_some());
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }
    drop(nobody);
    let _origin = Origin::bind(Some(address), |visit| {
        visit.read();
        visit.send(ok("back"));
    });
    eventually("the service is back", || gateway.connect().get("/").status == 200);
}

/// B9: after a request was sent, only a safe one is sent again.
#[test]
fn a_reset_is_tried_elsewhere_for_get() {
    let (bad, good) = (resetting(), named("good"));
    let gateway = upstream("ejection = false", &[bad.address(), good.address()]);
    for _ in 0..6 {
        assert_eq!(gateway.connect().get("/").text(), "good");
    }
    assert!(!bad.requests().is_empty());
    assert_eq!(good.requests().len(), 6);
}

/// B9.
#[test]
fn a_post_is_sent_once_and_then_is_a_bad_gateway() {
    let (bad, good) = (resetting(), named("good"));
    let gateway = upstream("ejection = false", &[bad.address(), good.address()]);
    let statuses: Vec<u16> = (0..6)
        .map(|_| exchange(gateway.address(), post("hello")).status)
        .collect();
    let failed = statuses.iter().filter(|status| **status == 502).count();
    assert_eq!(bad.requests().len(), failed, "{statuses:?}");
    assert_eq!(good.requests().len(), 6 - failed);
    assert_eq!(failed, 3, "they take turns");
}

/// B9: PATCH and methods of unknown meaning are no safer.
#[test]
fn only_idempotent_methods_are_sent_again() {
    for (method, again) in [
        ("GET", true),
        ("HEAD", true),
        ("OPTIONS", true),
        ("PUT", true),
        ("DELETE", true),
        ("PATCH", false),
        ("POST", false),
        ("FOO", false),
    ] {
        let (bad, other) = (resetting(), resetting());
        let gateway = upstream("ejection = false", &[bad.address(), other.address()]);
        let request = format!("{method} / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nhi");
        let mut client = gateway.connect();
        client.send(request);
        assert_eq!(client.head().status, 502, "{method}");
        let sent = bad.requests().len() + other.requests().len();
        assert_eq!(sent, if again { 2 } else { 1 }, "{method}");
    }
}

/// B9: an idle connection that the endpoint has closed, and that this has been noticed of.
#[test]
fn a_connection_that_was_closed_while_idle_costs_nobody_anything() {
    let origin = named("a");
    let gateway = upstream("", &[origin.address()]);
    for _ in 0..5 {
        assert_eq!(gateway.connect().get("/").status, 200);
        origin.finish_connections();
        eventually("it is noticed", || origin.open() == 0);
        assert_eq!(exchange(gateway.address(), post("hello")).status, 200);
        origin.finish_connections();
        eventually("it is noticed", || origin.open() == 0);
    }
    assert_eq!(origin.requests().len(), 10);
}

/// B9: the endpoint closes an idle connection at any moment, mostly unnoticed.
#[test]
fn a_get_survives_any_closing_of_idle_connections() {
    let origin = named("a");
    let gateway = upstream("", &[origin.address()]);
    let mut client = gateway.connect();
    for _ in 0..100 {
        assert_eq!(client.get("/").status, 200);
        origin.close_connections();
    }
    assert_eq!(origin.requests().len(), 100);
}

/// B9: the endpoint closes a connection with a request on it that it may have begun to serve.
#[test]
fn a_race_on_reuse_is_retried_for_get_and_told_for_post() {
    for (method, status, sent) in [("GET", 200, 2), ("POST", 502, 1)] {
        let origin = origin(move |visit| {
            visit.read();
            let number = visit.request.connection;
            if visit.target() == "/second" && number == 0 {
                return visit.close();
            }
            visit.send(ok("a"));
        });
        let gateway = upstream("", &[origin.address()]);
        assert_eq!(gateway.connect().get("/first").status, 200);
        let request = format!("{method} /second HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(exchange(gateway.address(), request).status, status, "{method}");
        let seconds = origin
            .requests()
            .iter()
            .filter(|r| r.target() == "/second")
            .count();
        assert_eq!(seconds, sent, "{method}");
        // The endpoint is not to blame.
        assert_eq!(gateway.connect().get("/third").status, 200);
    }
}

/// An endpoint that freezes on command: it still accepts, and says nothing more.
fn freezing(name: &str) -> (Origin, Arc<AtomicBool>) {
    let frozen = Arc::new(AtomicBool::new(false));
    let (is_frozen, answer) = (Arc::clone(&frozen), ok(name));
    let origin = origin(move |visit| {
        visit.read();
        if is_frozen.load(Ordering::SeqCst) {
            return visit.wait();
        }
        visit.send(&answer);
    });
    (origin, frozen)
}

/// B11: a frozen endpoint is found by its silence, its requests are answered by others, and it gets no more.
#[test]
fn a_frozen_endpoint_is_given_up_within_patience() {
    let ((frozen, freeze), good) = (freezing("frozen"), named("good"));
    let gateway = upstream(
        "hedge = { floor = \"300ms\" }",
        &[frozen.address(), good.address()],
    );
    // Patience is learned from what is usual.
    let mut client = gateway.connect();
    for _ in 0..60 {
        assert_eq!(client.get("/").status, 200);
    }
    freeze.store(true, Ordering::SeqCst);
    let begun = Instant::now();
    for _ in 0..20 {
        assert_eq!(client.get("/").text(), "good");
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let asked = frozen.requests().len() - 30;
    assert!((1..=2).contains(&asked), "asked {asked} times after it froze");
}

/// B11: with a body that was sent once, too, when all of it is kept.
#[test]
fn a_frozen_endpoint_costs_a_put_no_more_than_patience() {
    let ((frozen, freeze), good) = (freezing("frozen"), named("good"));
    let gateway = upstream(
        "hedge = { floor = \"300ms\" }",
        &[frozen.address(), good.address()],
    );
    let put = "PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello";
    for _ in 0..60 {
        assert_eq!(exchange(gateway.address(), put).status, 200);
    }
    freeze.store(true, Ordering::SeqCst);
    for _ in 0..4 {
        assert_eq!(exchange(gateway.address(), put).text(), "good");
    }
    assert!(good.requests().iter().all(|request| request.body == b"hello"));
}

/// B11: nobody else there: the silent one is waited for, as long as the route says.
#[test]
fn a_frozen_endpoint_alone_is_a_timeout() {
    let origin = silent();
    let to = origin.address();
    let gateway = gateway()
        .toml(format!(
            "[[route]]\nto = \"{to}\"\ntimeout = \"300ms\"\n[defaults]\nhedge = {{ floor = \"50ms\" }}"
        ))
        .start();
    assert_eq!(gateway.connect().get("/").status, 504);
    assert_eq!(exchange(gateway.address(), post("x")).status, 504);
    assert_eq!(
        origin
            .requests()
            .iter()
            .filter(|r| r.line.starts_with("POST"))
            .count(),
        1
    );
}

#[test]
fn a_body_is_sent_again_only_while_all_of_it_is_kept() {
    for (length, sent, status) in [(1000, 2, 200), (5000, 1, 502)] {
        let first = Arc::new(AtomicBool::new(true));
        let failing_once = || {
            let first = Arc::clone(&first);
            origin(move |visit| {
                visit.read();
                if first.swap(false, Ordering::SeqCst) {
                    return visit.reset();
                }
                visit.send(ok("a"));
            })
        };
        let (origin, other) = (failing_once(), failing_once());
        let gateway = upstream(
            "ejection = false\nreplay_body = \"2KiB\"",
            &[origin.address(), other.address()],
        );
        let body = "x".repeat(length);
        let request = format!("PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n{body}");
        assert_eq!(exchange(gateway.address(), request).status, status);
        let requests = [origin.requests(), other.requests()].concat();
        assert_eq!(requests.len(), sent);
        assert!(requests.iter().all(|request| request.body == body.as_bytes()));
    }
}

#[test]
fn a_spent_budget_ends_retries() {
    let (bad, good) = (resetting(), named("good"));
    let gateway = upstream(
        "ejection = false\nbudget = { floor = 2, ratio = 0.0 }",
        &[bad.address(), good.address()],
    );
    let statuses: Vec<u16> = (0..10).map(|_| gateway.connect().get("/").status).collect();
    let failed = statuses.iter().filter(|status| **status == 502).count();
    assert_eq!(bad.requests().len(), failed + 2, "{statuses:?}");
    assert!(failed > 0, "{statuses:?}");
}

#[test]
fn no_retries_means_one_attempt() {
    let bad = resetting();
    let to = bad.address();
    let gateway = gateway()
        .toml(format!("[[route]]\nto = \"{to}\"\nretries = 0"))
        .start();
    assert_eq!(gateway.connect().get("/").status, 502);
    assert_eq!(bad.requests().len(), 1);
}

/// B9: an answer that was begun is never begun again.
#[test]
fn an_answer_that_breaks_in_its_body_is_not_tried_again() {
    let origin = origin(|visit| {
        visit.read();
        visit.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
        visit.close();
    });
    let gateway = upstream("", &[origin.address()]);
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    assert!(client.try_response().is_err());
    assert_eq!(origin.requests().len(), 1);
}

/// B11: an endpoint that failed is left alone for a while.
#[test]
fn an_endpoint_that_resets_is_ejected() {
    let (bad, good) = (resetting(), named("good"));
    let gateway = upstream("", &[bad.address(), good.address()]);
    for _ in 0..10 {
        assert_eq!(gateway.connect().get("/").text(), "good");
    }
    assert_eq!(bad.requests().len(), 1);
}

/// A11's other side: what a slow client costs is its own business, as long as it goes on sending.
#[test]
fn a_slow_upload_is_not_held_against_the_endpoint() {
    let origin = named("patient");
    let gateway = gateway()
        .toml(format!(
            "[[route]]\nto = \"app\"\ntimeout = \"400ms\"\n[upstream.app]\nto = \"{}\"\nhedge = {{ floor = \"100ms\" }}",
            origin.address()
        ))
        .start();
    let mut client = gateway.connect();
    client.send("PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 12\r\n\r\n");
    for byte in 0..12 {
        // The pace is what is tested: three times the route's timeout in all, a quarter of it for each byte.
        std::thread::sleep(Duration::from_millis(100));
        client.send([b'a' + byte]);
    }
    assert_eq!(client.response().text(), "patient");
    assert_eq!(origin.requests().len(), 1, "and it is sent once");
    assert_eq!(gateway.log(1)[0]["retries"], 0);
}

/// The route's timeout is the endpoint's: it counts from the last byte that the endpoint could get.
#[test]
fn an_endpoint_that_has_the_whole_body_has_the_timeout_and_no_more() {
    let origin = silent();
    let gateway = gateway()
        .toml(format!(
            "[[route]]\nto = \"{}\"\ntimeout = \"300ms\"",
            origin.address()
        ))
        .start();
    let begun = Instant::now();
    assert_eq!(exchange(gateway.address(), post("hello")).status, 504);
    let took = begun.elapsed();
    assert!(
        (Duration::from_millis(300)..Duration::from_secs(3)).contains(&took),
        "{took:?}"
    );
}

/// What a lost attempt still says is no part of an answer that another endpoint has begun.
#[test]
fn an_interim_response_that_comes_too_late_is_passed_on_to_nobody() {
    let ((late_side, late), (good_side, good)) = (mpsc::channel::<()>(), mpsc::channel::<()>());
    let [late, good] = [late, good].map(Mutex::new);
    let late = origin(move |visit| {
        visit.read();
        if visit.target() == "/frozen" {
            let _ = late.lock().unwrap().recv();
            visit.send("HTTP/1.1 103 Early Hints\r\nX-Late: 1\r\n\r\n");
        }
        visit.send(ok("late"));
    });
    let good = origin(move |visit| {
        visit.read();
        visit.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ng");
        for part in ["oo", "d"] {
            if visit.target() == "/frozen" {
                let _ = good.lock().unwrap().recv();
            }
            visit.send(part);
        }
    });
    let gateway = upstream("hedge = { floor = \"300ms\" }", &[late.address(), good.address()]);
    let mut client = gateway.connect();
    // Patience is learned from what is usual, and the turn is the late one's again.
    while late.requests().len() < 30 || late.requests().len() > good.requests().len() {
        assert_eq!(client.get("/").status, 200);
    }
    client.send("GET /frozen HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(client.head().status, 200);
    late_side.send(()).unwrap();
    eventually("the late answer has come", || late.open() == 0);
    for read in [3, 1] {
        good_side.send(()).unwrap();
        let read = client.exactly(read).unwrap();
        assert!(
            read == b"goo" || read == b"d",
            "{}",
            String::from_utf8_lossy(&read)
        );
    }
    let next = client.get("/");
    assert!(next.interim.is_empty(), "{:?}", next.interim);
}

/// What lost attempts are left waiting for is only whether the endpoint lives: a few of them will tell.
#[test]
fn a_frozen_endpoint_holds_few_connections_of_those_that_gave_up() {
    let (origin, freeze) = freezing("a");
    let to = origin.address();
    let gateway = gateway()
        .toml(format!(
            "[[route]]\nto = \"{to}\"\ntimeout = \"300ms\"\n[defaults]\nhedge = {{ floor = \"50ms\" }}"
        ))
        .start();
    let mut client = gateway.connect();
    for _ in 0..60 {
        assert_eq!(client.get("/").status, 200);
    }
    freeze.store(true, Ordering::SeqCst);
    let mut clients: Vec<_> = (0..40).map(|_| gateway.connect()).collect();
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    }
    for client in &mut clients {
        assert_eq!(client.response().status, 504);
    }
    eventually("most connections are closed", || origin.open() <= 16);
}

/// B11: all tasks of a service are stopped at once. What may be repeated is answered as what never began.
#[test]
fn when_nothing_is_left_to_try_a_safe_request_is_told_to_come_back() {
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: test\r\n\r\n".to_owned(), 503),
        (post("hello"), 502),
    ] {
        let (a, b) = (resetting(), resetting());
        let gateway = upstream("ejection = { panic = 1.0 }", &[a.address(), b.address()]);
        let response = exchange(gateway.address(), request);
        assert_eq!(response.status, status);
        assert_eq!(response.field("retry-after").is_some(), status == 503);
    }
}
