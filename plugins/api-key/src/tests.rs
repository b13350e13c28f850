use gatewit_plugin::serde_json::{Value, json};
use gatewit_plugin::testing::{Host, configured};

use super::*;

/// Of `open sesame`.
const SESAME: &str = "41ef4bb0b23661e66301aac36066912dac037827b4ae63a7b1165a5aa93ed4eb";

fn gateway(request: Host) -> Host {
    request
        .secret("bobs", "bobs key\n")
        .secret("bobs-next", "next")
        .secret("empty", " \n")
}

fn run(configuration: &Value, request: Host) -> (Outcome, Host) {
    let mut host = gateway(request);
    let plugin: ApiKey = host.configure(configuration.clone()).unwrap();
    (host.request(&plugin).unwrap(), host)
}

fn both() -> Value {
    json!({ "keys": { "alice": SESAME }, "secrets": { "bob": ["bobs", "bobs-next"] }, "consumer_header": "x-consumer" })
}

#[test]
fn who_brings_a_key_is_its_consumer() {
    for (key, consumer) in [("open sesame", "alice"), ("bobs key", "bob"), ("next", "bob")] {
        let request = Host::get("/")
            .header("x-api-key", key)
            .header("x-consumer", "root");
        let (outcome, host) = run(&both(), request.header("x_consumer", "root"));
        assert_eq!(outcome, Outcome::Next);
        assert_eq!(host.sent("x-consumer").as_deref(), Some(consumer));
        assert_eq!(host.sent("x_consumer"), None);
        assert_eq!(host.sent("x-api-key"), None, "the service has no use for it");
        assert_eq!(host.attribute("consumer"), Some(&consumer.into()));
    }
}

#[test]
fn without_a_right_key_all_are_refused_alike() {
    let mut answers = Vec::new();
    for request in [
        Host::get("/"),
        Host::get("/").header("x-api-key", ""),
        Host::get("/").header("x-api-key", "wrong"),
        Host::get("/").header("x-api-key", SESAME),
        Host::get("/").header("x-api-key", b"open\xffsesame"),
        Host::get("/")
            .header("x-api-key", "open sesame")
            .header("x-api-key", "open sesame"),
        Host::get("/").header("x-api-key", "open sesame, open sesame"),
        Host::get("/").header("authorization", "Bearer open sesame"),
        Host::get("/?x-api-key=open%20sesame").header("cookie", "x-api-key=open sesame"),
    ] {
        let (outcome, host) = run(&both(), request.header("x-consumer", "alice"));
        let Outcome::Respond(response) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(response.status, 401);
        assert!(
            response
                .headers
                .contains(&("www-authenticate".to_owned(), b"ApiKey".to_vec()))
        );
        assert_eq!(host.sent("x-consumer"), None);
        answers.push(response);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
}

#[test]
fn the_first_place_decides_and_all_are_cleared() {
    let places = json!({ "keys": { "alice": SESAME }, "query": "key", "cookie": "key" });
    let cookie = || Host::get("/a?b=1").header("cookie", "key=open sesame; c=2");
    assert_eq!(run(&places, cookie()).0, Outcome::Next);
    let (outcome, host) = run(
        &places,
        Host::get("/a?key=open%20sesame&b=1").header("cookie", "key=x; c=2"),
    );
    assert_eq!(outcome, Outcome::Next);
    assert_eq!(
        (host.target(), host.sent("cookie").as_deref()),
        ("/a?b=1", Some("c=2"))
    );
    assert_ne!(
        run(&places, cookie().header("x-api-key", "wrong")).0,
        Outcome::Next
    );
}

#[test]
fn in_authorization_the_key_follows_a_scheme() {
    let configuration =
        json!({ "keys": { "alice": SESAME }, "header": "Authorization", "forward_key": true });
    for (line, passes) in [
        ("Bearer open sesame", true),
        ("apikey  open sesame", true),
        ("Basic open sesame", false),
        ("open sesame", false),
        ("Bearer", false),
        ("", false),
    ] {
        let (outcome, host) = run(&configuration, Host::get("/").header("authorization", line));
        assert_eq!(outcome == Outcome::Next, passes, "{line}");
        assert_eq!(host.sent("authorization").as_deref(), Some(line));
    }
}

#[test]
fn problems_point_to_their_place_and_repeat_no_key() {
    for (configuration, pointer) in [
        (json!({}), ""),
        (json!({ "keys": { "a/b": "open sesame" } }), "/keys/a~1b"),
        (
            json!({ "keys": { "alice": [SESAME, "open sesame"] } }),
            "/keys/alice",
        ),
        (json!({ "keys": { "": SESAME } }), "/keys/"),
        (json!({ "keys": { "a\r\nb": SESAME } }), "/keys/a\r\nb"),
        (json!({ "secrets": { "bob": "nowhere" } }), "/secrets/bob"),
        (json!({ "secrets": { "bob": "empty" } }), "/secrets/bob"),
        (
            json!({ "keys": { "alice": SESAME }, "header": "host" }),
            "/header",
        ),
        (
            json!({ "keys": { "alice": SESAME }, "consumer_header": "X-Api-Key" }),
            "/consumer_header",
        ),
        (json!({ "known": [] }), "/known"),
    ] {
        let problems = gateway(Host::get("/"))
            .configure::<ApiKey>(configuration.clone())
            .unwrap_err();
        assert_eq!(problems[0].pointer, pointer, "{configuration} {problems:?}");
        assert!(!problems[0].message.contains("sesame"), "{problems:?}");
    }
    assert!(
        configured::<ApiKey>(json!({ "keys": { "alice": format!("sha256:{}", SESAME.to_uppercase()) } }))
            .is_ok()
    );
}

#[test]
fn digests_are_equal_only_when_all_of_them_is() {
    let digest = Digest::of(b"open sesame");
    assert!(digest.equals(&Digest::try_from(SESAME.to_owned()).unwrap()));
    for at in 0..64 {
        let mut other = SESAME.to_owned();
        let digit = if &other[at..=at] == "0" { "1" } else { "0" };
        other.replace_range(at..=at, digit);
        assert!(!digest.equals(&Digest::try_from(other).unwrap()), "{at}");
    }
}
