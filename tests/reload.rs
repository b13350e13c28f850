//! Configuration changes under traffic: J2 of the yardsticks.

use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use gatewit::reload;

use crate::support::origin::{named, ok, origin};
use crate::support::{Client, Gateway, Origin, eventually, gateway};

/// `/` to one origin, `/other` to wherever.
fn routes(main: &Origin, other: &str) -> String {
    let to = main.address();
    format!("[[route]]\nto = \"{to}\"\n[[route]]\npath = \"/other\"\n{other}\n")
}

fn applied(gateway: &Gateway, toml: &str) {
    let outcome = gateway.reload(toml);
    assert!(
        matches!(outcome.result, reload::Result::Applied { .. }),
        "{:?}",
        outcome.result
    );
}

/// An origin for everything: tunnels, slow bodies, plain answers.
fn any() -> Origin {
    origin(|visit| {
        if visit.target() == "/tunnel" {
            visit.read();
            visit.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
            return visit.echo();
        }
        visit.read();
        let answer = ok("main");
        visit.send(answer);
    })
}

#[test]
fn fifty_changes_disturb_nobody_whom_they_do_not_concern() {
    let main = any();
    let others = [named("one"), named("two")];
    let to = |turn: usize| format!("to = \"{}\"", others[turn % 2].address());
    let gateway = gateway().toml(routes(&main, &to(0))).start();
    let mut tunnel = gateway.connect();
    tunnel.send("GET /tunnel HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    assert_eq!(tunnel.head().status, 101);
    let mut upload = gateway.connect();
    upload.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\n");
    let (over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut client = gateway.connect();
                while !over.load(Ordering::SeqCst) {
                    let response = client.get("/");
                    assert_eq!((response.status, response.closes()), (200, false));
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for turn in 1..=50 {
            let before = answered.load(Ordering::SeqCst);
            applied(&gateway, &routes(&main, &to(turn)));
            let expected = ["one", "two"][turn % 2];
            assert_eq!(gateway.connect().get("/other").text(), expected);
            upload.send("xx");
            tunnel.send("ping");
            assert_eq!(tunnel.exactly(4).unwrap(), b"ping");
            eventually("traffic goes on", || answered.load(Ordering::SeqCst) > before);
        }
        over.store(true, Ordering::SeqCst);
    });
    assert_eq!(upload.response().status, 200);
    // Connections to endpoints are kept from one configuration to the next.
    assert!(main.connections() <= 6, "{}", main.connections());
}

/// An exchange keeps the configuration that it began with.
#[test]
fn a_request_that_is_under_way_is_not_lost_with_its_route() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let slow = origin(move |visit| {
        visit.read();
        let _ = wait.lock().unwrap().recv();
        visit.send(ok("slow"));
    });
    let main = named("main");
    let gateway = gateway()
        .toml(routes(&main, &format!("to = \"{}\"", slow.address())))
        .start();
    let mut client = gateway.connect();
    client.send("GET /other HTTP/1.1\r\nHost: test\r\n\r\n");
    eventually("it has arrived", || slow.requests().len() == 1);
    applied(&gateway, &format!("[[route]]\nto = \"{}\"", main.address()));
    assert_eq!(gateway.connect().get("/other").text(), "main");
    drop(go);
    assert_eq!(client.response().text(), "slow");
    assert_eq!(client.get("/other").text(), "main");
    // Nobody may send to it any more: its connections are closed.
    eventually("the old endpoint is let go", || slow.open() == 0);
}

/// J2.
#[test]
fn a_bad_configuration_is_refused_with_its_reason_and_the_old_one_serves() {
    let main = named("main");
    let gateway = gateway().route("/", &main).start();
    let mut client = gateway.connect();
    assert_eq!(client.get("/").text(), "main");
    for (toml, reason) in [
        ("[[route]]\nto = \"nowhere\"", "nowhere"),
        ("[[route]]\npth = \"/\"\nto = \"a:1\"", "pth"),
        ("[[route", "expected"),
        ("", "route"),
    ] {
        let outcome = gateway.reload(toml);
        let reload::Result::Rejected { diagnostics } = &outcome.result else {
            panic!("{toml}: {:?}", outcome.result);
        };
        let said = diagnostics.to_string();
        assert!(said.contains(reason), "{toml}: {said}");
        assert_eq!(client.get("/").text(), "main");
    }
    assert!(matches!(
        gateway.last_reload().unwrap().result,
        reload::Result::Rejected { .. }
    ));
}

