//! The admin API: what it says, to whom, and what it refuses.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::binary::{HEAD, Running, ask, eventually, forward_to, origin, raw};

fn json(address: SocketAddr, path: &str) -> Value {
    let (status, head, body) = ask(address, "GET", path, &[]);
    assert_eq!(status, 200, "{path}: {body}");
    assert!(head.contains("content-type: application/json") && head.contains("cache-control: no-store"));
    serde_json::from_str(&body).unwrap()
}

#[test]
fn it_is_ready_while_it_serves_and_alive_until_the_end() {
    let patient = format!(
        "{HEAD}[timeouts]\nstop_delay = \"60s\"\n[[route]]\nto = \"{}\"\n",
        origin()
    );
    let gateway = Running::with(&patient);
    assert_eq!(json(gateway.admin, "/healthz")["status"], "alive");
    assert_eq!(json(gateway.admin, "/readyz")["ready"], true);
    gateway.signal(Signal::TERM);
    let body = eventually("not ready any more", || {
        let (status, _, body) = ask(gateway.admin, "GET", "/readyz", &[]);
        (status == 503).then_some(body)
    });
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["ready"], false);
    assert!(body["reasons"][0].as_str().unwrap().contains("stopping"));
    assert_eq!(json(gateway.admin, "/healthz")["status"], "alive");
    assert_eq!(ask(gateway.listener, "GET", "/", &[]).2, "ok", "still serving");
}

#[test]
fn metrics_are_open_metrics_text_and_count_what_happened() {
    let gateway = Running::with(&forward_to(origin()));
    for _ in 0..3 {
        ask(gateway.listener, "GET", "/some/path?token=secret", &[]);
    }
    ask(gateway.listener, "BREW", "/", &[]);
    // An exchange is counted when it has ended, which its client may see a little earlier.
    let (status, head, text) = eventually("four exchanges have ended", || {
        let answer = ask(gateway.admin, "GET", "/metrics", &[]);
        answer
            .2
            .contains("gatewit_gateway_overhead_seconds_count 4")
            .then_some(answer)
    });
    assert_eq!(status, 200);
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"));
    assert!(text.ends_with("# EOF\n"));
    let value = |start: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with(start))
            .unwrap_or_else(|| panic!("{start}: {text}"));
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    let labels = |method: &str| {
        let upstream = text
            .split("upstream=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .unwrap();
        format!(
            "gatewit_requests_total{{listener=\"127.0.0.1:0\",route=\"/\",upstream=\"{upstream}\",method=\"{method}\",code=\"200\"}} "
        )
    };
    assert_eq!(value(&labels("GET")), 3.0);
    assert_eq!(value(&labels("_OTHER")), 1.0);
    assert_eq!(value("gatewit_connections_accepted_total{"), 4.0);
    assert_eq!(value("gatewit_config_reloads_total{result=\"applied\"}"), 0.0);
    assert!(
        text.contains("gatewit_upstream_endpoints{") && text.contains("state=\"active\"} 1.0"),
        "{text}"
    );
    assert!(text.contains("gatewit_build_info{version="));
    assert!(
        !text.contains("secret") && !text.contains("some/path"),
        "nothing of a request becomes a label"
    );
}

#[test]
fn what_runs_is_told_without_secrets() {
    let origin = origin();
    let mut configuration =
        format!("{HEAD}[[route]]\nname = \"api\"\nhost = \"api.example.com\"\npath = \"/v1\"\n");
    let _ = write!(
        configuration,
        "to = \"{origin}\"\nrequest_headers = {{ set = {{ authorization = \"hunter2\" }} }}\n"
    );
    let gateway = Running::with(&configuration);
    let version = json(gateway.admin, "/api/v1/version");
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(version["config_hash"].as_str().unwrap().len(), 16);
    assert!(version["started"].as_str().unwrap().ends_with('Z'));
    let config = json(gateway.admin, "/api/v1/config");
    assert_eq!(config["hash"], version["config_hash"]);
    assert_eq!(config["timeouts"]["keep_alive"], "75s");
    assert_eq!(config["upstream"][0]["name"], origin.to_string());
    let routes = json(gateway.admin, "/api/v1/routes");
    for (key, value) in [("name", "api"), ("host", "api.example.com"), ("path", "/v1")] {
        assert_eq!(routes[0][key], value);
    }
    assert_eq!(routes[0]["request_headers"]["set"][0], "authorization");
    assert!(!config.to_string().contains("hunter2") && !routes.to_string().contains("hunter2"));
    let upstreams = json(gateway.admin, "/api/v1/upstreams");
    assert_eq!(
        upstreams["upstreams"][0]["endpoints"][0]["address"],
        origin.to_string()
    );
    assert_eq!(upstreams["upstreams"][0]["endpoints"][0]["state"], "active");
    assert_eq!(
        json(gateway.admin, "/api/v1/reload"),
        Value::Null,
        "there was none"
    );
}

