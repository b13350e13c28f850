use std::time::Duration;

use gatewit_plugin::serde_json::{Value, json};
use gatewit_plugin::testing::Host;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// The statuses of requests, one after the other, with a budget of two for every key.
fn statuses(configuration: Value, requests: Vec<Host>) -> Vec<u16> {
    let mut world = Host::get("/").budget("default", 2, MINUTE);
    let plugin: RateLimit = world.configure(configuration).unwrap();
    let mut statuses = Vec::new();
    for request in requests {
        world = world.with_request_of(request);
        statuses.push(match world.request(&plugin) {
            Ok(Outcome::Next) => 200,
            Ok(Outcome::Respond(response)) => response.status,
            Err(Error::Rejected(_)) => 403,
            other => panic!("{other:?}"),
        });
    }
    statuses
}

fn from(ip: &str) -> Host {
    Host::get("/").client(ip)
}

fn with(name: &str, value: &str) -> Host {
    Host::get("/").header(name, value)
}

#[test]
fn a_client_is_an_address_or_a_network() {
    let default = json!({});
    for (config, ips, expected) in [
        (
            &default,
            ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"],
            [200, 200, 429, 200],
        ),
        (
            &default,
            ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1", "::192.0.2.1"],
            [200, 200, 429, 200],
        ),
        (
            &default,
            [
                "2001:db8::1",
                "2001:db8::2",
                "2001:db8::ffff:0:0:1",
                "2001:db8:0:1::1",
            ],
            [200, 200, 429, 200],
        ),
        (
            &json!({ "ipv6_prefix": 128 }),
            ["2001:db8::1", "2001:db8::2", "2001:db8::1", "2001:db8::1"],
            [200, 200, 200, 429],
        ),
        (
            &json!({ "ipv6_prefix": 48 }),
            [
                "2001:db8::1",
                "2001:db8:0:1::2",
                "2001:db8:0:2::1",
                "2001:db8:1::1",
            ],
            [200, 200, 429, 200],
        ),
        (
            &json!({ "key": [] }),
            ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"],
            [200, 200, 429, 429],
        ),
        (
            &json!({ "cost": 2 }),
            ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.2"],
            [200, 429, 200, 429],
        ),
    ] {
        assert_eq!(
            statuses(config.clone(), ips.map(from).into()),
            expected,
            "{config} {ips:?}"
        );
    }
}

#[test]
fn a_key_may_be_made_of_several_things() {
    let both = json!({ "key": ["route", { "header": "x-key" }] });
    let requests = vec![
        with("x-key", "a").route("one"),
        with("x-key", "a").route("one"),
        with("x-key", "a").route("one"),
        with("x-key", "b").route("one"),
        with("x-key", "a").route("two"),
    ];
    assert_eq!(statuses(both, requests), [200, 200, 429, 200, 200]);

    // Where one value ends and the next begins is part of the key.
    let joined = json!({ "key": [{ "header": "a" }, { "header": "b" }] });
    let pair = |a: &str, b: &str| Host::get("/").header("a", a).header("b", b);
    let requests = vec![pair("xy", "z"), pair("xy", "z"), pair("x", "yz"), pair("xy", "z")];
    assert_eq!(statuses(joined, requests), [200, 200, 200, 429]);

    let path = json!({ "key": "path" });
    let requests = ["/a?1", "/a?2", "/a", "/b"].map(Host::get).into();
    assert_eq!(statuses(path, requests), [200, 200, 429, 200]);

    let cookie = json!({ "key": { "cookie": "session" } });
    let requests = ["session=a", "x=y; session=a", "session=a", "session=b"]
        .map(|value| with("cookie", value))
        .into();
    assert_eq!(statuses(cookie, requests), [200, 200, 429, 200]);
}

#[test]
fn a_claim_is_a_key_once_a_token_is_verified() {
    let mut host = Host::get("/")
        .budget("default", 1, MINUTE)
        .verifier("default", [("t", json!({ "sub": "alice" }))]);
    let plugin: RateLimit = host.configure(json!({ "key": { "claim": "sub" } })).unwrap();
    host.run(|| gatewit_plugin::jwt::verify("default", "t")).unwrap();
    assert_eq!(host.request(&plugin), Ok(Outcome::Next));
    assert!(matches!(host.request(&plugin), Ok(Outcome::Respond(_))));
    // Without the token it is the address that counts.
    let mut host = host.next("GET", "/");
    assert_eq!(host.request(&plugin), Ok(Outcome::Next));
}

#[test]
fn what_lacks_the_key_is_counted_as_configured() {
    for (missing, expected) in [
        ("client", [200, 200, 429, 200]),
        ("share", [200, 200, 429, 429]),
        ("pass", [200, 200, 200, 200]),
        ("refuse", [403, 403, 403, 403]),
    ] {
        let config = json!({ "key": { "header": "x-key" }, "missing": missing });
        let requests = ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"]
            .map(from)
            .into();
        assert_eq!(statuses(config, requests), expected, "{missing}");
    }
}

