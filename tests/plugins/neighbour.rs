//! A plugin that misbehaves on one route, and what another route on the same worker notices of it: nothing but the
//! time that the machine has less. How much that is says `benches/neighbour`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::origin::{Origin, named};
use crate::support::{Gateway, gateway};

/// Everything that the fixture does wrong in `request-hook`.
const MISBEHAVIOUR: [&str; 19] = [
    "loop",
    "spin:8",
    "sleep:60000",
    "allocate",
    "recurse",
    "trap",
    "panic",
    "exit:0",
    "abort",
    "log:1000x200",
    "print:1000",
    "random:2000",
    "respond-large:2000000",
    "respond-many:2000",
    "respond-header:x=a%0d%0ab",
    "set-large:2000000",
    "edits:100000",
    "route:nowhere",
    "unavailable:x",
];

/// Requests to each of them: so many that it is quarantined if it fails.
const REQUESTS: usize = 8;

/// A gateway with the quiet route, and a noisy one for each of these acts, on one worker.
fn neighbours(origin: &Origin, acts: &[&str], limits: &str) -> Gateway {
    let address = origin.address();
    let mut toml = format!(
        "[[route]]\npath = \"/quiet\"\nto = \"{address}\"\nplugins = [\"request-id\"]\n\
         [verifier.default]\nsecret = \"0123456789abcdef0123456789abcdef\"\n[upstream.asked]\nto = \"{address}\"\n{}",
        super::fixture("noisy")
    );
    for (index, act) in acts.iter().enumerate() {
        toml.push_str(&format!(
            "[[route]]\npath = \"/noisy/{index}\"\nto = \"{address}\"\n\
             plugins = [{{ use = \"noisy\", request = \"{act}\", limits = {limits} }}]\n"
        ));
    }
    gateway().toml(toml).start()
}

#[test]
fn whatever_a_plugin_does_the_route_beside_it_has_no_error() {
    let origin = named("in");
    let gateway = neighbours(&origin, &MISBEHAVIOUR, "{ time = \"50ms\", memory = \"16MiB\" }");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let quiet = [(); 2].map(|()| {
            scope.spawn(|| {
                let mut client = gateway.connect();
                let mut answered = 0;
                while !over.load(Ordering::SeqCst) {
                    let response = client.get("/quiet");
                    assert_eq!((response.status, response.text().as_str()), (200, "in"));
                    assert!(response.field("x-correlation-id").is_some());
                    answered += 1;
                }
                answered
            })
        });
        let noisy = [0, 1, 2].map(|first| {
            let gateway = &gateway;
            scope.spawn(move || {
                for index in (first..MISBEHAVIOUR.len()).step_by(3) {
                    for _ in 0..REQUESTS {
                        let status = gateway.connect().get(&format!("/noisy/{index}")).status;
                        let act = MISBEHAVIOUR[index];
                        assert!([200, 500, 503, 504].contains(&status), "{act}: {status}");
                    }
                }
            })
        });
        let noisy = noisy.map(thread::ScopedJoinHandle::join);
        over.store(true, Ordering::SeqCst);
        let answered: usize = quiet.map(|quiet| quiet.join().unwrap()).iter().sum();
        assert!(noisy.iter().all(Result::is_ok));
        assert!(answered > MISBEHAVIOUR.len(), "{answered}");
    });
}

/// The loops are the clock: all of them together may run for 3.2 s of the worker's time. The quiet requests, of which each
/// waits for a socket twice or three times, need a small part of that when sockets are looked at after every tick of
/// whoever loops, and more than all of it when they are not.
#[test]
fn requests_are_answered_while_plugins_loop_on_their_worker() {
    const LOOPS: usize = 8;
    const QUIET: usize = 50;
    let origin = named("in");
    let gateway = neighbours(&origin, &["loop"], "{ cpu = \"400ms\", time = \"60s\" }");
    let mut quiet = gateway.connect();
    // Its instance and the connection to its origin are there.
    assert_eq!(quiet.get("/quiet").status, 200);
    let mut noisy: Vec<_> = (0..LOOPS).map(|_| gateway.connect()).collect();
    for client in &mut noisy {
        client.send("GET /noisy/0 HTTP/1.1\r\nHost: test\r\n\r\n");
    }
    for _ in 0..QUIET {
        assert_eq!(quiet.get("/quiet").status, 200);
    }
    for client in &mut noisy {
        assert!(
            client.is_quiet_for(Duration::from_millis(1)),
            "none of them was answered meanwhile"
        );
    }
    for client in &mut noisy {
        assert_eq!(client.response().status, 504, "each comes to its end");
    }
}
