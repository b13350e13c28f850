//! Keys that stand in the configuration.

use std::time::{Duration, SystemTime};

use gatewit::config::{Secret, VerifierKeys};
use gatewit::jwt::{Error, MAX_TOKEN};
use gatewit::tls;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::{Arc, Verifier, build, declared, only};
use crate::support::keys::{Signer, base64, ed25519, in_seconds, jwks, p256, p384, rsa, secret};
use crate::support::tls::pem;

const LONG: &str = "0123456789abcdef0123456789abcdef";

fn verifier(algorithms: &[&str], keys: VerifierKeys) -> Result<Arc<Verifier>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _inside = runtime.enter();
    match build(declared(algorithms, keys), None, &tls::Client::new(None)) {
        Ok(verifiers) => Ok(Arc::clone(only(&verifiers))),
        Err(problems) => Err(problems[0].message.clone()),
    }
}

fn shared(text: &str) -> VerifierKeys {
    VerifierKeys::Secret(Secret(text.to_owned()))
}

fn of(signer: &Signer) -> Arc<Verifier> {
    let keys = VerifierKeys::Jwks(jwks(std::slice::from_ref(&signer.jwk)));
    verifier(&[&signer.name()], keys).unwrap()
}

fn everybody() -> Vec<Signer> {
    let mut signers = vec![p256(), p384(), ed25519()];
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        signers.push(secret(LONG, algorithm));
    }
    for algorithm in [
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
    ] {
        signers.push(rsa(0, algorithm));
    }
    signers
}

#[test]
fn every_algorithm_verifies_what_its_key_signed_and_nothing_else() {
    let signers = everybody();
    for signer in &signers {
        let verifier = of(signer);
        let token = signer.token(None, &json!({"sub": "me"}));
        for _ in 0..2 {
            let verified = verifier.verify(&token).unwrap();
            assert_eq!(verified.subject.as_deref(), Some("me"));
        }
        for other in signers.iter().filter(|other| other.name() != signer.name()) {
            let refused = verifier.verify(&other.token(None, &json!({})));
            assert_eq!(
                refused,
                Err(Error::AlgorithmRefused),
                "{} {}",
                signer.name(),
                other.name()
            );
        }
    }
    for (signer, other) in [
        (p256(), p256()),
        (p384(), p384()),
        (ed25519(), ed25519()),
        (rsa(0, Algorithm::RS256), rsa(1, Algorithm::RS256)),
        (rsa(0, Algorithm::PS256), rsa(1, Algorithm::PS256)),
        (
            secret(LONG, Algorithm::HS256),
            secret("another", Algorithm::HS256),
        ),
    ] {
        let refused = of(&signer).verify(&other.token(None, &json!({})));
        assert_eq!(refused, Err(Error::BadSignature), "{}", signer.name());
    }
}

#[test]
fn one_changed_byte_is_noticed_wherever_it_is() {
    let signer = secret(LONG, Algorithm::HS256);
    let verifier = of(&signer);
    let token = signer.token(None, &json!({"sub": "me"}));
    verifier.verify(&token).unwrap();
    for at in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(verifier.verify(&changed).is_err(), "{changed}");
    }
    for changed in [
        format!("{token}="),
        format!(" {token}"),
        format!("{token}."),
        token.to_uppercase(),
    ] {
        assert!(verifier.verify(&changed).is_err(), "{changed}");
    }
}

#[test]
fn a_public_key_is_never_taken_for_a_shared_secret() {
    let signer = rsa(0, Algorithm::RS256);
    let verifier = verifier(&["RS256"], VerifierKeys::Pem(signer.pem.clone())).unwrap();
    verifier.verify(&signer.token(None, &json!({}))).unwrap();
    for bytes in [
        signer.pem.as_str(),
        signer.pem.trim(),
        signer.jwk["n"].as_str().unwrap(),
    ] {
        let forged = secret(bytes, Algorithm::HS256);
        assert_eq!(
            verifier.verify(&forged.token(None, &json!({}))),
            Err(Error::AlgorithmRefused)
        );
        // Signed as HS256, and said to be what is accepted.
        let claims = json!({"exp": in_seconds(60)}).to_string();
        let disguised = forged.sign(&json!({"alg": "RS256"}), &claims);
        assert_eq!(verifier.verify(&disguised), Err(Error::BadSignature));
    }
    let unsigned = |alg: &str| {
        let claims = json!({"exp": in_seconds(60)}).to_string();
        format!("{}.{}.", base64(json!({"alg": alg}).to_string()), base64(claims))
    };
    for alg in ["none", "None", "NONE", "", "rs256", "HS256", "ES512"] {
        assert_eq!(
            verifier.verify(&unsigned(alg)),
            Err(Error::AlgorithmRefused),
            "{alg}"
        );
    }
    assert_eq!(verifier.verify(&unsigned("RS256")), Err(Error::BadSignature));
}

