//! One request goes through the hooks of the plugin, and its response comes back, as in a gateway's exchange.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request};
use serde_json::Value;

use super::compare::{Got, Happened, Sent};
use super::world::World;
use crate::config::cases::{self, Outcome, Step};
use crate::config::{Action, Reaction};
use crate::plugin::{
    Advance, Attribute, BodyOutcome, Cause, Direction, Failed, LocalResponse, Memory, Overlay, Pick,
    RequestOutcome, ResponseOutcome, Routing, Scene, Summary, scene,
};
use crate::proxy::{self, answer};
use crate::router::{self, canonical};

/// Stands for every request id.
const ID: HeaderValue = HeaderValue::from_static("00000000000000000000000000000000");

/// The plugin is the only one of its chain.
const PLACE: usize = 0;

/// One exchange on its way.
pub(super) struct Turn<'w> {
    pub(super) world: &'w World,
    step: &'w Step,
    pub(super) scene: Option<Box<Scene>>,
    /// The request's pieces, then the response's.
    pub(super) body: Vec<Bytes>,
    routing: Routing,
    pub(super) outcome: Outcome,
    pub(super) error: Option<(&'static str, String)>,
}

/// What comes instead of going on.
pub(super) enum Stop {
    Response(Box<LocalResponse>),
    Broken,
}

impl World {
    /// Sends the request of a step once.
    ///
    /// # Errors
    ///
    /// When it would not reach the plugin.
    pub(super) async fn play(&self, step: &Step) -> Result<Happened, String> {
        let scene = self.scene(&step.request)?;
        let mut turn = Turn {
            world: self,
            step,
            scene: Some(Box::new(scene)),
            body: step.request.message.body.clone(),
            routing: Routing::default(),
            outcome: Outcome::Next,
            error: None,
        };
        let mut forwarded = None;
        let response = match turn.down().await {
            Err(stop) => turn.stopped(stop),
            Ok(()) => {
                forwarded = turn.sent();
                turn.up().await
            }
        };
        let attributes = turn.attributes();
        turn.log(response.as_ref().map_or(0, |got| got.status)).await;
        self.instances.sweep();
        Ok(Happened {
            outcome: turn.outcome,
            error: turn.error,
            response,
            forwarded,
            log: Vec::new(),
            attributes,
        })
    }

    /// A request as the plugins of a route get to see it.
    pub(in crate::cli::plugin) fn scene(&self, request: &cases::Request) -> Result<Scene, String> {
        let mut head = Request::new(());
        *head.method_mut() = request.method.clone();
        *head.uri_mut() = request.target.parse().map_err(|_| "its path is not a path")?;
        *head.headers_mut() = request.message.headers.clone();
        let (mut head, ()) = head.into_parts();
        let length: usize = request.message.body.iter().map(Bytes::len).sum();
        if length > 0 && !head.headers.contains_key(header::CONTENT_LENGTH) {
            head.headers.insert(header::CONTENT_LENGTH, length.into());
        }
        let path = canonical::path(head.uri.path()).map_err(|error| error.to_string())?;
        let (host, _) = canonical::host(&request.host).map_err(|error| error.to_string())?;
        let asked = router::Request {
            host: &host,
            path: &path,
            query: head.uri.query(),
            method: &head.method,
            headers: &head.headers,
        };
        let found = self
            .router
            .find(&asked)
            .ok_or("its path is not one of the case's `route`")?;
        let params = found.captures.iter();
        let params = params.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let canonical = (*path != *head.uri.path()).then(|| path.as_ref().into());
        Ok(Scene {
            id: ID,
            route: Arc::clone(found.route),
            upstream: upstream(&found.route.action).into(),
            client: request.client,
            scheme: if request.tls { "https" } else { "http" },
            host: HeaderValue::from_str(&request.host).map_err(|error| error.to_string())?,
            canonical,
            params: params.collect(),
            head,
            response: None,
            body: None,
            memory: Memory::default(),
            advance: Advance::default(),
            overlay: Overlay::default(),
        })
    }
}

