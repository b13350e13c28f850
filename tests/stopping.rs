//! Stopping, and staying alive: section J of the yardsticks. (Signals and exit codes are tested with the command
//! line, J2 with reloads.)

use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use gatewit::gateway::Stopped;
use http::{HeaderName, HeaderValue};

use crate::support::binary::ask;
use crate::support::origin::{named, ok, origin};
use crate::support::{Broken, Client, Origin, eventually, exchange, gateway};

const GET: &str = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";

/// An origin that answers when it is told.
fn holding() -> (Origin, mpsc::Sender<()>) {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let origin = origin(move |visit| {
        visit.read();
        let _ = wait.lock().unwrap().recv();
        visit.send(ok("done"));
    });
    (origin, go)
}

fn status_of(address: SocketAddr, path: &str) -> u16 {
    exchange(
        address,
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
    )
    .status
}

/// J1.
#[test]
fn a_gateway_that_leaves_says_so_and_still_serves() {
    let origin = named("a");
    let gateway = gateway()
        .toml("admin = \"127.0.0.1:0\"\n[timeouts]\nstop_delay = \"1500ms\"\nstop_grace = \"5s\"")
        .route("/", &origin)
        .start();
    let (address, admin) = (gateway.address(), gateway.admin());
    assert_eq!(status_of(admin, "/readyz"), 200);
    let mut client = gateway.connect();
    assert!(!client.get("/").closes());
    let stopping = gateway.stop();
    eventually("it is not ready", || status_of(admin, "/readyz") == 503);
    assert_eq!(status_of(admin, "/healthz"), 200);
    // New connections, and those that are there, are served once more and told to go.
    let response = Client::connect(address).get("/");
    assert_eq!((response.status, response.closes()), (200, true));
    let response = client.get("/");
    assert_eq!((response.status, response.closes()), (200, true));
    client.assert_closed();
    assert_eq!(stopping.wait(), Stopped::Clean);
    assert!(TcpStream::connect(address).is_err());
}

/// J1.
#[test]
fn an_exchange_under_way_is_finished_and_idle_connections_are_closed() {
    let (origin, go) = holding();
    let gateway = gateway()
        .toml("[timeouts]\nstop_delay = \"0s\"\nstop_grace = \"10s\"")
        .route("/", &origin)
        .start();
    let mut idle = gateway.connect();
    let mut busy = gateway.connect();
    busy.send(GET);
    eventually("it has arrived", || origin.requests().len() == 1);
    let stopping = gateway.stop();
    idle.assert_closed();
    assert!(!stopping.is_over());
    go.send(()).unwrap();
    let response = busy.response();
    assert_eq!((response.text().as_str(), response.closes()), ("done", true));
    busy.assert_closed();
    assert_eq!(stopping.wait(), Stopped::Clean);
}

/// J1: a large answer on its way, too.
#[test]
fn an_answer_under_way_is_finished() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let origin = origin(move |visit| {
        visit.read();
        visit.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
        let _ = wait.lock().unwrap().recv();
        visit.send("world");
    });
    let gateway = gateway()
        .toml("[timeouts]\nstop_delay = \"0s\"\nstop_grace = \"10s\"")
        .route("/", &origin)
        .start();
    let mut client = gateway.connect();
    client.send(GET);
    client.head();
    let stopping = gateway.stop();
    assert_eq!(client.exactly(5).unwrap(), b"hello");
    go.send(()).unwrap();
    assert_eq!(client.rest().unwrap(), b"world");
    assert_eq!(stopping.wait(), Stopped::Clean);
}

/// J1.
#[test]
fn what_outlasts_the_grace_time_is_cut_and_counted() {
    let (origin, _go) = holding();
    let gateway = gateway()
        .toml("[timeouts]\nstop_delay = \"0s\"\nstop_grace = \"300ms\"")
        .route("/", &origin)
        .start();
    let log = gateway.log_path();
    let mut client = gateway.connect();
    client.send(GET);
    eventually("it has arrived", || origin.requests().len() == 1);
    let begun = Instant::now();
    let stopping = gateway.stop();
    assert!(matches!(client.try_response(), Err(Broken::Ended(None, _))));
    // The record of what was cut is written, and says why.
    eventually("a record", || {
        fs::read_to_string(&log).unwrap_or_default().contains("\"drain\"")
    });
    assert_eq!(stopping.wait(), Stopped::Cut(1));
    assert!(begun.elapsed() >= Duration::from_millis(300));
}

