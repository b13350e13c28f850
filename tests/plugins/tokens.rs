//! Tokens and plugins: what the bundled `jwt` lets in, and what later hooks know of a token that was believed.

use serde_json::json;

use crate::support::keys::{Signer, in_seconds, jwks, p256, secret};
use crate::support::origin::{Origin, answering, named, ok, origin};
use crate::support::{Gateway, Response, exchange, gateway};

const SHARED: &str = "0123456789abcdef0123456789abcdef";

fn shared() -> Signer {
    secret(SHARED, jsonwebtoken::Algorithm::HS256)
}

/// A gateway whose only route takes tokens of the shared secret.
fn guarded(origin: &Origin, settings: &str) -> Gateway {
    gateway()
        .toml(format!(
            "[[route]]\npath = \"/\"\nto = \"{}\"\nplugins = [{{ use = \"jwt\"{settings} }}]\n\
             [verifier.default]\nsecret = \"{SHARED}\"\nalgorithms = [\"HS256\"]",
            origin.address()
        ))
        .start()
}

fn ask(gateway: &Gateway, fields: &[&str]) -> Response {
    let mut request = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n".to_owned();
    for field in fields {
        request.push_str(field);
        request.push_str("\r\n");
    }
    exchange(gateway.address(), request + "\r\n")
}

#[test]
fn one_token_in_one_header_is_let_in_and_nothing_else() {
    let origin = named("in");
    let gateway = guarded(&origin, "");
    let token = shared().token(None, &json!({"sub": "me"}));
    let expired = shared().token(None, &json!({"exp": in_seconds(-600)}));
    let forged = secret("ffffffffffffffffffffffffffffffff", jsonwebtoken::Algorithm::HS256);
    let forged = forged.token(None, &json!({}));
    let bearer = format!("Authorization: Bearer {token}");
    for (fields, expected) in [
        (vec![bearer.clone()], 200),
        (vec![format!("authorization: bEARER {token}")], 200),
        (vec![], 401),
        (vec!["Authorization: Basic dTpw".to_owned()], 401),
        (vec![format!("Authorization: {token}")], 401),
        (vec![format!("Authorization: Bearer {expired}")], 401),
        (vec![format!("Authorization: Bearer {forged}")], 401),
        (vec![format!("{bearer}x")], 401),
        (vec![bearer.clone(), bearer.clone()], 401),
        (vec![bearer.clone(), "Authorization: Basic dTpw".to_owned()], 401),
        (vec![format!("{bearer}, Bearer {token}")], 401),
        (vec![format!("Cookie: token={token}")], 401),
    ] {
        let fields: Vec<_> = fields.iter().map(String::as_str).collect();
        let answer = ask(&gateway, &fields);
        assert_eq!(answer.status, expected, "{fields:?}");
        if expected == 401 {
            assert!(answer.field("www-authenticate").unwrap().starts_with("Bearer"));
        }
    }
    assert_eq!(origin.requests().len(), 2);
}

#[test]
fn who_cannot_be_judged_yet_is_told_to_come_again() {
    let key = p256();
    let set = ok(&jwks(&[key.jwk("a")]));
    let keys = origin(move |visit| {
        visit.read();
        visit.send(set.as_bytes());
    });
    let (behind, broken) = (
        named("in"),
        answering("HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"),
    );
    let toml = |keys: &Origin| {
        format!(
            "[[route]]\npath = \"/\"\nto = \"{}\"\nplugins = [\"jwt\"]\n\
             [verifier.default]\njwks = \"http://{}/keys\"",
            behind.address(),
            keys.address()
        )
    };
    let bearer = format!("Authorization: Bearer {}", key.token(Some("a"), &json!({})));
    let gateway = gateway().toml(toml(&broken)).start();
    assert_eq!(ask(&gateway, &[&bearer]).status, 503);
    gateway.reload(&toml(&keys));
    assert_eq!(ask(&gateway, &[&bearer]).status, 200);
    assert_eq!(ask(&gateway, &[]).status, 401);
    for _ in 0..5 {
        assert_eq!(ask(&gateway, &[&bearer]).status, 200);
    }
    gateway.reload(&(toml(&keys) + "\naudience = \"me\""));
    assert_eq!(ask(&gateway, &[&bearer]).status, 401, "other rules");
    assert_eq!(keys.requests().len(), 1, "the same keys");
}

#[test]
fn claims_stay_with_the_exchange_for_other_plugins_and_later_hooks() {
    let origin = named("in");
    let gateway = gateway()
        .toml(format!(
            "[[route]]\npath = \"/\"\nto = \"{}\"\nplugins = [\"jwt\", {{ use = \"later\", \
             request = \"claim:sub + claim:/realm/roles/1 + claim:none\", response = \"claim:sub\" }}]\n\
             [verifier.default]\nsecret = \"{SHARED}\"\nalgorithms = [\"HS256\"]\n\
             [upstream.asked]\nto = \"127.0.0.1:1\"\n{}",
            origin.address(),
            super::fixture("later")
        ))
        .start();
    let token = shared().token(None, &json!({"sub": "me", "realm": {"roles": ["a", "b"]}}));
    let answer = ask(&gateway, &[&format!("Authorization: Bearer {token}")]);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.all("x-fixture-result"), ["Some(String(\"me\"))"]);
    let told = origin.request().all("x-fixture-result");
    assert_eq!(told, ["Some(String(\"me\"))", "Some(String(\"b\"))", "None"]);
}

#[test]
fn a_verifier_that_was_not_granted_does_not_exist() {
    let origin = named("in");
    let gateway = gateway()
        .toml(format!(
            "[[route]]\npath = \"/\"\nto = \"{}\"\n\
             plugins = [{{ use = \"later\", request = \"bearer:default + bearer:other + bearer:none\" }}]\n\
             [verifier.default]\nsecret = \"{SHARED}\"\nalgorithms = [\"HS256\"]\n\
             [verifier.other]\nsecret = \"{SHARED}\"\nalgorithms = [\"HS256\"]\n\
             [upstream.asked]\nto = \"127.0.0.1:1\"\n{}",
            origin.address(),
            super::fixture("later")
        ))
        .start();
    let token = shared().token(None, &json!({}));
    assert_eq!(
        ask(&gateway, &[&format!("Authorization: Bearer {token}")]).status,
        200
    );
    let told = origin.request().all("x-fixture-result");
    assert_eq!(told[0], "Ok(())");
    assert!(
        told[1].contains("no-such-verifier") && told[2] == told[1],
        "{told:?}"
    );
}

#[test]
fn keys_that_protect_nothing_refuse_the_configuration() {
    let origin = named("in");
    let toml = |secret: &str| {
        format!(
            "[[route]]\npath = \"/\"\nto = \"{}\"\nplugins = [\"jwt\"]\n\
             [verifier.default]\npem = '''{secret}'''\nalgorithms = [\"ES256\"]",
            origin.address()
        )
    };
    let key = p256();
    let gateway = gateway().toml(toml(&key.pem)).start();
    let other = crate::support::keys::p384();
    gateway.reload(&toml(&other.pem));
    let outcome = format!("{:?}", gateway.last_reload().unwrap());
    assert!(
        outcome.contains("none of its keys is for its algorithms"),
        "{outcome}"
    );
    let bearer = format!("Authorization: Bearer {}", key.token(None, &json!({})));
    assert_eq!(ask(&gateway, &[&bearer]).status, 200, "the old one stays");
}
