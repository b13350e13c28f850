use gatewit_plugin::serde_json::{Value, json};
use gatewit_plugin::testing::{Host, configured};

use super::*;

/// Status and location, or nothing for a request that goes on.
fn run(configuration: &Value, mut request: Host) -> Option<(u16, String)> {
    let plugin: Redirect = configured(configuration.clone()).unwrap();
    match request.request(&plugin).unwrap() {
        Outcome::Next => None,
        Outcome::Respond(response) => {
            let location = response.headers.iter().find(|(name, _)| name == "location");
            let location = location.map(|(_, value)| String::from_utf8(value.clone()).unwrap());
            Some((response.status, location.unwrap_or_default()))
        }
        Outcome::Route(route) => panic!("{route:?}"),
    }
}

fn goes(configuration: &Value, target: &str) -> Option<String> {
    run(configuration, Host::get(target)).map(|(_, location)| location)
}

#[test]
fn the_first_rule_that_matches_decides() {
    let configuration = json!({ "status": 301, "rules": [
        { "exact": "/old", "to": "/exactly?a=b", "status": 302 },
        { "prefix": "/old", "to": "/new" },
        { "prefix": "/docs/", "to": "https://docs.example.com/v1/", "keep_query": false },
        { "host": "Example.com", "prefix": "/moved", "to": "https://example.org:8443" },
        { "host": "other.test", "to": "https://nowhere.test" },
    ] });
    for (target, location) in [
        ("/old", Some((302, "/exactly?a=b"))),
        ("/old?c=d", Some((302, "/exactly?a=b&c=d"))),
        ("/old/page?c=d", Some((301, "/new/page?c=d"))),
        ("/old/", Some((301, "/new/"))),
        ("/older", None),
        ("/docs/a?b", Some((301, "https://docs.example.com/v1/a"))),
        ("/docs", Some((301, "https://docs.example.com/v1/"))),
        ("/moved", Some((301, "https://example.org:8443"))),
        ("/moved/a%20b", Some((301, "https://example.org:8443/a%20b"))),
        ("/", None),
        ("*", None),
    ] {
        let location = location.map(|(status, location)| (status, location.to_owned()));
        assert_eq!(run(&configuration, Host::get(target)), location, "{target}");
    }
}

#[test]
fn no_path_leads_to_a_host_that_nobody_named() {
    for configuration in [
        json!({ "rules": [{ "prefix": "/old", "to": "/" }] }),
        json!({ "trailing_slash": "remove" }),
        json!({ "trailing_slash": "add" }),
        json!({ "rules": [{ "prefix": "/old", "to": "/new" }] }),
    ] {
        for target in [
            "/old//evil.test",
            "/old/\\evil.test",
            "/old/\\/evil.test/",
            "//evil.test",
            "//evil.test/",
            "/\\evil.test/",
            "/old///evil.test",
            "///evil.test/",
            "/old/.evil.test",
            "/old@evil.test/",
            "/old/https://evil.test/",
        ] {
            let Some(location) = goes(&configuration, target) else {
                continue;
            };
            assert!(location.starts_with('/'), "{configuration} {target} {location}");
            assert!(
                !location.starts_with("//") && !location.contains('\\'),
                "{configuration} {target} {location}"
            );
        }
    }
    let elsewhere = json!({ "rules": [{ "to": "https://example.org" }] });
    for target in ["//.evil.test", "/@evil.test", "/:80@evil.test", "/\\@evil.test"] {
        let location = goes(&elsewhere, target).unwrap();
        assert!(
            location.starts_with("https://example.org/"),
            "{target} {location}"
        );
    }
}

#[test]
fn what_would_end_the_line_is_encoded() {
    let configuration = json!({ "rules": [{ "prefix": "/old", "to": "/new" }] });
    let location = goes(&configuration, "/old/a\r\nx: y\"<?q=\r\nset-cookie: a").unwrap();
    assert_eq!(location, "/new/a%0D%0Ax:%20y%22%3C?q=%0D%0Aset-cookie:%20a");
}