/// J1, B10.
#[test]
fn a_tunnel_has_until_the_end_of_the_grace_time() {
    let origin = origin(|visit| {
        visit.read();
        visit.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
        visit.echo();
    });
    let gateway = gateway()
        .toml("[timeouts]\nstop_delay = \"0s\"\nstop_grace = \"1s\"")
        .route("/", &origin)
        .start();
    let mut tunnel = gateway.connect();
    tunnel.send("GET / HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    assert_eq!(tunnel.head().status, 101);
    let mut idle = gateway.connect();
    let stopping = gateway.stop();
    idle.assert_closed();
    tunnel.send("still");
    assert_eq!(tunnel.exactly(5).unwrap(), b"still");
    tunnel.rest().expect("the tunnel ends");
    assert_eq!(stopping.wait(), Stopped::Cut(1));
    eventually("the origin's side ends", || origin.open() == 0);
}

/// J3: nobody reads the access log; the pipe is full at once.
#[test]
fn a_log_that_nobody_reads_does_not_stop_traffic() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("access.log");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // Somebody has to have it open, or it can not be opened for writing; this one never reads.
    let _reader = fs::File::options().read(true).write(true).open(&pipe).unwrap();
    let origin = named("a");
    let gateway = gateway()
        .toml(format!("access_log = {{ path = \"{}\" }}", pipe.display()))
        .route("/", &origin)
        .start();
    let mut client = gateway.connect();
    // A pipe holds 64 KiB: some 150 lines.
    for _ in 0..1000 {
        assert_eq!(client.get("/").status, 200);
    }
}

/// J3: the binary, because a limit on files is one of a process.
#[test]
fn a_gateway_without_files_left_recovers() {
    let origin = named("a");
    let folder = tempfile::tempdir().unwrap();
    let (address, file) = (free_address(), folder.path().join("gatewit.toml"));
    fs::write(
        &file,
        format!(
            "listen = [\"{address}\"]\nadmin = \"off\"\naccess_log = \"off\"\n[[route]]\nto = \"{}\"",
            origin.address()
        ),
    )
    .unwrap();
    let mut child = Command::new("sh")
        .arg("-c")
        .arg("ulimit -n 40; exec \"$0\" run --config \"$1\"")
        .args([env!("CARGO_BIN_EXE_gatewit").as_ref(), file.as_os_str()])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    eventually("it serves", || {
        TcpStream::connect(address).is_ok() && Client::connect(address).get("/").status == 200
    });
    let mut first = Client::connect(address);
    assert_eq!(first.get("/").status, 200);
    let crowd: Vec<_> = (0..60).map(|_| TcpStream::connect(address)).collect();
    // It is out of files now, and those who are in are served.
    for _ in 0..20 {
        assert_eq!(first.get("/").status, 200);
    }
    let before = processor_time(child.id());
    std::thread::sleep(Duration::from_millis(500));
    let spent = processor_time(child.id()) - before;
    assert!(spent < 25, "{spent} ticks of 50: it spins");
    drop(crowd);
    eventually("it serves new clients", || {
        TcpStream::connect(address).is_ok() && Client::connect(address).try_get("/") == Some(200)
    });
    assert!(child.try_wait().unwrap().is_none(), "it runs on");
    child.kill().unwrap();
    child.wait().unwrap();
    let mut said = String::new();
    let _ = child.stderr.take().unwrap().read_to_string(&mut said);
    assert!(said.len() < 100_000, "{} bytes of log", said.len());
}