#[test]
fn keys_that_protect_nothing_are_refused_at_load() {
    let weak = json!({"kty": "RSA", "n": base64([0xff; 128]), "e": "AQAB"});
    let mut der = vec![0x30, 0x81, 0x89, 0x02, 0x81, 0x81, 0x00];
    der.extend([0xff; 128]);
    der.extend([0x02, 0x03, 0x01, 0x00, 0x01]);
    let off_curve = json!({"kty": "EC", "crv": "P-256", "x": base64([1; 32]), "y": base64([1; 32])});
    let rsa = rsa(0, Algorithm::RS256);
    let garbage = "-----BEGIN PUBLIC KEY-----\naGVsbG8=\n-----END PUBLIC KEY-----";
    for (algorithms, keys, expected) in [
        (&["HS256"][..], shared(""), "the secret is empty"),
        (&["HS256"], shared(" \n"), "the secret is empty"),
        (
            &["HS256"],
            VerifierKeys::Jwks(jwks(&[json!({"kty": "oct", "k": ""})])),
            "the secret is empty",
        ),
        (
            &["RS256"],
            VerifierKeys::Jwks(jwks(&[weak])),
            "an RSA key of 1024 bits",
        ),
        (
            &["RS256"],
            VerifierKeys::Pem(pem("RSA PUBLIC KEY", &der)),
            "an RSA key of 1024 bits",
        ),
        (
            &["RS256"],
            VerifierKeys::Pem(rsa.private.clone()),
            "this is a private key",
        ),
        (&["RS256"], VerifierKeys::Pem(garbage.into()), "not a public key"),
        (
            &["RS256"],
            VerifierKeys::Pem("-----BEGIN PUBLIC KEY-----\n".into()),
            "is not in PEM",
        ),
        (
            &["RS256"],
            VerifierKeys::Pem(String::new()),
            "there is no key in PEM",
        ),
        (
            &["ES256"],
            VerifierKeys::Jwks(jwks(&[off_curve])),
            "not a point of its curve",
        ),
        (
            &["ES256"],
            VerifierKeys::Pem(rsa.pem.clone()),
            "none of its keys is for its algorithms (ES256)",
        ),
        (
            &["ES256"],
            VerifierKeys::Pem(p384().pem),
            "none of its keys is for its algorithms (ES256)",
        ),
        (
            &["HS256"],
            VerifierKeys::Jwks(jwks(std::slice::from_ref(&rsa.jwk))),
            "none of its keys",
        ),
        (&["RS256"], shared(LONG), "none of its keys"),
        (&["RS256", "HS256"], shared(LONG), "either all of HMAC or none"),
        (&[], shared(LONG), "must be some"),
        (&["none"], shared(LONG), "`none` is not an algorithm"),
        (&["ES512"], shared(LONG), "`ES512` is not an algorithm"),
        (&["RS256"], VerifierKeys::Jwks("hello".into()), "not JSON"),
        (&["RS256"], VerifierKeys::Jwks("[]".into()), "no list `keys`"),
        (
            &["RS256"],
            VerifierKeys::Jwks(jwks(&[])),
            "there are no keys in it",
        ),
    ] {
        let said = verifier(algorithms, keys.clone()).unwrap_err();
        assert!(said.contains(expected), "{keys:?}: {said}");
    }
}

#[test]
fn keys_of_a_set_are_for_what_they_say() {
    let signer = rsa(0, Algorithm::RS256);
    let token = signer.token(Some("a"), &json!({}));
    for (name, value, expected) in [
        ("use", json!("sig"), true),
        ("use", json!("enc"), false),
        ("key_ops", json!(["verify"]), true),
        ("key_ops", json!(["sign"]), false),
        ("key_ops", json!("verify"), false),
        ("alg", json!("RS256"), true),
        ("alg", json!("PS256"), false),
        ("alg", json!("RSA-OAEP"), false),
        ("alg", json!("HS256"), false),
        ("kid", json!(1), false),
    ] {
        let mut jwk = signer.jwk("a");
        jwk[name] = value.clone();
        // A second key keeps the set from being empty.
        let keys = VerifierKeys::Jwks(jwks(&[jwk, rsa(1, Algorithm::RS256).jwk("b")]));
        let verified = verifier(&["RS256"], keys).unwrap().verify(&token);
        assert_eq!(verified.is_ok(), expected, "{name} {value}: {verified:?}");
    }
}

