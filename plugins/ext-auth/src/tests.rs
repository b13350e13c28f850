use std::cell::RefCell;
use std::rc::Rc;

use gatewit_plugin::serde_json::{Value, json};
use gatewit_plugin::testing::Host;

use super::*;

/// What the service was told, line by line: `name: value`, after method and path.
type Heard = Rc<RefCell<Vec<String>>>;

fn run(
    configuration: Value,
    request: Host,
    reply: Result<Response, CallError>,
) -> (Result<Outcome>, Host, Vec<String>) {
    let heard = Heard::default();
    let hears = Rc::clone(&heard);
    let mut host = request.service("auth", move |call| {
        let mut heard = hears.borrow_mut();
        *heard = vec![format!("{} {}", call.method, call.path_with_query)];
        let lines = call.headers.iter();
        heard.extend(lines.map(|line| format!("{}: {}", line.name, String::from_utf8_lossy(&line.value))));
        reply.clone()
    });
    let plugin: ExtAuth = host.configure(configuration).unwrap();
    let outcome = host.request(&plugin);
    (outcome, host, heard.take())
}

fn auth(more: &Value) -> Value {
    let mut configuration = json!({ "upstream": "auth" });
    for (key, value) in more.as_object().unwrap() {
        configuration[key] = value.clone();
    }
    configuration
}

#[test]
fn the_service_is_told_what_it_decides_by() {
    let request = Host::new("POST", "/orders?page=2")
        .header("authorization", "a")
        .header("x-token", "b")
        .header("x-token", "c")
        .header("x-forwarded-method", "GET")
        .header("x-other", "d")
        .body("secret");
    let configuration =
        auth(&json!({ "path": "/check?v=1", "send": ["Authorization", "x-token", "x-none"] }));
    let (outcome, host, heard) = run(configuration, request, Ok(Response::status(204)));
    assert_eq!(outcome, Ok(Outcome::Next));
    assert_eq!(
        heard,
        [
            "GET /check?v=1",
            "x-forwarded-for: 192.0.2.1",
            "x-forwarded-method: POST",
            "x-forwarded-proto: http",
            "x-forwarded-uri: /orders?page=2",
            "x-request-id: 0123456789abcdef",
            "x-forwarded-host: example.com",
            "authorization: a",
            "x-token: b",
            "x-token: c",
        ]
    );
    assert_eq!(host.sent("x-other").as_deref(), Some("d"));
}

#[test]
fn who_passes_takes_along_only_what_the_service_said() {
    let forged = || {
        Host::get("/")
            .header("x-user", "root")
            .header("x_user", "root")
            .header("x-groups", "admins")
            .header("x-kept", "1")
    };
    let taken = auth(&json!({ "take": ["X-User", "x-groups"] }));
    let reply = Response::status(200)
        .header("x-groups", "a")
        .header("x-groups", "b")
        .header("x-kept", "2");
    let (outcome, host, _) = run(taken.clone(), forged(), Ok(reply));
    assert_eq!(outcome, Ok(Outcome::Next));
    assert_eq!(
        (host.sent("x-user"), host.sent("x_user")),
        (None, None),
        "the answer lacks it"
    );
    assert_eq!(host.sent("x-groups").as_deref(), Some("a, b"));
    assert_eq!(host.sent("x-kept").as_deref(), Some("1"));
    let (outcome, ..) = run(
        taken,
        forged(),
        Ok(Response::status(200).header("x-user", "a\r\nb: c")),
    );
    assert!(matches!(outcome, Err(Error::Internal(_))));
}

#[test]
fn any_other_status_is_the_answer() {
    for status in [302, 400, 401, 403, 429, 500, 503] {
        let reply = Response::status(status)
            .header("location", "https://login.example.com/")
            .header("set-cookie", "a=1")
            .header("set-cookie", "b=2")
            .header("x-internal", "secret")
            .text("no");
        let (outcome, ..) = run(auth(&json!({})), Host::get("/"), Ok(reply));
        let Ok(Outcome::Respond(response)) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!((response.status, response.body.as_slice()), (status, &b"no"[..]));
        let names: Vec<&str> = response.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "content-type",
                "location",
                "set-cookie",
                "set-cookie",
                "cache-control"
            ]
        );
    }
    let (outcome, ..) = run(
        auth(&json!({})),
        Host::get("/"),
        Ok(Response::status(304).text("no")),
    );
    assert!(matches!(outcome, Ok(Outcome::Respond(response)) if response.body.is_empty()));
}

#[test]
fn without_an_answer_nobody_passes() {
    for error in [
        CallError::Timeout,
        CallError::Connect("refused".to_owned()),
        CallError::TooLarge,
        CallError::Protocol("what?".to_owned()),
    ] {
        let (outcome, ..) = run(auth(&json!({})), Host::get("/"), Err(error));
        assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
    }
    for status in [0, 100, 101, 199, 600, 999] {
        let (outcome, ..) = run(auth(&json!({})), Host::get("/"), Ok(Response::status(status)));
        assert!(
            matches!(outcome, Err(Error::Unavailable(_))),
            "{status} {outcome:?}"
        );
    }
}

#[test]
fn problems_point_to_their_place() {
    for (configuration, pointer) in [
        (json!({}), ""),
        (json!({ "upstream": "other" }), "/upstream"),
        (auth(&json!({ "path": "check" })), "/path"),
        (auth(&json!({ "path": "/a b" })), "/path"),
        (auth(&json!({ "send": ["authorization", "host"] })), "/send/1"),
        (auth(&json!({ "send": ["X-Forwarded-Uri"] })), "/send/0"),
        (auth(&json!({ "take": ["x-forwarded-for"] })), "/take/0"),
        (auth(&json!({ "answer": ["content-length"] })), "/answer/0"),
    ] {
        let mut host = Host::get("/").service("auth", |_| Ok(Response::status(200)));
        let problems = host.configure::<ExtAuth>(configuration.clone()).unwrap_err();
        assert_eq!(problems[0].pointer, pointer, "{configuration} {problems:?}");
    }
}
