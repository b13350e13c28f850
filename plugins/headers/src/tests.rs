use gatewit_plugin::serde_json::{Value, json};
use gatewit_plugin::testing::{Host, configured};
use gatewit_plugin::{context, jwt};

use super::*;

fn run(configuration: Value, request: Host) -> Host {
    let plugin: Headers = configured(configuration).unwrap();
    let mut host = request;
    assert_eq!(host.request(&plugin), Ok(Outcome::Next));
    assert_eq!(host.response(&plugin), Ok(ResponseOutcome::Next));
    host
}

fn answered(target: &str) -> Host {
    Host::get(target).answered(200, &[("server", "old"), ("x-a", "1")])
}

#[test]
fn headers_are_removed_then_set_then_added() {
    let edits = json!({
        "remove": ["server", "x-gone"], "set": { "X-A": "2", "x-b": "3" }, "add": { "x-a": ["4", "5"], "x-gone": "6" }
    });
    let request = answered("/")
        .header("x-a", "0")
        .header("x-a", "1")
        .header("x_a", "1")
        .header("x-gone", "old");
    let host = run(json!({ "request": edits, "response": edits }), request);
    for (name, value) in [
        ("x-a", Some("2, 4, 5")),
        ("x-b", Some("3")),
        ("x-gone", Some("6")),
        ("server", None),
    ] {
        assert_eq!(host.sent(name).as_deref(), value, "{name}");
        assert_eq!(host.received(name).as_deref(), value, "{name}");
    }
    assert_eq!(host.sent("x_a"), None, "some servers read it as `x-a`");
}

#[test]
fn values_hold_what_is_known_of_the_exchange() {
    let mut request = answered("/a?b=c%20d")
        .header("x-from", "me, you")
        .header("cookie", "k=v")
        .route("shop")
        .path_param("id", "7")
        .verifier(
            "default",
            [(
                "token",
                json!({ "sub": "alice", "realm": { "roles": ["a", "b"] } }),
            )],
        );
    request.run(|| {
        jwt::verify("default", "token").unwrap();
        context::set("consumer", "bob").unwrap();
        context::set("tries", 3_i64).unwrap();
    });
    let all = "{client_ip} {request_id} {route} {upstream} {method} {scheme} {host} {path} {header.x-from} {cookie.k} \
               {query.b} {claim.sub} {claim./realm/roles} {path_param.id} {attribute.consumer} {attribute.tries} {{}}";
    let host = run(
        json!({ "request": { "set": { "x-all": all } }, "response": { "set": { "x-all": all } } }),
        request,
    );
    let value =
        "192.0.2.1 0123456789abcdef shop test GET http example.com /a me, you v c d alice a,b 7 bob 3 {}";
    assert_eq!(host.sent("x-all").as_deref(), Some(value));
    assert_eq!(host.received("x-all").as_deref(), Some(value));
}

#[test]
fn what_is_missing_leaves_the_header_out_also_the_clients_own() {
    for place in [
        "claim.sub",
        "header.x-none",
        "cookie.none",
        "query.none",
        "path_param.none",
        "attribute.none",
    ] {
        let template = format!("is {{{place}}}");
        let configuration =
            json!({ "request": { "set": { "x-user": template }, "add": { "x-more": ["1", template] } } });
        let host = run(
            configuration,
            answered("/").header("x-user", "root").header("x-more", "0"),
        );
        assert_eq!(host.sent("x-user"), None, "{place}");
        assert_eq!(host.sent("x-more").as_deref(), Some("0, 1"), "{place}");
    }
}

#[test]
fn no_value_ends_the_line() {
    let hostile = "a\r\nset-cookie: b";
    let mut request = answered("/?q=a%0D%0Aset-cookie:%20b")
        .header("x-in", hostile)
        .header("cookie", "k=a\rb")
        .path_param("id", hostile)
        .verifier("default", [("token", json!({ "sub": hostile }))]);
    request.run(|| {
        jwt::verify("default", "token").unwrap();
        context::set("own", hostile).unwrap();
    });
    for place in [
        "query.q",
        "header.x-in",
        "cookie.k",
        "path_param.id",
        "claim.sub",
        "attribute.own",
    ] {
        let set = json!({ "set": { "x-out": format!("{{{place}}}") } });
        request = run(json!({ "request": set, "response": set }), request);
        for value in [request.sent("x-out"), request.received("x-out")] {
            let value = value.unwrap();
            assert!(
                value.starts_with("a%0D") && !value.contains(['\r', '\n']),
                "{place} {value}"
            );
        }
    }
}

#[test]
fn a_header_can_be_moved() {
    let configuration = json!({ "request": { "remove": ["x-old"], "set": { "x-new": "{header.x-old}" } } });
    let host = run(
        configuration,
        answered("/").header("x-old", "1%20").header("x-new", "0"),
    );
    assert_eq!(
        (host.sent("x-old"), host.sent("x-new").as_deref()),
        (None, Some("1%20"))
    );
}

#[test]
fn problems_point_to_their_place() {
    for (configuration, pointer, says) in [
        (
            json!({ "request": { "set": { "host": "a" } } }),
            "/request/set/host",
            "belongs to the gateway",
        ),
        (
            json!({ "request": { "remove": ["x-a", "a b"] } }),
            "/request/remove/1",
            "not the name",
        ),
        (
            json!({ "response": { "add": { "content-length": "1" } } }),
            "/response/add/content-length",
            "gateway",
        ),
        (
            json!({ "request": { "set": { "x-a": "{clientip}" } } }),
            "/request/set/x-a",
            "`client_ip`?",
        ),
        (
            json!({ "request": { "set": { "x-a": "{header}" } } }),
            "/request/set/x-a",
            "{header.NAME}",
        ),
        (
            json!({ "request": { "set": { "x-a": "{header.}" } } }),
            "/request/set/x-a",
            "lacks a name",
        ),
        (
            json!({ "request": { "set": { "x-a": "{route.x}" } } }),
            "/request/set/x-a",
            "there is no",
        ),
        (
            json!({ "request": { "set": { "x-a": "a } b" } } }),
            "/request/set/x-a",
            "a brace",
        ),
        (
            json!({ "request": { "set": { "x-a": "a {b" } } }),
            "/request/set/x-a",
            "a brace",
        ),
        (
            json!({ "request": { "set": { "x-a": "a\r\nb" } } }),
            "/request/set/x-a",
            "printable",
        ),
        (
            json!({ "request": { "add": { "x-a": ["a", "{b"] } } }),
            "/request/add/x-a",
            "expected",
        ),
        (json!({ "requests": {} }), "/requests", "did you mean `request`?"),
    ] {
        let problems = configured::<Headers>(configuration.clone()).unwrap_err();
        assert_eq!(problems[0].pointer, pointer, "{configuration} {problems:?}");
        assert!(problems[0].message.contains(says), "{configuration} {problems:?}");
    }
}
