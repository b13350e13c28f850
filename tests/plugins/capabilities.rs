//! What a real component can do to an exchange, and gets of what the gateway has: edits, budgets, stores, secrets, keys,
//! passwords, metrics, upstreams. The fixture is told by a header line what to ask for, and tells what it was answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gatewit::config::{self, Config, Source};
use gatewit::plugin::{Bound, Cause, Generation, Instances, Powers, RequestOutcome, Scene};
use gatewit::telemetry::metrics::Metrics;
use http::{HeaderValue, Request};
use tokio::task::LocalSet;

use crate::support::plugin::{engine, fixture};

const CONFIG: &str = r#"
[[route]]
to = "http://127.0.0.1:9"
plugins = [{ use = "p", say = "hello", numbers = [3, 1.5], flag = true }]
[budget.granted]
rate = "50/h"
[budget.other]
rate = "50/h"
[store.granted]
[store.other]
[secret.granted]
value = "hush"
[secret.other]
value = "hush"
[verifier.granted]
secret = "0123456789abcdef0123456789abcdef"
algorithms = ["HS256"]
[key.granted]
secret = "0123456789abcdef0123456789abcdef"
[key.other]
secret = "0123456789abcdef0123456789abcdef"
"#;

const GRANTS: &str = r#"grants = { budgets = ["granted"], stores = ["granted"], secrets = ["granted"],
keys = ["granted"], verifiers = ["granted"], http = ["http://127.0.0.1:9"] }"#;

fn config(grants: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.wasm");
    std::fs::write(&file, "").unwrap();
    let text = format!("{CONFIG}[plugin.p]\nfile = {file:?}\n{grants}\n");
    let name = "test".to_owned();
    config::load(Source::Text { name, text }).unwrap().config
}

struct Plugin {
    config: Config,
    bound: Arc<Bound>,
    metrics: Arc<Metrics>,
}

async fn plugin() -> Plugin {
    let (config, metrics) = (config(GRANTS), Metrics::new());
    let (plugin, used) = (&config.plugins[0], &config.routes[0].chain[0]);
    let generation = Generation::load(engine(), fixture(), plugin, 1).await.unwrap();
    let powers = Powers::build(&config, None, &metrics.custom, Arc::default());
    let bound = Bound::try_new(&generation, used, plugin, &powers).await.unwrap();
    Plugin {
        config,
        bound,
        metrics,
    }
}

impl Plugin {
    fn scene(&self, lines: &[(&str, &str)]) -> Box<Scene> {
        let mut request = Request::builder().uri("/a?b=c");
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        Box::new(Scene {
            id: HeaderValue::from_static("id"),
            route: self.config.routes[0].clone(),
            upstream: self.config.upstreams[0].name.as_str().into(),
            client: "192.0.2.1:1".parse().unwrap(),
            scheme: "http",
            host: HeaderValue::from_static("example.com"),
            canonical: None,
            params: Vec::new(),
            head: request.body(()).unwrap().into_parts().0,
            response: None,
            body: None,
            memory: Default::default(),
            advance: Default::default(),
            overlay: Default::default(),
        })
    }

    /// The request hook, and the request behind it.
    async fn request(
        &self,
        instances: &Instances,
        lines: &[(&str, &str)],
    ) -> (Result<RequestOutcome, Cause>, Box<Scene>) {
        let mut scene = Some(self.scene(lines));
        let outcome = instances.request(&self.bound, &mut scene).await;
        (outcome, scene.unwrap())
    }

    /// What an act is answered.
    async fn told(&self, instances: &Instances, act: &str) -> String {
        let (outcome, scene) = self.request(instances, &[("x-fixture", act)]).await;
        assert_eq!(outcome, Ok(RequestOutcome::Next), "{act}");
        scene.head.headers["x-fixture-result"]
            .to_str()
            .unwrap()
            .to_owned()
    }
}

