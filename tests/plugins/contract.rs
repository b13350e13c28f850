//! What is said about a component that cannot be used: in our words, with what to do about it.

use bytes::Bytes;
use gatewit::plugin::{Bound, Cause, Instances, LoadError, RequestOutcome};

use crate::support::component::{Component, STRING};
use crate::support::plugin::{configured, fixture, load, scene};

/// What is said about these bytes, when `table` stands under `[plugin.p]`.
async fn said(component: impl Into<Bytes>, table: &str) -> String {
    match load(component.into(), table).await {
        Ok(_) => panic!("it was loaded"),
        Err(error) => error.to_string(),
    }
}

/// A core module, with nothing in it.
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

#[tokio::test]
async fn what_is_no_component_is_named() {
    for (bytes, expected) in [
        (b"".to_vec(), "it is empty"),
        (
            MODULE.to_vec(),
            "it is a core WebAssembly module, not a component: wrap it with `gatewit plugin componentize`",
        ),
        (b"  (component)".to_vec(), "it is WebAssembly text"),
        (b"\x7fELF\x02\x01\x01\0\0".to_vec(), "it is compiled code"),
        (b"\0asm\x02\0\0\0".to_vec(), "it is WebAssembly of a version"),
        (b"GIF89a".to_vec(), "it is not WebAssembly"),
        (b"\0as".to_vec(), "it is not WebAssembly"),
    ] {
        let said = said(bytes, "").await;
        assert!(said.starts_with(expected), "{said}");
    }
}

#[tokio::test]
async fn what_is_broken_is_refused() {
    let whole = fixture();
    for length in [8, 9, whole.len() / 2, whole.len() - 1] {
        let error = load(whole.slice(..length), "").await.unwrap_err();
        assert!(
            matches!(error, LoadError::Invalid(_) | LoadError::Contract(_)),
            "{length}: {error}"
        );
    }
    let said = said(vec![0; (64 << 20) + 1], "").await;
    assert_eq!(said, "it has 67108865 bytes, more than 67108864");
}

#[tokio::test]
async fn another_version_of_the_contract_is_told_apart() {
    let component = Component::new()
        .importing("gatewit:plugin/log@0.2.0", "enabled", &[])
        .exporting("gatewit:plugin/request-hook@0.2.0");
    let said = said(component.build(), "").await;
    assert_eq!(
        said,
        "it needs version 0.2.0 of the contract (`gatewit:plugin/log`), and this gateway has 0.1.0: \
         run a newer gateway, or build it with the contract of this one; \
         it needs version 0.2.0 of the contract (`gatewit:plugin/request-hook`), and this gateway has 0.1.0: \
         run a newer gateway, or build it with the contract of this one"
    );
}

#[tokio::test]
async fn what_a_later_version_has_is_told_with_that_version() {
    let component = Component::new()
        .importing("gatewit:plugin/time-machine@0.1.3", "back", &[])
        .exporting("gatewit:plugin/lifecycle@0.1.3")
        .exporting("gatewit:plugin/sleep-hook@0.1.12");
    assert_eq!(
        said(component.build(), "").await,
        "it imports `gatewit:plugin/time-machine@0.1.3`: it needs version 0.1.3 of the contract, and this gateway has \
         0.1.0; it exports `gatewit:plugin/sleep-hook@0.1.12`: it needs version 0.1.12 of the contract, and this \
         gateway has 0.1.0"
    );
    let component = Component::new().exporting("gatewit:plugin/request-hook@0.0.4");
    assert_eq!(
        said(component.build(), "").await,
        "it was built for version 0.0.4 of the contract (`gatewit:plugin/request-hook`), and this gateway has 0.1.0: \
         build it again"
    );
}

#[tokio::test]
async fn what_is_dragged_along_is_refused_unless_told_otherwise() {
    let component: Bytes = std::fs::read(env!("GATEWIT_FIXTURE_FOREIGN")).unwrap().into();
    let said = said(component.clone(), "").await;
    assert_eq!(
        said,
        "it imports `acme:cloud/storage@1.0.0`, which nobody offers here: there is `gatewit:plugin@0.1.0`, and WASI \
         0.2; or `stub_ungranted = true` under `[plugin.p]`, if it never calls it"
    );
    let generation = load(component, "stub_ungranted = true").await.unwrap();
    assert_eq!(generation.stubs(), ["acme:cloud/storage@1.0.0"]);
    let (plugin, used) = configured("stub_ungranted = true", "");
    let bound = Bound::try_new(&generation, &used, &plugin, &Default::default())
        .await
        .unwrap();
    let instances = Instances::default();
    let call = async |foreign: &str| {
        let mut scene = Some(scene(&[("x-foreign", foreign)]));
        instances.request(&bound, &mut scene).await
    };
    assert_eq!(call("nothing").await, Ok(RequestOutcome::Next));
    for foreign in ["function", "resource", "stream"] {
        let failed = call(foreign).await.unwrap_err();
        assert!(matches!(&failed, Cause::Trap(_)), "{foreign}: {failed:?}");
        assert!(format!("{failed:?}").contains("acme:cloud/storage"), "{failed:?}");
    }
    assert_eq!(
        call("nothing").await,
        Ok(RequestOutcome::Next),
        "another instance"
    );
}

