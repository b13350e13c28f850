//! What runs, as a file: asked of a gateway, and run by another one.

use std::fs;

use serde_json::Value;

use crate::support::binary::{HEAD, Running, ask, origin, said};

/// Routes that the table says something about in every column.
fn configuration() -> String {
    let origin = origin();
    format!(
        r#"{HEAD}state = "state"

[timeouts]
stop_delay = "0s"

[defaults]
plugins = ["request-id"]

[[route]]
to = "{origin}"
request_headers = {{ set = {{ authorization = "${{GATEWIT_TEST_UNSET:-open sesame}}" }} }}

[[route]]
name = "items"
host = ["a.example", "*.b.example"]
path = "/items/{{id}}"
method = ["GET", "POST"]
header = {{ x-a = true, x-b = false, x-c = "c", x-d = {{ regex = '\d+' }} }}
query = {{ q = "$$$${{HOME}}" }}
to = [{{ to = "{origin}", weight = 2 }}, {{ to = "127.0.0.1:9", weight = 1 }}]
rewrite = "/v2/{{id}}"
host_header = "items.internal"
plugins = [{{ use = "rate-limit", budget = "items" }}, "headers"]

[[route]]
path_exact = "/old"
redirect = {{ host = "b.example", port = 8080, keep_query = false }}
plugins = []

[[route]]
path_regex = '/(?<year>\d{{4}})/.*'
redirect = {{ to = "https://c.example/", status = 301 }}

[[route]]
path = "/api/v1"
strip_prefix = "/api"
to = "{origin}"

[[route]]
path = "/was/here"
rewrite = {{ prefix = "/was", replace_prefix = "/is" }}
to = "{origin}"

[budget.items]
rate = "5/s"
"#
    )
}

fn file_of(gateway: &Running, lines: &[&str]) -> String {
    let (status, head, body) = ask(gateway.admin, "GET", "/api/v1/config?format=toml", lines);
    assert_eq!(status, 200, "{body}");
    assert!(head.contains("content-type: application/toml\r\n"), "{head}");
    body
}

/// The table of a running gateway, without what says where its routes stand.
fn table(gateway: &Running) -> Vec<Value> {
    let admin = gateway.admin.to_string();
    let (code, out, err) = said(&["routes", "--live", "--format", "json", "--admin", &admin]);
    assert_eq!(code, 0, "{err}");
    let mut rows: Vec<Value> = serde_json::from_str(&out).unwrap();
    for row in &mut rows {
        row.as_object_mut().unwrap().retain(|key, _| key != "at");
    }
    rows
}

#[test]
fn what_runs_is_a_file_that_another_gateway_runs_in_the_same_way() {
    let first = Running::with(&configuration());
    let file = file_of(&first, &[]);
    assert!(!file.contains("sesame"), "{file}");
    let variable = "${ROUTE_REQUEST_HEADERS_SET_AUTHORIZATION}";
    assert!(file.contains(variable), "{file}");

    let path = first.file("saved.toml");
    fs::write(&path, &file).unwrap();
    let arguments = [
        "check",
        "--without-secrets",
        "--no-plugins",
        "-c",
        path.to_str().unwrap(),
    ];
    let (code, _, err) = said(&arguments);
    assert_eq!(code, 0, "{err}");
    let (code, _, err) = said(&["check", "-c", path.to_str().unwrap()]);
    assert!(
        code == 3 && err.contains("ROUTE_REQUEST_HEADERS_SET_AUTHORIZATION` is not set"),
        "{err}"
    );

    // Its own state: two gateways do not share one.
    let state = first.file("state").display().to_string();
    let second = file
        .replace(variable, "${GATEWIT_TEST_UNSET:-open sesame}")
        .replace(&state, "state");
    let second = Running::with(&second);
    assert_eq!(table(&first), table(&second));
    assert_eq!(ask(second.listener, "GET", "/", &[]).2, "ok");
    assert_eq!(
        file_of(&second, &["Accept: application/toml"])
            .replace(&second.file("state").display().to_string(), &state),
        file
    );
}

#[test]
fn a_format_that_is_unknown_is_refused_with_those_that_are_known() {
    let gateway = Running::with(&configuration());
    let (status, _, body) = ask(gateway.admin, "GET", "/api/v1/config?format=yaml", &[]);
    assert!(
        status == 400 && body.contains("format=json") && body.contains("format=toml"),
        "{body}"
    );
    for (path, accept) in [
        ("/api/v1/config", "Accept: */*"),
        ("/api/v1/config?format=json", "Accept: application/toml"),
    ] {
        let (status, head, body) = ask(gateway.admin, "GET", path, &[accept]);
        assert!(
            status == 200 && head.contains("content-type: application/json\r\n"),
            "{head}"
        );
        assert!(serde_json::from_str::<Value>(&body).is_ok());
    }
    let (_, head, _) = ask(
        gateway.admin,
        "GET",
        "/api/v1/config",
        &["Accept: application/toml"],
    );
    assert!(head.contains("content-type: application/toml\r\n"), "{head}");
}

#[test]
fn routes_of_a_running_gateway_are_shown_as_those_of_its_file() {
    let gateway = Running::with(&configuration());
    let (admin, path) = (gateway.admin.to_string(), gateway.file("gatewit.toml"));
    let file = path.to_str().unwrap();
    for format in ["human", "json"] {
        let (code, live, err) = said(&["routes", "--live", "--admin", &admin, "--format", format]);
        assert_eq!((code, err.as_str()), (0, ""));
        // The gateway knows its file as `./gatewit.toml`; columns are as wide as what stands in them.
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let local = said(&["routes", "-c", file, "--format", format]).1;
        assert_eq!(words(&live), words(&local.replace(file, "./gatewit.toml")));
    }
    let live = said(&["routes", "--live", "--admin", &admin, "--format", "toml"]).1;
    let (code, local, _) = said(&["routes", "-c", file, "--format", "toml"]);
    assert_eq!((code, live), (0, local));
}

#[test]
fn routes_of_a_gateway_that_does_not_answer_are_an_error() {
    let token = "admin = { address = \"127.0.0.1:0\", token = \"open sesame\" }";
    let gateway = Running::with(&configuration().replace("admin = \"127.0.0.1:0\"", token));
    let admin = gateway.admin.to_string();
    for format in ["human", "toml"] {
        let live = ["routes", "--live", "--admin", &admin, "--format", format];
        let (code, out, err) = said(&live);
        assert!(code == 1 && out.is_empty() && err.contains("401"), "{err}");
        fs::write(gateway.file("token"), "open sesame").unwrap();
        let token = gateway.file("token").display().to_string();
        assert_eq!(said(&[&live[..], &["--token-file", &token]].concat()).0, 0);
    }
    drop(gateway);
    let (code, _, err) = said(&["routes", "--live", "--admin", &admin]);
    assert!(code == 1 && err.contains("cannot connect"), "{err}");
}
