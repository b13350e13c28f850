//! The routes of `routes.toml` with their plugins, and exchanges on them.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use gatewit::config::{self, Config, Route, Source};
use gatewit::jwt::Verifiers;
use gatewit::plugin::{
    Advance, Bound, Engine, Generation, Instances, Memory, Overlay, Powers, RequestOutcome, Scene, bundled,
    scene,
};
use gatewit::telemetry::metrics::Custom;
use gatewit::tls;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};

use crate::tokens::Tokens;

/// Everything that does not belong to one thread.
pub(crate) struct World {
    pub(crate) config: Config,
    pub(crate) powers: Arc<Powers>,
    engine: Arc<Engine>,
    generations: HashMap<String, Arc<Generation>>,
    tokens: Tokens,
}

/// A route with its plugins.
#[derive(Clone)]
pub(crate) struct Chain {
    pub(crate) bounds: Vec<Arc<Bound>>,
    route: Arc<Route>,
    authorization: HeaderValue,
}

impl World {
    pub(crate) fn new() -> Self {
        let tokens = Tokens::make();
        let folder = tempfile::tempdir().unwrap();
        let pem = folder.path().join("key.pem");
        std::fs::write(&pem, &tokens.public).unwrap();
        let text = include_str!("routes.toml").replace("{pem}", pem.to_str().unwrap());
        let name = "routes.toml".to_owned();
        let loaded = config::load(Source::Text { name, text });
        let config = loaded.unwrap_or_else(|problems| panic!("{problems}")).config;
        let tls = tls::Client::new(None);
        let (verifiers, problems) = Verifiers::build(&config.verifiers, None, &tls, None);
        assert!(problems.is_empty(), "{problems:?}");
        Self {
            powers: Powers::build(&config, None, &Custom::default(), verifiers),
            engine: Engine::new(None).unwrap(),
            generations: HashMap::new(),
            config,
            tokens,
        }
    }

    /// The route of this name, its plugins loaded.
    pub(crate) async fn chain(&mut self, name: &str) -> Chain {
        let route = self.config.routes.iter().find(|route| route.name == name);
        let route = route.unwrap().clone();
        let mut bounds = Vec::new();
        for used in &route.chain {
            let plugin = self
                .config
                .plugins
                .iter()
                .find(|plugin| plugin.name == used.plugin);
            let plugin = plugin.unwrap();
            let generation = match self.generations.get(&plugin.name) {
                Some(generation) => generation.clone(),
                None => {
                    let component = Bytes::from_static(bundled::find(&plugin.name).unwrap());
                    let generation = Generation::load(&self.engine, component, plugin, 1)
                        .await
                        .unwrap();
                    self.generations.insert(plugin.name.clone(), generation.clone());
                    generation
                }
            };
            bounds.push(
                Bound::try_new(&generation, used, plugin, &self.powers)
                    .await
                    .unwrap(),
            );
        }
        let token = if name.contains("rs256") {
            &self.tokens.rs256
        } else {
            &self.tokens.hs256
        };
        Chain {
            bounds,
            route,
            authorization: token.parse().unwrap(),
        }
    }

    /// A token, as it stands in a header.
    pub(crate) fn token(&self, name: &str) -> &str {
        let header = if name == "rs256" {
            &self.tokens.rs256
        } else {
            &self.tokens.hs256
        };
        header.trim_start_matches("Bearer ")
    }
}

impl Chain {
    /// A request as browsers make them.
    pub(crate) fn scene(&self) -> Option<Box<Scene>> {
        const HEADERS: [(&str, &str); 11] = [
            (
                "accept",
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            ),
            ("accept-encoding", "gzip, deflate, br, zstd"),
            ("accept-language", "en-GB,en;q=0.7,de;q=0.3"),
            ("cache-control", "no-cache"),
            ("cookie", "session=0123456789abcdef; theme=dark"),
            ("referer", "https://shop.example.com/orders"),
            ("sec-fetch-dest", "empty"),
            ("sec-fetch-mode", "cors"),
            ("sec-fetch-site", "same-origin"),
            (
                "user-agent",
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            ),
            ("x-version", "2"),
        ];
        let mut request = Request::get("/orders/7?full=1").body(()).unwrap();
        for (name, value) in HEADERS {
            request
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, self.authorization.clone());
        Some(Box::new(Scene {
            id: HeaderValue::from_static("0123456789abcdef0123456789abcdef"),
            route: self.route.clone(),
            upstream: "http://127.0.0.1:9".into(),
            client: "192.0.2.1:4711".parse().unwrap(),
            scheme: "http",
            host: HeaderValue::from_static("shop.example.com"),
            canonical: None,
            params: Vec::new(),
            head: request.into_parts().0,
            response: Some(scene::Response {
                status: StatusCode::OK,
                headers: HeaderMap::new(),
                endpoint: None,
            }),
            body: None,
            memory: Memory::default(),
            advance: Advance::default(),
            overlay: Overlay::default(),
        }))
    }

    /// The request goes down.
    pub(crate) async fn down(&self, instances: &Instances, scene: &mut Option<Box<Scene>>) {
        for (place, bound) in self.bounds.iter().enumerate() {
            let outcome = instances.request(bound, scene).await.unwrap();
            assert!(!matches!(outcome, RequestOutcome::Respond(_)), "{outcome:?}");
            if let Some(scene) = scene {
                scene.advance.keep(place);
            }
        }
    }

    /// The response comes up.
    pub(crate) async fn up(&self, instances: &Instances, scene: &mut Option<Box<Scene>>) {
        for (place, bound) in self.bounds.iter().enumerate().rev() {
            if let Some(scene) = scene {
                scene.amend(place);
            }
            if bound.hooks().response {
                instances.response(bound, scene).await.unwrap();
            }
        }
    }
}
