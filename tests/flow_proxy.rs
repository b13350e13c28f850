//! The stand-in for Docker Flow Proxy: the real binary, called as `curl`, CI scripts and swarm listeners called the
//! original.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use gatewit::config::{self, Source};
use gatewit::flow_proxy::{self, Fate};
use serde_json::{Value, json};

use crate::support::binary::{HEAD, Running, ask, eventually};
use crate::support::dns::Dns;
use crate::support::origin::{self, Origin};

const BASE: &str = "/v1/docker-flow-proxy";

/// A service called `go-demo`, found by DNS, and a gateway that knows nothing of it.
struct Scene {
    gateway: Running,
    service: Origin,
    _dns: Dns,
}

impl Scene {
    async fn new(settings: &str) -> Self {
        let (dns, service) = (Dns::start().await, origin::named("hello, world!"));
        dns.answer("tasks.go-demo", &[[127, 0, 0, 1]]);
        let gateway = Running::with(&configuration(&dns, settings));
        Self {
            gateway,
            service,
            _dns: dns,
        }
    }

    fn port(&self) -> u16 {
        self.service.address().port()
    }

    fn calls(&self) -> SocketAddr {
        self.gateway.flow_proxy.unwrap()
    }

    fn call(&self, call: &str) -> (u16, Value) {
        called(self.calls(), call, &[])
    }

    /// A query that has the article's parameters and these.
    fn demo(&self, more: &str) -> String {
        format!(
            "reconfigure?serviceName=go-demo&servicePath=/demo&port={}{more}",
            self.port()
        )
    }

    fn get(&self, path: &str, lines: &[&str]) -> u16 {
        ask(self.gateway.listener, "GET", path, lines).0
    }
}

fn configuration(dns: &Dns, settings: &str) -> String {
    format!(
        "{HEAD}{}\n[dns]\nservers = [\"{}\"]\nrefresh = \"100ms\"\nguard = \"off\"\n[flow_proxy]\nlisten = \"127.0.0.1:0\"\n",
        settings,
        dns.address()
    )
}