#[tokio::test]
async fn later_patches_of_the_same_version_are_the_same() {
    let component = Component::new().exporting("gatewit:plugin/request-hook@0.1.9");
    assert_eq!(
        said(component.build(), "").await,
        "it does not export `gatewit:plugin/lifecycle`, as every plugin must"
    );
}

#[tokio::test]
async fn imports_that_nobody_offers_are_named_all_at_once() {
    let component = Component::new()
        .importing("acme:cloud/storage@1.0.0", "get", &[])
        .importing("wasi:http/outgoing-handler@0.2.6", "handle", &[])
        .importing("wasi:cli/stdout@0.3.0", "get", &[])
        .importing("gatewit:plugin/time-machine@0.1.0", "back", &[])
        .importing_function("bare");
    let said = said(component.build(), "").await;
    for expected in [
        "it imports `acme:cloud/storage@1.0.0`, which nobody offers here",
        "it imports `wasi:http/outgoing-handler@0.2.6`: to call HTTP services use `gatewit:plugin/http-client`",
        "it imports `wasi:cli/stdout@0.3.0`: there is WASI 0.2 without HTTP",
        "it imports `gatewit:plugin/time-machine@0.1.0`, which version 0.1.0 of the contract does not have",
        "it imports `bare`, which nobody offers here",
        "it does not export `gatewit:plugin/lifecycle`",
        "it exports no hook: one of request-hook, request-body-hook,",
    ] {
        assert!(said.contains(expected), "{expected:?} is not in {said}");
    }
}

#[tokio::test]
async fn a_missing_grant_is_shown_as_the_line_that_gives_it() {
    let import = |interface: &str, function: &str| {
        let interface = format!("gatewit:plugin/{interface}@0.1.0");
        Component::new().importing(&interface, function, &[]).build()
    };
    for (interface, function, grant) in [
        ("limits", "take", "budgets"),
        ("jwt", "verify", "verifiers"),
        ("kv", "get", "stores"),
        ("secrets", "reveal", "secrets"),
        ("http-client", "send", "http"),
        ("crypto", "hmac", "keys"),
    ] {
        let said = said(import(interface, function), "").await;
        let expected = format!(
            "it imports `{interface}`, which it is not granted: add `grants = {{ {grant} = [\"…\"] }}` under \
             `[plugin.p]`, or `stub_ungranted = true` if it never calls it"
        );
        assert!(said.contains(&expected), "{said}");
    }
    let said = said(import("crypto", "hash"), "").await;
    assert!(!said.contains("granted"), "{said}");
}

#[tokio::test]
async fn a_function_of_another_type_is_named() {
    const GRANT: &str = "grants = { budgets = [\"b\"] }";
    let limits = |function, parameters: &[(&str, u8)]| {
        Component::new()
            .importing("gatewit:plugin/limits@0.1.0", function, parameters)
            .build()
    };
    let said_of_type = said(limits("take", &[("budget", STRING)]), GRANT).await;
    assert!(
        said_of_type.starts_with("`take` of `gatewit:plugin/limits@0.1.0` is not as this gateway knows it: "),
        "{said_of_type}"
    );
    let later = Component::new().importing("gatewit:plugin/limits@0.1.7", "give-back", &[]);
    let said_of_later = said(later.build(), GRANT).await;
    assert!(
        said_of_later.contains(
            "there is no such function. It may need version 0.1.7 of the contract; this gateway has 0.1.0"
        ),
        "{said_of_later}"
    );
    let said = said(limits("give-back", &[]), GRANT).await;
    assert!(
        said.starts_with(
            "`give-back` of `gatewit:plugin/limits@0.1.0` is not as this gateway knows it: there is no such \
             function"
        ),
        "{said}"
    );
}

#[tokio::test]
async fn exports_are_looked_at() {
    let exporting = |hook: &str| {
        let component = Component::new().exporting("gatewit:plugin/lifecycle@0.1.0");
        component
            .exporting(&format!("gatewit:plugin/{hook}@0.1.0"))
            .build()
    };
    assert_eq!(
        said(exporting("sleep-hook"), "").await,
        "it exports `gatewit:plugin/sleep-hook@0.1.0`, which version 0.1.0 of the contract does not have"
    );
    assert_eq!(
        said(exporting("request-hook"), "").await,
        "`describe` of `lifecycle` is not as this gateway knows it: there is no such function"
    );
}
