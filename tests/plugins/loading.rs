//! From a component to what runs: what replaces what, what never does, and what a restart remembers.

use std::fs;

use serde_json::{Value, json};

use crate::support::origin::named;
use crate::support::versions::{InFile, api, describing, digest, table, version};
use crate::support::{Gateway, Origin, eventually, gateway};

const HEAD: &str = "admin = \"127.0.0.1:0\"";

/// `mine` on `/`, telling its version.
fn told(file: &InFile, to: &Origin, config: &str) -> String {
    let (to, table, state) = (to.address(), table(&file.path()), file.state());
    let state = state.display();
    format!(
        "{HEAD}\nstate = \"{state}\"\n{table}[[route]]\nto = \"{to}\"\nplugins = [{{ use = \"mine\"{config} }}]\n\
         [[route]]\npath = \"/plain\"\nto = \"{to}\"\n"
    )
}

fn start(toml: &str) -> Gateway {
    gateway().toml(toml).start()
}

fn mine(gateway: &Gateway) -> Value {
    let (status, view) = api(gateway.admin(), "GET", "/api/v1/plugins/mine", b"");
    assert_eq!(status, 200, "{view}");
    view
}

fn put(gateway: &Gateway, component: &[u8]) -> (u16, Value) {
    api(gateway.admin(), "PUT", "/api/v1/plugins/mine", component)
}

fn roll_back(gateway: &Gateway, query: &str) -> (u16, Value) {
    let path = format!("/api/v1/plugins/mine/rollback{query}");
    api(gateway.admin(), "POST", &path, b"")
}

#[track_caller]
fn assert_runs(gateway: &Gateway, generation: u64, component: &[u8]) {
    let view = mine(gateway);
    assert_eq!(
        (&view["generation"], &view["digest"]),
        (&json!(generation), &json!(digest(component)))
    );
    assert_eq!((&view["state"], &view["problems"]), (&json!("live"), &json!([])));
}

#[test]
fn a_plugin_is_told_with_what_it_is_and_where_it_came_from() {
    let (file, origin) = (InFile::new(&version(1)), named("origin"));
    let gateway = start(&told(&file, &origin, ""));
    assert_runs(&gateway, 1, &version(1));
    let view = mine(&gateway);
    assert_eq!(view["source"], json!({"file": file.path()}));
    assert_eq!(view["hooks"], json!(["request-hook", "response-hook"]));
    assert_eq!(view["routes"], json!(["/"]));
    assert_eq!(view["uses"].as_array().map(Vec::len), Some(1));
    assert_eq!(view["history"][0]["live"], true);
    let (_, all) = api(gateway.admin(), "GET", "/api/v1/plugins", b"");
    assert_eq!(all.as_array().map(Vec::len), Some(1));
    assert_eq!(all[0]["digest"], view["digest"]);
    let (status, _) = api(gateway.admin(), "GET", "/api/v1/plugins/other", b"");
    assert_eq!(status, 404);
    let text = gateway.metrics();
    assert!(
        text.contains("gatewit_plugin_generation{plugin=\"mine\"} 1"),
        "{text}"
    );
    assert!(text.contains(&format!(
        "gatewit_plugin_info{{plugin=\"mine\",digest=\"{}\"",
        digest(&version(1))
    )));
    assert!(text.contains("gatewit_plugin_loads_total{plugin=\"mine\",result=\"live\"} 1"));
}

#[test]
fn a_file_that_changes_is_loaded_by_itself() {
    let (file, origin) = (InFile::new(&version(1)), named("origin"));
    let gateway = start(&told(&file, &origin, ""));
    file.write(&version(2));
    eventually("the new one runs", || mine(&gateway)["generation"] == 2);
    assert_runs(&gateway, 2, &version(2));
}

/// A copy takes its time, and the file is never looked at while it is in work.
#[test]
fn a_half_written_file_replaces_nothing() {
    let (file, origin) = (InFile::new(&version(1)), named("origin"));
    let gateway = start(&told(&file, &origin, ""));
    let new = version(2);
    fs::write(file.path(), &new[..new.len() / 2]).unwrap();
    eventually("the half was looked at", || {
        mine(&gateway)["last_failure"] != Value::Null
    });
    assert_runs(&gateway, 1, &version(1));
    fs::write(file.path(), &new).unwrap();
    eventually("the whole runs", || mine(&gateway)["generation"] == 2);
}