fn called(address: SocketAddr, call: &str, lines: &[&str]) -> (u16, Value) {
    let (status, head, body) = ask(address, "GET", &format!("{BASE}/{call}"), lines);
    assert!(head.contains("content-type: application/json"), "{head}");
    (status, serde_json::from_str(&body).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_walk_of_the_article_works_as_written() {
    let scene = Scene::new("").await;
    assert_eq!(scene.get("/demo/hello", &[]), 404);
    let (status, said) = scene.call(&scene.demo(""));
    assert_eq!(
        (status, &said["Status"], &said["Message"]),
        (200, &json!("OK"), &json!(""))
    );
    assert_eq!(
        (&said["ServiceName"], &said["AclName"]),
        (&json!("go-demo"), &json!("go-demo"))
    );
    assert_eq!(said["ServiceDest"][0]["ServicePath"], json!(["/demo"]));
    // At once: the answer is given when the route is live.
    let (status, _, body) = ask(scene.gateway.listener, "GET", "/demo/hello", &[]);
    assert_eq!((status, body.as_str()), (200, "hello, world!"));
    assert_eq!(scene.get("/demolition", &[]), 404);
    let (status, services) = scene.call("config?type=json");
    assert_eq!(
        (status, &services["go-demo"]["ServiceName"]),
        (200, &json!("go-demo"))
    );
    let (status, said) = scene.call("remove?serviceName=go-demo");
    assert_eq!(
        (status, &said["Status"], &said["ServiceName"]),
        (200, &json!("OK"), &json!("go-demo"))
    );
    assert_eq!(scene.get("/demo/hello", &[]), 404);
    assert_eq!(scene.call("config?type=json").1, json!({}));
    assert_eq!(scene.call("remove?serviceName=go-demo").0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_was_called_for_outlives_the_gateway() {
    let scene = Scene::new("").await;
    assert_eq!(scene.call(&scene.demo("")).0, 200);
    assert_eq!(
        scene
            .call("reconfigure?serviceName=go-demo&servicePath=/gone&port=1&distribute=true")
            .0,
        200
    );
    assert_eq!(scene.call(&scene.demo("")).0, 200);
    let text = configuration(&scene._dns, "");
    let Scene {
        gateway,
        service,
        _dns,
    } = scene;
    let gateway = Running::within(gateway.killed(), &text, &[]);
    assert_eq!(ask(gateway.listener, "GET", "/demo/hello", &[]).0, 200);
    assert_eq!(ask(gateway.listener, "GET", "/gone", &[]).0, 404);
    drop(service);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_wrong_change_nothing_and_get_the_statuses_of_the_original() {
    let scene = Scene::new("").await;
    let port = scene.port();
    assert_eq!(scene.call(&scene.demo("")).0, 200);
    let before = scene.call("config?type=json");
    for (call, status, message) in [
        ("reconfigure", 400, "serviceName parameter is mandatory."),
        (
            "reconfigure?servicePath=/a&port=1",
            400,
            "serviceName parameter is mandatory.",
        ),
        (
            "reconfigure?serviceName=go-demo&port=1",
            409,
            "When using reqMode http, servicePath or serviceDomain are mandatory",
        ),
        (
            "reconfigure?serviceName=go-demo&servicePath=/a",
            400,
            "When MODE is set to \"service\" or \"swarm\", the port query is mandatory",
        ),
        (
            "reconfigure?serviceName=go-demo&servicePath=/a&port=1&reqMode=tcp",
            400,
            "reqMode: only `http` is served: put a TCP balancer beside the gateway",
        ),
        (
            "reconfigure?serviceName=go-demo&servicePath=/a&port=1&servicepath=/b",
            400,
            "servicepath: unknown parameter: did you mean `servicePath`?",
        ),
        (
            "reconfigure?serviceName=go-demo&servicePath=/a&port=1&addReqHeader=Connection%20x",
            400,
            "`connection` cannot",
        ),
        (
            "reconfigure?serviceName=go-demo&servicePath=/a&port=1&serviceName=%ff",
            400,
            "the query is not UTF-8",
        ),
        ("remove", 400, "The serviceName query is mandatory"),
        (
            "reload?frmListener=true",
            400,
            "frmListener: unknown parameter; known: recreate, fromListener",
        ),
        ("reconfigur?serviceName=go-demo", 404, "there is no such call"),
    ] {
        let (got, said) = scene.call(call);
        assert_eq!((got, &said["Status"]), (status, &json!("NOK")), "{call}");
        let told = said["Message"].as_str().unwrap();
        assert!(told.starts_with(message), "{call}\n{told}");
    }
    assert_eq!(scene.call("config?type=json"), before);
    assert_eq!(scene.get("/demo/hello", &[]), 200);
    let (status, said) = scene.call(&format!("reconfigure?serviceName=a&port={port}&colour=red"));
    assert_eq!(
        (status, &said["Problems"][0]["Parameter"]),
        (409, &json!("colour"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_refuses_is_told_and_changes_nothing() {
    let dns = Dns::start().await;
    let text = configuration(&dns, "state = \"/proc/nothing\"");
    let gateway = Running::with(&text);
    let call = "reconfigure?serviceName=a&outboundHostname=127.0.0.1&servicePath=/a&port=9";
    let (status, said) = called(gateway.flow_proxy.unwrap(), call, &[]);
    assert_eq!((status, &said["Status"]), (500, &json!("NOK")), "{said}");
    assert!(
        said["Message"]
            .as_str()
            .unwrap()
            .starts_with("the state folder does not take it"),
        "{said}"
    );
    assert_eq!(ask(gateway.listener, "GET", "/a", &[]).0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn prefixes_of_text_are_ordered_by_acl_names_and_the_default_comes_last() {
    let dns = Dns::start().await;
    let text = format!("{}prefix = \"string\"\n", configuration(&dns, ""));
    let gateway = Running::with(&text);
    let services = [
        ("a", "servicePath=/demo"),
        ("b", "servicePath=/demo/b,/demo.b"),
        ("c", "servicePath=/demo/c&aclName=0-first"),
        ("d", "servicePath=/&isDefaultBackend=true"),
        ("e", "servicePath=/.well-known/x"),
    ];
    let origins: Vec<Origin> = services.iter().map(|(name, _)| origin::named(name)).collect();
    // The default first: it is not the order of calls that counts.
    for ((name, more), origin) in services.iter().zip(&origins).rev() {
        let port = origin.address().port();
        let call = format!("reconfigure?serviceName={name}&outboundHostname=127.0.0.1&{more}&port={port}");
        let (status, said) = called(gateway.flow_proxy.unwrap(), &call, &[]);
        assert_eq!(status, 200, "{said}");
    }
    for (path, name) in [
        ("/demo", "a"),
        ("/demolition", "a"),
        ("/demo/b", "a"),
        ("/demo.bc", "a"),
        ("/demo/c", "c"),
        ("/.well-known/xyz", "e"),
        ("/dem", "d"),
    ] {
        assert_eq!(ask(gateway.listener, "GET", path, &[]).2, name, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_the_file_are_the_files() {
    let own = "[[route]]\nname = \"flow.go-demo\"\npath = \"/mine\"\nto = \"127.0.0.1:9\"\n";
    let dns = Dns::start().await;
    let text = format!("{}{own}", configuration(&dns, ""));
    let gateway = Running::with(&text);
    let call = "reconfigure?serviceName=go-demo&servicePath=/demo&port=1";
    let (status, said) = called(gateway.flow_proxy.unwrap(), call, &[]);
    assert_eq!((status, &said["Status"]), (409, &json!("NOK")), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_those_who_may_call_are_heard() {
    let (dns, call) = (Dns::start().await, "ping");
    let with = |more: &str| Running::with(&format!("{}{more}", configuration(&dns, "")));
    let ping = |gateway: &Running, lines: &[&str]| called(gateway.flow_proxy.unwrap(), call, lines).0;
    let open = with("");
    assert_eq!(ping(&open, &[]), 200);
    assert_eq!(ping(&open, &["Host: evil.example"]), 403);
    assert_eq!(ping(&open, &["Origin: http://evil.example"]), 403);
    assert_eq!(ping(&open, &["User-Agent: Mozilla/5.0"]), 403);
    let token = with("token = \"sesame\"\n");
    assert_eq!(ping(&token, &[]), 401);
    assert_eq!(ping(&token, &["Authorization: Bearer wrong"]), 401);
    assert_eq!(ping(&token, &["Authorization: Bearer sesame"]), 200);
    let elsewhere = with("allow = [\"10.0.0.0/8\"]\n");
    assert_eq!(ping(&elsewhere, &[]), 403);
    let here = with("allow = [\"127.0.0.0/8\"]\ntoken = \"sesame\"\n");
    assert_eq!(ping(&here, &[]), 401);
    assert_eq!(ping(&here, &["Authorization: Bearer sesame"]), 200);
    let service = with("allow = [\"127.0.0.0/8\"]\n");
    assert_eq!(ping(&service, &["Host: proxy:8080"]), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_the_original_is_answered() {
    let scene = Scene::new("").await;
    let ask_for = |method: &str, call: &str| ask(scene.calls(), method, &format!("{BASE}/{call}"), &[]);
    for (method, call, status, wanted) in [
        ("GET", "ping", 200, "\"Status\": \"OK\""),
        ("GET", "successfulinitreload", 200, "\"Status\": \"OK\""),
        ("GET", "reload", 200, "\"Status\": \"OK\""),
        ("POST", "reload?recreate=true", 200, "\"Status\": \"OK\""),
        (
            "GET",
            "reload?fromListener=true",
            200,
            "no swarm listener is configured",
        ),
        ("GET", "certs", 200, "\"Certs\": []"),
        ("PUT", "cert?certName=a.pem", 501, "listeners speak no TLS"),
        ("GET", "cert", 405, "NOK"),
        ("HEAD", "reconfigure?serviceName=a", 405, ""),
        ("OPTIONS", "remove?serviceName=a", 405, "NOK"),
        ("GET", "metrics", 200, "# TYPE gatewit_"),
        ("GET", "config", 200, "[flow_proxy]"),
        ("PUT", "reconfigure", 400, "serviceName parameter is mandatory."),
    ] {
        let (got, head, body) = ask_for(method, call);
        assert_eq!(got, status, "{method} {call}: {body}");
        assert!(body.contains(wanted), "{method} {call}: {head}\n{body}");
    }
    assert_eq!(ask(scene.calls(), "GET", "/metrics", &[]).0, 200);
    assert_eq!(ask(scene.calls(), "GET", "/api/v1/config", &[]).0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_have_to_say_who_they_are_and_nobody_is_told_their_passwords() {
    let scene = Scene::new("").await;
    let query = scene.demo("&users=me:hunter2,you:hunter3");
    let (status, said) = scene.call(&query);
    assert_eq!(
        (status, &said["Users"]),
        (200, &json!([{"Username": "me"}, {"Username": "you"}])),
        "{said}"
    );
    // "me:hunter2", "me:wrong"
    let with =
        |credentials: &str| scene.get("/demo/hello", &[&format!("Authorization: Basic {credentials}")]);
    assert_eq!(scene.get("/demo/hello", &[]), 401);
    assert_eq!(with("bWU6d3Jvbmc="), 401);
    assert_eq!(with("bWU6aHVudGVyMg=="), 200);
    let seen = scene.service.requests();
    assert!(
        !format!("{seen:?}").to_lowercase().contains("authorization"),
        "{seen:?}"
    );
    // Saying the same again means the same.
    let version = || ask(scene.gateway.admin, "GET", "/api/v1/version", &[]).2;
    let before: Value = serde_json::from_str(&version()).unwrap();
    assert_eq!(scene.call(&query).0, 200);
    let after: Value = serde_json::from_str(&version()).unwrap();
    assert_eq!(before["config_hash"], after["config_hash"]);
    let everything = [
        ask(scene.calls(), "GET", &format!("{BASE}/{query}"), &[]).2,
        ask(scene.calls(), "GET", &format!("{BASE}/config?type=json"), &[]).2,
        ask(scene.calls(), "GET", &format!("{BASE}/config"), &[]).2,
    ];
    for answer in everything {
        assert!(!answer.contains("hunter") && !answer.contains("$2b$"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_and_schemes_and_paths_are_told_apart() {
    let scene = Scene::new("trusted_proxies = [\"127.0.0.1\"]").await;
    let port = scene.port();
    for call in [
        scene.demo("&allowedMethods=GET&servicePathExclude=/demo/secret&reqPathSearchReplace=/demo,/new"),
        format!(
            "reconfigure?serviceName=go-demo.s&outboundHostname=127.0.0.1&servicePath=/s&port={port}&httpsOnly=true&httpsRedirectCode=301"
        ),
        format!(
            "reconfigure?serviceName=go-demo.d&outboundHostname=127.0.0.1&serviceDomain=d.com&port={port}&sessionType=sticky-server&denyHttp=true"
        ),
    ] {
        let (status, said) = scene.call(&call);
        assert_eq!(status, 200, "{said}");
    }
    let get = |path: &str, lines: &[&str]| ask(scene.gateway.listener, "GET", path, lines);
    assert_eq!(get("/demo/x", &[]).0, 200);
    assert_eq!(
        scene.service.requests().last().unwrap().line,
        "GET /new/x HTTP/1.1"
    );
    assert_eq!(ask(scene.gateway.listener, "DELETE", "/demo/x", &[]).0, 403);
    assert_eq!(get("/demo/secret/x", &[]).0, 404);
    let (status, head, _) = get("/s/x?q=1", &["Host: s.com"]);
    assert_eq!(status, 301);
    assert!(head.contains("location: https://s.com/s/x?q=1"), "{head}");
    assert_eq!(get("/s/x", &["X-Forwarded-Proto: https"]).0, 200);
    assert_eq!(get("/", &["Host: d.com"]).0, 403);
    let (status, head, _) = get("/", &["Host: d.com", "X-Forwarded-Proto: https"]);
    assert_eq!(status, 200);
    assert!(head.contains("set-cookie: go-demo.d="), "{head}");
}

/// A swarm listener that names these services.
struct Listener {
    origin: Origin,
    says: Arc<Mutex<Option<Value>>>,
}

impl Listener {
    fn new() -> Self {
        let says = Arc::new(Mutex::new(None::<Value>));
        let said = Arc::clone(&says);
        let origin = origin::origin(move |visit| {
            visit.read();
            let body = said.lock().unwrap().as_ref().map(Value::to_string);
            let known = visit
                .request
                .line
                .starts_with("GET /v1/docker-flow-swarm-listener/get-services ");
            let answer = match body.filter(|_| known) {
                Some(body) => origin::ok(&body),
                None => "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n".to_owned(),
            };
            visit.send(&answer);
        });
        Self { origin, says }
    }

    fn say(&self, services: Value) {
        *self.says.lock().unwrap() = Some(services);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_services_of_a_swarm_listener_are_there_before_the_gateway_is_ready() {
    let (listener, dns, service) = (Listener::new(), Dns::start().await, origin::named("hello"));
    dns.answer("tasks.go-demo", &[[127, 0, 0, 1]]);
    let port = service.address().port().to_string();
    let text = format!("{}grace = \"0s\"\n", configuration(&dns, ""));
    let address = format!("http://{}", listener.origin.address());
    let variables = [("LISTENER_ADDRESS", address.as_str())];
    let gateway = Running::within(tempfile::tempdir().unwrap(), &text, &variables);
    let (get, calls) = (
        |path: &str| ask(gateway.listener, "GET", path, &[]).0,
        gateway.flow_proxy.unwrap(),
    );
    let ready = || ask(gateway.admin, "GET", "/readyz", &[]).0;
    eventually("the listener is asked", || {
        (!listener.origin.requests().is_empty()).then_some(())
    });
    assert_eq!(ready(), 503);
    assert_eq!(called(calls, "successfulinitreload", &[]).0, 500);
    assert_eq!(called(calls, "reload?fromListener=true", &[]).0, 500);
    let named = |name: &str, path: &str| {
        json!({"serviceName": name, "servicePath": path, "port": port,
        "outboundHostname": "127.0.0.1", "replicas": "1", "distribute": "true"})
    };
    let unfit = json!({"serviceName": "db", "reqMode": "tcp", "srcPort": "5432", "port": "5432", "distribute": "true"});
    let unmeant = json!({"serviceName": "monitored", "scrapePort": "8080", "distribute": "true"});
    let none = json!({"serviceName": "none", "servicePath": "/none", "port": port, "replicas": "0"});
    listener.say(json!([
        named("one", "/one"),
        named("two", "/two"),
        unfit,
        unmeant,
        none
    ]));
    eventually("it is ready", || (ready() == 200).then_some(()));
    assert_eq!(called(calls, "successfulinitreload", &[]).0, 200);
    assert_eq!((get("/one"), get("/two"), get("/none")), (200, 200, 404));
    // What somebody else called for stays, whatever the listener knows.
    let call = format!("reconfigure?serviceName=go-demo&servicePath=/demo&port={port}");
    assert_eq!(called(calls, &call, &[]).0, 200);
    listener.say(json!([named("two", "/zwei"), {"serviceName": "one", "servicePath": "/one", "port": "x"}]));
    assert_eq!(called(calls, "reload?fromListener=true", &[]).0, 200);
    // One is still named, but not understood: it keeps what it had.
    assert_eq!(
        (get("/one"), get("/two"), get("/zwei"), get("/demo")),
        (200, 404, 200, 200)
    );
    // What vanished while the gateway was away is gone when it comes back.
    let folder = gateway.killed();
    listener.say(json!([named("two", "/zwei")]));
    let gateway = Running::within(folder, &text, &variables);
    let (get, calls) = (
        |path: &str| ask(gateway.listener, "GET", path, &[]).0,
        gateway.flow_proxy.unwrap(),
    );
    eventually("it is ready", || {
        (ask(gateway.admin, "GET", "/readyz", &[]).0 == 200).then_some(())
    });
    assert_eq!((get("/one"), get("/zwei"), get("/demo")), (404, 200, 200));
    // As listeners say that a service was scaled to nothing, and that one is gone.
    assert_eq!(
        called(
            calls,
            "reconfigure?serviceName=two&servicePath=/zwei&port=1&replicas=0&distribute=true",
            &[]
        )
        .0,
        200
    );
    assert_eq!(
        called(
            calls,
            "remove?serviceName=go-demo&servicePath=/demo&distribute=true&reqMode=tcp",
            &[]
        )
        .0,
        200
    );
    assert_eq!((get("/zwei"), get("/demo")), (404, 404));
    drop(service);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_left_out_once_is_not_gone() {
    let (listener, dns, service) = (Listener::new(), Dns::start().await, origin::named("hello"));
    let address = listener.origin.address();
    let text = format!(
        "{}listeners = [\"{address}\"]\ngrace = \"2s\"\n",
        configuration(&dns, "")
    );
    let gateway = Running::with(&text);
    let named = |name: &str| {
        json!({"serviceName": name, "servicePath": format!("/{name}"), "distribute": "true",
        "port": service.address().port().to_string(), "outboundHostname": "127.0.0.1"})
    };
    let (get, calls) = (
        |path: &str| ask(gateway.listener, "GET", path, &[]).0,
        gateway.flow_proxy.unwrap(),
    );
    listener.say(json!([named("one"), named("two")]));
    eventually("both are there", || (get("/two") == 200).then_some(()));
    // Left out, and named again within the time.
    listener.say(json!([named("two")]));
    assert_eq!(called(calls, "reload?fromListener=true", &[]).0, 200);
    assert_eq!((get("/one"), get("/two")), (200, 200));
    listener.say(json!([named("one"), named("two")]));
    assert_eq!(called(calls, "reload?fromListener=true", &[]).0, 200);
    // Left out for longer: the listener is asked again by itself.
    listener.say(json!([named("one")]));
    assert_eq!(called(calls, "reload?fromListener=true", &[]).0, 200);
    assert_eq!((get("/one"), get("/two")), (200, 200));
    eventually("it is gone", || (get("/two") == 404).then_some(()));
    assert_eq!(get("/one"), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn services_of_the_environment_are_there_from_the_start_and_go_with_it() {
    let (dns, service) = (Dns::start().await, origin::named("hello"));
    let port = service.address().port().to_string();
    let text = configuration(&dns, "");
    let variables = [
        ("DFP_SERVICE_1_SERVICE_NAME", "outside"),
        ("DFP_SERVICE_1_OUTBOUND_HOSTNAME", "127.0.0.1"),
        ("DFP_SERVICE_1_SERVICE_PATH", "/outside"),
        ("DFP_SERVICE_1_PORT", port.as_str()),
        ("DFP_SERVICE_2_SERVICE_NAME", "wrong"),
        ("DFP_SERVICE_2_COLOUR", "red"),
    ];
    let gateway = Running::within(tempfile::tempdir().unwrap(), &text, &variables);
    gateway.logged("an environment variable is not understood");
    gateway.logged("a service in the environment is not understood");
    eventually("it is ready", || {
        (ask(gateway.admin, "GET", "/readyz", &[]).0 == 200).then_some(())
    });
    assert_eq!(ask(gateway.listener, "GET", "/outside", &[]).0, 200);
    let gateway = Running::within(gateway.killed(), &text, &[]);
    eventually("it is ready", || {
        (ask(gateway.admin, "GET", "/readyz", &[]).0 == 200).then_some(())
    });
    assert_eq!(ask(gateway.listener, "GET", "/outside", &[]).0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_at_once_all_count() {
    let scene = Scene::new("").await;
    let (calls, port) = (scene.calls(), scene.port());
    let threads: Vec<_> = (0..20)
        .map(|number| {
            std::thread::spawn(move || {
                let call = format!("reconfigure?serviceName=s{number}&outboundHostname=127.0.0.1&servicePath=/{number}&port={port}");
                called(calls, &call, &[]).0
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), 200);
    }
    for number in 0..20 {
        assert_eq!(scene.get(&format!("/{number}"), &[]), 200, "{number}");
    }
}

/// The table of the migration page is the one that calls are read with.
#[test]
fn the_migration_page_names_every_parameter() {
    let mut table = String::from("| parameter | for each destination | |\n|---|---|---|\n");
    for parameter in flow_proxy::parameters() {
        let indexed = if parameter.indexed { "`.1` to `.10`" } else { "" };
        let fate = match parameter.fate {
            Fate::Works => String::new(),
            Fate::Refused([]) => "**refused**: ".to_owned(),
            Fate::Refused(but) => format!("**refused**, but for `{}`: ", but[0]),
            Fate::Foreign => "**no effect**: ".to_owned(),
        };
        writeln!(
            table,
            "| `{}` | {indexed} | {fate}{} |",
            parameter.name, parameter.about
        )
        .unwrap();
    }
    let page = page();
    let (before, rest) = page.split_once("<!-- parameters -->\n").unwrap();
    let (shown, after) = rest.split_once("<!-- /parameters -->").unwrap();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let page = format!("{before}<!-- parameters -->\n{table}<!-- /parameters -->{after}");
        std::fs::write(PAGE, page).unwrap();
        return;
    }
    assert_eq!(
        shown, table,
        "UPDATE_EXPECT=1 writes it anew: read it before it is committed"
    );
}

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/flow-proxy/README.md");

fn page() -> String {
    std::fs::read_to_string(PAGE).unwrap()
}

#[test]
fn the_configurations_of_the_migration_page_load() {
    let blocks: Vec<_> = page()
        .split("```toml\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap().to_owned())
        .collect();
    assert!(!blocks.is_empty());
    for text in blocks {
        let source = Source::Text {
            name: "page".to_owned(),
            text,
        };
        let loaded = config::load(source).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    }
}
