//! What a change does, and what is told of it.

use serde_json::json;

use super::{Scene, ask, json_of, view};

#[test]
fn a_route_serves_as_soon_as_it_is_put_and_not_when_it_is_deleted() {
    let scene = Scene::new();
    assert_eq!(scene.status("/new"), 404);
    let body = scene.route("/new").to_string();
    let answer = ask(&scene.gateway, "PUT", "/api/v1/routes/new", &[], &body);
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(json_of(&answer)["version"], 1);
    assert_eq!(scene.status("/new"), 200);
    let again = ask(&scene.gateway, "PUT", "/api/v1/routes/new", &[], &body);
    assert_eq!(
        (again.status, json_of(&again)["result"].clone()),
        (200, json!("unchanged"))
    );
    let answer = ask(&scene.gateway, "DELETE", "/api/v1/routes/new", &[], "");
    assert_eq!((answer.status, scene.status("/new").as_u16()), (200, 404));
    assert_eq!(scene.status("/mine"), 200);
}

#[test]
fn a_patch_changes_what_it_names() {
    let scene = Scene::new();
    scene.put("new", &scene.route("/new"));
    let patch = json!({"path": "/newer", "timeout": "3s"}).to_string();
    let kind = "Content-Type: application/merge-patch+json";
    let answer = ask(&scene.gateway, "PATCH", "/api/v1/routes/new", &[kind], &patch);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        (scene.status("/new").as_u16(), scene.status("/newer").as_u16()),
        (404, 200)
    );
    let patch = json!({"timeout": null}).to_string();
    ask(&scene.gateway, "PATCH", "/api/v1/routes/new", &[kind], &patch);
    assert_eq!(view(&scene.gateway, "/api/v1/routes/new"), scene.route("/newer"));
}

