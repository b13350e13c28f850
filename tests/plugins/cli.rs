//! `gatewit plugin …`: from an empty folder to a component that is checked, tested and measured.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;

use crate::examples::marked;
use crate::support::Client;
use crate::support::binary::{HEAD, Running, ask, eventually, gatewit, origin};

const FIXTURE: &str = env!("GATEWIT_FIXTURE");

/// Runs `gatewit plugin …` in a folder: exit code, standard output, standard error.
fn plugin(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = gatewit(&["plugin"])
        .args(arguments)
        .current_dir(folder)
        // What is compiled once serves the next run of the tests.
        .env(
            "CARGO_TARGET_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("new"),
        )
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// The same where nothing is read or written by a relative name.
fn anywhere(arguments: &[&str]) -> (i32, String, String) {
    plugin(Path::new(env!("CARGO_MANIFEST_DIR")), arguments)
}

/// What stands behind a word at the beginning of a line.
fn told<'a>(out: &'a str, word: &str) -> &'a str {
    let line = out.lines().find_map(|line| line.strip_prefix(word));
    line.unwrap_or_else(|| panic!("{word} is not in\n{out}")).trim()
}

fn inspected(file: &str) -> (i32, Value) {
    let (code, out, err) = anywhere(&["inspect", "--json", file]);
    let value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
    (code, value)
}