/// J2: half of a change is no change.
#[test]
fn an_address_that_is_taken_refuses_the_whole_change() {
    let (main, other) = (named("main"), named("other"));
    let gateway = gateway().route("/", &main).start();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let outcome = gateway.reload(&format!(
        "listen = [\"127.0.0.1:0\", \"{}\"]\n[[route]]\nto = \"{}\"",
        taken.local_addr().unwrap(),
        other.address()
    ));
    assert!(matches!(outcome.result, reload::Result::Rejected { .. }));
    assert_eq!(gateway.connect().get("/").text(), "main");
}

#[test]
fn a_listener_comes_and_goes() {
    let main = named("main");
    let to = main.address();
    let gateway = gateway().route("/", &main).start();
    // An address that no other test here uses.
    let free = TcpListener::bind("127.0.0.77:0").unwrap().local_addr().unwrap();
    let route = format!("[[route]]\nto = \"{to}\"");
    applied(
        &gateway,
        &format!("listen = [\"127.0.0.1:0\", \"{free}\"]\n{route}"),
    );
    let mut there = Client::connect(free);
    assert_eq!(there.get("/").text(), "main");
    applied(&gateway, &route);
    assert!(std::net::TcpStream::connect(free).is_err(), "nobody listens");
    // Who is connected stays.
    assert_eq!(there.get("/").text(), "main");
    assert_eq!(gateway.connect().get("/").text(), "main");
    applied(
        &gateway,
        &format!("listen = [\"127.0.0.1:0\", \"{free}\"]\n{route}"),
    );
    assert_eq!(Client::connect(free).get("/").text(), "main");
}

#[test]
fn the_same_configuration_is_no_change() {
    let main = named("main");
    let gateway = gateway().route("/", &main).start();
    let route = format!("[[route]]\npath = \"/\"\nto = \"{}\"\n", main.address());
    assert!(matches!(
        gateway.reload(&route).result,
        reload::Result::Unchanged { .. }
    ));
    assert!(gateway.last_reload().is_none());
}

/// The limits of the configuration that is loaded apply to connections that are open.
#[test]
fn settings_apply_to_open_connections() {
    let main = named("main");
    let gateway = gateway().route("/", &main).start();
    let mut client = gateway.connect();
    assert_eq!(client.get("/").status, 200);
    applied(
        &gateway,
        &format!(
            "[timeouts]\nkeep_alive = \"100ms\"\n[[route]]\nto = \"{}\"",
            main.address()
        ),
    );
    client.assert_closed();
}

/// A file that is written while it is read is not taken for the one that was read.
#[test]
fn a_change_during_a_reload_is_another_reload() {
    // A DNS server that says nothing, which takes time.
    let (dns, origin) = (UdpSocket::bind("127.0.0.1:0").unwrap(), named("a"));
    let servers = format!("[dns]\nservers = [\"{}\"]\n", dns.local_addr().unwrap());
    let route = |path: &str, to: &str| format!("[[route]]\npath = \"{path}\"\nto = \"{to}\"\n");
    let to = origin.address().to_string();
    let gateway = gateway().toml(route("/", &to) + &servers).start();
    let waiting = route("/", &to) + &route("/late", "late:80") + &servers;
    thread::scope(|scope| {
        let reload = scope.spawn(|| gateway.reload(&waiting));
        dns.recv(&mut [0; 512]).unwrap();
        gateway.write(&(route("/other", &to) + &servers));
        let outcome = reload.join().unwrap();
        assert!(
            matches!(outcome.result, reload::Result::Applied { .. }),
            "{outcome:?}"
        );
    });
    eventually("the last word counts", || {
        gateway.connect().get("/").status == 404 && gateway.connect().get("/other").status == 200
    });
}
