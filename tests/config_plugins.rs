//! What configurations say of plugins, and what that means.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use gatewit::config::{
    self, Bounds, Component, Config, Failure, Isolation, KeyMaterial, Loaded, RateBudget, Reaction, Source,
    Use, VerifierKeys,
};
use http::StatusCode;
use serde_json::json;

/// A route, and what a test adds.
fn read(text: &str) -> Loaded {
    let source = Source::Text {
        name: "test.toml".to_owned(),
        text: text.to_owned(),
    };
    config::load(source).unwrap_or_else(|problems| panic!("{problems}\nin\n{text}"))
}

fn with_chain(plugins: &str, more: &str) -> Config {
    read(&format!("[[route]]\nto = 'app:80'\nplugins = {plugins}\n{more}")).config
}

/// The only use of a configuration.
fn only(plugins: &str, more: &str) -> Use {
    let config = with_chain(plugins, more);
    assert_eq!(config.routes[0].chain.len(), 1);
    (*config.routes[0].chain[0]).clone()
}

fn names<T>(list: &[T], name: impl Fn(&T) -> &str) -> Vec<&str> {
    list.iter().map(name).collect()
}

#[test]
fn a_token_check_and_a_rate_limit_are_a_few_lines() {
    let example = fs::read_to_string("examples/8-plugins.toml").unwrap();
    let first = example.split("\n\n# Everybody").next().unwrap();
    let lines = first
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let about_plugins = lines.filter(|line| {
        !["listen", "[[route", "path", "to ="]
            .iter()
            .any(|it| line.starts_with(it))
    });
    assert!(about_plugins.count() <= 8, "{first}");
    let config = read(first).config;
    let chain = &config.routes[0].chain;
    assert_eq!(names(chain, |used| &used.plugin), ["jwt", "rate-limit"]);
    for (used, authentication) in chain.iter().zip([true, false]) {
        assert_eq!(used.config.value, json!({}));
        assert_eq!(used.bounds, Bounds::default());
        assert_eq!(used.failure, Failure::default());
        assert_eq!(used.isolation, Isolation::Reused);
        assert_eq!(used.authentication, authentication);
    }
    assert_eq!(
        names(&config.plugins, |plugin| &plugin.name),
        ["jwt", "rate-limit"]
    );
    for plugin in &config.plugins {
        assert_eq!(plugin.source, Component::Bundled(plugin.name.clone()));
        assert_eq!(plugin.grants.verifiers, ["default"]);
        assert_eq!(plugin.grants.budgets, ["default"]);
        assert_eq!(plugin.grants.upstreams, ["orders:8080"]);
        assert_eq!(plugin.tick, Duration::from_secs(10));
    }
    let budget = RateBudget {
        name: "default".to_owned(),
        count: 10,
        period: Duration::from_secs(1),
        burst: 10,
        keys: 100_000,
    };
    assert_eq!(*config.budgets[0], budget);
    let verifier = &config.verifiers[0];
    assert_eq!(verifier.algorithms, ["RS256", "PS256", "ES256", "EdDSA"]);
    assert_eq!(verifier.required, ["exp"]);
    assert_eq!(
        (verifier.leeway, verifier.cache),
        (Duration::from_secs(60), 10_000)
    );
    assert_eq!(
        verifier.keys,
        VerifierKeys::Url {
            url: "https://id.example.com/.well-known/jwks.json".to_owned(),
            refresh: Duration::from_secs(300),
            grace: Duration::from_secs(86_400),
        }
    );
}

#[test]
fn a_use_is_given_the_plugins_keys_with_its_own_on_top_and_every_part_knows_its_place() {
    let text = "[[route]]\nto = 'app:80'\nplugins = [\n    'mine',\n    { use = 'mine', rules = [{ to = 'x' }], \
                config = { use = 'clash' } },\n]\n\n[plugin.mine]\nfile = 'mine.wasm'\n\n[plugin.mine.config]\n\
                colour = 'red'\nrules = [1, 2]\nuntil = 2026-11-22T17:50:29Z\n\"a/b\" = { 'c~d' = true }\n";
    let config = read(text).config;
    let shown = |used: &Use| {
        let places = used.config.places.iter();
        let places =
            places.map(|(pointer, place)| (pointer.clone(), format!("{}:{}", place.line, place.column)));
        json!({ "value": used.config.value, "places": places.collect::<BTreeMap<_, _>>() })
    };
    let chain = &config.routes[0].chain;
    assert_eq!(
        shown(&chain[0]),
        json!({
            "value": { "colour": "red", "rules": [1, 2], "until": "2026-11-22T17:50:29Z", "a/b": { "c~d": true } },
            "places": {
                "": "4:5", "/a~1b": "15:9", "/a~1b/c~0d": "15:19", "/colour": "12:10", "/rules": "13:9",
                "/rules/0": "13:10", "/rules/1": "13:13", "/until": "14:9",
            },
        })
    );
    assert_eq!(
        shown(&chain[1]),
        json!({
            "value": {
                "colour": "red", "rules": [{ "to": "x" }], "until": "2026-11-22T17:50:29Z",
                "a/b": { "c~d": true }, "use": "clash",
            },
            "places": {
                "": "5:5", "/a~1b": "15:9", "/a~1b/c~0d": "15:19", "/colour": "12:10", "/rules": "5:29",
                "/rules/0": "5:30", "/rules/0/to": "5:37", "/until": "14:9", "/use": "5:62",
            },
        })
    );
}

