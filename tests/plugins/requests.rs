//! HTTP calls of plugins: where they go, what bounds them, and that nobody waits for those of others.

use std::sync::{Arc, Barrier};

use crate::support::origin::{Nobody, Origin, answering, named, ok, origin, silent};
use crate::support::tls::terminator;
use crate::support::{Gateway, eventually, gateway};

/// A gateway with a route whose plugin does this. It may ask the upstream `asked`. On a busy machine much time passes while
/// a plugin does little, so that its CPU time is no bound here.
fn calling(asked: &str, to: &Origin, acts: &str, more: &str) -> Gateway {
    gateway()
        .toml(format!(
            "{more}\n[[route]]\npath = \"/\"\nto = \"{}\"\nplugins = [{{ use = \"caller\", request = \"{acts}\" }}]\n\
             [upstream.asked]\nto = \"{asked}\"\n\
             [verifier.default]\nsecret = \"0123456789abcdef0123456789abcdef\"\nalgorithms = [\"HS256\"]\n{}",
            to.address(),
            super::fixture("caller").replace("time = \"1s\"", "time = \"1s\", cpu = \"1s\"")
        ))
        .start()
}

/// What the plugin was told.
fn told(gateway: &Gateway, to: &Origin) -> String {
    assert_eq!(gateway.connect().get("/").status, 200);
    to.requests().last().unwrap().all("x-fixture-result").join(" ")
}

#[test]
fn a_call_goes_to_the_upstream_and_connections_are_used_again() {
    let (asked, to) = (named("hello"), named("in"));
    let gateway = calling(&asked.address().to_string(), &to, "call:asked + call:asked", "");
    assert_eq!(told(&gateway, &to), "Ok((200, 5)) Ok((200, 5))");
    let requests = asked.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|request| request.connection == 0));
    assert_eq!(requests[0].line, "GET /fixture HTTP/1.1");
    assert_eq!(requests[0].all("host"), [asked.address().to_string()]);
    assert_eq!(requests[0].all("x-from"), ["fixture"]);
    let names: Vec<_> = requests[0].fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["x-from", "host"], "nothing of the client's");
}

#[test]
fn a_call_may_be_encrypted() {
    let (asked, to) = (named("hello"), named("in"));
    let tls = terminator(&["127.0.0.1"], asked.address());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), tls.certificate()).unwrap();
    let more = format!("ca_file = \"{}\"", file.path().display());
    let target = format!("https://127.0.0.1:{}", tls.port());
    let gateway = calling(&target, &to, "call:asked", &more);
    assert_eq!(told(&gateway, &to), "Ok((200, 5))");
    let distrustful = calling(&target, &to, "call:asked", "");
    assert!(
        told(&distrustful, &to).starts_with("Err(CallError::Connect("),
        "{}",
        told(&distrustful, &to)
    );
    assert_eq!(asked.requests().len(), 1);
}

#[test]
fn only_what_was_granted_is_asked_and_only_so_often() {
    let (asked, to) = (named("hello"), named("in"));
    let acts = "call:none + calls:asked=20 + call:asked";
    let gateway = calling(&asked.address().to_string(), &to, acts, "");
    let told = told(&gateway, &to);
    assert!(told.starts_with("Err(CallError::NotAllowed) ["), "{told}");
    assert_eq!(told.matches("Ok(200)").count(), 16, "{told}");
    assert_eq!(told.matches("TooMany").count(), 5, "{told}");
    assert_eq!(asked.requests().len(), 16);
}

#[test]
fn several_calls_run_at_once_and_others_do_not_wait() {
    let barrier = Arc::new(Barrier::new(8));
    let meeting = Arc::clone(&barrier);
    let asked = origin(move |visit| {
        visit.read();
        meeting.wait();
        visit.send(ok(""));
    });
    let to = named("in");
    let gateway = calling(&asked.address().to_string(), &to, "calls:asked=8", "");
    assert_eq!(told(&gateway, &to).matches("Ok(200)").count(), 8);
}

#[test]
fn redirects_are_told_and_not_followed() {
    let to = named("in");
    let location = to.address();
    let asked = answering(format!(
        "HTTP/1.1 302 Found\r\nLocation: http://{location}/\r\nContent-Length: 0\r\n\r\n"
    ));
    let gateway = calling(&asked.address().to_string(), &to, "call:asked", "");
    assert_eq!(told(&gateway, &to), "Ok((302, 0))");
}

#[test]
fn what_goes_wrong_is_told() {
    let to = named("in");
    let nobody = Nobody::new();
    let refused = calling(&nobody.address().to_string(), &to, "call:asked", "");
    assert!(told(&refused, &to).starts_with("Err(CallError::Connect("));
    for (answer, expected) in [
        (ok(&"x".repeat(1025)), "Err(CallError::TooLarge)"),
        ("hello\r\n\r\n".to_owned(), "Err(CallError::Protocol("),
        (
            "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n".to_owned(),
            "Err(CallError::Protocol(",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
            "Err(CallError::Protocol(",
        ),
    ] {
        let asked = answering(&answer);
        let gateway = calling(&asked.address().to_string(), &to, "call:asked", "");
        let told = told(&gateway, &to);
        assert!(told.starts_with(expected), "{answer:?}: {told}");
    }
}

#[test]
fn a_call_ends_before_the_time_of_its_hook_does() {
    let (asked, to) = (silent(), named("in"));
    let gateway = calling(&asked.address().to_string(), &to, "call:asked", "");
    assert_eq!(told(&gateway, &to), "Err(CallError::Timeout)");
    eventually("the call is cancelled", || asked.open() == 0);
}

#[test]
fn a_call_ends_with_the_client_that_it_is_for() {
    let (asked, to) = (silent(), named("in"));
    let gateway = calling(&asked.address().to_string(), &to, "call:asked", "");
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    eventually("the call", || asked.requests().len() == 1);
    drop(client);
    eventually("its end", || asked.open() == 0);
    assert!(to.requests().is_empty());
}
