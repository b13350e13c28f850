use gatewit_plugin::serde_json::{Value, json};
use gatewit_plugin::testing::Host;
use gatewit_plugin::upstreams::Endpoint as Live;

use super::*;

fn live(address: &str, healthy: bool, in_flight: u32, latency_us: u32, age_ms: u64) -> Live {
    Live {
        address: address.to_owned(),
        healthy,
        in_flight,
        latency_us,
        age_ms,
        weight: 1,
    }
}

fn gateway(request: Host) -> Host {
    request
        .upstream("test", [])
        .upstream("v2", [])
        .upstream("canary", [])
        .upstream(
            "many",
            [
                live("10.0.0.1:80", true, 5, 900, 1_000),
                live("10.0.0.2:80", true, 1, 2_000, 5_000),
                live("10.0.0.3:80", true, 3, 100, 9_000),
                live("10.0.0.4:80", false, 0, 1, 1),
            ],
        )
        .verifier(
            "default",
            [(
                "t",
                json!({ "tier": "gold", "groups": ["staff", "beta"], "level": 3 }),
            )],
        )
}

fn decide(rules: &Value, request: Host) -> Outcome {
    let mut host = gateway(request);
    let plugin: Router = host.configure(json!({ "rules": rules })).unwrap();
    host.request(&plugin).unwrap()
}

fn pick_of(rule: &Value, request: Host) -> Pick {
    match decide(&json!([rule]), request) {
        Outcome::Route(route) => route.pick,
        other => panic!("{other:?}"),
    }
}

fn get(target: &str) -> Host {
    Host::get(target)
}

#[test]
fn conditions_hold_for_what_they_say() {
    for (when, request, holds) in [
        (json!([]), get("/"), true),
        (
            json!({ "header": "x-version" }),
            get("/").header("X-Version", "1"),
            true,
        ),
        (json!({ "header": "x-version" }), get("/"), false),
        (
            json!({ "header": "x-version", "is": "2" }),
            get("/").header("x-version", "2"),
            true,
        ),
        (
            json!({ "header": "x-version", "is": "2" }),
            get("/").header("x-version", "22"),
            false,
        ),
        (
            json!({ "header": "x-version", "is": "2" }),
            get("/").header("x-version", "1").header("x-version", "2"),
            true,
        ),
        (
            json!({ "header": "x-version", "is": ["1", "2.*"] }),
            get("/").header("x-version", "2.7"),
            true,
        ),
        (
            json!({ "header": "x-version", "is": "2", "not": true }),
            get("/"),
            true,
        ),
        (
            json!({ "cookie": "beta", "is": "yes" }),
            get("/").header("cookie", "a=b; beta=yes"),
            true,
        ),
        (
            json!({ "cookie": "beta", "is": "yes" }),
            get("/").header("cookie", "abeta=yes"),
            false,
        ),
        (json!({ "query": "v", "is": "a b" }), get("/?x=1&v=a%20b"), true),
        (json!({ "query": "v" }), get("/?vv=1"), false),
        (json!({ "path": "/a/*" }), get("/a/b"), true),
        (json!({ "path": "/a/*" }), get("/ab"), false),
        (json!({ "path": ["/a", "/b"] }), get("/b?x"), true),
        (json!({ "method": ["PUT", "POST"] }), Host::new("POST", "/"), true),
        (json!({ "method": "PUT" }), get("/"), false),
        (json!([{ "path": "/a" }, { "header": "x" }]), get("/a"), false),
        (
            json!([{ "path": "/a" }, { "header": "x" }]),
            get("/a").header("x", ""),
            true,
        ),
    ] {
        let outcome = decide(&json!([{ "when": when, "upstream": "v2" }]), request);
        assert_eq!(outcome != Outcome::Next, holds, "{when} {outcome:?}");
    }
}

#[test]
fn claims_of_a_verified_token_are_conditions() {
    for (when, holds) in [
        (json!({ "claim": "tier", "is": "gold" }), true),
        (json!({ "claim": "groups", "is": "beta" }), true),
        (json!({ "claim": "groups", "is": "admin" }), false),
        (json!({ "claim": "level", "is": "3" }), true),
        (json!({ "claim": "/groups/0", "is": "st*" }), true),
        (json!({ "claim": "missing" }), false),
    ] {
        let mut host = gateway(get("/"));
        let rules = json!({ "rules": [{ "when": when, "upstream": "v2" }] });
        let plugin: Router = host.configure(rules).unwrap();
        assert_eq!(
            host.request(&plugin),
            Ok(Outcome::Next),
            "nobody has verified anything yet"
        );
        host.run(|| gatewit_plugin::jwt::verify("default", "t")).unwrap();
        assert_eq!(host.request(&plugin) != Ok(Outcome::Next), holds, "{when}");
    }
}

#[test]
fn the_first_rule_that_holds_decides_and_is_noted() {
    let rules = json!([
        { "when": { "header": "x-none" }, "upstream": "canary" },
        { "name": "second", "when": { "header": "x-version" }, "upstream": "v2", "timeout_ms": 500, "retries": 0 },
        { "upstream": "canary" },
    ]);
    let mut host = gateway(get("/").header("x-version", "2"));
    let plugin: Router = host.configure(json!({ "rules": rules })).unwrap();
    let expected = Route {
        upstream: Some("v2".to_owned()),
        pick: Pick::Policy,
        timeout_ms: Some(500),
        max_retries: Some(0),
    };
    assert_eq!(host.request(&plugin), Ok(expected.into()));
    assert_eq!(host.attribute("router"), Some(&"second".into()));
    assert_eq!(decide(&rules, get("/")), Route::to("canary").into());
}

