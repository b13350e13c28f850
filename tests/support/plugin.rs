//! Plugins without a gateway: an engine, the fixture, uses of it, and exchanges to call it with.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use gatewit::config::{self, Route, Source};
use gatewit::plugin::{
    Advance, Bound, Cause, ConfigProblem, Engine, Generation, Instances, LoadError, Memory, Overlay,
    RequestOutcome, Scene,
};
use http::{HeaderValue, Request};
use tokio::sync::OnceCell;

/// The fixture, with every hook.
pub(crate) fn fixture() -> Bytes {
    std::fs::read(env!("GATEWIT_FIXTURE")).unwrap().into()
}

/// One for all tests.
pub(crate) fn engine() -> &'static Arc<Engine> {
    static ENGINE: OnceLock<Arc<Engine>> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(None).unwrap())
}

/// What is configured of a plugin called `p` by `[plugin.p]` and an entry of `plugins`.
pub(crate) fn configured(table: &str, used: &str) -> (Arc<config::Plugin>, Arc<config::Use>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.wasm");
    std::fs::write(&file, "").unwrap();
    let text = format!(
        "[[route]]\nname = \"r\"\nto = \"u\"\nplugins = [{{ {} }}]\n{DECLARED}[plugin.p]\nfile = {file:?}\n{table}\n",
        if used.is_empty() {
            "use = \"p\"".to_owned()
        } else {
            format!("use = \"p\", {used}")
        },
    );
    let name = "test".to_owned();
    let loaded = config::load(Source::Text {
        name,
        text: text.clone(),
    });
    let config = loaded
        .unwrap_or_else(|problems| panic!("{problems:?}\n{text}"))
        .config;
    (config.plugins[0].clone(), config.routes[0].chain[0].clone())
}

/// Loads a component as the plugin `p`.
pub(crate) async fn load(component: Bytes, table: &str) -> Result<Arc<Generation>, LoadError> {
    let (plugin, _) = configured(table, "");
    Generation::load(engine(), component, &plugin, 1).await
}

/// The fixture, compiled once for all tests.
pub(crate) async fn generation() -> Arc<Generation> {
    static GENERATION: OnceCell<Arc<Generation>> = OnceCell::const_new();
    let load = || async { load(fixture(), GRANTS).await.unwrap() };
    GENERATION.get_or_init(load).await.clone()
}

/// What can be granted.
const DECLARED: &str = r#"
[upstream.u]
to = "http://127.0.0.1:9"
[budget.b]
rate = "10/s"
[verifier.v]
secret = "0123456789abcdef0123456789abcdef"
[store.s]
[key.k]
secret = "0123456789abcdef0123456789abcdef"
[secret.w]
value = "hush"
"#;

/// What the fixture imports.
pub(crate) const GRANTS: &str = "grants = { budgets = [\"b\"], stores = [\"s\"], secrets = [\"w\"], verifiers = [\"v\"], \
     keys = [\"k\"], http = [\"u\"] }";

/// A use of the fixture, with these keys, and one worker's instances of it.
pub(crate) struct Given {
    pub(crate) bound: Arc<Bound>,
    pub(crate) instances: Instances,
}

impl Given {
    pub(crate) async fn using(used: &str) -> Self {
        Self::try_using(used).await.unwrap()
    }

    pub(crate) async fn try_using(used: &str) -> Result<Self, Vec<ConfigProblem>> {
        let (plugin, used) = configured(GRANTS, used);
        let bound = Bound::try_new(&generation().await, &used, &plugin, &Arc::default()).await?;
        Ok(Self {
            bound,
            instances: Instances::default(),
        })
    }

    /// What `request-hook` decides when it is told this, and the exchange afterwards.
    pub(crate) async fn told(&self, acts: &str) -> (Result<RequestOutcome, Cause>, Box<Scene>) {
        let mut scene = Some(scene(&[("x-fixture", acts)]));
        let result = self.instances.request(&self.bound, &mut scene).await;
        (result, scene.expect("the scene is back"))
    }

    /// The same, when all goes well: what the fixture learnt.
    pub(crate) async fn learns(&self, acts: &str) -> String {
        let (result, scene) = self.told(acts).await;
        assert_eq!(result, Ok(RequestOutcome::Next), "{acts}");
        scene.head.headers["x-fixture-result"]
            .to_str()
            .unwrap()
            .to_owned()
    }
}

/// An exchange on route `r`, its request with these lines.
pub(crate) fn scene(lines: &[(&'static str, &str)]) -> Box<Scene> {
    static ROUTE: OnceLock<Arc<Route>> = OnceLock::new();
    let route = ROUTE.get_or_init(|| route("r"));
    scene_on(route, lines)
}

/// A route of this name.
pub(crate) fn route(name: &str) -> Arc<Route> {
    let text = format!("[[route]]\nname = {name:?}\nto = \"http://127.0.0.1:9\"\n");
    let loaded = config::load(Source::Text {
        name: "test".to_owned(),
        text,
    })
    .unwrap();
    loaded.config.routes[0].clone()
}

/// An exchange on this route.
pub(crate) fn scene_on(route: &Arc<Route>, lines: &[(&'static str, &str)]) -> Box<Scene> {
    let mut request = Request::get("http://example.com/a?b=c").body(()).unwrap();
    for (name, value) in lines {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    Box::new(Scene {
        id: HeaderValue::from_static("id"),
        route: route.clone(),
        upstream: "u".into(),
        client: "192.0.2.1:1".parse().unwrap(),
        scheme: "http",
        host: HeaderValue::from_static("example.com"),
        canonical: None,
        params: Vec::new(),
        head: request.into_parts().0,
        response: None,
        body: None,
        memory: Memory::default(),
        advance: Advance::default(),
        overlay: Overlay::default(),
    })
}