/// User and system time of a process, in hundredths of a second; fields 14 and 15 of proc(5).
fn processor_time(process: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// On an address of loopback that nobody else here uses.
fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.78:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

/// J4.
#[test]
fn beyond_the_bound_of_connections_new_ones_are_refused_and_old_ones_served() {
    let origin = named("a");
    let gateway = gateway()
        .toml("[limits]\nconnections = 3")
        .route("/", &origin)
        .start();
    let mut inside: Vec<_> = (0..3)
        .map(|_| {
            let mut client = gateway.connect();
            assert_eq!(client.get("/").status, 200);
            client
        })
        .collect();
    for _ in 0..5 {
        let mut outside = gateway.connect();
        let response = outside.response();
        assert_eq!((response.status, response.closes()), (503, true));
        assert!(response.field("retry-after").is_some());
        outside.assert_closed();
    }
    for client in &mut inside {
        assert_eq!(client.get("/").status, 200);
    }
    inside.pop();
    eventually("there is room again", || {
        gateway.connect().try_get("/") == Some(200)
    });
}

/// J4.
#[test]
fn beyond_the_bound_of_memory_new_requests_are_refused() {
    let origin = named("a");
    let gateway = gateway()
        .toml("[limits]\nmemory = \"1MiB\"")
        .route("/", &origin)
        .start();
    let mut client = gateway.connect();
    eventually("it refuses", || client.get("/").status == 503);
    let response = client.get("/");
    assert!(response.field("retry-after").is_some());
    assert!(
        !response.closes(),
        "the connection may be used when there is room again"
    );
}

/// J5: no request is known to make the gateway panic. hyper asserts, in debug builds only, that a length that is
/// said is the length that is sent: a route that says a wrong one (which no configuration may) stands for the bug
/// that there may be.
#[test]
#[cfg(debug_assertions)]
fn a_panic_costs_one_exchange() {
    let origin = named("a");
    let gateway = gateway()
        .toml("admin = \"127.0.0.1:0\"\n[timeouts]\nstop_delay = \"0s\"")
        .route("/panic", &origin)
        .route("/", &origin)
        .with(|config| {
            let route = std::sync::Arc::make_mut(&mut config.routes[0]);
            let (name, value) = (
                HeaderName::from_static("content-length"),
                HeaderValue::from_static("7"),
            );
            route.response_headers.set.push((name, value));
        })
        .start();
    let mut other = gateway.connect();
    assert_eq!(other.get("/").status, 200);
    for _ in 0..3 {
        let mut client = gateway.connect();
        client.send("GET /panic HTTP/1.1\r\nHost: test\r\n\r\n");
        assert!(client.try_response().is_err());
        assert_eq!(other.get("/").status, 200);
    }
    // Counted and logged like any other.
    let lines = gateway.log(7);
    let panics = lines
        .iter()
        .filter(|line| line["response_flag"] == "internal")
        .count();
    assert_eq!(panics, 3, "{lines:#?}");
    let (_, _, metrics) = ask(gateway.admin(), "GET", "/metrics", &[]);
    assert!(metrics.contains("gatewit_panics_total 3\n"), "{metrics}");
    assert!(matches!(gateway.stop().wait(), Stopped::Clean));
}

/// J6.
#[test]
fn one_exchange_is_one_line_whatever_is_in_it() {
    let origin = named("a");
    let gateway = gateway()
        .toml(
            "access_log = { path = \"LOG\", query = true, headers = [\"X-Note\"] }"
                .replace("LOG", "access.log"),
        )
        .route("/", &origin)
        .start();
    let mut client = gateway.connect();
    client.send(
        b"GET /a%22|b?q=%0d{} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer secret-1\r\nCookie: s=secret-2\r\n\
          Proxy-Authorization: Basic secret-3\r\nUser-Agent: \"x\"\\\t\xff\xe2\x80\xa8{}\r\nReferer: </script>\r\n\
          X-Note: a\tb\"\r\n\r\n",
    );
    assert_eq!(client.response().status, 200);
    assert_eq!(exchange(gateway.address(), "garbage\r\n\r\n").status, 400);
    assert_eq!(client.get("/second").status, 200);
    let text = || fs::read(gateway.log_path()).unwrap_or_default();
    let lines = gateway.log(3);
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["path"], "/a%22|b");
    assert_eq!(lines[0]["headers"]["x-note"], "a\tb\"");
    assert_eq!(lines[1]["status"], 400);
    assert_eq!(lines[1]["response_flag"], "bad_request");
    let text = text();
    assert!(!String::from_utf8_lossy(&text).contains("secret"));
    assert!(
        text.iter()
            .all(|byte| *byte == b'\n' || (0x20..0x7f).contains(byte) || *byte >= 0x80)
    );
}

/// J7.
#[test]
fn the_admin_api_is_not_reachable_through_a_listener() {
    let gateway = gateway()
        .toml("admin = \"127.0.0.1:0\"")
        .route("/api/v1", &named("a"))
        .start();
    for path in [
        "/metrics", "/healthz", "/readyz", "/config", "/admin", "/status", "/",
    ] {
        assert_eq!(gateway.connect().get(path).status, 404, "{path}");
    }
    // Neither does the listener answer on the admin's address, whatever the host.
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {}\r\n\r\n", gateway.admin());
    assert_eq!(exchange(gateway.address(), request).status, 404);
    let request = format!(
        "GET http://{}/metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        gateway.admin()
    );
    assert_eq!(exchange(gateway.address(), request).status, 404);
    assert_eq!(status_of(gateway.admin(), "/metrics"), 200);
}