#[test]
fn the_key_is_the_one_that_the_token_names() {
    let (one, two) = (p256(), p256());
    let both = jwks(&[one.jwk("one"), two.jwk("two")]);
    let verifier_of = |text: String| verifier(&["ES256"], VerifierKeys::Jwks(text)).unwrap();
    let named = verifier_of(both);
    for (id, signer, expected) in [
        (Some("one"), &one, Ok(())),
        (Some("two"), &two, Ok(())),
        (Some("two"), &one, Err(Error::BadSignature)),
        (Some("three"), &one, Err(Error::BadSignature)),
        (None, &one, Ok(())),
        (None, &two, Ok(())),
    ] {
        assert_eq!(
            named.verify(&signer.token(id, &json!({}))).map(drop),
            expected,
            "{id:?}"
        );
    }
    let nameless = verifier_of(jwks(&[one.jwk.clone(), two.jwk("two")]));
    nameless.verify(&one.token(Some("any"), &json!({}))).unwrap();
    assert_eq!(
        nameless.verify(&one.token(Some("two"), &json!({}))),
        Err(Error::BadSignature)
    );
    let pems = verifier(&["ES256"], VerifierKeys::Pem(one.pem.clone() + &two.pem)).unwrap();
    for signer in [&one, &two] {
        pems.verify(&signer.token(Some("any"), &json!({}))).unwrap();
    }
}

#[test]
fn a_remembered_token_still_expires() {
    let signer = secret(LONG, Algorithm::HS256);
    let verifier = of(&signer);
    let now = SystemTime::now();
    let token = signer.token(None, &json!({"exp": in_seconds(100)}));
    assert!(verifier.verify_at(&token, now).is_ok());
    assert_eq!(verifier.view().remembered, 1);
    let later = now + Duration::from_secs(100);
    assert_eq!(verifier.verify_at(&token, later), Err(Error::Expired));
    assert!(verifier.verify_at(&token, now).is_ok());
    let expired = signer.token(None, &json!({"exp": in_seconds(-1)}));
    assert_eq!(verifier.verify_at(&expired, now), Err(Error::Expired));
    assert_eq!(verifier.view().remembered, 1, "only believed ones are");
}

#[test]
fn what_is_too_long_is_not_looked_at() {
    let signer = secret(LONG, Algorithm::HS256);
    let verifier = of(&signer);
    let padded = |length: usize| signer.token(None, &json!({"pad": "x".repeat(length)}));
    let fits = (0..MAX_TOKEN)
        .rev()
        .map(padded)
        .find(|token| token.len() <= MAX_TOKEN);
    assert!(verifier.verify(&fits.unwrap()).is_ok());
    assert_eq!(verifier.verify(&padded(MAX_TOKEN)), Err(Error::Malformed));
}

#[test]
fn claims_of_the_wrong_type_are_errors_and_not_absent() {
    let signer = secret(LONG, Algorithm::HS256);
    let verifier = of(&signer);
    let later = in_seconds(600);
    for claims in [
        json!({"exp": later.to_string()}),
        json!({"exp": null}),
        json!({"exp": [later]}),
        json!({"exp": later, "nbf": "0"}),
        json!({"exp": later, "iat": "now"}),
        json!({}),
    ] {
        let token = signer.sign(&json!({"alg": "HS256"}), &claims.to_string());
        assert_eq!(verifier.verify(&token), Err(Error::Malformed), "{claims}");
    }
    let cases: [(Value, bool); 4] = [
        (json!({"alg": "HS256"}), true),
        (json!({"alg": "HS256", "crit": ["x"], "x": 1}), false),
        (json!({"alg": "HS256", "b64": false, "crit": ["b64"]}), false),
        (
            json!({"alg": "HS256", "jku": "http://127.0.0.1:1/", "jwk": signer.jwk}),
            true,
        ),
    ];
    for (header, expected) in cases {
        let token = signer.sign(&header, &json!({"exp": later}).to_string());
        assert_eq!(verifier.verify(&token).is_ok(), expected, "{header}");
    }
}