#[test]
fn what_is_no_plugin_never_replaces_one_that_works() {
    let (file, origin) = (InFile::new(&version(1)), named("origin"));
    let gateway = start(&told(&file, &origin, ""));
    let cut = version(2);
    let module = b"\0asm\x01\0\0\0".to_vec();
    let hollow = b"\0asm\x0d\0\x01\0".to_vec();
    for (what, component) in [
        ("text", b"(component)".to_vec()),
        ("rubbish", vec![7; 1000]),
        ("module", module),
        ("a component without hooks", hollow),
        ("half of one", cut[..cut.len() / 2].to_vec()),
        ("one that traps when it is asked what it is", describing("trap")),
    ] {
        let (status, answer) = put(&gateway, &component);
        assert_eq!(
            (status, &answer["result"]),
            (422, &json!("rejected")),
            "{what}: {answer}"
        );
        assert_eq!(answer["diagnostics"][0]["line"], 4, "{what}: {answer}");
        let text = answer["text"].as_str().unwrap();
        assert!(
            text.contains("[plugin.mine]") && !text.contains("wasmtime"),
            "{what}: {text}"
        );
        fs::write(file.path(), &component).unwrap();
        let (status, answer) = api(gateway.admin(), "POST", "/api/v1/reload", b"");
        assert_eq!(
            (status, &answer["result"]),
            (422, &json!("rejected")),
            "{what}: {answer}"
        );
        assert_runs(&gateway, 1, &version(1));
    }
    assert_eq!(put(&gateway, b"").0, 422);
    file.write(&version(2));
    assert_eq!(api(gateway.admin(), "POST", "/api/v1/reload", b"").0, 200);
    assert_runs(&gateway, 2, &version(2));
}

#[test]
fn a_component_that_is_too_large_is_refused_before_it_is_read() {
    let (file, origin) = (InFile::new(&version(1)), named("origin"));
    let gateway = start(&told(&file, &origin, ""));
    let mut client = crate::support::Client::connect(gateway.admin());
    client.send("PUT /api/v1/plugins/mine HTTP/1.1\r\nHost: localhost\r\nContent-Length: 67108865\r\n\r\n");
    assert_eq!(client.response().status, 413);
    fs::File::create(file.path())
        .unwrap()
        .set_len(64 * 1024 * 1024 + 1)
        .unwrap();
    let (status, answer) = api(gateway.admin(), "POST", "/api/v1/reload", b"");
    assert!(
        status == 422 && answer["text"].as_str().unwrap().contains("64 MiB"),
        "{answer}"
    );
    assert_runs(&gateway, 1, &version(1));
}

#[test]
fn a_configuration_that_the_plugin_refuses_is_shown_at_its_line_and_column() {
    let (file, origin) = (InFile::new(&version(1)), named("origin"));
    let good = told(&file, &origin, ", say = \"hello\"");
    let gateway = start(&good);
    for (config, column, said) in [
        (", say = 7", 34, "a text"),
        (", sayy = \"x\"", 35, "sayy"),
        (", request = \"no-such-act\"", 38, "no-such-act"),
        (", refuse = \"never\"", 37, "never"),
    ] {
        let outcome = gateway.reload(&told(&file, &origin, config));
        let outcome = json!(*outcome);
        assert_eq!(outcome["result"], "rejected", "{config}: {outcome}");
        let problem = &outcome["diagnostics"][0];
        assert!(
            problem["message"].as_str().unwrap().contains(said),
            "{config}: {problem}"
        );
        assert_eq!(problem["code"], "plugin");
        assert!(problem["line"].as_u64().unwrap() >= 8, "{config}: {problem}");
        assert_eq!(problem["column"], column, "{config}: {problem}");
        assert_eq!(mine(&gateway)["uses"][0]["config"], json!({"say": "hello"}));
    }
    let outcome = json!(*gateway.reload(&told(&file, &origin, ", say = \"bye\"")));
    assert_eq!(
        (&outcome["result"], &outcome["plugins"]),
        (&json!("applied"), &json!([]))
    );
    assert_eq!(mine(&gateway)["uses"][0]["config"], json!({"say": "bye"}));
    assert_runs(&gateway, 1, &version(1));
}

