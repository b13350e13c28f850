//! Keys of a URL: rotation, floods of unknown key ids, and endpoints that fail in every way.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gatewit::config::{self, VerifierKeys};
use gatewit::jwt::{COOL_DOWN, Error, Verifiers, View};
use gatewit::tls;
use jsonwebtoken::Algorithm;
use serde_json::json;

use super::{build, declared, only};
use crate::support::LIMIT;
use crate::support::keys::{Signer, jwks, p256, rsa};
use crate::support::origin::{Nobody, Origin, answering, ok, origin};
use crate::support::tls::terminator;

const REFRESH: Duration = Duration::from_secs(300);
const GRACE: Duration = Duration::from_secs(3600);

/// What an endpoint says now; each fetch gets the latest.
#[derive(Clone)]
struct Script(Arc<Mutex<String>>);

impl Script {
    fn new(answer: String) -> (Self, Origin) {
        let script = Self(Arc::new(Mutex::new(answer)));
        let says = script.clone();
        let origin = origin(move |visit| {
            visit.read();
            let answer = says.0.lock().unwrap().clone();
            visit.send(answer.as_bytes());
            visit.close();
        });
        (script, origin)
    }

    fn say(&self, answer: impl Into<String>) {
        *self.0.lock().unwrap() = answer.into();
    }
}

fn at(url: String) -> config::Verifier {
    let keys = VerifierKeys::Url {
        url,
        refresh: REFRESH,
        grace: GRACE,
    };
    declared(&["ES256"], keys)
}

fn of(origin: &Origin) -> config::Verifier {
    at(format!("http://{}/keys", origin.address()))
}

async fn started(declared: config::Verifier) -> Arc<Verifiers> {
    let verifiers = build(declared, None, &tls::Client::new(None)).unwrap();
    assert!(verifiers.first_answers(LIMIT).await);
    verifiers
}

