//! What was added outlives the process, and gives way to the file.

use std::fs;

use serde_json::json;

use super::{Scene, ask, file, json_of, view};

const RIVAL: &str = "[[route]]\nname = \"new\"\npath = \"/rival\"\nto = \"127.0.0.1:9\"\n";

#[test]
fn what_was_added_is_there_when_the_gateway_is_ready_again() {
    let scene = Scene::new();
    scene.put("new", &scene.route("/new"));
    let before = scene.state();
    let scene = scene.restarted("");
    assert_eq!(scene.status("/new"), 200);
    assert_eq!(scene.state(), before);
    scene.put("newer", &scene.route("/newer"));
    assert_eq!(scene.state()["version"], 2);
}

#[test]
fn a_torn_file_is_told_and_the_version_before_it_serves() {
    let scene = Scene::new();
    scene.put("a", &scene.route("/a"));
    scene.put("b", &scene.route("/b"));
    let newest = scene.state.path().join("added/00000000000000000002.json");
    let whole = fs::read(&newest).unwrap();
    fs::write(&newest, &whole[..whole.len() - 20]).unwrap();
    let scene = scene.restarted("");
    assert_eq!(
        [scene.status("/a").as_u16(), scene.status("/b").as_u16()],
        [200, 404]
    );
    scene.put("c", &scene.route("/c"));
    assert_eq!(scene.state()["version"], 3, "a number is never given twice");
}

#[test]
fn the_file_wins_over_what_was_added_and_gives_it_back() {
    let scene = Scene::new();
    scene.put("new", &scene.route("/new"));
    let with = file(&scene.origin, RIVAL);
    let state = format!("state = {:?}\n", scene.state.path());
    scene.gateway.reload(&format!("{state}{with}"));
    assert_eq!(scene.status("/new"), 404);
    let inactive = &scene.state()["inactive"];
    assert_eq!(
        (&inactive[0]["kind"], &inactive[0]["name"]),
        (&json!("route"), &json!("new"))
    );
    let ready = view(&scene.gateway, "/readyz");
    let told = ready["problems"][0].as_str().unwrap();
    assert!(
        ready["ready"] == true && told.starts_with("route new was added, but"),
        "{ready}"
    );
    // Other things can still be added, and it can be removed.
    scene.put("other", &scene.route("/other"));
    assert_eq!(scene.status("/other"), 200);
    scene
        .gateway
        .reload(&format!("{state}{}", file(&scene.origin, "")));
    assert_eq!(
        (scene.status("/new").as_u16(), scene.state()["inactive"].clone()),
        (200, json!([]))
    );
}

#[test]
fn what_no_longer_fits_at_a_start_leaves_the_rest_alone() {
    let scene =
        Scene::with("[upstream.shop]\nto = \"127.0.0.1:9\"\n[[route]]\npath = \"/s\"\nto = \"shop\"\n");
    scene.put("a", &scene.route("/a"));
    scene.put("b", &json!({"path": "/b", "to": "shop"}));
    let scene = scene.restarted("");
    assert_eq!(
        [scene.status("/a").as_u16(), scene.status("/b").as_u16()],
        [200, 404]
    );
    assert_eq!(
        scene.state()["inactive"][0]["problems"][0]["pointer"],
        "/route/b/to"
    );
    let answer = ask(
        &scene.gateway,
        "PUT",
        "/api/v1/routes/b",
        &[],
        &scene.route("/b").to_string(),
    );
    assert_eq!((answer.status, scene.status("/b").as_u16()), (200, 200));
}

#[test]
fn a_broken_file_does_not_keep_anything_from_being_added() {
    let scene = Scene::new();
    scene.gateway.write("this is [no configuration");
    scene.put("new", &scene.route("/new"));
    assert_eq!(
        [scene.status("/new").as_u16(), scene.status("/mine").as_u16()],
        [200, 200]
    );
}

#[test]
fn a_gateway_without_a_state_folder_says_what_it_lacks() {
    let origin = crate::support::origin::named("origin");
    let gateway = crate::support::gateway()
        .toml(file(&origin, ""))
        .with(|config| config.state = None)
        .start();
    let body = json!({"path": "/new", "to": "a:1"}).to_string();
    let answer = ask(&gateway, "PUT", "/api/v1/routes/new", &[], &body);
    assert_eq!(answer.status, 409);
    assert!(
        json_of(&answer)["detail"]
            .as_str()
            .unwrap()
            .contains("set `state`")
    );
}
