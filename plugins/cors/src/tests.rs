use gatewit_plugin::serde_json::{Value, json};
use gatewit_plugin::testing::{Host, configured};

use super::*;

const PAGE: &str = "https://app.example.com";

fn strict() -> Value {
    json!({ "origins": [PAGE, "https://*.example.org"], "credentials": true, "headers": ["x-a"], "expose": ["x-b"] })
}

fn preflight(origin: &str) -> Host {
    Host::new("OPTIONS", "/")
        .header("origin", origin)
        .header("access-control-request-method", "PUT")
        .header(
            "access-control-request-headers",
            "authorization, x-a, bad name, y\"z",
        )
}

fn answer(configuration: Value, mut request: Host) -> Response {
    let plugin: Cors = configured(configuration).unwrap();
    match request.request(&plugin).unwrap() {
        Outcome::Respond(response) => response,
        other => panic!("{other:?}"),
    }
}

fn header(response: &Response, name: &str) -> Option<String> {
    let line = response.headers.iter().find(|(own, _)| own == name);
    line.map(|(_, value)| String::from_utf8(value.clone()).unwrap())
}

fn controls(response: &Response) -> usize {
    let lines = response.headers.iter();
    lines
        .filter(|(name, _)| name.starts_with("access-control-"))
        .count()
}

#[test]
fn a_preflight_of_an_allowed_origin_is_told_what_it_may() {
    let response = answer(strict(), preflight(PAGE));
    assert_eq!(response.status, 204);
    for (name, value) in [
        ("access-control-allow-origin", PAGE),
        ("access-control-allow-credentials", "true"),
        (
            "access-control-allow-methods",
            "GET, HEAD, POST, PUT, PATCH, DELETE",
        ),
        ("access-control-allow-headers", "x-a"),
        ("access-control-max-age", "600"),
        (
            "vary",
            "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
        ),
    ] {
        assert_eq!(header(&response, name).as_deref(), Some(value), "{name}");
    }
    let below = answer(strict(), preflight("https://a.example.org"));
    assert_eq!(
        header(&below, "access-control-allow-origin").as_deref(),
        Some("https://a.example.org")
    );
}

#[test]
fn a_preflight_of_any_other_origin_is_told_nothing() {
    for origin in [
        "https://evil.test",
        "null",
        "https://app.example.com.evil.test",
        "",
        "*",
        "https://*.example.org",
    ] {
        let response = answer(strict(), preflight(origin));
        assert_eq!((response.status, controls(&response)), (204, 0), "{origin}");
        assert!(
            header(&response, "vary").unwrap().starts_with("Origin"),
            "{origin}"
        );
    }
    let twice = preflight(PAGE).header("origin", "https://evil.test");
    assert_eq!(controls(&answer(strict(), twice)), 0);
}

#[test]
fn asked_headers_are_repeated_only_as_far_as_they_are_names() {
    let response = answer(json!({ "origins": ["*"] }), preflight("https://anybody.test"));
    assert_eq!(
        header(&response, "access-control-allow-headers").as_deref(),
        Some("authorization, x-a")
    );
    assert_eq!(
        header(&response, "access-control-allow-origin").as_deref(),
        Some("*")
    );
    assert_eq!(header(&response, "access-control-allow-credentials"), None);
}

#[test]
fn what_is_no_preflight_goes_to_the_service() {
    let plugin: Cors = configured(strict()).unwrap();
    for mut request in [
        Host::new("OPTIONS", "/"),
        Host::new("OPTIONS", "/").header("origin", PAGE),
        Host::new("OPTIONS", "/").header("access-control-request-method", "PUT"),
        Host::get("/")
            .header("origin", PAGE)
            .header("access-control-request-method", "PUT"),
        Host::get("/").header("origin", "https://evil.test"),
    ] {
        assert_eq!(request.request(&plugin), Ok(Outcome::Next));
    }
}

#[test]
fn responses_are_readable_by_allowed_origins_only_whatever_the_service_says() {
    let lax = [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-credentials", "true"),
        ("access-control-expose-headers", "x-secret"),
        ("vary", "accept-encoding"),
    ];
    for (origin, allowed, exposed) in [
        (Some(PAGE), Some(PAGE), Some("x-b")),
        (Some("https://evil.test"), None, None),
        (None, None, None),
    ] {
        let plugin: Cors = configured(strict()).unwrap();
        let mut host = Host::get("/").answered(200, &lax);
        if let Some(origin) = origin {
            host = host.header("origin", origin);
        }
        host.response(&plugin).unwrap();
        assert_eq!(host.received("access-control-allow-origin").as_deref(), allowed);
        assert_eq!(host.received("access-control-expose-headers").as_deref(), exposed);
        assert_eq!(
            host.received("access-control-allow-credentials").is_some(),
            allowed.is_some()
        );
        assert_eq!(host.received("vary").as_deref(), Some("accept-encoding, Origin"));
    }
}

#[test]
fn vary_is_said_once_and_only_where_it_is_true() {
    for (configuration, before, after) in [
        (strict(), "Accept, ORIGIN", Some("Accept, ORIGIN")),
        (strict(), "*", Some("*")),
        (json!({ "origins": ["*"] }), "Accept", Some("Accept")),
    ] {
        let plugin: Cors = configured(configuration).unwrap();
        let mut host = Host::get("/")
            .header("origin", PAGE)
            .answered(200, &[("vary", before)]);
        host.response(&plugin).unwrap();
        assert_eq!(host.received("vary").as_deref(), after);
    }
}

#[test]
fn problems_point_to_their_place() {
    for (configuration, pointer) in [
        (json!({}), ""),
        (json!({ "origins": [] }), "/origins"),
        (json!({ "origins": [PAGE, "example.com"] }), "/origins/1"),
        (json!({ "origins": ["*"], "credentials": true }), "/origins/0"),
        (
            json!({ "origins": [PAGE], "methods": ["GET", "a b"] }),
            "/methods/1",
        ),
        (json!({ "origins": [PAGE], "headers": ["x\r\ny"] }), "/headers/0"),
        (
            json!({ "origins": [PAGE], "expose": ["*"], "credentials": true }),
            "/expose/0",
        ),
        (json!({ "origins": [PAGE], "max_age": -1 }), "/max_age"),
    ] {
        let problems = configured::<Cors>(configuration.clone()).unwrap_err();
        assert_eq!(problems[0].pointer, pointer, "{configuration} {problems:?}");
    }
}
