//! Changing one route is nobody else's business.

use std::sync::{Mutex, mpsc};

use serde_json::json;

use super::{Scene, view};
use crate::support::binary::eventually;
use crate::support::origin::origin;

const ASK: &str = "GET /chat HTTP/1.1\r\nHost: test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n";
const AGREED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: y\r\n\r\n";

/// Changes that go by while others are busy.
const CHANGES: usize = 1_000;

#[test]
fn a_thousand_changes_go_by_tunnels_half_sent_responses_limits_and_instances() {
    let (go_on, wait) = mpsc::channel();
    let wait = Mutex::new(wait);
    let slow = origin(move |visit| {
        visit.read();
        if visit.request.line.starts_with("GET /chat ") {
            visit.send(AGREED);
            visit.echo();
        } else {
            visit.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
            wait.lock().unwrap().recv().unwrap();
            visit.send("world");
        }
        visit.finish();
    });
    let address = slow.address();
    let scene = Scene::with(&format!(
        "[budget.default]\nrate = \"100/h\"\n\
         [[route]]\npath = \"/chat\"\nto = \"{address}\"\n[[route]]\npath = \"/slow\"\nto = \"{address}\"\n\
         [[route]]\npath = \"/limited\"\nto = \"127.0.0.1:9\"\nplugins = [\"rate-limit\"]\n"
    ));
    let mut tunnel = scene.gateway.connect();
    tunnel.send(ASK);
    assert_eq!(tunnel.head().status, 101);
    let mut half = scene.gateway.connect();
    half.send("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(half.head().status, 200);
    assert_eq!(half.exactly(5).unwrap(), b"hello");
    let mut limited = scene.gateway.connect();
    let left = limited.get("/limited").field("ratelimit").unwrap();
    // Counted by what would be made anew with its instances, and told once a worker has added it up.
    let called = |times: u64| {
        eventually("a call is counted", || {
            let view = view(&scene.gateway, "/api/v1/plugins/rate-limit");
            let used = &view["uses"][0];
            let counted = used["hooks"]["request"]["calls"] == times;
            counted.then(|| used["instances_made"].clone())
        })
    };
    let made = called(1);
    for change in 1..CHANGES {
        // Another upstream each time, which nobody declared.
        let to = format!("127.0.0.1:{}", 10_000 + change);
        scene.put("other", &json!({"path": "/elsewhere", "to": to}));
    }
    scene.put("other", &scene.route("/other"));
    assert_eq!(scene.state()["version"], CHANGES);
    assert_eq!(scene.status("/other"), 200);
    tunnel.send("still here");
    assert_eq!(tunnel.exactly(10).unwrap(), b"still here");
    go_on.send(()).unwrap();
    assert_eq!(half.exactly(5).unwrap(), b"world");
    let next = limited.get("/limited").field("ratelimit").unwrap();
    assert!(left.contains("r=99") && next.contains("r=98"), "{left} {next}");
    assert_eq!(called(2), made);
}