#[test]
fn a_routes_list_replaces_that_of_the_defaults() {
    let text = "[defaults]\nplugins = ['cors', 'router']\n[[route]]\nto = 'a:1'\n[[route]]\npath = '/own'\nto = 'a:1'\n\
                plugins = ['headers']\n[[route]]\npath = '/none'\nto = 'a:1'\nplugins = []\n[[route]]\npath = '/away'\n\
                redirect = '/own'\n";
    let config = read(text).config;
    let chains: Vec<_> = config
        .routes
        .iter()
        .map(|route| names(&route.chain, |used| &used.plugin))
        .collect();
    assert_eq!(
        chains,
        [
            vec!["cors", "router"],
            vec!["headers"],
            vec![],
            vec!["cors", "router"]
        ]
    );
}

#[test]
fn included_files_hold_plugins_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gatewit.toml");
    fs::write(
        &file,
        "include = ['more/*.toml']\n[defaults]\nplugins = ['mine']\n[budget.b]\nrate = '1/s'\n",
    )
    .unwrap();
    fs::create_dir(folder.path().join("more")).unwrap();
    let more = folder.path().join("more/orders.toml");
    fs::write(
        &more,
        "[[route]]\nto = 'a:1'\n[plugin.mine]\nfile = 'mine.wasm'\nconfig = { a = 1 }\ngrants = { budgets = ['b'] }\n",
    )
    .unwrap();
    let config = config::load(Source::File(file)).unwrap().config;
    let wanted = Component::File(folder.path().join("more/mine.wasm"));
    assert_eq!(config.plugins[0].source, wanted);
    let used = &config.routes[0].chain[0];
    assert_eq!(used.place.file, Some(0));
    assert_eq!(used.config.place("/a").unwrap().file, Some(1));
}

#[test]
fn one_word_is_for_every_cause_that_may_have_it() {
    let status = |code| Some(Reaction::Status(StatusCode::from_u16(code).unwrap()));
    let open = Some(Reaction::Open);
    let opened = Failure {
        load: open,
        trap: open,
        timeout: open,
        busy: open,
        outcome: open,
        unavailable: open,
        internal: open,
        rejected: None,
    };
    let unavailable = Failure {
        load: status(503),
        trap: status(503),
        timeout: status(503),
        unavailable: status(503),
        internal: status(503),
        ..Failure::default()
    };
    for (plugin, used, wanted) in [
        ("'closed'", "", Failure::default()),
        ("'closed'", "failure = 'open'", opened),
        ("'open'", "", opened),
        ("'open'", "failure = 'closed'", Failure::default()),
        ("'open'", "failure = 503", unavailable),
        ("503", "", unavailable),
        (
            "503",
            "failure = { load = 'closed' }",
            Failure {
                load: None,
                ..unavailable
            },
        ),
        (
            "{ rejected = 401 }",
            "failure = 'open'",
            Failure {
                rejected: status(401),
                ..opened
            },
        ),
        (
            "{ trap = 'open', rejected = 401 }",
            "failure = { trap = 502, busy = 'open', rejected = 'closed' }",
            Failure {
                trap: status(502),
                busy: open,
                ..Failure::default()
            },
        ),
    ] {
        let comma = if used.is_empty() { "" } else { ", " };
        let got = only(
            &format!("[{{ use = 'mine'{comma}{used} }}]"),
            &format!("[plugin.mine]\nfile = 'a'\nfailure = {plugin}\n"),
        );
        assert_eq!(got.failure, wanted, "{plugin} {used}");
    }
}