/// The commands are those of the README.
#[test]
fn a_new_plugin_builds_loads_and_does_what_its_cases_say() {
    let component = "plugin.wasm";
    assert_eq!(
        marked("own-commands"),
        format!(
            "```sh\ngatewit plugin new say-hello\ncd say-hello\ngatewit plugin build\n\
             gatewit plugin test {component} cases.toml\n```\n"
        )
    );
    let folder = tempfile::tempdir().unwrap();
    let (code, out, err) = plugin(folder.path(), &["new", "say-hello"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("gatewit plugin build"), "{out}");
    let folder = folder.path().join("say-hello");
    let (code, out, err) = plugin(&folder, &["build"]);
    assert_eq!(code, 0, "{err}");
    assert!(told(&out, "component").ends_with(component), "{out}");
    assert!(
        fs::read(folder.join(component))
            .unwrap()
            .starts_with(b"\0asm\x0d\0\x01\0")
    );
    let checked = gatewit(&["check", "--config", "gatewit.toml"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");
    let (_, facts) = plugin(&folder, &["inspect", "--json", component]).pair();
    assert_eq!(facts["sha256"], told(&out, "sha256"));
    assert_eq!(
        (&facts["name"], &facts["version"]),
        (&"say-hello".into(), &"0.1.0".into())
    );
    assert_eq!(
        facts["hooks"],
        serde_json::json!(["request-hook", "response-hook"])
    );
    assert_eq!(facts["schema"]["required"], serde_json::json!(["word"]));
    let (code, out, _) = plugin(&folder, &["test", component, "cases.toml"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.ends_with("4 cases, all as they should be\n"), "{out}");
    let (code, out, _) = plugin(
        &folder,
        &["check", component, "--config", r#"{ "word": "sesame" }"#],
    );
    assert_eq!(code, 0, "{out}");
    assert!(out.ends_with("the configuration is good\n"), "{out}");
    let (code, _, err) = plugin(&folder, &["check", component, "--config", r#"{ "word": "" }"#]);
    assert_eq!(code, 3);
    assert!(err.contains("/word: must not be empty"), "{err}");
    let (code, _, err) = plugin(&folder, &["check", component, "--config", r#"{ "wrd": "" }"#]);
    assert_eq!(code, 3);
    assert!(
        err.contains("\"word\" is missing") && err.contains("did you mean \"word\"?"),
        "{err}"
    );
    assert_serves_on_a_route(&folder.join(component));
    assert_is_replaced_by_what_is_built(&folder);
}

/// The configuration that the README of a new plugin shows, on free ports.
fn assert_serves_on_a_route(component: &Path) {
    let gateway = Running::with(&format!(
        "{HEAD}[plugin.say-hello]\nfile = {component:?}\n\
         [[route]]\nplugins = [{{ use = \"say-hello\", word = \"sesame\" }}]\nto = \"{}\"\n",
        origin()
    ));
    let (status, _, body) = ask(gateway.listener, "GET", "/cave", &["X-Word: wheat"]);
    assert_eq!((status, body.as_str()), (403, "Say the word.\n"));
    let (status, head, _) = ask(gateway.listener, "GET", "/cave", &["X-Word: sesame"]);
    assert_eq!(status, 200);
    assert!(head.contains("x-greeting: hello"), "{head}");
}

/// What `build` makes, on the route of the README; edited and built again while requests flow.
fn assert_is_replaced_by_what_is_built(folder: &Path) {
    assert_eq!(plugin(folder, &["build"]).0, 0);
    let built = folder.join("plugin.wasm");
    let route = marked("own-route").replace("```toml", "").replace("```", "");
    let route = route
        .replace("app:12345", "127.0.0.1:1")
        .replace("plugin.wasm", built.to_str().unwrap());
    let gateway = Running::with(&format!("{HEAD}{route}"));
    let told = |client: &mut Client| {
        let response = client.get("/cave");
        assert_eq!(response.status, 403);
        response.text()
    };
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let flow = scope.spawn(|| {
            let mut client = Client::connect(gateway.listener);
            let mut seen = BTreeSet::new();
            while !over.load(Ordering::SeqCst) {
                seen.insert(told(&mut client));
            }
            seen
        });
        let end = AtTheEnd(&over);
        let source = folder.join("src/lib.rs");
        let edited = fs::read_to_string(&source)
            .unwrap()
            .replace("Say the word.", "Say it.");
        fs::write(source, edited).unwrap();
        assert_eq!(plugin(folder, &["build"]).0, 0);
        eventually("the new one answers", || {
            (told(&mut Client::connect(gateway.listener)) == "Say it.\n").then_some(())
        });
        drop(end);
        let seen: Vec<_> = flow.join().unwrap().into_iter().collect();
        assert_eq!(
            seen,
            ["Say it.\n", "Say the word.\n"],
            "the old one, then the new one"
        );
    });
}

/// Tells the others that it is over, also when a test fails.
struct AtTheEnd<'a>(&'a AtomicBool);

impl Drop for AtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

trait Pair {
    fn pair(self) -> (i32, Value);
}

impl Pair for (i32, String, String) {
    fn pair(self) -> (i32, Value) {
        (self.0, serde_json::from_str(&self.1).unwrap())
    }
}

#[test]
fn what_cannot_be_made_or_built_is_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("there")).unwrap();
    let (code, out, err) = plugin(folder.path(), &["new", "there"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("there is there already"), "{err}");
    assert_eq!(plugin(folder.path(), &["new", "../x"]).0, 2);
    let (code, out, err) = plugin(folder.path(), &["build", "there"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(
        err.contains("there is no build.sh and no Cargo.toml in there"),
        "{err}"
    );
    // A machine without Rust.
    fs::write(folder.path().join("there/Cargo.toml"), "").unwrap();
    let output = gatewit(&["plugin", "build", "there"])
        .current_dir(folder.path())
        .env("PATH", folder.path())
        .output()
        .unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains("https://rustup.rs"), "{err}");
    // A script comes before cargo, whatever it does.
    for (script, why) in [
        ("echo complaint; exit 7", "build.sh failed (exit status: 7)"),
        ("exit 0", "made no plugin.wasm in there"),
    ] {
        fs::write(folder.path().join("there/build.sh"), script).unwrap();
        let (code, out, err) = plugin(folder.path(), &["build", "there"]);
        assert_eq!((code, out.as_str()), (1, ""));
        assert!(err.contains(why), "{err}");
    }
    let script = "test -x \"$GATEWIT\" && echo built > plugin.wasm";
    fs::write(folder.path().join("there/build.sh"), script).unwrap();
    let (code, out, _) = plugin(folder.path(), &["build", "there"]);
    assert_eq!((code, told(&out, "component")), (0, "there/plugin.wasm"));
}

#[test]
fn a_component_is_told_from_what_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(FIXTURE).unwrap();
    for (bytes, why) in [
        (&b""[..], "it is empty"),
        (b"(component)", "it is WebAssembly text"),
        (b"\0asm\x01\0\0\0", "a core WebAssembly module"),
        (b"\x7fELF", "compiled code"),
        (b"#!/bin/sh", "not WebAssembly"),
        (&whole[..whole.len() / 2], "not a valid component"),
    ] {
        let file = folder.path().join("x.wasm");
        fs::write(&file, bytes).unwrap();
        let file = file.to_str().unwrap();
        let (code, facts) = inspected(file);
        assert_eq!((code, &facts["ok"]), (1, &false.into()), "{facts}");
        assert_eq!(facts["size"], bytes.len());
        assert!(facts["error"].as_str().unwrap().contains(why), "{why}: {facts}");
        let (code, out, err) = anywhere(&["check", file]);
        assert_eq!((code, out.as_str()), (1, ""));
        assert!(err.contains(why), "{err}");
        assert_eq!(anywhere(&["inspect", file]).0, 1);
    }
    let (code, _, err) = anywhere(&["inspect", "/nowhere.wasm"]);
    assert_eq!(code, 1);
    assert!(err.contains("cannot read /nowhere.wasm"), "{err}");
}

#[test]
fn a_component_says_what_it_asks_for() {
    let (code, facts) = inspected("rate-limit");
    assert_eq!((code, &facts["ok"]), (0, &true.into()));
    assert_eq!(facts["grants"]["limits"], "budgets");
    assert!(
        facts["imports"].as_array().unwrap().contains(&"limits".into()),
        "{facts}"
    );
    assert!(facts["schema"]["properties"]["budget"].is_object(), "{facts}");
    for number in ["size", "compile_ms", "instantiate_ms", "memory"] {
        assert!(facts[number].as_f64().unwrap() > 0.0, "{number}: {facts}");
    }
    let (_, out, _) = anywhere(&["inspect", "rate-limit"]);
    assert!(told(&out, "grants").contains("budgets (for limits)"), "{out}");
    assert!(told(&out, "wasi").contains("cli/environment"), "{out}");
    let (code, out, _) = anywhere(&["check", FIXTURE]);
    assert_eq!(code, 0);
    assert!(out.contains("http (for http-client)"), "{out}");
}

/// Each of them is a sample of the format, too.
#[test]
fn every_file_of_cases_comes_true() {
    for (component, file) in [
        ("jwt", "jwt"),
        ("rate-limit", "rate-limit"),
        (FIXTURE, "fixture"),
        (FIXTURE, "open"),
    ] {
        let file = format!("tests/data/cases/{file}.toml");
        let (code, out, err) = anywhere(&["test", component, &file]);
        assert_eq!(code, 0, "{out}{err}");
        assert!(!out.contains("FAIL"), "{out}");
    }
}

#[test]
fn what_differs_is_told_at_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.toml");
    fs::write(
        &file,
        r#"[plugin]
config = { request = "respond:403", say = "no" }

[[case]]
name = "wrong"
request = { path = "/a" }
expect = { status = 200, body = "yes" }

[[case]]
name = "right"
expect = { status = 403 }

[[case]]
name = "a failure that nobody expects"
config = { request = "trap" }

[[case]]
name = "a configuration that is refused"
config = { sya = "x" }
"#,
    )
    .unwrap();
    let name = file.to_str().unwrap();
    let (code, out, _) = anywhere(&["test", FIXTURE, name]);
    assert_eq!(code, 1);
    for part in [
        &format!("FAIL  wrong\n      {name}:7:12  status\n        - 200\n        + 403\n"),
        "body\n        - yes\n        + no\n",
        "ok    right\n",
        "+ trap: the plugin trapped",
        &format!("{name}:19:18  configuration"),
        "did you mean \"say\"?",
        "4 cases, 3 not as they should be\n",
    ] {
        assert!(out.contains(part), "{part} is not in\n{out}");
    }
    let (code, out, _) = anywhere(&["test", FIXTURE, name, "--only", "right"]);
    assert_eq!(
        (code, out.as_str()),
        (0, "ok    right\n1 case, all as they should be\n")
    );
    assert_eq!(anywhere(&["test", FIXTURE, name, "--only", "nothing"]).0, 1);
    fs::write(&file, "[[case]]\nname = \"a\"\nexpct = 1\n").unwrap();
    let (code, out, err) = anywhere(&["test", FIXTURE, name]);
    assert_eq!((code, out.as_str()), (3, ""));
    assert!(
        err.contains("bad.toml:3:1") && err.contains("did you mean `expect`?"),
        "{err}"
    );
}

#[test]
fn calls_are_measured_and_failures_are_not() {
    let (code, out, err) = anywhere(&["bench", FIXTURE, "--calls", "1000", "--json"]);
    assert_eq!(code, 0, "{err}");
    let figures: Value = serde_json::from_str(&out).unwrap();
    let hooks = figures["hooks"].as_array().unwrap();
    // Seven hooks, each with instances used again and with new ones.
    assert_eq!(hooks.len(), 14, "{figures}");
    for hook in hooks {
        let fresh = hook["instance"] == "fresh";
        assert_eq!(hook["calls"], if fresh { 50 } else { 1000 }, "{hook}");
        let [p50, p99, max] = ["p50_us", "p99_us", "max_us"].map(|name| hook[name].as_f64().unwrap());
        assert!(0.0 < p50 && p50 <= p99 && p99 <= max, "{hook}");
    }
    let jwt = [
        "bench",
        "jwt",
        "tests/data/cases/jwt.toml",
        "--only",
        "who",
        "--calls",
        "1000",
    ];
    let (code, out, err) = anywhere(&jwt);
    assert_eq!(code, 0, "{err}");
    assert!(
        out.contains("request  reused") || out.contains("request   reused"),
        "{out}"
    );
    let trap = [
        "bench",
        FIXTURE,
        "--calls",
        "1000",
        "--config",
        r#"{ "request": "trap" }"#,
    ];
    let (code, _, err) = anywhere(&trap);
    assert_eq!(code, 1);
    assert!(err.contains("request: the plugin trapped"), "{err}");
}

#[test]
fn the_last_words_of_a_plugin_that_cannot_be_configured_are_logged() {
    let gateway = Running::with(&format!(
        "{HEAD}[plugin.p]\nfile = {FIXTURE:?}\nstub_ungranted = true\n\
         [[route]]\nplugins = [{{ use = \"p\", configure = \"print:1 + trap\" }}]\nto = \"{}\"\n",
        origin()
    ));
    assert_eq!(gateway.logged("line 0 of errors")["plugin"], "p");
}
