//! Every way to fail × every hook × every policy ends in a complete, documented reply.

use super::{chained, fixture, gateway};
use crate::support::origin::{Request, named};
use crate::support::{Gateway, Origin, Response};

/// What the hook does, and the status that it means.
const FAILURES: [(&str, u16); 10] = [
    ("trap", 500),
    ("panic", 500),
    ("exit:1", 500),
    ("allocate", 500),
    ("recurse", 500),
    ("loop", 504),
    ("sleep:5000", 504),
    ("unavailable:secret", 503),
    ("internal:secret", 500),
    ("rejected:secret", 403),
];

/// Edits first, so that there is something to take back.
const HOOKS: [(&str, &str); 4] = [
    ("request", "set:x-edited=yes + remove:x-own"),
    ("request_body", "set:x-edited=yes + remove:x-own"),
    ("response", "set:x-edited=yes"),
    ("response_body", "set:x-edited=yes"),
];

const ASK: &str =
    "POST PATH HTTP/1.1\r\nHost: test\r\nX-Own: a\r\nX-own: b\r\nContent-Length: 5\r\n\r\nhello";

/// A gateway with a route for every failure of every hook.
fn failing(origin: &Origin, failure: &str) -> Gateway {
    let mut builder = gateway().toml(fixture("p"));
    for (hook, edits) in HOOKS {
        for (index, (act, _)) in FAILURES.iter().enumerate() {
            // What rejects does not fail open.
            let failure = match failure {
                ", failure = \"open\"" if act.starts_with("rejected") => "",
                other => other,
            };
            let limits = match act.split_once(':').map_or(*act, |(word, _)| word) {
                "loop" => "cpu = \"20ms\"",
                "sleep" => "cpu = \"20ms\", time = \"100ms\"",
                _ => "",
            };
            let used = format!(
                "[{{ use = \"p\", {hook} = \"{edits} + {act}\", limits = {{ {limits} }}{failure} }}]"
            );
            builder = builder.toml(chained(&format!("/{hook}/{index}"), origin, &used));
        }
    }
    builder.toml(chained("/plain", origin, "[]")).start()
}

/// What the origin saw of a request, but for what is different each time.
fn seen(origin: &Origin) -> Request {
    let mut request = origin.requests().pop().unwrap();
    request.connection = 0;
    request.fields.retain(|(name, _)| name != "x-request-id");
    request.line = String::new();
    request
}

fn undated(mut response: Response) -> Response {
    response.fields.retain(|(name, _)| name != "date");
    response
}

#[test]
fn a_failure_has_its_own_answer() {
    let origin = named("hi");
    let gateway = failing(&origin, "");
    for (hook, _) in HOOKS {
        for (index, (act, status)) in FAILURES.iter().enumerate() {
            let mut client = gateway.connect();
            client.send(ASK.replace("PATH", &format!("/{hook}/{index}")));
            let response = client.response();
            assert_eq!(response.status, *status, "{hook} {act}: {response:?}");
            assert_eq!(response.field("x-edited"), None, "{hook} {act}");
            assert!(!response.text().contains("secret"), "{hook} {act}");
            assert!(response.text().contains("request id: "), "{hook} {act}");
            // Complete: the connection has another exchange.
            client.send(ASK.replace("PATH", "/plain"));
            assert_eq!(client.response().text(), "hi", "{hook} {act}");
        }
    }
    let lines = gateway.log(2 * HOOKS.len() * FAILURES.len());
    for line in lines.iter().step_by(2) {
        let flag = if line["status"] == 403 {
            "plugin"
        } else {
            "plugin_failed"
        };
        assert_eq!(line["response_flag"], flag, "{line}");
        assert_eq!(line["plugins"].as_array().unwrap().len(), 1, "{line}");
    }
}

#[test]
fn a_configured_status_answers_in_its_place() {
    let origin = named("hi");
    let gateway = failing(
        &origin,
        ", failure = { load = 429, trap = 429, timeout = 429, unavailable = 429, internal = 429, rejected = 429 }",
    );
    for (hook, _) in HOOKS {
        for (index, (act, _)) in FAILURES.iter().enumerate() {
            let mut client = gateway.connect();
            client.send(ASK.replace("PATH", &format!("/{hook}/{index}")));
            assert_eq!(client.response().status, 429, "{hook} {act}");
        }
    }
}

#[test]
fn failing_open_forwards_the_request_byte_for_byte_and_the_response_too() {
    let origin = named("hi");
    let gateway = failing(&origin, ", failure = \"open\"");
    let mut client = gateway.connect();
    client.send(ASK.replace("PATH", "/plain"));
    let plain = undated(client.response());
    let expected = seen(&origin);
    for (hook, _) in HOOKS {
        for (index, (act, _)) in FAILURES.iter().enumerate() {
            let mut client = gateway.connect();
            client.send(ASK.replace("PATH", &format!("/{hook}/{index}")));
            let response = undated(client.response());
            if act.starts_with("rejected") {
                assert_eq!(response.status, 403, "{hook}");
                continue;
            }
            assert_eq!(response, plain, "{hook} {act}");
            assert_eq!(seen(&origin), expected, "{hook} {act}");
        }
    }
    for line in gateway.log(1 + HOOKS.len() * FAILURES.len()).iter().skip(1) {
        if line["status"] == 200 {
            assert_eq!(line["plugins"][0]["skipped"], true, "{line}");
            assert_eq!(line.get("response_flag"), None, "{line}");
        }
    }
}

