//! The way down and the way up.

use std::sync::{Mutex, mpsc};

use serde_json::json;

use super::{chained, fixture, gateway, headers, router};
use crate::support::origin::{Nobody, answering, named, origin};
use crate::support::{LIMIT, eventually};

#[test]
fn requests_go_down_in_order_and_responses_come_up_in_reverse() {
    let origin = named("a");
    let each =
        |n| format!("{{ use = \"p\", request = \"append:x-order={n}\", response = \"append:x-order={n}\" }}");
    let chain = format!("[{}, {}, {}]", each(1), each(2), each(3));
    let gateway = gateway()
        .toml(fixture("p"))
        .toml(chained("/", &origin, &chain))
        .start();
    let response = gateway.connect().get("/");
    assert_eq!(response.text(), "a");
    assert_eq!(origin.request().all("x-order"), ["1", "2", "3"]);
    assert_eq!(response.all("x-order"), ["3", "2", "1"]);
}

#[test]
fn headers_that_are_edited_early_are_those_of_whatever_response_comes() {
    let (origin, nobody) = (
        answering("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nServer: x\r\nX-Order: own\r\n\r\na"),
        Nobody::new(),
    );
    let chain = r#"[
        { use = "p", request = "early-append:x-order=1 + early-set:x-who=first", response = "append:x-order=then-1" },
        { use = "e", request = "early-append:x-order=2 + early-set:x-who=second + early-remove:server" },
        { use = "p", request = "early-append:x-order=3", response = "append:x-order=then-3" },
    ]"#;
    let responding = r#"[
        { use = "e", request = "early-append:x-order=1" },
        { use = "e", request = "early-append:x-order=2 + respond:418" },
    ]"#;
    let replacing = r#"[
        { use = "e", request = "early-append:x-order=1" },
        { use = "p", request = "early-append:x-order=2", response = "respond:418" },
    ]"#;
    let failing = r#"[
        { use = "e", request = "early-append:x-order=1" },
        { use = "e", request = "early-append:x-order=2 + trap" },
    ]"#;
    let skipping = r#"[
        { use = "e", request = "early-append:x-order=1 + trap", failure = "open" },
        { use = "e", request = "early-append:x-order=2" },
    ]"#;
    let gateway = gateway()
        .toml(fixture("p"))
        .toml(headers("e"))
        .toml(chained("/", &origin, chain))
        .toml(chained("/responding", &origin, responding))
        .toml(chained("/replacing", &origin, replacing))
        .toml(chained("/failing", &origin, failing))
        .toml(chained("/skipping", &origin, skipping))
        .toml(format!(
            "[[route]]\npath = \"/nobody\"\nto = \"{}\"\nplugins = {chain}\n",
            nobody.address()
        ))
        .toml(format!(
            "[[route]]\npath = \"/old\"\nredirect = {{ path = \"/new\" }}\nplugins = {chain}\n"
        ))
        .start();
    let mut client = gateway.connect();
    let response = client.get("/");
    assert_eq!((response.status, response.text().as_str()), (200, "a"));
    assert_eq!(
        response.all("x-order"),
        ["own", "3", "then-3", "2", "1", "then-1"]
    );
    assert_eq!(
        (response.all("x-who"), response.field("server")),
        (vec!["first".to_owned()], None)
    );
    for (path, status, order) in [
        ("/nobody", 503, &["3", "then-3", "2", "1", "then-1"][..]),
        ("/old", 308, &["3", "then-3", "2", "1", "then-1"]),
        ("/responding", 418, &["1"]),
        ("/replacing", 418, &["1"]),
        ("/failing", 500, &["1"]),
        ("/skipping", 200, &["own", "2"]),
    ] {
        let response = client.get(path);
        assert_eq!(
            (response.status, response.all("x-order")),
            (status, order.iter().map(|&one| one.to_owned()).collect()),
            "{path}"
        );
    }
}

