//! Files of cases, good and bad.

use std::fs;

use super::*;

fn read(text: &str) -> Result<Cases, String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("body.txt"), "from a file").unwrap();
    let file = folder.path().join("cases.toml");
    fs::write(&file, text).unwrap();
    let component = Component::File(folder.path().join("hello.wasm"));
    load_cases(&file, &component, "hello").map_err(|problems| problems.render(false))
}

#[track_caller]
fn refused(text: &str, parts: &[&str]) {
    let told = read(text).unwrap_err();
    for part in parts {
        assert!(told.contains(part), "{part:?} is not in\n{told}");
    }
}

#[test]
fn what_is_not_said_has_a_default() {
    let cases = read("[[case]]\nname = \"a\"\n").unwrap();
    let case = &cases.list[0];
    assert_eq!((case.name.as_str(), case.place.line), ("a", 1));
    let [step] = case.steps.as_slice() else {
        panic!("{case:?}")
    };
    assert_eq!(step.request.method, Method::GET);
    assert_eq!(step.request.target, "/");
    assert_eq!(step.request.host, "localhost");
    assert_eq!(step.request.client.to_string(), "192.0.2.1:40000");
    assert_eq!(step.response.status, 200);
    assert_eq!((step.times, step.after), (1, Duration::ZERO));
    assert!(step.expect.outcome.is_none() && step.expect.error.is_none());
    assert_eq!(case.route.chain[0].plugin, "hello");
    assert_eq!(cases.plugin.name, "hello");
    assert!(matches!(&cases.plugin.source, Component::File(path) if path.ends_with("hello.wasm")));
}

#[test]
fn the_world_is_a_gateways_and_all_of_it_is_granted() {
    let cases = read(concat!(
        "[plugin]\nconfig = { a = 1, b = 2 }\nlimits = { cpu = \"3ms\" }\nisolation = \"fresh\"\n",
        "[budget.login]\nrate = \"5/s\"\n[store.seen]\n[secret.word]\nvalue = \"sesame\"\n",
        "[upstream.canary]\nto = [\"10.0.0.1:80\", \"10.0.0.2:80\"]\n",
        "[[case]]\nname = \"a\"\nconfig = { b = 3 }\nroute = \"/orders/{id}\"\nto = \"canary\"\n",
        "http = [{ upstream = \"canary\", status = 204 }]\n",
    ))
    .unwrap();
    assert!(!cases.granted);
    let grants = &cases.plugin.grants;
    assert_eq!(grants.budgets, ["login"]);
    assert_eq!(grants.stores, ["seen"]);
    assert_eq!(grants.secrets, ["word"]);
    assert_eq!(grants.upstreams, ["canary"]);
    assert_eq!(grants.http, ["canary"]);
    let used = &cases.list[0].route.chain[0];
    assert_eq!(used.config.value, serde_json::json!({ "a": 1, "b": 3 }));
    assert_eq!(used.config.place("/b").unwrap().line, 14);
    assert_eq!(used.bounds.cpu, Duration::from_millis(3));
    assert_eq!(used.isolation, crate::config::Isolation::Fresh);
    assert_eq!(cases.list[0].route.path.to_string(), "/orders/{id}");
    assert_eq!(cases.config.budgets[0].count, 5);
}

#[test]
fn grants_that_are_said_are_all_there_are() {
    let cases =
        read("[plugin]\ngrants = { budgets = [] }\n[budget.login]\nrate = \"5/s\"\n[[case]]\nname = \"a\"\n");
    assert_eq!(cases.unwrap().plugin.grants, crate::config::Grants::default());
}

