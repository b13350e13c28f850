use gatewit_plugin::serde_json::{Value, json};
use gatewit_plugin::testing::{Host, configured};

use super::*;

/// The body after the request's edits; `None` when it stays as it is.
fn edited(edits: &Value, body: &str) -> Option<String> {
    let plugin: BodyTransform = configured(json!({ "request": edits })).unwrap();
    let mut host = Host::new("POST", "/")
        .header("content-type", "application/json")
        .body(body);
    match host.request_body(&plugin).unwrap() {
        BodyOutcome::Next => None,
        BodyOutcome::Replace(body) => Some(String::from_utf8(body).unwrap()),
        BodyOutcome::Respond(response) => Some(response.status.to_string()),
    }
}

#[test]
fn what_pointers_name_is_changed_and_nothing_else() {
    let remove = |at: &str| json!([{ "remove": at }]);
    let set = |at: &str, value: Value| json!([{ "set": { "at": at, "value": value } }]);
    let rename = |at: &str, to: &str| json!([{ "rename": { "at": at, "to": to } }]);
    for (edits, body, after) in [
        (
            remove("/b"),
            r#"{"z": 1.10, "b": [1], "a": 12345678901234567890123 }"#,
            Some(r#"{"z":1.10,"a":12345678901234567890123}"#),
        ),
        (
            remove("/a/b"),
            r#"{"a":{"b":1,"c": { "d" : 2 }}}"#,
            Some(r#"{"a":{"c":{ "d" : 2 }}}"#),
        ),
        (remove("/a/1"), r#"{"a":[1,[2,"]"],3]}"#, Some(r#"{"a":[1,3]}"#)),
        (remove("/a"), r#"{"a":1}"#, Some("{}")),
        (remove("/0"), "[1]", Some("[]")),
        (remove("/a~1b~0c"), r#"{"a/b~c":1,"d":2}"#, Some(r#"{"d":2}"#)),
        (remove("/"), r#"{"":1,"d":2}"#, Some(r#"{"d":2}"#)),
        (remove("/x"), r#"{"a":"x"}"#, None),
        (remove("/a/b"), r#"{"a":"b"}"#, None),
        (remove("/00"), "[1]", None),
        (remove("/9"), "[1]", None),
        (remove("/a"), "\"a\"", None),
        (remove("/a"), "{}", None),
        (remove("/a"), "null", None),
        (
            set("/a", json!({ "b": "c\"" })),
            r#"{"a":1,"d":"ä,\"}"}"#,
            Some(r#"{"a":{"b":"c\""},"d":"ä,\"}"}"#),
        ),
        (
            set("/new", json!(null)),
            r#"{"a":1}"#,
            Some(r#"{"a":1,"new":null}"#),
        ),
        (set("/a/-", json!(3)), r#"{"a":[1,2]}"#, Some(r#"{"a":[1,2,3]}"#)),
        (set("/a/1", json!(3)), r#"{"a":[1,2]}"#, Some(r#"{"a":[1,3]}"#)),
        (set("/a/b", json!(3)), r#"{"c":1}"#, None),
        (
            rename("/a/b", "c\""),
            r#"{"a":{"b":1}}"#,
            Some(r#"{"a":{"c\"":1}}"#),
        ),
        (rename("/a", "b"), r#"{"a":1,"b":2}"#, Some(r#"{"b":1}"#)),
        (rename("/a", "a"), r#"{"a":1}"#, None),
        (rename("/0", "a"), "[1]", None),
        (
            json!([{ "rename": { "at": "/a", "to": "b" } }, { "remove": "/b/c" }]),
            r#"{"a":{"c":1}}"#,
            Some(r#"{"b":{}}"#),
        ),
    ] {
        assert_eq!(edited(&edits, body).as_deref(), after, "{edits} {body}");
    }
}

#[test]
fn nothing_passes_in_disguise() {
    let edits = json!([{ "remove": "/user/password" }]);
    for body in [
        r#"{"user":{"password":1,"password":2}}"#,
        r#"{"user":{"p\u0061ssword":1}}"#,
        r#"{"us\u0065r":{"password":1}}"#,
        r#"{"user":{"password":1},"user":{"password":2}}"#,
        " \t\r\n{ \"user\" : { \"password\" : \"}\\\\\" } } ",
    ] {
        let after = edited(&edits, body).unwrap();
        let read: Value = gatewit_plugin::serde_json::from_str(&after).unwrap();
        assert_eq!(read, json!({ "user": {} }), "{body} {after}");
        assert!(!after.contains("ssword"), "{body} {after}");
    }
    let set = json!([{ "set": { "at": "/role", "value": "user" } }]);
    let after = edited(&set, r#"{"role":"a","x":1,"r\u006fle":"admin"}"#);
    assert_eq!(after.as_deref(), Some(r#"{"role":"user","x":1}"#));
    for body in [
        "{",
        "{\"user\":1}}",
        "{'user':1}",
        "\u{feff}{}",
        "{}{}",
        "{\"user\":01}",
        "\x1f\u{8b}",
    ] {
        assert_eq!(edited(&edits, body).as_deref(), Some("400"), "{body}");
    }
}

#[test]
fn depth_costs_no_stack() {
    let deep = format!(
        "{{\"a\":{}1{},\"b\":2}}",
        "[".repeat(500_000),
        "]".repeat(500_000)
    );
    let after = edited(&json!([{ "remove": "/b" }]), &deep).unwrap();
    assert_eq!(after.len(), deep.len() - 6);
}

#[test]
fn only_json_is_looked_at() {
    let plugin: BodyTransform =
        configured(json!({ "request": [{ "remove": "/a" }], "response": [{ "remove": "/b" }] })).unwrap();
    for (kinds, changed) in [
        (&["application/json"][..], true),
        (&["Application/JSON; charset=utf-8"], true),
        (&["application/problem+json"], true),
        (&["text/plain", "application/json"], true),
        (&["text/plain, application/json"], true),
        (&["text/plain"], false),
        (&["application/jsonp"], false),
        (&["application/json-seq"], false),
        (&[""], false),
        (&[], false),
    ] {
        let mut host = Host::new("POST", "/").body(r#"{"a":1,"b":2}"#);
        for kind in kinds {
            host = host.header("content-type", kind);
        }
        let request = host.request_body(&plugin).unwrap();
        let lines: Vec<(&str, &str)> = kinds.iter().map(|kind| ("content-type", *kind)).collect();
        let response = host.answered(200, &lines).response_body(&plugin).unwrap();
        let expected = |body: &str| {
            if changed {
                BodyOutcome::Replace(body.into())
            } else {
                BodyOutcome::Next
            }
        };
        assert_eq!(
            (request, response),
            (expected(r#"{"b":2}"#), expected(r#"{"a":1}"#)),
            "{kinds:?}"
        );
    }
}

#[test]
fn what_only_says_that_it_is_json_is_refused_or_passes_on_wish() {
    for (invalid, passes) in [("refuse", false), ("pass", true)] {
        let edits = json!([{ "remove": "/a" }]);
        let configuration = json!({ "request": edits, "response": edits, "invalid": invalid });
        let plugin: BodyTransform = configured(configuration).unwrap();
        for body in [&b"{\"a\":"[..], b"{\"a\":\"\xff\"}"] {
            let mut host = Host::new("POST", "/")
                .header("content-type", "application/json")
                .body(body);
            let request = host.request_body(&plugin).unwrap();
            let response = host
                .answered(200, &[("content-type", "application/json")])
                .response_body(&plugin)
                .unwrap();
            for (outcome, status) in [(request, 400), (response, 502)] {
                match outcome {
                    BodyOutcome::Next => assert!(passes),
                    BodyOutcome::Respond(response) => assert_eq!((response.status, passes), (status, false)),
                    BodyOutcome::Replace(body) => panic!("{body:?}"),
                }
            }
        }
    }
}

#[test]
fn services_are_asked_for_whole_uncompressed_responses_only_when_they_are_changed() {
    for (list, asked) in [("request", true), ("response", false)] {
        let plugin: BodyTransform = configured(json!({ list: [{ "remove": "/a" }] })).unwrap();
        let mut host = Host::get("/")
            .header("accept-encoding", "gzip")
            .header("range", "bytes=0-1");
        host.request(&plugin).unwrap();
        assert_eq!(
            (
                host.sent("accept-encoding").is_some(),
                host.sent("range").is_some()
            ),
            (asked, asked)
        );
    }
}

#[test]
fn problems_point_to_their_place() {
    for (configuration, pointer) in [
        (json!({}), ""),
        (json!({ "request": [{ "remove": "" }] }), "/request/0/remove"),
        (json!({ "request": [{ "remove": "a" }] }), "/request/0/remove"),
        (json!({ "request": [{ "remove": "/a~2" }] }), "/request/0/remove"),
        (
            json!({ "response": [{ "set": { "at": "/a", "value": 1 } }, { "rename": { "at": "", "to": "b" } }] }),
            "/response/1/rename/at",
        ),
        (json!({ "response": [{ "drop": "/a" }] }), "/response/0"),
        (
            json!({ "request": [{ "remove": "/a" }], "invalid": "ignore" }),
            "/invalid",
        ),
    ] {
        let problems = configured::<BodyTransform>(configuration.clone()).unwrap_err();
        assert!(
            problems[0].pointer.starts_with(pointer),
            "{configuration} {problems:?}"
        );
    }
}