#[test]
fn the_time_of_a_call_fits_what_the_plugin_does() {
    let declared = |more: &str| format!("[plugin.mine]\nfile = 'a'\n{more}\n");
    let bundled = "";
    for (used, more, cpu, time) in [
        ("'cors'", bundled, 10, 100),
        ("'ext-auth'", bundled, 10, 2000),
        ("'basic-auth'", bundled, 10, 2000),
        ("'mine'", &declared("grants = { http = ['a:1'] }"), 10, 2000),
        ("'mine'", &declared("grants = { upstreams = ['a:1'] }"), 10, 100),
        ("{ use = 'cors', limits = { cpu = '1s' } }", bundled, 1000, 1000),
        (
            "{ use = 'cors', limits = { cpu = '5ms', time = '5ms' } }",
            bundled,
            5,
            5,
        ),
        ("'mine'", &declared("limits = { time = '50ms' }"), 10, 50),
        (
            "{ use = 'mine', limits = { cpu = '20ms' } }",
            &declared("limits = { time = '50ms' }"),
            20,
            50,
        ),
    ] {
        let bounds = only(&format!("[{used}]"), more).bounds;
        let millis = (bounds.cpu.as_millis(), bounds.time.as_millis());
        assert_eq!(millis, (cpu, time), "{used} {more}");
    }
}

#[test]
fn who_may_pass_is_decided_by_those_that_are_called_so_or_say_so() {
    for (used, more, authentication) in [
        ("'jwt'", "", true),
        ("'ip-allow'", "", true),
        ("'rate-limit'", "", false),
        ("{ use = 'jwt', authentication = false }", "", false),
        ("{ use = 'cors', authentication = true }", "", true),
        ("'jwt'", "[plugin.jwt]\nfile = 'own.wasm'\n", true),
        ("'partners'", "[plugin.partners]\nbundled = 'jwt'\n", true),
        (
            "'partners'",
            "[plugin.partners]\nbundled = 'jwt'\nauthentication = false\n",
            false,
        ),
        ("'mine'", "[plugin.mine]\nfile = 'own.wasm'\n", false),
    ] {
        assert_eq!(
            only(&format!("[{used}]"), more).authentication,
            authentication,
            "{used} {more}"
        );
    }
}

#[test]
fn a_plugin_is_granted_what_it_is_given_and_a_bundled_one_everything() {
    let declared = "[upstream.spare]\nto = 'spare:1'\n[budget.a]\nrate = '1/s'\n[budget.b]\nrate = '1/s'\n[store.s]\n\
                    [plugin.mine]\nfile = 'a'\ngrants = { upstreams = ['spare'], http = ['auth:4000'], budgets = ['b'] }\n\
                    [plugin.few]\nbundled = 'rate-limit'\ngrants = { budgets = ['a'] }\n";
    let config = with_chain("['mine', 'few', 'router']", declared);
    let upstreams = ["spare", "auth:4000", "app:80"];
    assert_eq!(names(&config.upstreams, |upstream| &upstream.name), upstreams);
    let granted: Vec<_> = config.plugins.iter().map(|plugin| &plugin.grants).collect();
    let (mine, few, router) = (granted[0], granted[1], granted[2]);
    assert_eq!(
        (mine.upstreams.as_slice(), mine.http.as_slice()),
        (&["spare".to_owned()][..], &["auth:4000".to_owned()][..])
    );
    assert_eq!(
        (mine.budgets.as_slice(), mine.stores.len()),
        (&["b".to_owned()][..], 0)
    );
    assert_eq!(
        (few.upstreams.len(), few.budgets.as_slice()),
        (0, &["a".to_owned()][..])
    );
    assert_eq!(router.upstreams, upstreams);
    assert_eq!(router.http, upstreams);
    assert_eq!((router.budgets.len(), router.stores.len()), (2, 1));
}