#[tokio::test]
async fn the_configuration_is_read_value_by_value() {
    let (plugin, instances) = (plugin().await, Instances::default());
    for (pointer, told) in [
        ("/say", r#"Some("hello") None None None None Some("\"hello\"")"#),
        ("/numbers/0", r#"None Some(3) Some(3.0) None None Some("3")"#),
        ("/numbers/1", r#"None None Some(1.5) None None Some("1.5")"#),
        ("/numbers", r#"None None None None Some(2) Some("[3,1.5]")"#),
        ("/flag", r#"None None None Some(true) None Some("true")"#),
        ("/numbers/2", "None None None None None None"),
        ("say", "None None None None None None"),
    ] {
        let act = format!("configured:{pointer}");
        assert_eq!(plugin.told(&instances, &act).await, told, "{pointer}");
    }
    let whole = plugin.told(&instances, "configured:").await;
    assert!(whole.starts_with("None None None None Some(3) Some("), "{whole}");
}

#[tokio::test]
async fn edits_are_made_when_the_hook_is_over_and_not_when_it_failed() {
    let (plugin, instances) = (plugin().await, Instances::default());
    const EDITS: &str = "request=set:x-user=alice + remove:accept + append:via=us + method:PUT + target:/x?y";
    let before = [
        ("accept", "*/*"),
        ("x_user", "mallory"),
        ("via", "them"),
        ("cookie", "a=1"),
    ];
    let mut lines = vec![("x-fixture", EDITS)];
    lines.extend(before);
    let (outcome, scene) = plugin.request(&instances, &lines).await;
    assert_eq!(outcome, Ok(RequestOutcome::Next));
    let head = &scene.head;
    assert_eq!(
        (head.method.as_str(), head.uri.to_string()),
        ("PUT", "/x?y".to_owned())
    );
    assert_eq!(head.headers["x-user"], "alice");
    let vias: Vec<_> = head.headers.get_all("via").iter().collect();
    assert_eq!(vias, ["them", "us"]);
    assert!(!head.headers.contains_key("accept") && !head.headers.contains_key("x_user"));

    for end in [
        "trap",
        "loop",
        "internal:now",
        "edits:1000",
        "respond:99",
        "set:host=x",
    ] {
        let act = format!("{EDITS} + {end}");
        let lines: Vec<_> = [("x-fixture", act.as_str())].into_iter().chain(before).collect();
        let untouched = plugin.scene(&lines);
        let (outcome, scene) = plugin.request(&instances, &lines).await;
        assert!(outcome.is_err(), "{end}: {outcome:?}");
        assert!(
            scene.head.headers.iter().eq(untouched.head.headers.iter()),
            "{end}"
        );
        assert_eq!(scene.head.method, untouched.head.method, "{end}");
        assert_eq!(scene.head.uri, untouched.head.uri, "{end}");
    }
}

/// Both exist; one is granted.
#[tokio::test]
async fn what_is_not_granted_does_not_exist() {
    let (plugin, instances) = (plugin().await, Instances::default());
    for (act, granted, other) in [
        ("take", "allowed: true", "NoSuchBudget"),
        ("count-in", "Ok(1)", "NoSuchStore"),
        ("secret", "Some(", "None"),
        ("hmac", "Ok(", "NoSuchKey"),
    ] {
        for (name, expected) in [("granted", granted), ("other", other), ("unheard-of", other)] {
            let told = plugin.told(&instances, &format!("{act}:{name}")).await;
            assert!(told.contains(expected), "{act}:{name}: {told}");
        }
    }
}

#[test]
fn parallel_takes_of_all_workers_are_exact() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let plugin = runtime().block_on(plugin());
    let allowed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let instances = Instances::default();
                LocalSet::new().block_on(&runtime(), async {
                    for _ in 0..125 {
                        let told = plugin.told(&instances, "take:granted").await;
                        allowed.fetch_add(usize::from(told.contains("allowed: true")), Ordering::Relaxed);
                    }
                });
            });
        }
    });
    assert_eq!(allowed.into_inner(), 50);
}

/// Of "secret", by libxcrypt.
const BCRYPT: &str = "$2y$04$zhv15hQ7QhmXcyV0OdIW8uUhHpqmcY9WQF31RQMdlhNLZPBpX8b7q";

#[tokio::test]
async fn passwords_are_verified_while_the_hook_waits() {
    let (plugin, instances) = (plugin().await, Instances::default());
    for (act, hash, expected) in [
        ("password:secret", BCRYPT, "Ok(true)"),
        ("password:wrong", BCRYPT, "Ok(false)"),
        ("password:secret", "$1$md5", "BadInput"),
        ("password:secret", &BCRYPT.replace("$04$", "$31$"), "Refused"),
    ] {
        let (outcome, scene) = plugin
            .request(&instances, &[("x-fixture", act), ("x-hash", hash)])
            .await;
        assert_eq!(outcome, Ok(RequestOutcome::Next), "{act}");
        let told = scene.head.headers["x-fixture-result"].to_str().unwrap();
        assert!(told.contains(expected), "{act}: {told}");
    }
}

#[tokio::test]
async fn metrics_of_a_plugin_are_scraped_and_bounded() {
    let (plugin, instances) = (plugin().await, Instances::default());
    let (outcome, _) = plugin.request(&instances, &[("x-fixture", "metric:300")]).await;
    assert_eq!(outcome, Ok(RequestOutcome::Next));
    let text = plugin.metrics.render(Vec::new());
    let series = text
        .lines()
        .filter(|line| line.starts_with("gatewit_plugin_custom_fixture_calls_total{"));
    let series: Vec<_> = series.collect();
    assert_eq!(series.len(), 201);
    let overflow = r#"gatewit_plugin_custom_fixture_calls_total{plugin="p",overflow="overflow"} 100"#;
    assert!(series.contains(&overflow), "{}", series[200]);
}

#[tokio::test]
async fn a_plugin_sees_the_upstreams_of_its_route_and_no_others() {
    let (plugin, instances) = (plugin().await, Instances::default());
    let own = &plugin.config.upstreams[0].name;
    assert_eq!(plugin.told(&instances, "upstreams").await, *own);
    assert_eq!(plugin.told(&instances, "upstreams:other").await, "None");
}
