use gatewit_plugin::serde_json::{Value, json};
use gatewit_plugin::testing::Host;

use super::*;

const ALICE: &str = "$2y$05$bvIG6Nmid91Mu9RcmmWZfO5HJIMCT8riNW0hEp8f6/FuA2/mHZFpe";
const BOB: &str = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b1eWpkPWmXlF0jEOYKGuQy8r3c";

fn gateway(request: Host) -> Host {
    request
        .password(ALICE, "open:sesame")
        .password(BOB, "päss")
        .secret("users", format!("# all of them\n\n bob:{BOB}\r\n"))
        .secret("broken", "bob:plain")
}

fn configuration() -> Value {
    json!({ "users": [format!("alice:{ALICE}")], "users_secret": "users", "user_header": "x-user" })
}

fn run(configuration: &Value, request: Host) -> (Result<Outcome>, Host) {
    let mut host = gateway(request);
    let plugin: BasicAuth = host.configure(configuration.clone()).unwrap();
    (host.request(&plugin), host)
}

fn with(line: impl AsRef<[u8]>) -> Host {
    Host::get("/").header("authorization", line)
}

#[test]
fn who_knows_the_password_gets_in() {
    // alice:open:sesame, and bob:päss
    for (line, user) in [
        ("Basic YWxpY2U6b3BlbjpzZXNhbWU=", "alice"),
        ("basic  YWxpY2U6b3BlbjpzZXNhbWU", "alice"),
        ("Basic Ym9iOnDDpHNz", "bob"),
    ] {
        let (outcome, host) = run(
            &configuration(),
            with(line).header("x-user", "root").header("x_user", "root"),
        );
        assert_eq!(outcome, Ok(Outcome::Next), "{line}");
        assert_eq!(host.sent("x-user").as_deref(), Some(user));
        assert_eq!((host.sent("x_user"), host.sent("authorization")), (None, None));
        assert_eq!(host.attribute("user"), Some(&user.into()));
    }
}

#[test]
fn everybody_else_is_refused_alike() {
    let mut answers = Vec::new();
    for request in [
        Host::get("/"),
        with("Basic YWxpY2U6b3BlbjpzZXNhbWU=").header("authorization", "Basic YWxpY2U6b3BlbjpzZXNhbWU="),
        with("Basic YWxpY2U6b3Blbg=="),         // alice:open
        with("Basic bWFsbG9yeTpvcGVu"),         // mallory:open
        with("Basic Ym9iOm9wZW46c2VzYW1l"),     // bob:open:sesame
        with("Basic OnDDpHNz"),                 // :päss
        with("Basic YWxpY2U="),                 // alice
        with("Basic YWxpY2U6b3BlbjpzZXNhbWUK"), // with a line's end
        with("Basic !"),
        with("Basic"),
        with(""),
        with("Bearer YWxpY2U6b3BlbjpzZXNhbWU="),
        with(b"Basic \xff"),
    ] {
        let (outcome, host) = run(&configuration(), request.header("x-user", "alice"));
        let Ok(Outcome::Respond(response)) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(response.status, 401);
        let challenge = b"Basic realm=\"restricted\", charset=\"UTF-8\"".to_vec();
        assert!(
            response
                .headers
                .contains(&("www-authenticate".to_owned(), challenge))
        );
        assert_eq!(host.sent("x-user"), None);
        answers.push(response);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
}

#[test]
fn nobodys_hash_lets_nobody_in() {
    let nobodys = format!("{}{}", &ALICE[..29], ".".repeat(31));
    let request = with("Basic bWFsbG9yeTpvcGVu").password(&nobodys, "open");
    assert!(
        matches!(run(&configuration(), request).0, Ok(Outcome::Respond(response)) if response.status == 401)
    );
}

#[test]
fn credentials_are_forwarded_on_wish() {
    let mut configuration = configuration();
    configuration["forward_credentials"] = json!(true);
    let (_, host) = run(&configuration, with("Basic Ym9iOnDDpHNz"));
    assert_eq!(host.sent("authorization").as_deref(), Some("Basic Ym9iOnDDpHNz"));
}

#[test]
fn problems_point_to_their_place() {
    let alice = format!("alice:{ALICE}");
    for (configuration, pointer) in [
        (json!({}), ""),
        (json!({ "users": [alice, "bob"] }), "/users/1"),
        (json!({ "users": [alice, alice] }), "/users/1"),
        (json!({ "users_secret": "nowhere" }), "/users_secret"),
        (json!({ "users_secret": "broken" }), "/users_secret"),
        (json!({ "users": [alice], "realm": "a\"b" }), "/realm"),
        (
            json!({ "users": [alice], "user_header": "authorization" }),
            "/user_header",
        ),
        (json!({ "users": [alice], "user_header": "x y" }), "/user_header"),
        (json!({ "users": [alice], "usres": [] }), "/usres"),
    ] {
        let problems = gateway(Host::get("/"))
            .configure::<BasicAuth>(configuration.clone())
            .unwrap_err();
        assert_eq!(problems[0].pointer, pointer, "{configuration} {problems:?}");
        assert!(!problems[0].message.contains("plain"), "{problems:?}");
    }
}
