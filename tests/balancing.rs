//! Which endpoint gets a request, and on which connection.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use crate::support::origin::{named, ok, origin};
use crate::support::{Gateway, Origin, eventually, exchange, gateway};

const NAMES: [&str; 3] = ["a", "b", "c"];

fn origins() -> Vec<Origin> {
    NAMES.iter().map(|name| named(name)).collect()
}

fn before(origins: &[Origin], tuning: &str) -> Gateway {
    let to: Vec<String> = origins
        .iter()
        .map(|origin| format!("\"{}\"", origin.address()))
        .collect();
    gateway()
        .toml(format!(
            "[[route]]\nto = \"app\"\n[upstream.app]\nto = [{}]\n{tuning}",
            to.join(", ")
        ))
        .start()
}

fn counts(origins: &[Origin]) -> Vec<usize> {
    origins.iter().map(|origin| origin.requests().len()).collect()
}

#[test]
fn one_client_on_one_connection_is_spread_evenly() {
    for policy in ["", "policy = \"round-robin\""] {
        let origins = origins();
        let gateway = before(&origins, policy);
        let mut client = gateway.connect();
        for _ in 0..30 {
            assert_eq!(client.get("/").status, 200);
        }
        assert_eq!(counts(&origins), [10, 10, 10], "{policy}");
    }
}

#[test]
fn an_endpoint_is_connected_to_once_by_a_worker_that_needs_it_once() {
    let origins = origins();
    let gateway = before(&origins, "");
    for _ in 0..3 {
        let mut client = gateway.connect();
        for _ in 0..30 {
            assert_eq!(client.get("/").status, 200);
        }
    }
    for origin in &origins {
        assert_eq!(origin.connections(), 1);
    }
}

#[test]
fn every_client_connection_is_spread_whichever_worker_serves_it() {
    let origins = origins();
    let to: Vec<String> = origins
        .iter()
        .map(|origin| format!("\"{}\"", origin.address()))
        .collect();
    let gateway = gateway()
        .toml(format!(
            "[[route]]\nto = \"app\"\n[upstream.app]\nto = [{}]",
            to.join(", ")
        ))
        .workers(2)
        .start();
    let mut clients: Vec<_> = (0..6).map(|_| gateway.connect()).collect();
    for _ in 0..10 {
        for client in &mut clients {
            assert_eq!(client.get("/").status, 200);
        }
    }
    assert_eq!(counts(&origins), [20, 20, 20]);
    assert!(origins.iter().all(|origin| origin.connections() <= 2));
}

#[test]
fn weights_share_out_requests() {
    let origins = origins();
    let to: Vec<String> = origins
        .iter()
        .zip([5, 3, 0])
        .map(|(origin, weight)| format!("{{ to = \"{}\", weight = {weight} }}", origin.address()))
        .collect();
    for place in ["route", "upstream"] {
        let list = to.join(", ");
        let toml = match place {
            "route" => format!("[[route]]\nto = [{list}]"),
            _ => format!("[[route]]\nto = \"app\"\n[upstream.app]\nto = [{list}]"),
        };
        let gateway = gateway().toml(toml).start();
        let was = counts(&origins);
        let mut client = gateway.connect();
        for _ in 0..800 {
            assert_eq!(client.get("/").status, 200);
        }
        let got: Vec<usize> = counts(&origins)
            .iter()
            .zip(was)
            .map(|(now, was)| now - was)
            .collect();
        // A route draws, with a deviation of 14; an upstream takes turns.
        let allowed = if place == "route" { 420..=580 } else { 490..=510 };
        assert!(allowed.contains(&got[0]), "{place}: {got:?}");
        assert_eq!(got[0] + got[1], 800, "{place}: {got:?}");
    }
}

#[test]
fn a_cookie_pins_a_client_to_its_endpoint() {
    let origins = origins();
    let gateway = before(&origins, "policy = { sticky = \"pin\" }");
    let response = gateway.connect().get("/");
    let endpoint = response.text();
    let cookie = response.field("set-cookie").expect("a cookie");
    assert!(
        cookie.starts_with("pin=") && cookie.contains("HttpOnly"),
        "{cookie}"
    );
    let pin = cookie.split(';').next().unwrap();
    assert!(!pin.contains("127"), "an address: {pin}");
    for _ in 0..10 {
        let request = format!("GET / HTTP/1.1\r\nHost: test\r\nCookie: x=y; {pin}\r\n\r\n");
        let response = exchange(gateway.address(), request);
        assert_eq!(response.text(), endpoint);
        assert_eq!(response.all("set-cookie"), Vec::<String>::new());
    }
    // Who has none, or one that is none, is pinned anew.
    let mut seen = BTreeSet::new();
    for _ in 0..12 {
        let request = "GET / HTTP/1.1\r\nHost: test\r\nCookie: pin=zz\r\n\r\n";
        let response = exchange(gateway.address(), request);
        assert!(response.field("set-cookie").is_some());
        seen.insert(response.text());
    }
    assert_eq!(seen.len(), 3);
}

