//! The command line: what it says, how it ends, what signals do.

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};

use rustix::process::Signal;
use serde_json::Value;

use crate::examples::marked;
use crate::support::binary::{HEAD, Running, ask, eventually, forward_to, gatewit, lines, origin, said};

#[test]
fn help_tells_the_commands_and_the_exit_codes() {
    let (code, out, _) = said(&["--help"]);
    assert_eq!(code, 0);
    for word in [
        "run",
        "proxy",
        "demo",
        "check",
        "explain",
        "healthcheck",
        "Exit codes:",
        "GATEWIT_CONFIG",
    ] {
        assert!(out.contains(word), "{word} is not in\n{out}");
    }
}

#[test]
fn a_wrong_command_line_is_2_and_a_wrong_configuration_3() {
    assert_eq!(said(&["frobnicate"]).0, 2);
    assert_eq!(said(&["proxy", "--to", "app"]).0, 2);
    assert_eq!(said(&["proxy", "--to", "app:1", "--log", "a=b=c"]).0, 2);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("g.toml");
    fs::write(
        &file,
        "listen = [\":2015\"]\nlisten_to = 1\n[[route]]\nto = \"app\"\n",
    )
    .unwrap();
    let (code, out, err) = said(&["run", "-c", file.to_str().unwrap()]);
    assert_eq!((code, out.as_str()), (3, ""));
    assert!(
        err.contains("g.toml:2:1") && err.contains("g.toml:4:6"),
        "both problems with their place:\n{err}"
    );
}

#[test]
fn the_version_is_said_to_people_and_to_programs() {
    assert!(
        said(&["version"])
            .1
            .starts_with(concat!("gatewit ", env!("CARGO_PKG_VERSION")))
    );
    let value: Value = serde_json::from_str(&said(&["version", "--json"]).1).unwrap();
    assert_eq!(value["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn it_runs_from_the_configuration_in_its_folder_and_sigterm_ends_it_cleanly() {
    let mut gateway = Running::with(&forward_to(origin()));
    assert_eq!(ask(gateway.listener, "GET", "/", &[]).2, "ok");
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.exit_code(), 0);
    gateway.logged("stopped: every exchange came to its end");
    let line: Value = serde_json::from_str(&lines(&gateway.file("stdout"))[0]).unwrap();
    assert_eq!(
        (&line["path"], &line["status"]),
        (&Value::from("/"), &Value::from(200))
    );
}

#[test]
fn ctrl_c_ends_it_too() {
    let mut gateway = Running::with(&forward_to(origin()));
    gateway.signal(Signal::INT);
    assert_eq!(gateway.exit_code(), 0);
}

#[test]
fn a_second_signal_ends_it_at_once_and_says_so() {
    let patient = format!("{HEAD}[timeouts]\nstop_delay = \"60s\"\n[[route]]\nto = \"127.0.0.1:1\"\n");
    let mut gateway = Running::with(&patient);
    gateway.signal(Signal::TERM);
    eventually("it is stopping", || {
        (ask(gateway.admin, "GET", "/readyz", &[]).0 == 503).then_some(())
    });
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.exit_code(), 1);
    gateway.logged("stopped at once by a second signal");
}

#[test]
fn exchanges_that_are_cut_are_1() {
    // The kernel accepts, and nobody ever answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let impatient = "stop_delay = \"0s\"\nstop_grace = \"100ms\"";
    let configuration = forward_to(silent.local_addr().unwrap()).replace("stop_delay = \"0s\"", impatient);
    let mut gateway = Running::with(&configuration);
    let mut client = TcpStream::connect(gateway.listener).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    eventually("the exchange is in flight", || {
        let metrics = ask(gateway.admin, "GET", "/metrics", &[]).2;
        metrics
            .contains("gatewit_requests_in_flight{route=\"/\"} 1")
            .then_some(())
    });
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.exit_code(), 1);
    gateway.logged("stopped: the grace time was over, connections were cut");
}

#[test]
fn an_address_that_is_taken_is_1_and_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _holder = TcpListener::bind(taken).unwrap();
    let (code, _, err) = said(&[
        "proxy",
        "--to",
        "127.0.0.1:1",
        "--admin",
        "off",
        "--listen",
        &taken.to_string(),
    ]);
    assert_eq!(code, 1);
    assert!(
        err.contains(&taken.to_string()) && err.contains("in use"),
        "{err}"
    );
}

#[test]
fn sighup_reloads_and_a_bad_configuration_changes_nothing() {
    let origin = origin();
    let gateway = Running::with(&forward_to(origin));
    gateway.rewrite(&format!("{}name = \"renamed\"\n", forward_to(origin)));
    gateway.signal(Signal::HUP);
    assert_eq!(gateway.logged("configuration applied")["trigger"], "Signal");
    assert!(
        ask(gateway.admin, "GET", "/api/v1/routes", &[])
            .2
            .contains("renamed")
    );
    gateway.rewrite("nonsense");
    gateway.signal(Signal::HUP);
    gateway.logged("configuration rejected, the old one runs on");
    assert_eq!(ask(gateway.listener, "GET", "/", &[]).2, "ok");
}