#[test]
fn upstreams_budgets_and_plugins_of_a_route_are_changed_alike() {
    let scene = Scene::new();
    let to = json!({"to": scene.origin.address().to_string(), "policy": "random"}).to_string();
    let put = |path: &str, body: &str| ask(&scene.gateway, "PUT", path, &[], body).status;
    assert_eq!(put("/api/v1/upstreams/shop", &to), 201);
    assert_eq!(put("/api/v1/budgets/default", r#"{"rate": "2/h"}"#), 201);
    scene.put("shop", &json!({"path": "/shop", "to": "shop"}));
    assert_eq!(put("/api/v1/routes/shop/plugins", r#"["rate-limit"]"#), 200);
    let statuses = [(); 3].map(|()| scene.status("/shop").as_u16());
    assert_eq!(statuses, [200, 200, 429]);
    assert_eq!(
        view(&scene.gateway, "/api/v1/routes/shop/plugins"),
        json!(["rate-limit"])
    );
    let budgets = view(&scene.gateway, "/api/v1/budgets");
    assert_eq!(
        (&budgets[0]["name"], &budgets[0]["source"]),
        (&json!("default"), &json!("api"))
    );
    let answer = ask(&scene.gateway, "DELETE", "/api/v1/routes/shop/plugins", &[], "");
    assert_eq!((answer.status, scene.status("/shop").as_u16()), (200, 200));
}

#[test]
fn only_what_means_something_else_is_told_as_changed() {
    let scene = Scene::new();
    scene.put(
        "b",
        &json!({"path": "/b", "to": "a:1", "plugins": ["request-id"]}),
    );
    let body = scene.route("/a").to_string();
    let answer = ask(&scene.gateway, "PUT", "/api/v1/routes/a", &[], &body);
    assert_eq!(json_of(&answer)["changed"], json!(["route a: added"]));
}

#[test]
fn what_others_lean_on_stays() {
    let scene = Scene::new();
    let to = json!({"to": scene.origin.address().to_string()}).to_string();
    ask(&scene.gateway, "PUT", "/api/v1/upstreams/shop", &[], &to);
    scene.put("shop", &json!({"path": "/shop", "to": "shop"}));
    let answer = ask(&scene.gateway, "DELETE", "/api/v1/upstreams/shop", &[], "");
    assert_eq!(answer.status, 422);
    assert_eq!(json_of(&answer)["diagnostics"][0]["pointer"], "/route/shop/to");
    assert_eq!(scene.status("/shop"), 200);
}

#[test]
fn a_dry_run_finds_out_and_changes_nothing() {
    let scene = Scene::new();
    let path = "/api/v1/routes/new?dry_run=true";
    let answer = ask(&scene.gateway, "PUT", path, &[], &scene.route("/new").to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let said = json_of(&answer);
    assert_eq!(
        (&said["result"], &said["changed"]),
        (&json!("valid"), &json!(["route new: added"]))
    );
    let answer = ask(&scene.gateway, "PUT", path, &[], r#"{"path": "new"}"#);
    assert_eq!(answer.status, 422);
    assert_eq!(
        (scene.status("/new").as_u16(), scene.state()["version"].clone()),
        (404, json!(0))
    );
}

#[test]
fn a_condition_keeps_two_writers_from_undoing_each_other() {
    let scene = Scene::new();
    let put = |lines: &[&str], path: &str| {
        let body = scene.route(path).to_string();
        ask(&scene.gateway, "PUT", "/api/v1/routes/new", lines, &body)
    };
    assert_eq!(put(&["If-Match: *"], "/a").status, 412);
    let created = put(&["If-None-Match: *"], "/a");
    assert_eq!(
        (created.status, put(&["If-None-Match: *"], "/b").status),
        (201, 412)
    );
    let tag = created.field("etag").unwrap();
    let shown = ask(&scene.gateway, "GET", "/api/v1/routes/new", &[], "");
    assert_eq!(shown.field("etag").unwrap(), tag);
    let first = put(&[&format!("If-Match: {tag}")], "/b");
    assert_eq!(first.status, 200, "{}", first.text());
    let second = put(&[&format!("If-Match: \"other\", {tag}")], "/c");
    assert_eq!((second.status, scene.status("/b").as_u16()), (412, 200));
    let newer = first.field("etag").unwrap();
    let delete = |tag: &str| {
        let line = format!("If-Match: {tag}");
        ask(&scene.gateway, "DELETE", "/api/v1/routes/new", &[&line], "").status
    };
    assert_eq!((delete(&tag), delete(&newer)), (412, 200));
}

#[test]
fn every_version_can_be_gone_back_to() {
    let scene = Scene::new();
    scene.put("a", &scene.route("/a"));
    scene.put("b", &scene.route("/b"));
    ask(&scene.gateway, "DELETE", "/api/v1/routes/a", &[], "");
    let versions = view(&scene.gateway, "/api/v1/state/versions");
    let texts: Vec<_> = versions
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["change"].as_str().unwrap())
        .collect();
    assert_eq!(texts, ["route a deleted", "route b put", "route a put", ""]);
    let old = view(&scene.gateway, "/api/v1/state/versions/1");
    assert_eq!(old, json!({"route": {"a": scene.route("/a")}}));
    let back = |number: &str| {
        let path = format!("/api/v1/state/rollback?version={number}");
        ask(&scene.gateway, "POST", &path, &[], "").status
    };
    assert_eq!([back("1"), back("99"), back("x")], [200, 404, 400]);
    let now = [scene.status("/a").as_u16(), scene.status("/b").as_u16()];
    assert_eq!((now, scene.state()["version"].clone()), ([200, 404], json!(4)));
}

#[test]
fn everything_can_be_saved_and_put_back() {
    let scene = Scene::new();
    scene.put("a", &scene.route("/a"));
    let saved = scene.state();
    let tag = ask(&scene.gateway, "GET", "/api/v1/state", &[], "")
        .field("etag")
        .unwrap();
    scene.put("b", &scene.route("/b"));
    let body = saved["added"].to_string();
    let put = |lines: &[&str]| ask(&scene.gateway, "PUT", "/api/v1/state", lines, &body).status;
    assert_eq!(put(&[&format!("If-Match: {tag}")]), 412);
    assert_eq!((put(&[]), scene.status("/b").as_u16()), (200, 404));
    assert_eq!(scene.state()["hash"], saved["hash"]);
}

#[test]
fn it_is_told_where_a_route_comes_from() {
    let scene = Scene::new();
    scene.put("new", &scene.route("/new"));
    let routes = view(&scene.gateway, "/api/v1/routes");
    let mut sources: Vec<_> = routes
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["name"].as_str(), it["source"].as_str()))
        .collect();
    sources.sort();
    assert_eq!(
        sources,
        [(Some("mine"), Some("file")), (Some("new"), Some("api"))]
    );
    let shown = view(&scene.gateway, "/api/v1/routes/mine");
    assert_eq!((&shown["path"], &shown["name"]), (&json!("/mine"), &json!(null)));
}

#[test]
fn secrets_are_not_shown_and_what_is_shown_in_their_place_is_not_taken() {
    let scene = Scene::new();
    let mut route = scene.route("/new");
    route["request_headers"] = json!({"set": {"authorization": "Bearer hunter2"}});
    scene.put("new", &route);
    for path in [
        "/api/v1/routes/new",
        "/api/v1/state",
        "/api/v1/routes",
        "/api/v1/config",
        "/api/v1/state/versions/1",
    ] {
        let shown = ask(&scene.gateway, "GET", path, &[], "").text();
        assert!(!shown.contains("hunter2"), "{path}: {shown}");
    }
    let shown = view(&scene.gateway, "/api/v1/routes/new").to_string();
    let answer = ask(&scene.gateway, "PUT", "/api/v1/routes/new", &[], &shown);
    assert_eq!(answer.status, 422, "{}", answer.text());
    let pointer = &json_of(&answer)["diagnostics"][0]["pointer"];
    assert_eq!(pointer, "/route/new/request_headers/set/authorization");
}

#[test]
fn the_api_is_what_its_description_says() {
    let scene = Scene::new();
    scene.put("x", &scene.route("/x"));
    let described = view(&scene.gateway, "/api/v1/openapi.json");
    let list = view(&scene.gateway, "/");
    let paths = described["paths"].as_object().unwrap();
    assert_eq!(paths.len(), list.as_object().unwrap().len());
    for (path, item) in paths {
        assert!(list[path].is_string(), "{path}");
        for (method, operation) in item
            .as_object()
            .unwrap()
            .iter()
            .filter(|(key, _)| *key != "parameters")
        {
            for (path, body) in [
                (path.replace("{name}", "x"), "{}"),
                (path.replace("{name}", "y"), "nonsense"),
            ] {
                let answer = ask(&scene.gateway, &method.to_uppercase(), &path, &[], body);
                let response = &operation["responses"][answer.status.to_string()];
                assert!(response.is_object(), "{method} {path}: {}", answer.status);
                let kind = answer.field("content-type").unwrap();
                assert!(
                    response["content"][&kind].is_object(),
                    "{method} {path}: {} {kind}",
                    answer.status
                );
            }
        }
        let answer = ask(&scene.gateway, "BREW", &path.replace("{name}", "x"), &[], "");
        let allowed = answer.field("allow").unwrap().to_lowercase();
        let allowed: Vec<_> = allowed.split(", ").filter(|method| *method != "head").collect();
        let methods: Vec<_> = item
            .as_object()
            .unwrap()
            .keys()
            .filter(|key| *key != "parameters")
            .collect();
        assert_eq!(
            (answer.status, allowed),
            (405, methods.iter().map(|it| it.as_str()).collect()),
            "{path}"
        );
    }
    for reference in described
        .to_string()
        .split("\"$ref\":\"#/components/schemas/")
        .skip(1)
    {
        let name = reference.split('"').next().unwrap();
        assert!(described["components"]["schemas"][name].is_object(), "{name}");
    }
}
