//! Where components come from, and what the command line says of them.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::binary::{HEAD, Running, forward_to, said};
use crate::support::origin::{Origin, named, origin};
use crate::support::tls::terminator;
use crate::support::versions::{InFile, api, digest, table, version};
use crate::support::{gateway, within};

/// Gives this component, once it may.
fn shelf(component: Vec<u8>, open: &Arc<AtomicBool>) -> Origin {
    let open = Arc::clone(open);
    origin(move |visit| {
        visit.read();
        if !open.load(Ordering::SeqCst) {
            return visit.send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
        }
        let length = component.len();
        visit.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"));
        visit.send(&component);
    })
}

/// `mine` as a download, answering by itself.
fn downloaded(folder: &InFile, url: &str, certificate: &str, sha256: &str) -> String {
    let (state, authorities) = (folder.state(), folder.path().with_extension("pem"));
    fs::write(&authorities, certificate).unwrap();
    let source = format!("url = \"{url}\"\nsha256 = \"{sha256}\"");
    let table = table(&folder.path()).replace(&format!("file = {:?}", folder.path()), &source);
    format!(
        "admin = \"127.0.0.1:0\"\nstate = {state:?}\nca_file = {authorities:?}\n{table}\
         [[route]]\nto = \"127.0.0.1:1\"\nplugins = [{{ use = \"mine\", request = \"respond:200\", say = \"hi\" }}]\n"
    )
}

#[test]
fn a_component_is_downloaded_when_its_server_is_there_and_kept() {
    let (open, folder) = (Arc::new(AtomicBool::new(false)), InFile::new(b""));
    let shelf = shelf(version(1), &open);
    let tls = terminator(&["localhost"], shelf.address());
    let url = format!("https://localhost:{}/plugin.wasm", tls.port());
    let toml = downloaded(&folder, &url, tls.certificate(), &digest(&version(1)));
    let first = gateway().toml(&toml).start();
    assert_eq!(first.connect().get("/").status, 503);
    let (_, view) = api(first.admin(), "GET", "/api/v1/plugins/mine", b"");
    let problem = view["problems"][0].as_str().unwrap();
    assert!(problem.contains(&url) && problem.contains("503"), "{problem}");
    open.store(true, Ordering::SeqCst);
    // After five seconds, then after ten more: on a busy machine the download itself may not be in time.
    within(Duration::from_mins(2), "it is tried again", || {
        first.connect().get("/").status == 200
    });
    assert_eq!(first.connect().get("/").text(), "hi");
    drop(first);
    drop((tls, shelf));
    let second = gateway().toml(&toml).start();
    assert_eq!(second.connect().get("/").text(), "hi", "out of the state folder");
}

#[test]
fn a_download_with_another_digest_is_not_run() {
    let (open, folder) = (Arc::new(AtomicBool::new(true)), InFile::new(b""));
    let shelf = shelf(version(2), &open);
    let tls = terminator(&["localhost"], shelf.address());
    let url = format!("https://localhost:{}/plugin.wasm", tls.port());
    let toml = downloaded(&folder, &url, tls.certificate(), &digest(&version(1)));
    let gateway = gateway().toml(&toml).start();
    let (_, view) = api(gateway.admin(), "GET", "/api/v1/plugins/mine", b"");
    assert_eq!(view["state"], "failed");
    let problem = view["problems"][0].as_str().unwrap();
    assert!(problem.contains(&digest(&version(2))), "{problem}");
}