#[test]
fn requests_without_tls_are_sent_to_it() {
    let plain = json!({ "https": true, "trailing_slash": "add", "rules": [{ "exact": "/a", "to": "/b" }] });
    for (target, location) in [
        ("/", "https://example.com/"),
        ("/x?y=z", "https://example.com/x/?y=z"),
        ("/a", "https://example.com/b"),
    ] {
        assert_eq!(goes(&plain, target).as_deref(), Some(location));
    }
    assert_eq!(
        goes(&json!({ "https": true, "https_port": 8443 }), "/").as_deref(),
        Some("https://example.com:8443/")
    );
    let plugin: Redirect = configured(plain).unwrap();
    let mut odd = Host::get("/");
    odd.run(|| Request::current().set_authority("example.com/evil"))
        .unwrap();
    assert!(matches!(odd.request(&plugin), Ok(Outcome::Respond(response)) if response.status == 400));
}

#[test]
fn paths_are_spelled_in_one_way() {
    for (slash, target, location) in [
        ("add", "/a", Some("/a/")),
        ("add", "/a?b=/", Some("/a/?b=/")),
        ("add", "/a/", None),
        ("add", "/a.css", None),
        ("add", "/", None),
        ("remove", "/a/", Some("/a")),
        ("remove", "/a/?b", Some("/a?b")),
        ("remove", "/a", None),
        ("remove", "/", None),
    ] {
        assert_eq!(
            goes(&json!({ "trailing_slash": slash }), target).as_deref(),
            location,
            "{slash} {target}"
        );
    }
}

#[test]
fn problems_point_to_their_place() {
    let rule = |rule: Value| json!({ "rules": [rule] });
    for (configuration, pointer) in [
        (json!({}), ""),
        (json!({ "https": true, "status": 200 }), "/status"),
        (json!({ "trailing_slash": "both" }), "/trailing_slash"),
        (rule(json!({ "to": "/", "status": 304 })), "/rules/0/status"),
        (rule(json!({ "exact": "/a" })), "/rules/0"),
        (
            rule(json!({ "exact": "/a", "prefix": "/b", "to": "/c" })),
            "/rules/0/prefix",
        ),
        (rule(json!({ "exact": "a", "to": "/c" })), "/rules/0/exact"),
        (rule(json!({ "prefix": "//a", "to": "/c" })), "/rules/0/prefix"),
        (
            rule(json!({ "host": "a:80", "to": "https://b" })),
            "/rules/0/host",
        ),
        (rule(json!({ "exact": "/a", "to": "//evil.test" })), "/rules/0/to"),
        (rule(json!({ "exact": "/a", "to": "evil.test" })), "/rules/0/to"),
        (
            rule(json!({ "exact": "/a", "to": "javascript:alert(1)" })),
            "/rules/0/to",
        ),
        (
            rule(json!({ "exact": "/a", "to": "https://u@b/" })),
            "/rules/0/to",
        ),
        (rule(json!({ "exact": "/a", "to": "/b\r\nx: y" })), "/rules/0/to"),
        (rule(json!({ "exact": "/a", "to": "/b?c d" })), "/rules/0/to"),
        (rule(json!({ "exact": "/a", "to": "/b#c" })), "/rules/0/to"),
        (rule(json!({ "prefix": "/a", "to": "/b?c" })), "/rules/0/to"),
        (rule(json!({ "prefix": "/a", "to": "/a/b" })), "/rules/0/to"),
        (rule(json!({ "to": "/b" })), "/rules/0/to"),
        (rule(json!({ "exact": "/a", "to": "/a" })), "/rules/0/to"),
    ] {
        let problems = configured::<Redirect>(configuration.clone()).unwrap_err();
        assert_eq!(problems[0].pointer, pointer, "{configuration} {problems:?}");
    }
}