#[test]
fn a_pinned_client_moves_when_its_endpoint_is_gone() {
    let mut origins = origins();
    let gateway = before(&origins, "policy = { sticky = \"pin\" }");
    let response = gateway.connect().get("/");
    let cookie = response.field("set-cookie").unwrap();
    let pin = cookie.split(';').next().unwrap().to_owned();
    let gone = response.text();
    origins.retain(|origin| origin.requests().is_empty());
    let request = format!("GET / HTTP/1.1\r\nHost: test\r\nCookie: {pin}\r\n\r\n");
    let response = exchange(gateway.address(), request);
    assert_eq!(response.status, 200);
    assert_ne!(response.text(), gone);
    assert_ne!(
        response
            .field("set-cookie")
            .expect("a new pin")
            .split(';')
            .next()
            .unwrap(),
        pin
    );
}

#[test]
fn equal_keys_meet_the_same_endpoint() {
    let origins = origins();
    for (policy, request) in [
        (
            "{ hash = { header = \"X-Key\" } }",
            "GET / HTTP/1.1\r\nHost: test\r\nX-Key: KEY\r\n\r\n",
        ),
        (
            "{ hash = { cookie = \"key\" } }",
            "GET / HTTP/1.1\r\nHost: test\r\nCookie: a=b; key=KEY\r\n\r\n",
        ),
        ("{ hash = \"path\" }", "GET /KEY?x HTTP/1.1\r\nHost: test\r\n\r\n"),
    ] {
        let gateway = before(&origins, &format!("policy = {policy}"));
        let mut seen = BTreeSet::new();
        for key in 0..20 {
            let request = request.replace("KEY", &format!("k{key}"));
            let endpoint = exchange(gateway.address(), &request).text();
            for _ in 0..3 {
                assert_eq!(exchange(gateway.address(), &request).text(), endpoint, "{policy}");
            }
            seen.insert(endpoint);
        }
        assert_eq!(seen.len(), 3, "{policy}");
    }
    // The canonical path is the key.
    let gateway = before(&origins, "policy = { hash = \"path\" }");
    for key in 0..10 {
        let plain = gateway.connect().get(&format!("/x{key}")).text();
        assert_eq!(gateway.connect().get(&format!("//y/../%78{key}")).text(), plain);
    }
}

/// An origin that holds its answers back until told.
fn holding(name: &str) -> (Origin, mpsc::Sender<()>, Arc<AtomicBool>) {
    let (go, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let holds = Arc::new(AtomicBool::new(true));
    let (holding, answer) = (Arc::clone(&holds), ok(name));
    let origin = origin(move |visit| {
        visit.read();
        if holding.load(Ordering::SeqCst) {
            let _ = wait.lock().unwrap().recv();
        }
        visit.send(&answer);
    });
    (origin, go, holds)
}

#[test]
fn a_busy_endpoint_gets_less() {
    let (busy, go, _) = holding("busy");
    let origins = [busy, named("free")];
    let gateway = before(&origins, "hedge = false");
    let mut waiting: Vec<_> = (0..6).map(|_| gateway.connect()).collect();
    for client in &mut waiting {
        client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    }
    eventually("all have arrived", || {
        counts(&origins)[0] >= 1 && counts(&origins).iter().sum::<usize>() == 6
    });
    let held = counts(&origins)[0];
    let mut client = gateway.connect();
    for _ in 0..20 {
        assert_eq!(client.get("/").text(), "free");
    }
    assert_eq!(counts(&origins)[0], held);
    drop(go);
    for client in &mut waiting {
        assert_eq!(client.response().status, 200);
    }
}

#[test]
fn endpoints_at_their_bound_are_left_alone() {
    let (origin, go, _) = holding("a");
    let origins = [origin];
    let gateway = before(&origins, "max_in_flight = 2\nhedge = false");
    let mut waiting: Vec<_> = (0..2).map(|_| gateway.connect()).collect();
    for client in &mut waiting {
        client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    }
    eventually("both have arrived", || counts(&origins)[0] == 2);
    let response = gateway.connect().get("/");
    assert_eq!(response.status, 503);
    assert!(response.field("retry-after").is_some());
    drop(go);
    for client in &mut waiting {
        assert_eq!(client.response().text(), "a");
    }
    assert_eq!(gateway.connect().get("/").text(), "a");
    assert_eq!(counts(&origins), [3]);
}

#[test]
fn idle_connections_are_closed_in_time_and_beyond_their_number() {
    let origins = [named("a")];
    let gateway = before(&origins, "idle_timeout = \"300ms\"\nidle_connections = 0");
    for _ in 0..3 {
        assert_eq!(gateway.connect().get("/").status, 200);
    }
    assert_eq!(origins[0].connections(), 3);
    eventually("they are closed", || origins[0].open() == 0);
    let origins = [named("a")];
    let gateway = before(&origins, "idle_timeout = \"300ms\"");
    assert_eq!(gateway.connect().get("/").status, 200);
    eventually("it is closed", || origins[0].open() == 0);
}