#[test]
fn after_a_response_of_a_plugin_only_those_in_front_of_it_see_it() {
    let origin = named("a");
    let gateway = gateway()
        .toml(fixture("p"))
        .toml(chained(
            "/",
            &origin,
            r#"[
                { use = "p", response = "append:x-seen=first" },
                { use = "p", request = "respond:418", say = "short and stout", response = "append:x-seen=second" },
                { use = "p", request = "set:x-a=b", response = "append:x-seen=third" },
            ]"#,
        ))
        .start();
    let mut client = gateway.connect();
    let response = client.get("/");
    assert_eq!(
        (response.status, response.text().as_str()),
        (418, "short and stout")
    );
    assert_eq!(response.all("x-seen"), ["first"]);
    assert_eq!(origin.connections(), 0);
    client.send("HEAD / HTTP/1.1\r\nHost: test\r\n\r\n");
    let response = client.response_to_head();
    assert_eq!(response.field("content-length").unwrap(), "15");
    let line = &gateway.log(2)[0];
    assert_eq!(line["response_flag"], "plugin");
    let plugins = line["plugins"].as_array().unwrap();
    let outcomes: Vec<_> = plugins.iter().map(|plugin| &plugin["outcome"]).collect();
    assert_eq!(outcomes, ["next", "respond"]);
}

#[test]
fn what_the_gateway_answers_comes_up_the_chain_too() {
    let nobody = Nobody::new();
    let gateway = gateway()
        .toml(fixture("p"))
        .toml(format!(
            "[[route]]\npath = \"/\"\nto = \"{}\"\nplugins = [{{ use = \"p\", response = \"set:x-seen=yes\" }}]",
            nobody.address()
        ))
        .toml(
            "[[route]]\npath = \"/old\"\nredirect = { path = \"/new\" }\n\
             plugins = [{ use = \"p\", request = \"attribute:a=b\", response = \"set:x-seen=yes\" }]",
        )
        .start();
    let mut client = gateway.connect();
    let response = client.get("/");
    assert_eq!(
        (response.status, response.field("x-seen")),
        (503, Some("yes".to_owned()))
    );
    let response = client.get("/old");
    assert_eq!(
        (response.status, response.field("x-seen")),
        (308, Some("yes".to_owned()))
    );
    let lines = gateway.log(2);
    assert_eq!(lines[0]["response_flag"], "connect_fail");
    assert_eq!(lines[1]["response_flag"], "redirect");
    assert_eq!(lines[1]["attributes"], json!({"a": "b"}));
}

#[test]
fn a_failure_is_seen_by_the_plugins_in_front_and_nobody_else() {
    let origin = named("a");
    let gateway = gateway()
        .toml(fixture("p"))
        .toml(chained(
            "/",
            &origin,
            r#"[
                { use = "p", response = "append:x-seen=first + status:200" },
                { use = "p", request = "trap", response = "append:x-seen=second" },
                { use = "p", response = "append:x-seen=third" },
            ]"#,
        ))
        .start();
    let response = gateway.connect().get("/");
    assert_eq!(
        (response.status, response.all("x-seen")),
        (200, vec!["first".to_owned()])
    );
    assert_eq!(origin.connections(), 0);
    assert_eq!(gateway.log(1)[0]["response_flag"], "plugin_failed");
}

