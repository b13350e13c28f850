//! What is not taken, why, and that nothing is different afterwards.

use std::fs;
use std::thread;

use serde_json::json;

use super::{Scene, ask, json_of, start, view};
use crate::support::origin::named;

#[test]
fn what_is_wrong_is_refused_with_the_status_that_says_how() {
    let scene = Scene::new();
    scene.put("other", &scene.route("/other"));
    let good = scene.route("/new").to_string();
    let large = format!("\"{}\"", "x".repeat(10 << 20));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let text = "Content-Type: text/plain";
    let routes = "/api/v1/routes/new";
    for (method, path, line, body, status) in [
        ("PUT", routes, "", r#"{"path": "/a", "to": "#, 400),
        ("PUT", routes, "", "", 400),
        ("PUT", routes, "", "\u{fffd}", 400),
        ("PUT", routes, "", deep.as_str(), 400),
        ("PUT", routes, "If-Match: nonsense", good.as_str(), 400),
        (
            "PUT",
            "/api/v1/routes/new?dry_run=perhaps",
            "",
            good.as_str(),
            400,
        ),
        ("PUT", "/api/v1/state", "", r#"{"routes": {}}"#, 400),
        ("PATCH", routes, "", "{}", 404),
        ("DELETE", routes, "", "", 404),
        ("GET", routes, "", "", 404),
        ("PUT", "/api/v1/routes/new/plugins", "", "[]", 404),
        ("POST", routes, "", good.as_str(), 405),
        ("PUT", "/api/v1/routes", "", good.as_str(), 405),
        ("PUT", "/api/v1/routes/mine", "", good.as_str(), 409),
        ("PATCH", "/api/v1/routes/mine", "", "{}", 409),
        ("DELETE", "/api/v1/routes/mine", "", "", 409),
        ("PUT", routes, "", large.as_str(), 413),
        ("PUT", routes, text, good.as_str(), 415),
        ("PATCH", routes, text, "{}", 415),
        ("PUT", routes, "", "[]", 422),
        ("PUT", routes, "", "null", 422),
        ("PUT", routes, "", r#"{"path": "/a"}"#, 422),
        ("PUT", routes, "", r#"{"path": "/a", "to": "nobody"}"#, 422),
        (
            "PUT",
            routes,
            "",
            r#"{"path": "/a", "to": "a:1", "plugins": ["nobody"]}"#,
            422,
        ),
        (
            "PUT",
            routes,
            "",
            r#"{"path": "/a", "to": "a:1", "plugins": [{"use": "cors", "origin": 1}]}"#,
            422,
        ),
        ("PUT", "/api/v1/routes/%00", "", r#"{"path": "/a"}"#, 422),
        ("PUT", "/api/v1/upstreams/a%2Fb", "", r#"{"to": "a:1"}"#, 422),
        ("PUT", "/api/v1/budgets/x", "", r#"{"rate": "fast"}"#, 422),
        ("PATCH", "/api/v1/routes/other", "", r#"{"path": 1}"#, 422),
    ] {
        let lines: Vec<&str> = [line].into_iter().filter(|line| !line.is_empty()).collect();
        let answer = ask(&scene.gateway, method, path, &lines, body);
        let short = &body[..body.len().min(60)];
        assert_eq!(
            answer.status,
            status,
            "{method} {path} {short}: {}",
            answer.text()
        );
        let said = json_of(&answer);
        let told = said["detail"].is_string() || said["diagnostics"][0]["message"].is_string();
        assert!(told, "{method} {path} {short}: {said}");
    }
    let state = scene.state();
    assert_eq!(
        (&state["version"], &state["added"]["route"]["other"]),
        (&json!(1), &scene.route("/other"))
    );
    assert_eq!(scene.status("/other"), 200);
}

#[test]
fn a_problem_is_called_by_its_pointer_with_what_to_do() {
    let scene = Scene::new();
    let body = json!({"pth": "/a", "to": ["a:1", "b"], "timeout": "fast"}).to_string();
    let answer = json_of(&ask(&scene.gateway, "PUT", "/api/v1/routes/new", &[], &body));
    let told: Vec<_> = answer["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["pointer"].as_str().unwrap(), it["help"].is_string()))
        .collect();
    assert_eq!(
        told,
        [
            ("/route/new/pth", true),
            ("/route/new/to/1", true),
            ("/route/new/timeout", true)
        ]
    );
}

#[test]
fn a_gateway_that_can_keep_nothing_adds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("added"), "in the way of the folder").unwrap();
    let origin = named("origin");
    let gateway = start(folder.path(), &super::file(&origin, ""));
    let body = json!({"path": "/new", "to": "a:1"}).to_string();
    let answer = ask(&gateway, "PUT", "/api/v1/routes/new", &[], &body);
    assert_eq!(answer.status, 507, "{}", answer.text());
    assert_eq!(view(&gateway, "/api/v1/state")["version"], 0);
    assert_eq!(super::status(&gateway, "/new"), 404);
    fs::remove_file(folder.path().join("added")).unwrap();
    assert_eq!(ask(&gateway, "PUT", "/api/v1/routes/new", &[], &body).status, 201);
}

#[test]
fn fifty_writers_at_once_are_heard_one_after_the_other() {
    let scene = Scene::new();
    thread::scope(|threads| {
        for writer in 0..50 {
            let scene = &scene;
            threads.spawn(move || scene.put(&format!("r{writer}"), &scene.route(&format!("/r{writer}"))));
        }
    });
    assert_eq!(scene.state()["version"], 50);
    for writer in 0..50 {
        assert_eq!(scene.status(&format!("/r{writer}")), 200);
    }
}