#[test]
fn a_missing_part_is_not_a_value_that_a_client_can_send() {
    let config = json!({ "key": { "header": "x-key" }, "missing": "share" });
    let requests = vec![
        Host::get("/"),
        Host::get("/"),
        with("x-key", ""),
        with("x-key", "-"),
        Host::get("/"),
    ];
    assert_eq!(statuses(config, requests), [200, 200, 200, 200, 429]);
}

#[test]
fn clients_are_told_of_the_budget() {
    let mut host = Host::get("/").budget("default", 2, MINUTE);
    let plugin: RateLimit = host.configure(json!({})).unwrap();
    assert_eq!(host.request(&plugin), Ok(Outcome::Next));
    let host = host.answered(200, &[]);
    assert_eq!(
        host.received("ratelimit").as_deref(),
        Some("\"default\";r=1;t=60")
    );
    assert_eq!(
        host.received("ratelimit-policy").as_deref(),
        Some("\"default\";q=2")
    );

    let mut host = host.next("GET", "/");
    host.request(&plugin).unwrap();
    host.advance(Duration::from_millis(500));
    let outcome = host.request(&plugin).unwrap();
    let Outcome::Respond(response) = outcome else {
        panic!("{outcome:?}")
    };
    let lines: Vec<(&str, &str)> = response
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), std::str::from_utf8(value).unwrap()))
        .collect();
    for line in [
        ("retry-after", "60"),
        ("ratelimit", "\"default\";r=0;t=60"),
        ("ratelimit-policy", "\"default\";q=2"),
    ] {
        assert!(lines.contains(&line), "{line:?} {lines:?}");
    }
    assert_eq!(response.status, 429);
}

#[test]
fn every_number_and_every_name_can_be_told() {
    for (number, text) in [(0, "0"), (9, "9"), (10, "10"), (u64::MAX, "18446744073709551615")] {
        let verdict = Verdict {
            allowed: true,
            limit: number,
            remaining: number,
            reset_after_ms: 0,
            retry_after_ms: 0,
        };
        let (limit, policy) = told::fields("a\"b\\c", &verdict);
        let name = r#""a\"b\\c""#;
        assert_eq!(String::from_utf8(limit).unwrap(), format!("{name};r={text};t=0"));
        assert_eq!(String::from_utf8(policy).unwrap(), format!("{name};q={text}"));
    }
}

#[test]
fn two_limits_on_one_route_both_tell() {
    let mut host = Host::get("/").budget("a", 5, MINUTE).budget("b", 9, MINUTE);
    let first: RateLimit = host.configure(json!({ "budget": "a" })).unwrap();
    let second: RateLimit = host.configure(json!({ "budget": "b", "key": "route" })).unwrap();
    host.request(&first).unwrap();
    host.request(&second).unwrap();
    let host = host.answered(200, &[("ratelimit", "\"own\";r=1;t=1")]);
    let told = host.received("ratelimit").unwrap();
    assert_eq!(told, "\"own\";r=1;t=1, \"a\";r=4;t=60, \"b\";r=8;t=60");
}

#[test]
fn nothing_is_told_when_it_is_not_to_be() {
    let mut host = Host::get("/").budget("default", 1, MINUTE);
    let plugin: RateLimit = host.configure(json!({ "headers": false, "cost": 2 })).unwrap();
    let Ok(Outcome::Respond(response)) = host.request(&plugin) else {
        panic!("allowed")
    };
    // It would never fit: there is no time to come back at.
    assert!(
        response
            .headers
            .iter()
            .all(|(name, _)| name != "retry-after" && !name.starts_with("ratelimit"))
    );

    let plugin: RateLimit = host.configure(json!({ "headers": false })).unwrap();
    assert_eq!(host.request(&plugin), Ok(Outcome::Next));
    let host = host.answered(200, &[]);
    assert_eq!(host.received("ratelimit"), None);
    assert_eq!(host.received("ratelimit-policy"), None);
}

#[test]
fn mistakes_in_the_configuration_are_shown_at_their_place() {
    for (config, pointer) in [
        (json!({ "budget": "other" }), "/budget"),
        (json!({ "ipv6_prefix": 0 }), "/ipv6_prefix"),
        (json!({ "ipv6_prefix": 129 }), "/ipv6_prefix"),
        (json!({ "cost": 0 }), "/cost"),
        (json!({ "key": "ip" }), "/key"),
        (json!({ "key": { "header": "a b" } }), "/key/header"),
        (json!({ "key": ["client", { "cookie": "" }] }), "/key/1/cookie"),
        (json!({ "missing": "allow" }), "/missing"),
    ] {
        let mut host = Host::get("/").budget("default", 1, MINUTE);
        let problems = host.configure::<RateLimit>(config.clone()).unwrap_err();
        assert_eq!(problems[0].pointer, pointer, "{config} {problems:?}");
    }
}