#[test]
fn a_component_given_by_the_api_runs_until_the_file_has_a_newer_one() {
    let (file, origin) = (InFile::new(&version(1)), named("origin"));
    let toml = told(&file, &origin, "");
    let first = start(&toml);
    let (status, answer) = put(&first, &version(2));
    assert_eq!((status, &answer["result"]), (200, &json!("applied")), "{answer}");
    assert_eq!(answer["plugins"][0]["generation"], 2);
    assert_eq!(answer["plugins"][0]["digest"], digest(&version(2)));
    assert_runs(&first, 2, &version(2));
    assert_eq!(mine(&first)["wanted_by"], "put");
    assert_eq!(
        api(first.admin(), "POST", "/api/v1/reload", b"").1["result"],
        "unchanged"
    );
    drop(first);
    let second = start(&toml);
    assert_runs(&second, 2, &version(2));
    file.write(&version(3));
    eventually("the file is newer", || mine(&second)["generation"] == 3);
    assert_eq!(mine(&second)["wanted_by"], Value::Null);
    drop(second);
    assert_runs(&start(&toml), 3, &version(3));
}

#[test]
fn without_a_state_folder_nothing_is_taken_that_a_restart_would_lose() {
    let (file, origin) = (InFile::new(&version(1)), named("origin"));
    let gateway = gateway()
        .toml(told(&file, &origin, ""))
        .with(|config| config.state = None)
        .start();
    let (status, answer) = put(&gateway, &version(2));
    assert!(
        status == 409 && answer["detail"].as_str().unwrap().contains("`state`"),
        "{answer}"
    );
    assert_runs(&gateway, 1, &version(1));
    file.write(&version(2));
    assert_eq!(api(gateway.admin(), "POST", "/api/v1/reload", b"").0, 200);
    assert_eq!(roll_back(&gateway, "").0, 200, "going back needs no folder");
    assert_runs(&gateway, 1, &version(1));
}

#[test]
fn going_back_leads_to_what_ran_before_and_stays_there() {
    let (file, origin) = (InFile::new(&version(1)), named("origin"));
    let toml = told(&file, &origin, "");
    let gateway = start(&toml);
    let (status, answer) = roll_back(&gateway, "");
    assert!(
        status == 409 && answer["detail"].as_str().unwrap().contains("no such generation"),
        "{answer}"
    );
    for number in [2, 3] {
        assert_eq!(put(&gateway, &version(number)).0, 200);
    }
    let (status, answer) = roll_back(&gateway, "");
    assert_eq!(
        (status, &answer["plugins"][0]["generation"]),
        (200, &json!(2)),
        "{answer}"
    );
    assert_runs(&gateway, 2, &version(2));
    assert_eq!(mine(&gateway)["wanted_by"], "rollback");
    drop(gateway);
    let gateway = start(&toml);
    assert_runs(&gateway, 2, &version(2));
    assert_eq!(roll_back(&gateway, "").0, 200);
    assert_runs(&gateway, 1, &version(1));
    assert_eq!(roll_back(&gateway, "").0, 409);
    assert_eq!(roll_back(&gateway, "?generation=3").0, 200);
    assert_runs(&gateway, 3, &version(3));
    assert_eq!(roll_back(&gateway, "?generation=9").0, 409);
    assert_eq!(roll_back(&gateway, "?generation=x").0, 400);
    file.write(&version(4));
    eventually("the file is newer", || mine(&gateway)["generation"] == 4);
}

#[test]
fn a_plugin_that_cannot_be_loaded_breaks_only_its_routes_and_heals_with_its_file() {
    let (file, origin) = (InFile::new(b"rubbish"), named("origin"));
    let gateway = start(&told(&file, &origin, ", request = \"respond:200\""));
    let view = mine(&gateway);
    assert_eq!(
        (&view["state"], &view["generation"]),
        (&json!("failed"), &Value::Null)
    );
    assert_eq!(gateway.connect().get("/plain").text(), "origin");
    let (status, ready) = api(gateway.admin(), "GET", "/readyz", b"");
    assert_eq!((status, &ready["ready"]), (200, &json!(true)));
    assert!(ready["problems"][0].as_str().unwrap().contains("mine"), "{ready}");
    // It was broken before: other changes are not held up.
    let toml = told(&file, &origin, ", request = \"respond:200\"")
        + "[[route]]\npath = \"/new\"\nredirect = \"/plain\"\n";
    assert_eq!(json!(*gateway.reload(&toml))["result"], "applied");
    assert_eq!(gateway.connect().get("/new").status, 308);
    file.write(&version(1));
    eventually("it runs", || mine(&gateway)["state"] == "live");
    let (_, ready) = api(gateway.admin(), "GET", "/readyz", b"");
    assert_eq!(ready["problems"], json!([]));
}