#[test]
fn sigusr1_opens_the_access_log_again_after_a_rename() {
    let gateway = Running::with(&format!(
        "{}[access_log]\npath = \"access.log\"\n",
        forward_to(origin())
    ));
    let (log, moved) = (gateway.file("access.log"), gateway.file("access.log.1"));
    ask(gateway.listener, "GET", "/first", &[]);
    eventually("the first line", || (lines(&log).len() == 1).then_some(()));
    fs::rename(&log, &moved).unwrap();
    gateway.signal(Signal::USR1);
    eventually("the new file", || log.exists().then_some(()));
    ask(gateway.listener, "GET", "/second", &[]);
    let line = eventually("the second line", || lines(&log).pop());
    assert!(line.contains("/second"), "{line}");
    assert_eq!(lines(&moved).len(), 1);
}

#[test]
fn the_health_check_is_0_while_requests_are_welcome_and_1_otherwise() {
    let patient = format!("{HEAD}[timeouts]\nstop_delay = \"60s\"\n[[route]]\nto = \"127.0.0.1:1\"\n");
    let gateway = Running::with(&patient);
    let admin = gateway.admin.to_string();
    assert_eq!(
        said(&["healthcheck", "--admin", &admin]),
        (0, String::new(), String::new())
    );
    gateway.signal(Signal::TERM);
    let (_, _, err) = eventually("the check fails", || {
        Some(said(&["healthcheck", "--admin", &admin])).filter(|(code, ..)| *code == 1)
    });
    assert!(err.contains("503") && err.contains("stopping"), "{err}");
    drop(gateway);
    let (code, _, err) = said(&["healthcheck", "--admin", &admin]);
    assert!(code == 1 && err.contains("cannot connect"), "{err}");
}

#[test]
fn reload_prints_what_changed_or_what_is_wrong() {
    let origin = origin();
    let token = "admin = { address = \"127.0.0.1:0\", token = \"open sesame\" }";
    let configuration = forward_to(origin).replace("admin = \"127.0.0.1:0\"", token);
    let gateway = Running::with(&configuration);
    let admin = gateway.admin.to_string();
    let token_file = gateway.file("token");
    fs::write(&token_file, "open sesame\n").unwrap();
    let reload = |extra: &[&str]| said(&[&["reload", "--admin", &admin], extra].concat());
    let with_token = ["--token-file", token_file.to_str().unwrap()];

    assert_eq!(reload(&[]).0, 1, "without the token");
    assert!(reload(&with_token).1.contains("unchanged"));
    gateway.rewrite("nonsense");
    let (code, out, err) = reload(&with_token);
    assert_eq!((code, out.as_str()), (3, ""));
    assert!(
        err.contains("gatewit.toml:1:") && err.contains("runs on"),
        "{err}"
    );
}

#[test]
fn a_proxy_needs_no_file_and_a_reload_does_not_change_it() {
    let origin = origin().to_string();
    let mut gateway = Running::by(&[
        "proxy",
        "--to",
        &origin,
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
    ]);
    assert_eq!(ask(gateway.listener, "GET", "/", &[]).2, "ok");
    let (status, _, body) = ask(gateway.admin, "POST", "/api/v1/reload", &[]);
    assert!(status == 200 && body.contains("unchanged"), "{body}");
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.exit_code(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn the_demo_is_answered_by_all_three_services_and_ends_by_itself() {
    let (code, out, err) = said(&[
        "demo",
        "--seconds",
        "0",
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
    ]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    for line in [
        "    app.1 ",
        "    app.2 ",
        "    app.3 ",
        "60 requests over one connection",
    ] {
        assert!(out.contains(line), "{out}");
    }
    assert!(
        out.contains("curl http://127.0.0.1:") && out.contains("/api/v1/upstreams"),
        "{out}"
    );
    let (code, _, err) = said(&[
        "demo",
        "--seconds",
        "0",
        "--listen",
        "192.0.2.1:1",
        "--admin",
        "127.0.0.1:0",
    ]);
    assert!(
        code == 1 && err.contains("192.0.2.1:1") && err.contains("--listen"),
        "{err}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn the_demo_of_plugins_shows_what_it_says_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let output = gatewit(&["demo", "--plugins", "--seconds", "0"])
        .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .env("TMPDIR", folder.path())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert_eq!((output.status.code(), err.as_str()), (Some(0), ""), "{out}");
    for line in [
        "    plugins = [\"jwt\", \"rate-limit\"]\n",
        "    401  /orders                   WWW-Authenticate: Bearer\n",
        "    200  /orders with the token    app.",
        "    429  /orders with the token    request 4 of this minute; Retry-After: ",
        "    200  /shop                     app.",
        "    200  /shop with x-version: 2   app-next.1\n",
        "was replaced 10 times while 4 connections",
        "\n        0  lost\n",
        "    TOKEN=ey",
        "    curl -T ",
    ] {
        assert!(out.contains(line), "{line:?} is not in\n{out}");
    }
    let readme = marked("demo-plugins");
    let (configuration, _) = readme.split_once("…").unwrap();
    assert!(
        out.contains(configuration.trim_start_matches("```text\n")),
        "{out}"
    );
    assert!(!out.contains("NOT AS IT SHOULD BE"), "{out}");
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        0,
        "its folder is gone"
    );
    let nowhere = folder.path().join("file");
    fs::write(&nowhere, "").unwrap();
    let output = gatewit(&["demo", "--plugins"])
        .env("TMPDIR", nowhere)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(output.stderr).contains("TMPDIR"));
}