/// A folder with a configuration that says this of the plugin's use.
fn configured(file: &InFile, used: &str) -> String {
    let path = file.path().with_extension("toml");
    let table = table(&file.path());
    let text = format!("{table}[[route]]\nto = \"127.0.0.1:1\"\nplugins = [{{ use = \"mine\"{used} }}]\n");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_check_tries_the_plugins_and_says_what_they_say_at_its_line() {
    let file = InFile::new(&version(1));
    let good = configured(&file, ", say = \"hi\"");
    let (code, out, err) = said(&["check", "--config", &good]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("1 plugin"), "{out}");
    let bad = configured(&file, ", say = 7, refuse = \"no\"");
    let (code, _, err) = said(&["check", "--config", &bad]);
    assert!(code == 3 && err.contains("expected a text"), "{err}");
    assert!(err.contains("say = 7"), "the line is shown: {err}");
    let (code, _, err) = said(&["check", "--no-plugins", "--config", &bad]);
    assert_eq!(code, 0, "{err}");
    let (code, out, _) = said(&["check", "--format", "json", "--config", &bad]);
    let problems: Value = serde_json::from_str(&out).unwrap();
    let problem = problems["problems"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["code"] == "plugin");
    assert!(
        code == 3 && problem.is_some_and(|it| it["line"].is_u64()),
        "{out}"
    );
    file.write(b"rubbish");
    let (code, _, err) = said(&["check", "--config", &good]);
    assert!(code == 3 && err.contains("[plugin.mine]"), "{err}");
}

#[test]
fn a_check_knows_what_the_configuration_declares_and_asks_no_server() {
    let file = InFile::new(b"");
    let path = file.path().with_extension("toml");
    let keys = named("keys");
    let text = format!(
        "[[route]]\nto = \"127.0.0.1:1\"\nplugins = [\"jwt\", \"rate-limit\"]\n[budget.default]\nrate = \"10/s\"\n\
         [verifier.default]\njwks = \"http://{}/keys\"\n",
        keys.address()
    );
    fs::write(&path, &text).unwrap();
    let (code, out, err) = said(&["check", "--config", path.to_str().unwrap()]);
    assert!(code == 0 && out.contains("2 plugins"), "{out}{err}");
    assert_eq!(keys.connections(), 0);
    fs::write(&path, text.replace("[verifier.default]", "[verifier.other]")).unwrap();
    let (code, _, err) = said(&["check", "--config", path.to_str().unwrap()]);
    assert!(code == 3 && err.contains("no verifier `default`"), "{err}");
}

#[test]
fn the_plugins_of_a_running_gateway_are_listed() {
    let file = InFile::new(&version(1));
    let (table, state) = (table(&file.path()), file.state());
    let to = named("origin");
    let gateway = Running::with(&format!(
        "state = {state:?}\n{HEAD}{table}[[route]]\nto = \"{}\"\nplugins = [\"mine\"]\n",
        to.address()
    ));
    let admin = gateway.admin.to_string();
    let (code, out, err) = said(&["plugin", "list", "--admin", &admin]);
    assert_eq!(code, 0, "{err}");
    let lines: Vec<_> = out.lines().collect();
    assert!(
        lines[0].starts_with("NAME") && lines[1].starts_with("mine"),
        "{out}"
    );
    assert!(
        lines[1].contains(&digest(&version(1))[..12]) && lines[1].contains("live"),
        "{out}"
    );
    let (_, out, _) = said(&["plugin", "list", "--json", "--admin", &admin]);
    let all: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(all[0]["routes"], json!(["/"]));
    let none = Running::with(&forward_to(to.address()));
    let (_, out, _) = said(&["plugin", "list", "--admin", &none.admin.to_string()]);
    assert_eq!(out, "no plugins\n");
}

/// The engine reserves room for instances, threads tick for it: nothing of that is there before the first plugin.
#[test]
fn a_gateway_without_plugins_pays_nothing_for_them() {
    let gateway = Running::with(&forward_to(named("origin").address()));
    let threads = fs::read_dir(format!("/proc/{}/task", gateway.process())).unwrap();
    let names = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("comm")).unwrap());
    let names: Vec<_> = names.collect();
    assert!(names.iter().any(|name| name.starts_with("worker")), "{names:?}");
    assert!(
        !names
            .iter()
            .any(|name| name.starts_with("plugin") || name.starts_with("ticker")),
        "{names:?}"
    );
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.process())).unwrap();
    let size = status
        .lines()
        .find_map(|line| line.strip_prefix("VmSize:"))
        .unwrap();
    let size: u64 = size.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(size < 8 << 20, "{size} KiB of address space");
}