#[test]
fn what_is_odd_is_warned_of() {
    let short = "[verifier.v]\nsecret = '${GATEWIT_TEST_UNSET:-short}'\n";
    for (plugins, more, warning) in [
        (
            "[]",
            "[plugin.mine]\nfile = 'a'\n",
            "no route uses the plugin `mine`",
        ),
        (
            "[]",
            "[budget.b]\nrate = '1/s'\n",
            "no plugin uses the budget `b`",
        ),
        (
            "['mine']",
            "[store.s]\n[plugin.mine]\nfile = 'a'\n",
            "no plugin uses the store `s`",
        ),
        ("['cors', 'cors']", "", "`cors` is in the list twice"),
        (
            "['jwt']",
            "[upstream.u]\nto = 'u:1'\n",
            "no route leads to the upstream `u`",
        ),
        ("['jwt']", short, "the secret is shorter than 32 bytes"),
        (
            "['jwt']",
            "[verifier.v]\njwks = 'http://id.example.com/k'\n",
            "over plain HTTP",
        ),
        (
            "['jwt']",
            "[verifier.v]\njwks = 'http://192.0.2.7/k'\n",
            "over plain HTTP",
        ),
        (
            "['x']",
            "[secret.s]\nvalue = 'hunter2'\n[plugin.x]\nfile = 'x'\ngrants = { secrets = ['s'] }\n",
            "stands in the configuration",
        ),
    ] {
        let warnings = read(&format!("[[route]]\nto = 'app:80'\nplugins = {plugins}\n{more}")).warnings;
        let said = warnings.render(false);
        assert!(warnings.len() == 1 && said.contains(warning), "{more}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn what_is_usual_is_not() {
    for (plugins, more) in [
        ("['jwt']", "[verifier.v]\njwks = 'http://id:8080/k'\n"),
        ("['jwt']", "[verifier.v]\njwks = 'http://127.0.0.1/k'\n"),
        ("['jwt']", "[verifier.v]\njwks = 'http://[::1]:1/k'\n"),
        ("['router']", "[upstream.u]\nto = 'u:1'\n"),
        (
            "['mine']",
            "[upstream.u]\nto = 'u:1'\n[plugin.mine]\nfile = 'a'\ngrants = { http = ['u'] }\n",
        ),
        (
            "['rate-limit', { use = 'rate-limit', budget = 'b' }]",
            "[budget.b]\nrate = '1/s'\n",
        ),
    ] {
        let warnings = read(&format!("[[route]]\nto = 'app:80'\nplugins = {plugins}\n{more}")).warnings;
        assert!(warnings.is_empty(), "{more}: {warnings}");
    }
}

#[test]
fn the_hash_covers_what_plugins_are_given() {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("set.json");
    let hash = |keys: &str, secret: &str, colour: &str, tick: &str| {
        fs::write(&set, format!("{{ \"keys\": [{keys}] }}")).unwrap();
        fs::write(folder.path().join("secret"), secret).unwrap();
        let text = format!(
            "[[route]]\nto = 'a:1'\nplugins = [{{ use = 'mine', colour = '{colour}', token = '{secret}' }}]\n\
             [plugin.mine]\nfile = 'a'\ntick = '{tick}'\ngrants = {{ verifiers = ['v'], keys = ['k'] }}\n\
             [verifier.v]\njwks = 'set.json'\n[key.k]\nsecret_file = 'secret'\n"
        );
        let file = folder.path().join("gatewit.toml");
        fs::write(&file, text).unwrap();
        config::load(Source::File(file)).unwrap().config.hash
    };
    let first = hash("", "correct horse", "red", "1s");
    assert_eq!(hash("", "correct horse", "red", "1000ms"), first);
    let others = [
        hash("{}", "correct horse", "red", "1s"),
        hash("", "battery staple", "red", "1s"),
        hash("", "correct horse", "blue", "1s"),
        hash("", "correct horse", "red", "2s"),
    ];
    assert!(!others.contains(&first), "{first} {others:?}");
}

#[test]
fn keys_and_secrets_are_read_where_they_stand() {
    let config = config::load(Source::File("tests/data/config/good/everything.toml".into()))
        .unwrap()
        .config;
    let key = |name: &str| &config.keys.iter().find(|key| key.name == name).unwrap().material;
    let KeyMaterial::Secret(secret) = key("sessions") else {
        panic!()
    };
    assert_eq!(secret.0, "correct horse battery staple, forty bytes");
    let KeyMaterial::Public(pem) = key("webhook") else {
        panic!()
    };
    assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\n"));
    let verifier = |name: &str| config.verifiers.iter().find(|it| it.name == name).unwrap();
    assert!(matches!(&verifier("file").keys, VerifierKeys::Jwks(set) if set.contains("2026-11")));
    assert_eq!(verifier("shared").algorithms, ["HS256"]);
    let secret = config
        .secrets
        .iter()
        .find(|secret| secret.name == "value")
        .unwrap();
    assert_eq!(secret.secret.0, "correct horse");
}

#[test]
fn a_machine_without_secrets_can_check_their_plugins() {
    let text = "[[route]]\nto = 'a:1'\nplugins = ['mine', { use = 'cors', token = '${GATEWIT_TEST_UNSET}' }]\n\
                [plugin.mine]\nfile = 'a'\ngrants = { verifiers = ['v'], keys = ['k'], secrets = ['s', 't'] }\n\
                [verifier.v]\nsecret_file = '/nowhere'\n[key.k]\npem_file = '/nowhere'\n[secret.s]\nfile = '/nowhere'\n\
                [secret.t]\nenv = 'GATEWIT_TEST_UNSET'\n";
    let source = || Source::Text {
        name: "test.toml".to_owned(),
        text: text.to_owned(),
    };
    assert_eq!(config::load(source()).unwrap_err().len(), 5);
    let loaded = config::load_without_secrets(source()).unwrap();
    assert_eq!(loaded.warnings.len(), 5, "{}", loaded.warnings);
}