#[test]
fn requests_responses_and_expectations_are_read() {
    let cases = read(concat!(
        "[[case]]\nname = \"a\"\n",
        "[[case.step]]\nafter = \"1h\"\ntimes = 3\n",
        "request = { method = \"POST\", path = \"/x?y\", scheme = \"https\", client = \"[::1]:7\", ",
        "headers = { x-a = [\"1\", \"2\"] }, body = [\"one\", \"two\"] }\n",
        "response = { status = 404, body = { file = \"body.txt\" } }\n",
        "[case.step.expect]\noutcome = \"respond\"\nstatus = 403\nbody = { regex = \".*\" }\n",
        "headers = { x-b = true, x-c = false }\nlog = \"line\"\nattributes = { user = \"ada\", n = 1 }\n",
        "error = \"trap\"\nforwarded = { path = \"/z\", upstream = \"u\" }\n",
        "[[case.step]]\n",
    ))
    .unwrap();
    let [first, second] = cases.list[0].steps.as_slice() else {
        panic!("{cases:?}")
    };
    assert_eq!(
        (first.after.as_secs(), first.times, first.place.line),
        (3600, 3, 3)
    );
    assert_eq!(second.place.line, 17);
    let request = &first.request;
    assert!(request.tls && request.client.port() == 7 && request.method == Method::POST);
    assert_eq!(request.message.headers.get_all("x-a").iter().count(), 2);
    assert_eq!(request.message.body, ["one", "two"]);
    assert_eq!(first.response.status, 404);
    assert_eq!(first.response.body, ["from a file"]);
    let expect = &first.expect;
    assert_eq!(expect.outcome.as_ref().unwrap().value, Outcome::Respond);
    assert_eq!(expect.status.as_ref().unwrap().place.line, 10);
    assert_eq!(expect.headers.len(), 2);
    assert_eq!(expect.log[0].value, "line");
    assert_eq!(expect.attributes[1].1.value, 1);
    assert_eq!(expect.error.as_ref().unwrap().value, "trap");
    assert_eq!(expect.forwarded.upstream.as_ref().unwrap().value, "u");
}

#[test]
fn every_outcome_has_its_word() {
    for outcome in Outcome::ALL {
        assert_eq!(Outcome::named(outcome.name()), Some(outcome));
        let text = format!(
            "[[case]]\nname = \"a\"\nexpect = {{ outcome = \"{}\" }}\n",
            outcome.name()
        );
        let cases = read(&text).unwrap();
        let said = cases.list[0].steps[0]
            .expect
            .outcome
            .as_ref()
            .map(|said| said.value);
        assert_eq!(said, Some(outcome));
    }
}

#[test]
fn mistakes_are_told_at_their_line() {
    refused("", &["`case` is missing"]);
    refused("[[case]]\n", &["`name` is missing"]);
    refused(
        "[[case]]\nname = \"a\"\nexpct = {}\n",
        &["cases.toml:3:1", "`expect`"],
    );
    refused(
        "[[case]]\nname = \"a\"\nrequest = { path = \"a b\", client = \"me\", method = \"G T\" }\n",
        &["not a path", "not an address", "not a method"],
    );
    refused(
        "[[case]]\nname = \"a\"\nexpect = { outcome = \"nxt\" }\n",
        &["cases.toml:3", "did you mean `\"next\"`?"],
    );
    refused(
        "[[case]]\nname = \"a\"\n[[case]]\nname = \"a\"\n",
        &["cases.toml:4", "name"],
    );
    refused(
        "[budget.a]\nrate = \"x\"\n[[case]]\nname = \"a\"\n",
        &["cases.toml:2"],
    );
    refused(
        "[plugin]\nfile = \"x\"\n[[case]]\nname = \"a\"\n",
        &["cases.toml:2:1", "named on the command line"],
    );
    refused(
        "[[case]]\nname = \"a\"\nrequest = {}\n[[case.step]]\n",
        &["`step` and `request` exclude each other"],
    );
    refused(
        "[[case]]\nname = \"a\"\nrefused = \"b\"\nexpect = {}\n",
        &["`refused` and `expect` exclude each other"],
    );
    refused(
        "[[case]]\nname = \"a\"\nrequest = { body = { file = \"nowhere\" } }\n",
        &["cases.toml:3", "there is no such file"],
    );
}