#[test]
fn shares_stick_to_whom_they_were_given() {
    let sticky = |sticky: &Value| json!([{ "percent": 50, "sticky": sticky, "upstream": "canary" }]);
    for (by, request) in [
        (
            json!("client"),
            (|n: u32, noise: u32| get(&format!("/{noise}")).client(&format!("10.0.0.{n}")))
                as fn(u32, u32) -> Host,
        ),
        (json!({ "cookie": "id" }), |n, noise| {
            get("/").header("cookie", format!("x={noise}; id={n}"))
        }),
        (json!({ "header": "x-user" }), |n, noise| {
            get("/")
                .header("x-user", n.to_string())
                .client(&format!("10.0.0.{noise}"))
        }),
    ] {
        let canaries: Vec<bool> = (0..100)
            .map(|n| decide(&sticky(&by), request(n, 1)) != Outcome::Next)
            .collect();
        let again: Vec<bool> = (0..100)
            .map(|n| decide(&sticky(&by), request(n, 2)) != Outcome::Next)
            .collect();
        assert_eq!(canaries, again, "{by}");
        let count = canaries.iter().filter(|canary| **canary).count();
        assert!((30..70).contains(&count), "{by}: {count}");
    }
}

#[test]
fn a_split_sends_everybody_somewhere() {
    let rules = json!([{ "split": { "v2": 3, "canary": 1 } }]);
    let mut canaries = 0;
    for client in 0..200 {
        match decide(&rules, get("/").client(&format!("10.0.0.{client}"))) {
            Outcome::Route(route) if route.upstream.as_deref() == Some("canary") => canaries += 1,
            Outcome::Route(route) => assert_eq!(route.upstream.as_deref(), Some("v2")),
            other => panic!("{other:?}"),
        }
    }
    assert!((30..70).contains(&canaries), "{canaries}");
}

#[test]
fn endpoints_are_picked_among_those_alive() {
    let at = |address: &str| Pick::Endpoint(address.to_owned());
    for (endpoint, expected) in [
        (json!("newest"), "10.0.0.1:80"),
        (json!("oldest"), "10.0.0.3:80"),
        (json!("fastest"), "10.0.0.3:80"),
        (json!("idlest"), "10.0.0.2:80"),
    ] {
        assert_eq!(
            pick_of(&json!({ "upstream": "many", "endpoint": endpoint }), get("/")),
            at(expected),
            "{endpoint}"
        );
    }
    let chosen = json!({ "upstream": "many", "endpoint": { "header": "x-endpoint" } });
    assert_eq!(
        pick_of(&chosen, get("/").header("x-endpoint", "10.0.0.2:80")),
        at("10.0.0.2:80")
    );
    for stranger in ["10.0.0.4:80", "169.254.169.254:80", ""] {
        assert_eq!(
            pick_of(&chosen, get("/").header("x-endpoint", stranger)),
            Pick::Policy,
            "{stranger}"
        );
    }
    assert_eq!(
        pick_of(&json!({ "endpoint": "newest" }), get("/")),
        Pick::Policy,
        "there is none"
    );
}

#[test]
fn the_same_value_goes_to_the_same_endpoint() {
    let rule = json!({ "hash": { "header": "x-tenant" } });
    assert_eq!(
        pick_of(&rule, get("/").header("x-tenant", "a")),
        Pick::HashKey(b"a".to_vec())
    );
    assert_eq!(pick_of(&rule, get("/")), Pick::Policy);
}

#[test]
fn mistakes_in_the_configuration_are_shown_at_their_place() {
    for (rule, pointer) in [
        (json!({ "upstream": "v3" }), "/rules/0/upstream"),
        (json!({ "split": { "v2": 1, "v3": 1 } }), "/rules/0/split/v3"),
        (json!({ "split": { "v2": 0 } }), "/rules/0/split"),
        (
            json!({ "upstream": "v2", "split": { "v2": 1 } }),
            "/rules/0/split",
        ),
        (json!({ "percent": 101 }), "/rules/0/percent"),
        (
            json!({ "hash": "client", "endpoint": "newest" }),
            "/rules/0/endpoint",
        ),
        (json!({ "endpoint": "latest" }), "/rules/0/endpoint"),
        (json!({ "when": { "is": "2" } }), "/rules/0/when"),
        (
            json!({ "when": [{ "header": "a" }, { "header": "a", "path": "/" }] }),
            "/rules/0/when/1",
        ),
        (json!({ "when": { "path": "/", "is": "/" } }), "/rules/0/when/is"),
        (json!({ "to": "v2" }), "/rules/0/to"),
    ] {
        let problems = gateway(get("/"))
            .configure::<Router>(json!({ "rules": [rule] }))
            .unwrap_err();
        assert_eq!(problems[0].pointer, pointer, "{rule} {problems:?}");
    }
    let problems = gateway(get("/"))
        .configure::<Router>(json!({ "rules": [{ "upstream": "canari" }] }))
        .unwrap_err();
    assert!(
        problems[0].message.ends_with("did you mean `canary`?"),
        "{problems:?}"
    );
}