fn upstream(action: &Action) -> &str {
    match action {
        Action::Forward(forward) => forward.targets.first().map_or("", |target| &target.upstream),
        Action::Redirect(_) => "",
    }
}

impl Turn<'_> {
    async fn down(&mut self) -> Result<(), Stop> {
        let World { bound, instances, .. } = self.world;
        let hooks = bound.hooks();
        if hooks.request {
            let result = instances.request(bound, &mut self.scene).await;
            match self.judged(result)? {
                Some(RequestOutcome::Respond(response)) => return Err(self.responded(response)),
                Some(RequestOutcome::Route(routing)) => self.steer(routing),
                Some(RequestOutcome::Next) | None => {}
            }
        }
        if hooks.request_body && !self.body.is_empty() {
            let whole = self.whole(bound.used().bounds.request_body, &proxy::Error::BodyTooLarge)?;
            let before = self.show(Some(whole));
            let result = instances.request_body(bound, &mut self.scene).await;
            self.show(None);
            match self.judged(result)? {
                Some(BodyOutcome::Respond(response)) => return Err(self.responded(response)),
                Some(BodyOutcome::Replace(body)) => self.replace_body(body, &before),
                Some(BodyOutcome::Next) | None => {}
            }
        }
        if hooks.chunk && !self.body.is_empty() {
            self.pieces(Direction::Request).await?;
        }
        Ok(())
    }

    async fn up(&mut self) -> Option<Got> {
        let step = self.step;
        self.body.clone_from(&step.response.body);
        let endpoint = match &self.routing.pick {
            Pick::Endpoint(address) => *address,
            Pick::Policy | Pick::Key(_) => SocketAddr::from(([198, 51, 100, 1], 80)),
        };
        if let Some(scene) = &mut self.scene {
            scene.advance.keep(PLACE);
            let mut headers = step.response.headers.clone();
            let length: usize = self.body.iter().map(Bytes::len).sum();
            if !headers.contains_key(header::CONTENT_LENGTH) {
                headers.insert(header::CONTENT_LENGTH, length.into());
            }
            scene.response = Some(scene::Response {
                status: step.response.status,
                headers,
                endpoint: Some(endpoint),
            });
            scene.amend(PLACE);
        }
        match self.response().await {
            Err(stop) => self.stopped(stop),
            Ok(()) => self.got(),
        }
    }

    async fn response(&mut self) -> Result<(), Stop> {
        let World { bound, instances, .. } = self.world;
        let hooks = bound.hooks();
        if hooks.response {
            let result = instances.response(bound, &mut self.scene).await;
            if let Some(ResponseOutcome::Replace(response)) = self.judged(result)? {
                self.outcome = Outcome::Replace;
                self.put(response);
            }
        }
        if hooks.response_body && !self.body.is_empty() {
            let plugin = bound.plugin().name.clone();
            let too_large = proxy::Error::ResponseTooLarge { plugin };
            let whole = self.whole(bound.used().bounds.response_body, &too_large)?;
            let before = self.show(Some(whole));
            let result = instances.response_body(bound, &mut self.scene).await;
            self.show(None);
            match self.judged(result)? {
                Some(BodyOutcome::Respond(response)) => {
                    self.outcome = Outcome::Replace;
                    self.put(response);
                }
                Some(BodyOutcome::Replace(body)) => self.replace_body(body, &before),
                Some(BodyOutcome::Next) | None => {}
            }
        }
        if hooks.chunk && !self.body.is_empty() {
            self.pieces(Direction::Response).await?;
        }
        Ok(())
    }

    /// Where the request goes now. That it leads somewhere was seen to already.
    fn steer(&mut self, routing: Routing) {
        self.outcome = Outcome::Route;
        if let (Some(scene), Some(name)) = (&mut self.scene, &routing.upstream) {
            scene.upstream = name.as_str().into();
        }
        self.routing = routing;
    }

    /// `None` when the exchange goes on as it was before.
    pub(super) fn judged<T>(&mut self, result: Result<T, Cause>) -> Result<Option<T>, Stop> {
        let cause = match result {
            Ok(outcome) => return Ok(Some(outcome)),
            Err(cause) => cause,
        };
        self.error = Some((cause.name(), cause.to_string()));
        let used = self.world.bound.used();
        let reaction = cause.reaction(&used.failure);
        if reaction == Some(Reaction::Open) && !matches!(cause, Cause::Rejected(_)) {
            return Ok(None);
        }
        self.outcome = Outcome::Fail;
        let plugin = used.plugin.clone();
        let failed = Failed {
            plugin,
            cause,
            reaction,
        };
        Err(self.answer(&proxy::Error::Plugin(Box::new(failed))))
    }

    /// What the gateway says itself.
    pub(super) fn answer(&self, error: &proxy::Error) -> Stop {
        let request = &self.step.request;
        let accept = request.message.headers.get(header::ACCEPT);
        let (head, body) = answer::to(error, &request.method, accept, "0").into_parts();
        Stop::Response(Box::new(LocalResponse {
            status: head.status,
            headers: head.headers,
            body,
        }))
    }

    fn responded(&mut self, response: LocalResponse) -> Stop {
        self.outcome = Outcome::Respond;
        Stop::Response(Box::new(response))
    }

    fn stopped(&mut self, stop: Stop) -> Option<Got> {
        match stop {
            Stop::Broken => None,
            Stop::Response(response) => {
                self.put(*response);
                self.got()
            }
        }
    }

    fn got(&self) -> Option<Got> {
        let response = self.scene.as_ref()?.response.as_ref()?;
        let head = self.step.request.method == Method::HEAD;
        Some(Got {
            status: response.status.as_u16(),
            headers: response.headers.clone(),
            body: if head {
                Bytes::new()
            } else {
                self.body.concat().into()
            },
        })
    }

    fn sent(&self) -> Option<Sent> {
        let scene = self.scene.as_ref()?;
        let (endpoint, hash_key) = match &self.routing.pick {
            Pick::Policy => (None, None),
            Pick::Endpoint(address) => (Some(address.to_string()), None),
            Pick::Key(key) => (None, Some(String::from_utf8_lossy(key).into_owned())),
        };
        Some(Sent {
            method: scene.head.method.to_string(),
            target: scene.path_with_query().to_owned(),
            host: String::from_utf8_lossy(scene.host.as_bytes()).into_owned(),
            headers: scene.head.headers.clone(),
            body: self.body.concat().into(),
            upstream: scene.upstream.to_string(),
            endpoint,
            hash_key,
        })
    }

    fn attributes(&self) -> BTreeMap<String, Value> {
        let memory = self.scene.as_ref().map(|scene| &scene.memory);
        let attributes = memory.map_or(&[][..], |memory| memory.attributes());
        let said = |(key, value): &(Box<str>, Attribute)| {
            let value = match value {
                Attribute::Text(text) => text.clone().into(),
                Attribute::Integer(number) => (*number).into(),
                Attribute::Number(number) => (*number).into(),
                Attribute::Boolean(flag) => (*flag).into(),
                Attribute::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned().into(),
            };
            (key.to_string(), value)
        };
        attributes.iter().map(said).collect()
    }

    /// The exchange is over.
    async fn log(&mut self, status: u16) {
        let World { bound, instances, .. } = self.world;
        let Some(scene) = self.scene.take().filter(|_| bound.hooks().log) else {
            return;
        };
        let length = |pieces: &[Bytes]| pieces.iter().map(|piece| piece.len() as u64).sum();
        let summary = Summary {
            id: scene.id.clone(),
            route: scene.route.name.as_str().into(),
            method: self.step.request.method.clone(),
            status,
            duration: Duration::from_millis(1),
            bytes_in: length(&self.step.request.message.body),
            bytes_out: length(&self.body),
            ended_by: match self.outcome {
                Outcome::Next | Outcome::Route => "ok",
                Outcome::Fail => "plugin_failed",
                Outcome::Respond | Outcome::Replace | Outcome::Abort => "plugin",
            },
            attributes: scene.memory.attributes().to_vec(),
        };
        if let Err(cause) = instances.log(bound, vec![summary]).await {
            self.error.get_or_insert((cause.name(), cause.to_string()));
        }
    }
}
