//! Routes, upstreams and budgets that are added while the gateway runs.

use std::path::Path;

use http::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::client::exchange;
use crate::support::{Gateway, Origin, Response, gateway};

mod changes;
mod keeping;
mod neighbours;
mod refusals;

/// A gateway with one route in its file, and a state folder of its own.
struct Scene {
    state: TempDir,
    origin: Origin,
    gateway: Gateway,
}

impl Scene {
    fn new() -> Self {
        Self::with("")
    }

    /// With more in the file.
    fn with(more: &str) -> Self {
        let state = tempfile::tempdir().unwrap();
        let origin = crate::support::origin::named("origin");
        let gateway = start(state.path(), &file(&origin, more));
        Self {
            state,
            origin,
            gateway,
        }
    }

    /// A route to the origin.
    fn route(&self, path: &str) -> Value {
        json!({"path": path, "to": self.origin.address().to_string()})
    }

    #[track_caller]
    fn put(&self, name: &str, route: &Value) {
        let path = format!("/api/v1/routes/{name}");
        let answer = ask(&self.gateway, "PUT", &path, &[], &route.to_string());
        assert!((200..=201).contains(&answer.status), "{}", answer.text());
    }

    /// Where a request for this path ends.
    fn status(&self, path: &str) -> StatusCode {
        status(&self.gateway, path)
    }

    fn state(&self) -> Value {
        view(&self.gateway, "/api/v1/state")
    }

    /// The same file and folder, another process.
    fn restarted(self, more: &str) -> Self {
        let text = file(&self.origin, more);
        self.gateway.stop().wait();
        let gateway = start(self.state.path(), &text);
        Self { gateway, ..self }
    }
}

fn file(origin: &Origin, more: &str) -> String {
    let address = origin.address();
    format!(
        "admin = \"127.0.0.1:0\"\n[[route]]\nname = \"mine\"\npath = \"/mine\"\nto = \"{address}\"\n{more}"
    )
}

fn start(state: &Path, text: &str) -> Gateway {
    gateway().toml(format!("state = {state:?}\n{text}")).start()
}

fn status(gateway: &Gateway, path: &str) -> StatusCode {
    let status = gateway.connect().get(path).status;
    StatusCode::from_u16(status).unwrap()
}

/// With the right type of the body, unless another is given.
fn ask(gateway: &Gateway, method: &str, path: &str, lines: &[&str], body: &str) -> Response {
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n",
        body.len()
    );
    let typed = |line: &str| line.to_ascii_lowercase().starts_with("content-type:");
    if !lines.iter().any(|line| typed(line)) {
        head.push_str("Content-Type: application/json\r\n");
    }
    lines
        .iter()
        .for_each(|line| head.push_str(&format!("{line}\r\n")));
    exchange(gateway.admin(), format!("{head}\r\n{body}"))
}

#[track_caller]
fn view(gateway: &Gateway, path: &str) -> Value {
    let answer = ask(gateway, "GET", path, &[], "");
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    serde_json::from_str(&answer.text()).unwrap()
}

fn json_of(answer: &Response) -> Value {
    serde_json::from_str(&answer.text()).unwrap_or_else(|_| panic!("{}", answer.text()))
}