async fn eventually(verifiers: &Verifiers, what: &str, holds: impl Fn(&View) -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !holds(&only(verifiers).view()) {
        assert!(
            Instant::now() < deadline,
            "not in time: {what}: {:?}",
            only(verifiers).view()
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn wait(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

fn fetches(verifiers: &Verifiers) -> u64 {
    only(verifiers).view().fetched.unwrap().fetches
}

fn check(verifiers: &Verifiers, signer: &Signer, id: &str) -> Result<(), Error> {
    only(verifiers)
        .verify(&signer.token(Some(id), &json!({})))
        .map(drop)
}

#[tokio::test]
async fn keys_are_fetched_over_tls() {
    let key = p256();
    let origin = answering(ok(&jwks(&[key.jwk("a")])));
    let tls = terminator(&["localhost"], origin.address());
    let declared = at(format!("https://localhost:{}/keys", tls.port()));
    let trusting = tls::Client::new(Some(tls.certificate()));
    let verifiers = build(declared.clone(), None, &trusting).unwrap();
    assert!(verifiers.first_answers(LIMIT).await);
    assert_eq!(check(&verifiers, &key, "a"), Ok(()));

    let careful = started(declared).await;
    assert_eq!(check(&careful, &key, "a"), Err(Error::KeysUnavailable));
    let said = only(&careful).view().fetched.unwrap().error.unwrap();
    assert!(said.starts_with("no TLS"), "{said}");
}

#[tokio::test]
async fn nothing_waits_for_the_first_keys_and_nothing_passes_without() {
    let key = p256();
    let open = Arc::new(AtomicBool::new(false));
    let (gate, set) = (Arc::clone(&open), ok(&jwks(&[key.jwk("a")])));
    let origin = origin(move |visit| {
        visit.read();
        while !gate.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        visit.send(set.as_bytes());
    });
    let verifiers = build(of(&origin), None, &tls::Client::new(None)).unwrap();
    assert_eq!(check(&verifiers, &key, "a"), Err(Error::KeysUnavailable));
    assert_eq!(only(&verifiers).verify("garbage"), Err(Error::KeysUnavailable));
    open.store(true, Ordering::SeqCst);
    assert!(verifiers.first_answers(LIMIT).await);
    assert_eq!(check(&verifiers, &key, "a"), Ok(()));
}

#[tokio::test]
async fn a_key_that_is_not_known_is_asked_for_once_and_old_ones_keep_working() {
    let (old, new) = (p256(), p256());
    let (script, origin) = Script::new(ok(&jwks(&[old.jwk("old")])));
    let verifiers = started(of(&origin)).await;
    assert_eq!(check(&verifiers, &old, "old"), Ok(()));

    script.say(ok(&jwks(&[old.jwk("old"), new.jwk("new")])));
    assert_eq!(
        check(&verifiers, &new, "new"),
        Err(Error::BadSignature),
        "fetched a moment ago"
    );
    assert_eq!(fetches(&verifiers), 1);

    wait(COOL_DOWN).await;
    assert_eq!(check(&verifiers, &new, "new"), Err(Error::KeysUnavailable));
    assert_eq!(check(&verifiers, &old, "old"), Ok(()), "meanwhile");
    eventually(&verifiers, "both keys", |view| view.keys.len() == 2).await;
    assert_eq!(check(&verifiers, &new, "new"), Ok(()));
    assert_eq!(check(&verifiers, &old, "old"), Ok(()));
    assert_eq!(fetches(&verifiers), 2);
}

#[tokio::test]
async fn a_flood_of_unknown_key_ids_makes_one_fetch() {
    let key = p256();
    let (_script, origin) = Script::new(ok(&jwks(&[key.jwk("a")])));
    let verifiers = started(of(&origin)).await;
    for round in 1..=2 {
        wait(COOL_DOWN).await;
        let header = |id: usize| json!({"alg": "ES256", "kid": format!("{round}-{id}")});
        for id in 0..10_000 {
            let forged = format!(
                "{}.e30.AAAA",
                crate::support::keys::base64(header(id).to_string())
            );
            let refused = only(&verifiers).verify(&forged);
            assert!(
                matches!(refused, Err(Error::KeysUnavailable | Error::BadSignature)),
                "{refused:?}"
            );
            if id % 100 == 0 {
                assert_eq!(check(&verifiers, &key, "a"), Ok(()));
                tokio::task::yield_now().await;
            }
        }
        eventually(&verifiers, "the fetch", |view| {
            view.fetched.as_ref().unwrap().fetches == 1 + round
        })
        .await;
    }
    let forged = p256();
    eventually(&verifiers, "its end", |_| {
        check(&verifiers, &forged, "x") == Err(Error::BadSignature)
    })
    .await;
    assert_eq!(origin.requests().len(), 3);
}

#[tokio::test]
async fn a_known_key_id_with_a_wrong_signature_makes_no_fetch() {
    let key = p256();
    let (_script, origin) = Script::new(ok(&jwks(&[key.jwk("a")])));
    let verifiers = started(of(&origin)).await;
    wait(COOL_DOWN * 2).await;
    assert_eq!(check(&verifiers, &p256(), "a"), Err(Error::BadSignature));
    assert_eq!(fetches(&verifiers), 1);
}

#[tokio::test]
async fn a_key_that_is_gone_takes_its_remembered_tokens_along() {
    let (old, new) = (p256(), p256());
    let (script, origin) = Script::new(ok(&jwks(&[old.jwk("old")])));
    let verifiers = started(of(&origin)).await;
    let token = old.token(Some("old"), &json!({}));
    assert!(only(&verifiers).verify(&token).is_ok());
    assert_eq!(only(&verifiers).view().remembered, 1);

    script.say(ok(&jwks(&[new.jwk("new")])));
    wait(COOL_DOWN).await;
    assert_eq!(check(&verifiers, &new, "new"), Err(Error::KeysUnavailable));
    eventually(&verifiers, "the new key", |_| {
        check(&verifiers, &new, "new").is_ok()
    })
    .await;
    assert_eq!(only(&verifiers).verify(&token), Err(Error::BadSignature));
}

#[tokio::test]
async fn keys_are_fetched_again_in_time() {
    let (old, new) = (p256(), p256());
    let (script, origin) = Script::new(ok(&jwks(&[old.jwk("old")])));
    let verifiers = started(of(&origin)).await;
    script.say(ok(&jwks(&[new.jwk("new")])));
    wait(REFRESH.mul_f64(0.89)).await;
    assert_eq!(fetches(&verifiers), 1);
    wait(REFRESH.mul_f64(0.22)).await;
    eventually(&verifiers, "the new key", |_| {
        check(&verifiers, &new, "new").is_ok()
    })
    .await;
}

#[tokio::test]
async fn whatever_an_endpoint_says_the_last_good_keys_stay_until_the_grace_time_is_over() {
    let key = p256();
    let (script, origin) = Script::new(ok(&jwks(&[key.jwk("a")])));
    let verifiers = started(of(&origin)).await;
    let large = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n{}",
        "x".repeat(5000)
    );
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://{}/keys\r\nContent-Length: 0\r\n\r\n",
        origin.address()
    );
    for answer in [
        "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n".to_owned(),
        redirect,
        large,
        ok("<html>hello</html>"),
        ok("[]"),
        ok(&jwks(&[])),
        ok(&jwks(&[json!({"kty": "RSA", "n": "AQ", "e": "AQAB"})])),
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"keys\":[".to_owned(),
        String::new(),
    ] {
        script.say(answer.clone());
        let before = only(&verifiers).view().fetched.unwrap().failures;
        wait(REFRESH + LIMIT).await;
        eventually(&verifiers, &answer, |view| {
            view.fetched.as_ref().unwrap().failures > before
        })
        .await;
        assert!(only(&verifiers).view().fetched.unwrap().error.is_some());
        assert_eq!(check(&verifiers, &key, "a"), Ok(()), "{answer}");
        assert_eq!(check(&verifiers, &p256(), "a"), Err(Error::BadSignature));
    }
    wait(GRACE).await;
    assert_eq!(check(&verifiers, &key, "a"), Err(Error::KeysUnavailable));
    assert!(only(&verifiers).view().fetched.unwrap().too_old);
    script.say(ok(&jwks(&[key.jwk("a")])));
    wait(REFRESH).await;
    eventually(&verifiers, "it is back", |_| check(&verifiers, &key, "a").is_ok()).await;
    assert!(only(&verifiers).view().fetched.unwrap().error.is_none());
}

#[tokio::test]
async fn an_endpoint_that_is_down_at_the_start_is_found_when_it_is_up() {
    let nobody = Nobody::new();
    let address = nobody.address();
    let verifiers = started(at(format!("http://{address}/keys"))).await;
    let key = p256();
    assert_eq!(check(&verifiers, &key, "a"), Err(Error::KeysUnavailable));
    let set = ok(&jwks(&[key.jwk("a")]));
    let _origin = Origin::bind(Some(address), move |visit| {
        visit.read();
        visit.send(set.as_bytes());
    });
    eventually(&verifiers, "keys", |_| check(&verifiers, &key, "a").is_ok()).await;
}

#[tokio::test]
async fn a_bad_key_does_not_spoil_the_others() {
    let key = p256();
    let bad = [
        json!(null),
        json!("key"),
        json!({}),
        json!({"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}),
        json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "a"}),
        json!({"kty": "RSA", "kid": "b"}),
        json!({"kty": "RSA", "n": "!", "e": "AQAB"}),
        rsa(0, Algorithm::RS256).jwk("rsa"),
        key.jwk("good"),
    ];
    let origin = answering(ok(&jwks(&bad)));
    let verifiers = started(of(&origin)).await;
    assert_eq!(check(&verifiers, &key, "good"), Ok(()));
    let view = only(&verifiers).view();
    assert_eq!(view.keys.len(), 1, "those that its algorithms can use: {view:?}");
}

#[tokio::test]
async fn a_token_never_makes_a_connection_of_its_own() {
    let key = p256();
    let evil = answering(ok(&jwks(&[key.jwk("a")])));
    let (_script, origin) = Script::new(ok(&jwks(&[p256().jwk("b")])));
    let verifiers = started(of(&origin)).await;
    let url = format!("http://{}/keys", evil.address());
    let header = json!({"alg": "ES256", "kid": "b", "jku": url, "x5u": url, "jwk": key.jwk});
    let token = key.sign(
        &header,
        &json!({"exp": crate::support::keys::in_seconds(60)}).to_string(),
    );
    assert_eq!(only(&verifiers).verify(&token), Err(Error::BadSignature));
    wait(COOL_DOWN).await;
    tokio::task::yield_now().await;
    assert_eq!(evil.connections(), 0);
    assert_eq!(fetches(&verifiers), 1);
}

#[tokio::test]
async fn a_reload_keeps_what_did_not_change() {
    let key = p256();
    let (_script, origin) = Script::new(ok(&jwks(&[key.jwk("a")])));
    let tls = tls::Client::new(None);
    let first = build(of(&origin), None, &tls).unwrap();
    assert!(first.first_answers(LIMIT).await);
    assert_eq!(check(&first, &key, "a"), Ok(()));

    let mut moved = of(&origin);
    moved.place.line = 7;
    let second = build(moved, Some(&first), &tls).unwrap();
    assert!(Arc::ptr_eq(&first, &second), "it only stands elsewhere");

    let mut changed = of(&origin);
    changed.audience = vec!["me".to_owned()];
    let third = build(changed, Some(&second), &tls).unwrap();
    drop((first, second));
    assert_eq!(
        check(&third, &key, "a"),
        Err(Error::WrongAudience),
        "its rules are new, its keys are not"
    );
    assert_eq!(origin.requests().len(), 1);

    let fourth = build(of(&origin), Some(&third), &tls::Client::new(None)).unwrap();
    assert_eq!(
        check(&fourth, &key, "a"),
        Err(Error::KeysUnavailable),
        "other authorities"
    );
    let wrong = at("ftp://x/".to_owned());
    assert!(build(wrong, Some(&fourth), &tls).is_err());
}
