use gatewit_plugin::serde_json::{Value, json};
use gatewit_plugin::testing::Host;

use super::*;

fn gateway(request: Host) -> Host {
    request.verifier(
        "default",
        [
            (
                "good",
                json!({ "sub": "alice", "scope": "read write", "role": "admin", "name": "Zoë" }),
            ),
            (
                "azure",
                json!({ "sub": "bob", "scp": ["read"], "realm": { "roles": ["a", "b"] } }),
            ),
            ("bare", json!({ "sub": "carol" })),
        ],
    )
}

fn run(configuration: Value, request: Host) -> (Result<Outcome>, Host) {
    let mut host = gateway(request);
    let plugin: Jwt = host.configure(configuration).unwrap();
    (host.request(&plugin), host)
}

fn status(outcome: &Result<Outcome>) -> u16 {
    match outcome {
        Ok(Outcome::Next) => 200,
        Ok(Outcome::Respond(response)) => response.status,
        other => panic!("{other:?}"),
    }
}

fn bearer(token: &str) -> Host {
    Host::get("/").header("authorization", format!("Bearer {token}"))
}

#[test]
fn a_token_is_needed_and_nobody_is_told_why_one_is_refused() {
    let mut answers = Vec::new();
    for request in [
        Host::get("/"),
        bearer("forged"),
        bearer(""),
        Host::get("/").header("authorization", "Basic dTpw"),
        bearer("good").header("authorization", "Bearer good"),
        Host::get("/").header("x-token", "good"),
        Host::get("/?token=good").header("cookie", "token=good"),
    ] {
        let (outcome, host) = run(json!({}), request);
        let Ok(Outcome::Respond(response)) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(response.status, 401);
        assert!(
            response
                .headers
                .contains(&("www-authenticate".to_owned(), b"Bearer".to_vec()))
        );
        answers.push(response);
        drop(host);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
    assert_eq!(status(&run(json!({}), bearer("good")).0), 200);
}

#[test]
fn tokens_are_found_where_the_configuration_says() {
    let (cookie, query) = (json!({ "cookie": "session" }), json!({ "query": "access_token" }));
    let header = json!({ "header": "x-token", "cookie": "session" });
    for (config, request, expected) in [
        (&cookie, Host::get("/").header("cookie", "a=b; session=good"), 200),
        (&cookie, Host::get("/").header("cookie", "session=forged"), 401),
        // The header decides when it is there.
        (&cookie, bearer("forged").header("cookie", "session=good"), 401),
        (&query, Host::get("/?a=b&access_token=good"), 200),
        (&query, Host::get("/?access_token="), 401),
        (&header, Host::get("/").header("X-Token", "good"), 200),
        (&header, Host::get("/").header("x-token", "bearer good"), 200),
        (
            &header,
            Host::get("/").header("x-token", "good").header("x-token", "good"),
            401,
        ),
        (&header, Host::get("/").header("x-token", "good, good"), 401),
        (&header, bearer("good"), 401),
    ] {
        assert_eq!(status(&run(config.clone(), request).0), expected, "{config}");
    }
}

#[test]
fn scopes_and_claims_decide_what_is_allowed() {
    for (config, token, expected) in [
        (json!({ "scopes": ["read"] }), "good", 200),
        (json!({ "scopes": ["read", "write"] }), "good", 200),
        (json!({ "scopes": ["read", "admin"] }), "good", 403),
        (json!({ "scopes": ["rea"] }), "good", 403),
        (json!({ "scopes": ["read"] }), "azure", 200),
        (json!({ "scopes": ["read"] }), "bare", 403),
        (json!({ "claims": { "role": "admin" } }), "good", 200),
        (json!({ "claims": { "role": ["user", "admin"] } }), "good", 200),
        (json!({ "claims": { "role": "user" } }), "good", 403),
        (json!({ "claims": { "/realm/roles": "b" } }), "azure", 200),
        (json!({ "claims": { "/realm/roles": ["c", "d"] } }), "azure", 403),
        (json!({ "claims": { "missing": "x" } }), "good", 403),
        (json!({ "claims": { "sub": true } }), "good", 403),
    ] {
        assert_eq!(
            status(&run(config.clone(), bearer(token)).0),
            expected,
            "{config} {token}"
        );
    }
    let (outcome, _) = run(json!({ "scopes": ["a", "b"], "realm": "shop" }), bearer("good"));
    let Ok(Outcome::Respond(response)) = outcome else {
        panic!("{outcome:?}")
    };
    let challenge = "Bearer realm=\"shop\", error=\"insufficient_scope\", scope=\"a b\"";
    assert!(
        response
            .headers
            .contains(&("www-authenticate".to_owned(), challenge.into())),
        "{response:?}"
    );
}

#[test]
fn claims_become_headers_and_the_clients_own_never_get_through() {
    let config =
        json!({ "headers": { "x-user": "sub", "x-name": "name", "x-none": "missing" }, "anonymous": true });
    let forged = |request: Host| {
        request
            .header("x-user", "root")
            .header("X_User", "root")
            .header("x-none", "forged")
    };
    let (outcome, host) = run(config.clone(), forged(bearer("good")));
    assert_eq!(outcome, Ok(Outcome::Next));
    assert_eq!(host.sent("x-user").as_deref(), Some("alice"));
    assert_eq!(host.sent("x-name").as_deref(), Some("Zo%C3%AB"));
    assert_eq!((host.sent("x-none"), host.sent("x_user")), (None, None));

    let (outcome, host) = run(config, forged(Host::get("/")));
    assert_eq!(outcome, Ok(Outcome::Next));
    assert_eq!(
        (host.sent("x-user"), host.sent("x_user"), host.sent("x-none")),
        (None, None, None)
    );
}

#[test]
fn anonymous_lets_pass_who_has_no_token_only() {
    let config = json!({ "anonymous": true, "scopes": ["read"] });
    for (request, expected) in [
        (Host::get("/"), 200),
        (bearer("forged"), 401),
        (bearer("bare"), 403),
        (bearer("good").header("authorization", "Bearer good"), 401),
    ] {
        assert_eq!(status(&run(config.clone(), request).0), expected);
    }
}

#[test]
fn the_token_can_be_kept_from_the_service() {
    let config = json!({ "forward_token": false, "cookie": "s", "query": "t" });
    let request = Host::get("/a?x=1&%74=good&y=2")
        .header("authorization", "Bearer good")
        .header("cookie", "a=b; s=good; sx=y");
    let (outcome, host) = run(config.clone(), request);
    assert_eq!(outcome, Ok(Outcome::Next));
    assert_eq!(host.sent("authorization"), None);
    assert_eq!(host.sent("cookie").as_deref(), Some("a=b; sx=y"));
    assert_eq!(host.target(), "/a?x=1&y=2");

    let (_, host) = run(config, Host::get("/a?t=good").header("cookie", "s=good"));
    assert_eq!((host.sent("cookie"), host.target()), (None, "/a"));

    let (_, host) = run(json!({}), bearer("good"));
    assert_eq!(host.sent("authorization").as_deref(), Some("Bearer good"));
}

#[test]
fn without_keys_nobody_is_judged() {
    let mut host = bearer("good").verifier_without_keys("default");
    let plugin: Jwt = host.configure(json!({ "anonymous": true })).unwrap();
    let outcome = host.request(&plugin);
    assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
}

#[test]
fn mistakes_in_the_configuration_are_shown_at_their_place() {
    for (config, pointer) in [
        (json!({ "verifier": "other" }), "/verifier"),
        (json!({ "header": "host" }), "/header"),
        (
            json!({ "headers": { "content-length": "sub" } }),
            "/headers/content-length",
        ),
        (
            json!({ "headers": { "Authorization": "sub" } }),
            "/headers/Authorization",
        ),
        (json!({ "realm": "a\"b" }), "/realm"),
        (json!({ "scopes": ["read write"] }), "/scopes/0"),
        (json!({ "claims": { "role": {} } }), "/claims/role"),
        (json!({ "scope": "read" }), "/scope"),
    ] {
        let problems = gateway(Host::get("/"))
            .configure::<Jwt>(config.clone())
            .unwrap_err();
        assert_eq!(problems[0].pointer, pointer, "{config} {problems:?}");
    }
}