#[test]
fn a_reload_is_applied_or_refused_with_its_reasons() {
    let origin = origin();
    let gateway = Running::with(&forward_to(origin));
    gateway.rewrite(&format!("{}name = \"renamed\"\n", forward_to(origin)));
    let (status, _, body) = ask(gateway.admin, "POST", "/api/v1/reload", &[]);
    let applied: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &applied["result"], &applied["trigger"]),
        (200, &"applied".into(), &"api".into())
    );
    assert!(
        applied["changed"]
            .as_array()
            .unwrap()
            .contains(&"route renamed: added".into()),
        "{applied}"
    );
    assert_eq!(
        json(gateway.admin, "/api/v1/version")["config_hash"],
        applied["hash"]
    );

    gateway.rewrite("listen = 1\nnonsense = true\n");
    let (status, _, body) = ask(gateway.admin, "POST", "/api/v1/reload", &[]);
    let rejected: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &rejected["result"]), (422, &"rejected".into()));
    assert!(
        rejected["diagnostics"].as_array().unwrap().len() >= 2,
        "every problem: {rejected}"
    );
    assert_eq!(rejected["diagnostics"][0]["line"], 1);
    assert_eq!(json(gateway.admin, "/api/v1/reload")["result"], "rejected");
    assert_eq!(
        json(gateway.admin, "/api/v1/version")["config_hash"],
        applied["hash"],
        "the old one runs on"
    );
    let metrics = ask(gateway.admin, "GET", "/metrics", &[]).2;
    assert!(metrics.contains("gatewit_config_reloads_total{result=\"rejected\"} 1"));
    assert_eq!(ask(gateway.listener, "GET", "/", &[]).2, "ok");
}

#[test]
fn paths_and_methods_that_do_not_exist_are_said_to() {
    let gateway = Running::with(&forward_to(origin()));
    assert_eq!(ask(gateway.admin, "GET", "/api/v1/nothing", &[]).0, 404);
    assert_eq!(ask(gateway.admin, "GET", "/metrics/", &[]).0, 404);
    let (status, head, _) = ask(gateway.admin, "DELETE", "/metrics", &[]);
    assert!(status == 405 && head.contains("allow: get, head\r\n"), "{head}");
    let (status, head, _) = ask(gateway.admin, "PUT", "/api/v1/reload", &[]);
    assert!(status == 405 && head.contains("allow: get, head, post"), "{head}");
    let (status, head, body) = ask(gateway.admin, "HEAD", "/metrics", &[]);
    assert!(
        status == 200 && body.is_empty() && head.contains("content-length: "),
        "{head}"
    );
    assert!(
        json(gateway.admin, "/")["/metrics"].is_string(),
        "the root lists the paths"
    );
}

#[test]
fn pages_of_other_sites_and_rebound_names_are_refused() {
    let gateway = Running::with(&forward_to(origin()));
    let cases: [(&[&str], u16); 5] = [
        (&["Host: evil.example"], 403),
        (&["Host: localhost"], 200),
        (&["Origin: http://evil.example"], 403),
        (&["Origin: null"], 403),
        (&["Host: localhost:9901", "Origin: http://localhost:9901"], 200),
    ];
    for (lines, expected) in cases {
        assert_eq!(
            ask(gateway.admin, "POST", "/api/v1/reload", lines).0,
            expected,
            "{lines:?}"
        );
        assert_eq!(
            ask(gateway.admin, "GET", "/api/v1/config", lines).0,
            expected,
            "{lines:?}"
        );
    }
    let metrics = ask(gateway.admin, "GET", "/metrics", &[]).2;
    assert!(
        metrics.contains("result=\"unchanged\"} 2"),
        "the refused ones reloaded nothing: {metrics}"
    );
}

#[test]
fn a_token_protects_all_but_the_health_checks() {
    let token = "admin = { address = \"127.0.0.1:0\", token = \"open sesame\" }";
    let gateway = Running::with(&forward_to(origin()).replace("admin = \"127.0.0.1:0\"", token));
    let (status, head, body) = ask(gateway.admin, "GET", "/metrics", &[]);
    assert!(
        status == 401 && head.contains("www-authenticate: bearer"),
        "{head}"
    );
    assert!(!body.contains("sesame"));
    assert_eq!(
        ask(
            gateway.admin,
            "POST",
            "/api/v1/reload",
            &["Authorization: Bearer open sesam"]
        )
        .0,
        401
    );
    assert_eq!(
        ask(gateway.admin, "GET", "/nothing", &[]).0,
        401,
        "what exists is not told either"
    );
    let bearer = ["Authorization: Bearer open sesame", "Host: gateway.internal"];
    assert_eq!(ask(gateway.admin, "GET", "/metrics", &bearer).0, 200);
    assert_eq!(ask(gateway.admin, "GET", "/healthz", &[]).0, 200);
    assert_eq!(ask(gateway.admin, "GET", "/readyz", &[]).0, 200);
    let config = ask(gateway.admin, "GET", "/api/v1/config", &bearer).2;
    assert!(
        config.contains("\"token\": true") && !config.contains("sesame"),
        "{config}"
    );
}

#[test]
fn heads_are_bounded() {
    let gateway = Running::with(&forward_to(origin()));
    let padding = "x".repeat(20_000);
    let answer = raw(
        gateway.admin,
        &format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: {padding}\r\n\r\n"),
    );
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[test]
fn a_crowd_of_silent_clients_is_bounded_and_does_not_touch_traffic() {
    let gateway = Running::with(&forward_to(origin()));
    let mut crowd: Vec<_> = (0..64)
        .map(|_| TcpStream::connect(gateway.admin).unwrap())
        .collect();
    // The 65th is taken up by the kernel only: it is served when one of the others leaves.
    let mut late = TcpStream::connect(gateway.admin).unwrap();
    late.write_all(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
        .unwrap();
    late.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(late.read(&mut [0; 1]).is_err(), "nothing yet");
    assert_eq!(ask(gateway.listener, "GET", "/", &[]).2, "ok");
    crowd.pop();
    late.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut answer = String::new();
    late.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
}

#[test]
fn no_route_leads_to_it() {
    let gateway = Running::with(&forward_to(origin()));
    for path in ["/metrics", "/healthz", "/api/v1/config"] {
        let (_, head, body) = ask(gateway.listener, "GET", path, &[]);
        assert_eq!(body, "ok", "{path} is the origin's: {head}");
    }
}