#[test]
fn what_did_not_change_is_taken_over_and_what_is_told_to_is_loaded_again() {
    let (file, origin) = (InFile::new(&version(1)), named("origin"));
    let toml = told(&file, &origin, "");
    let gateway = start(&toml);
    let more = format!(
        "\n# moved\n{}[[route]]\npath = \"/new\"\nredirect = \"/plain\"\n",
        toml
    );
    let outcome = json!(*gateway.reload(&more));
    assert_eq!(
        (&outcome["result"], &outcome["plugins"]),
        (&json!("applied"), &json!([])),
        "{outcome}"
    );
    let (status, answer) = api(gateway.admin(), "POST", "/api/v1/plugins/mine/reload", b"");
    assert_eq!(
        (status, &answer["plugins"][0]["generation"]),
        (200, &json!(1)),
        "{answer}"
    );
    let (status, _) = api(gateway.admin(), "POST", "/api/v1/plugins/other/reload", b"");
    assert_eq!(status, 404);
}

#[test]
fn ticks_come_from_one_instance_however_many_workers_there_are() {
    let (file, origin) = (
        InFile::new(&fs::read(env!("GATEWIT_FIXTURE")).unwrap()),
        named("origin"),
    );
    let toml = told(&file, &origin, "").replace("file =", "tick = \"100ms\"\nfile =");
    let gateway = gateway().toml(&toml).workers(2).start();
    let ticks = |gateway: &Gateway| {
        mine(gateway)["uses"][0]["hooks"]["tick"]["calls"]
            .as_u64()
            .unwrap_or(0)
    };
    eventually("three ticks", || ticks(&gateway) >= 3);
    assert_eq!(mine(&gateway)["instances"], 1);
    assert_eq!(mine(&gateway)["uses"][0]["hooks"]["tick"]["failed"], 0);
}

#[test]
fn a_file_that_is_no_good_holds_up_nothing_else() {
    let (file, other, origin) = (
        InFile::new(&version(1)),
        InFile::new(&version(1)),
        named("origin"),
    );
    let second = table(&other.path()).replace("plugin.mine", "plugin.other");
    let second = second.split("[budget").next().unwrap();
    let with = |say: &str| {
        let toml = told(
            &file,
            &origin,
            &format!(", request = \"respond:200\", say = \"{say}\""),
        );
        format!(
            "{toml}[[route]]\npath = \"/other\"\nto = \"{}\"\nplugins = [\"other\"]\n{second}",
            origin.address()
        )
    };
    let gateway = start(&with("one"));
    fs::write(file.path(), b"rubbish").unwrap();
    let path = "/api/v1/plugins/other";
    let (status, answer) = api(gateway.admin(), "PUT", path, &version(2));
    assert_eq!((status, &answer["result"]), (200, &json!("applied")), "{answer}");
    let outcome = json!(*gateway.reload(&with("two")));
    assert_eq!(outcome["result"], "applied", "{outcome}");
    let warned = outcome["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .any(|it| it["code"] == "plugin");
    assert!(warned, "{outcome}");
    assert_runs(&gateway, 1, &version(1));
    assert_eq!(
        gateway.connect().get("/").text(),
        "two",
        "the old code with the new configuration"
    );
    // A configuration that needs something else of the file is refused with it.
    let next = file.path().with_file_name("next.wasm");
    fs::write(&next, b"rubbish").unwrap();
    let moved = with("three").replace(file.path().to_str().unwrap(), next.to_str().unwrap());
    assert_eq!(json!(*gateway.reload(&moved))["result"], "rejected");
    assert_eq!(gateway.connect().get("/").text(), "two");
}