#[test]
fn edits_of_the_head_are_forwarded_and_the_route_has_the_last_word() {
    let origin = named("a");
    let gateway = gateway()
        .toml(fixture("p"))
        .toml(format!(
            "[[route]]\npath = \"/api\"\nto = \"{}\"\nstrip_prefix = \"/api\"\n\
             request_headers = {{ set = {{ x-who = \"route\" }} }}\n\
             plugins = [{{ use = \"p\", request = \"{}\" }}]",
            origin.address(),
            "set:x-who=plugin + remove:x-secret + method:PUT + target:/api/other?b=c + authority:inner.test"
        ))
        .start();
    let mut client = gateway.connect();
    client.send("POST /api/x?a=b HTTP/1.1\r\nHost: test\r\nX-Secret: s\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(client.response().status, 200);
    let seen = origin.request();
    assert_eq!(seen.line, "PUT /other?b=c HTTP/1.1");
    assert_eq!(seen.field("host").unwrap(), "inner.test");
    assert_eq!(seen.field("x-forwarded-host").unwrap(), "test");
    assert_eq!(seen.field("x-who").unwrap(), "route");
    assert_eq!(seen.field("x-secret"), None);
    assert_eq!(seen.body, b"hi");
    assert_eq!(gateway.log(1)[0]["method"], "POST");
}

#[test]
fn another_method_upstream_does_not_break_the_framing_of_the_response() {
    let origin = named("abc");
    let gateway = gateway()
        .toml(fixture("p"))
        .toml(chained(
            "/head",
            &origin,
            "[{ use = \"p\", request = \"method:HEAD\" }]",
        ))
        .toml(chained(
            "/get",
            &origin,
            "[{ use = \"p\", request = \"method:GET\" }]",
        ))
        .start();
    let mut client = gateway.connect();
    client.send("HEAD /get HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(client.response_to_head().status, 200);
    let response = client.get("/get");
    assert_eq!(response.text(), "abc");
    // The origin of this test answers HEAD with a body, which is none of the client's business.
    let response = client.get("/head");
    assert_eq!((response.status, response.text().as_str()), (200, ""));
}

#[test]
fn a_plugin_sends_a_request_to_another_upstream_an_endpoint_or_by_hash() {
    let (own, blue, green) = (named("own"), named("blue"), named("green"));
    let (blue_at, green_at) = (blue.address(), green.address());
    let gateway = gateway()
        .toml(format!("[upstream.colours]\nto = [\"{blue_at}\", \"{green_at}\"]"))
        .toml(router("p", &["colours"]))
        .toml(chained("/own", &own, "[{ use = \"p\", request = \"next\" }]"))
        .toml(chained("/colours", &own, "[{ use = \"p\", request = \"route:colours\" }]"))
        .toml(chained("/nowhere", &own, "[{ use = \"p\", request = \"route:nowhere\" }]"))
        .toml(format!(
            "[[route]]\npath = \"/green\"\nto = \"colours\"\n\
             plugins = [{{ use = \"p\", request = \"endpoint:{green_at}\" }}]"
        ))
        .toml("[[route]]\npath = \"/hash\"\nto = \"colours\"\nplugins = [{ use = \"p\", request = \"hash:k\" }]")
        .toml(chained(
            "/last",
            &own,
            "[{ use = \"p\", request = \"route:colours\" }, { use = \"p\", request = \"hash:k\" }]",
        ))
        .start();
    let ask = |path: &str| gateway.connect().get(path).text();
    assert_eq!(ask("/own"), "own");
    assert!(["blue", "green"].contains(&ask("/colours").as_str()));
    (0..10).for_each(|_| assert_eq!(ask("/green"), "green"));
    let first = ask("/hash");
    (0..10).for_each(|_| assert_eq!(ask("/hash"), first));
    // The last one that decides decides all of it.
    assert_eq!(ask("/last"), "own");
    assert_eq!(gateway.connect().get("/nowhere").status, 500);
}

#[test]
fn a_change_of_protocol_passes_with_the_fields_that_plugins_add_and_is_opaque() {
    let origin = origin(|visit| {
        visit.read();
        visit.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        visit.echo();
        visit.finish();
    });
    let gateway = gateway()
        .toml(fixture("p"))
        .toml(chained(
            "/",
            &origin,
            "[{ use = \"p\", request = \"set:x-a=b\", response = \"set:x-c=d + status:200\", \
              response_body = \"replace:no\", chunk = \"upper\" }]",
        ))
        .start();
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    let head = client.head();
    assert_eq!((head.status, head.field("x-c")), (101, Some("d".to_owned())));
    for bytes in [&b"hello"[..], b"\0\xff\r\n\r\n", &[7; 100_000]] {
        client.send(bytes);
        assert_eq!(client.exactly(bytes.len()).unwrap(), bytes);
    }
    assert_eq!(origin.request().field("x-a").unwrap(), "b");
}

#[test]
fn events_stream_by_plugins_that_look_at_heads() {
    let (seen, wait) = mpsc::channel();
    let wait = Mutex::new(wait);
    let origin = origin(move |visit| {
        visit.read();
        visit
            .send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        visit.send("5\r\nfirst\r\n");
        // The second event only comes when the client has had the first one.
        wait.lock().unwrap().recv_timeout(LIMIT).unwrap();
        visit.send("6\r\nsecond\r\n0\r\n\r\n");
    });
    let gateway = gateway()
        .toml(headers("p"))
        .toml(chained(
            "/",
            &origin,
            "[{ use = \"p\", request = \"next\", response = \"set:x-a=b\" }]",
        ))
        .start();
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(client.head().field("x-a").unwrap(), "b");
    assert_eq!(client.exactly(10).unwrap(), b"5\r\nfirst\r\n");
    seen.send(()).unwrap();
    assert_eq!(client.exactly(11).unwrap(), b"6\r\nsecond\r\n");
}

#[test]
fn times_of_plugins_are_told_when_they_are_asked_for() {
    let origin = answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nServer-Timing: db;dur=1\r\n\r\n");
    let gateway = gateway()
        .toml(fixture("one"))
        .toml(headers("two"))
        .toml(chained("/", &origin, "[\"one\", \"two\"]"))
        .toml(chained("/none", &origin, "[]"))
        .with(|config| config.server_timing = true)
        .start();
    let mut client = gateway.connect();
    let told = client.get("/").all("server-timing");
    assert_eq!(told[0], "db;dur=1");
    assert!(
        told[1].starts_with("one;dur=") && told[1].contains(", two;dur="),
        "{told:?}"
    );
    assert_eq!(client.get("/none").all("server-timing"), ["db;dur=1"]);
    let lines = gateway.log(2);
    assert_eq!(lines[0]["plugins"][1]["name"], "two");
    assert_eq!(lines[1].get("plugins"), None);
}

#[test]
fn what_a_plugin_notes_is_there_for_the_next_one_for_its_other_hooks_and_in_the_access_log() {
    let origin = named("a");
    let gateway = gateway()
        .toml(fixture("p"))
        .toml(chained(
            "/",
            &origin,
            "[{ use = \"p\", request = \"attribute:user=seven + private:mine\", response = \"private:\" }, \
              { use = \"p\", request = \"attributes:user\" }]",
        ))
        .start();
    let response = gateway.connect().get("/");
    assert_eq!(response.field("x-fixture-result").unwrap(), "mine");
    assert!(
        origin
            .request()
            .field("x-fixture-result")
            .unwrap()
            .contains("seven")
    );
    assert_eq!(gateway.log(1)[0]["attributes"], json!({"user": "seven"}));
}

#[test]
fn a_status_that_a_hook_changes_leaves_a_response_that_means_one_thing() {
    let origin = origin(|visit| {
        visit.read();
        match visit.target() {
            "/304" => visit.send("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
            _ => visit.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
        }
    });
    let gateway = gateway()
        .toml(fixture("p"))
        .toml(chained(
            "/200",
            &origin,
            "[{ use = \"p\", response = \"status:204\" }]",
        ))
        .toml(chained(
            "/304",
            &origin,
            "[{ use = \"p\", response = \"status:200\" }]",
        ))
        .start();
    let mut client = gateway.connect();
    let response = client.get("/304");
    assert_eq!((response.status, response.text().as_str()), (200, ""));
    let response = client.get("/200");
    assert_eq!((response.status, response.field("content-length")), (204, None));
    assert_eq!(client.get("/304").status, 200);
}

#[test]
fn plugins_are_told_of_exchanges_that_have_ended_even_of_those_that_they_did_not_see() {
    let origin = named("a");
    let gateway = gateway()
        .toml(fixture("p"))
        .toml(chained(
            "/logged",
            &origin,
            "[{ use = \"p\", request = \"respond:403\" }, { use = \"p\", log = \"count-in:s\" }]",
        ))
        .toml(chained(
            "/count",
            &origin,
            "[{ use = \"p\", response = \"count-in:s\" }]",
        ))
        .start();
    assert_eq!(gateway.connect().get("/logged").status, 403);
    // Each look counts, too.
    let mut looks = 0;
    eventually("the plugin has counted", || {
        looks += 1;
        let told = gateway.connect().get("/count").field("x-fixture-result").unwrap();
        told != format!("Ok({looks})")
    });
}