#[test]
fn an_outcome_that_cannot_be_is_a_failure() {
    let origin = named("hi");
    let acts = [
        "respond:99",
        "respond:600",
        "respond-header:content-length=5",
        "respond-header:transfer-encoding=chunked",
        "respond-header:x=a%0d%0ab",
        "respond-large:2000000",
        "respond-many:1000",
    ];
    let mut builder = gateway().toml(fixture("p"));
    for (index, act) in acts.iter().enumerate() {
        for hook in ["request", "response"] {
            for (policy, failure) in [("closed", ""), ("open", ", failure = \"open\"")] {
                let used = format!("[{{ use = \"p\", {hook} = \"{act}\"{failure} }}]");
                builder = builder.toml(chained(&format!("/{policy}/{hook}/{index}"), &origin, &used));
            }
        }
    }
    let gateway = builder.start();
    for (index, act) in acts.iter().enumerate() {
        for hook in ["request", "response"] {
            let mut client = gateway.connect();
            let response = client.get(&format!("/closed/{hook}/{index}"));
            assert_eq!(response.status, 500, "{hook} {act}: {response:?}");
            assert_eq!(
                client.get(&format!("/open/{hook}/{index}")).text(),
                "hi",
                "{hook} {act}"
            );
        }
    }
}

#[test]
fn a_plugin_that_could_not_be_loaded_fails_the_routes_that_use_it_and_no_others() {
    let origin = named("hi");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broken.wasm");
    std::fs::write(&file, "not a component").unwrap();
    let used = |failure| format!("[{{ use = \"broken\"{failure} }}]");
    let gateway = gateway()
        .toml(format!("[plugin.broken]\nfile = {file:?}"))
        .toml(chained("/closed", &origin, &used("")))
        .toml(chained("/status", &origin, &used(", failure = { load = 451 }")))
        .toml(chained("/open", &origin, &used(", failure = \"open\"")))
        .toml(chained("/none", &origin, "[]"))
        .start();
    let mut client = gateway.connect();
    for (path, status) in [("/closed", 503), ("/status", 451), ("/open", 200), ("/none", 200)] {
        assert_eq!(client.get(path).status, status, "{path}");
    }
    let lines = gateway.log(4);
    assert_eq!(lines[0]["plugins"][0]["outcome"], "load");
    assert_eq!(lines[2]["plugins"][0]["skipped"], true);
}

#[test]
fn who_comes_when_every_instance_is_busy_is_told_to_come_again_or_passes() {
    let origin = named("hi");
    let used = |failure| {
        format!("[{{ use = \"p\", request = \"sleep:1500\", limits = {{ instances = 1 }}{failure} }}]")
    };
    let gateway = gateway()
        .toml(fixture("p"))
        .toml(chained("/closed", &origin, &used("")))
        .toml(chained(
            "/open",
            &origin,
            &used(", failure = { busy = \"open\" }"),
        ))
        .start();
    for (path, refused) in [("/closed", 3), ("/open", 0)] {
        let mut clients = [(); 4].map(|()| gateway.connect());
        for client in &mut clients {
            client.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        }
        let responses = clients.map(|mut client| client.response());
        let busy: Vec<_> = responses
            .iter()
            .filter(|response| response.status == 503)
            .collect();
        assert_eq!(busy.len(), refused, "{path}: {responses:?}");
        for response in busy {
            assert_eq!(response.field("retry-after").unwrap(), "1");
        }
    }
}

#[test]
fn a_plugin_that_keeps_failing_is_not_asked_and_means_what_its_failures_meant() {
    let origin = named("hi");
    let gateway = gateway()
        .toml(fixture("p"))
        .toml(chained("/trap", &origin, "[{ use = \"p\", request = \"trap\" }]"))
        .toml(chained(
            "/open",
            &origin,
            "[{ use = \"p\", request = \"trap + next\", failure = \"open\" }]",
        ))
        .start();
    let mut client = gateway.connect();
    for _ in 0..8 {
        assert_eq!(client.get("/trap").status, 500);
    }
    for _ in 0..8 {
        assert_eq!(client.get("/open").text(), "hi");
    }
    let outcomes: Vec<_> = gateway
        .log(16)
        .iter()
        .map(|line| line["plugins"][0]["outcome"].as_str().unwrap().to_owned())
        .collect();
    for half in [&outcomes[..8], &outcomes[8..]] {
        assert_eq!(
            (half[0].as_str(), half[7].as_str()),
            ("trap", "quarantined"),
            "{half:?}"
        );
    }
}
