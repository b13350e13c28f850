//! The plugins of a route, around what the route does.
//!
//! Requests go [`down()`] the chain in its order, each plugin done with head and body before the next one sees them;
//! responses come back [`up()`] in reverse, whoever made them: an endpoint, a plugin, or the gateway. Only plugins that
//! let the request pass see its response. Bodies that stream by are in `pieces.rs`, exchanges that have ended in
//! `summary.rs`.
//!
//! A plugin that fails changes nothing: either the exchange goes on as it was before (`failure = "open"`), or the
//! failure is the exchange's error, whose answer is chosen in [`super::answer`]. Nothing here knows of wasm.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::Error;
use super::course::Course;
use super::exchange::Exchange;
use super::request::{Canonical, Told};
use crate::plugin::{self, Memory, Scene};
use crate::router::Match;
use crate::telemetry::{Attribute, PluginTime};

use call::Judged;

pub(super) use down::down;
pub(super) use summary::Summaries;
pub(super) use up::{comes_back, up};

mod bodies;
mod call;
mod down;
mod pieces;
mod summary;
mod up;

/// What an exchange carries through its chain, and what is left of it for the access log.
pub(super) struct Visit {
    /// `None` only while a hook has it.
    scene: Option<Box<Scene>>,
    /// The request has passed so many plugins of the chain.
    passed: usize,
    /// By place in the chain.
    parts: Vec<Part>,
    /// What became of bodies that stream by, as far as they have.
    streamed: Option<Rc<Streamed>>,
}

/// One plugin's part in an exchange.
#[derive(Clone, Copy, Default)]
struct Part {
    time: Duration,
    /// `None` while it was not called.
    outcome: Option<&'static str>,
    gravity: Gravity,
}

/// How grave an outcome is: the gravest is the one that the access log names.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
enum Gravity {
    #[default]
    Passed,
    Changed,
    Answered,
    /// It failed, and the exchange went on without it.
    Skipped,
    Failed,
}

/// What chunk hooks did, written where the bodies are.
#[derive(Default)]
struct Streamed {
    parts: RefCell<Vec<Part>>,
    /// Which plugin stopped a body, and why.
    stopped: RefCell<Option<(usize, Error)>>,
}

impl Part {
    fn add<T>(&mut self, judged: &Judged<T>) {
        self.join(Self {
            time: judged.took,
            outcome: Some(judged.name),
            gravity: judged.gravity,
        });
    }

    fn join(&mut self, other: Self) {
        self.time += other.time;
        if self.outcome.is_none() || other.gravity > self.gravity {
            self.outcome = other.outcome;
            self.gravity = other.gravity;
        }
    }
}

impl Exchange {
    /// What the hooks of its chain see; `None` without a chain, and while a hook has it.
    fn scene(&mut self) -> Option<&mut Scene> {
        self.visit.as_mut()?.scene.as_deref_mut()
    }
}

impl Visit {
    /// Begins at the top of a chain of so many plugins, with the request's head.
    fn begin(
        exchange: &Exchange,
        told: &mut Told,
        found: &Match<'_>,
        course: &Course,
        plugins: usize,
    ) -> Self {
        let canonical = match &told.path.path {
            Canonical::AsReceived => None,
            path => Some(path.of_raw(told.head.uri.path()).into()),
        };
        let params = found.captures.iter();
        let scene = Scene {
            id: exchange.request_id.clone(),
            route: Arc::clone(found.route),
            upstream: course.name(),
            client: SocketAddr::new(exchange.client_ip, exchange.peer.address.port()),
            scheme: "http",
            host: exchange.host.clone(),
            canonical,
            params: params
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            head: told.take_head(),
            response: None,
            body: None,
            memory: Memory::default(),
            advance: Default::default(),
            overlay: Default::default(),
        };
        Self {
            scene: Some(Box::new(scene)),
            passed: 0,
            parts: vec![Part::default(); plugins],
            streamed: None,
        }
    }

    /// The plugin at this place has let the request pass.
    fn pass(&mut self, index: usize) {
        self.passed = index + 1;
        if let Some(scene) = &mut self.scene {
            scene.advance.keep(index);
        }
    }

    /// The head goes on, as plugins have made it.
    fn hand_over(&mut self, received: &HeaderValue, told: &mut Told) {
        let Some(scene) = &mut self.scene else { return };
        std::mem::swap(&mut told.head, &mut scene.head);
        if scene.host != *received {
            told.authority = Some(scene.host.clone());
        }
        told.path.path = match &scene.canonical {
            Some(path) => Canonical::Rewritten(path.clone()),
            None => Canonical::AsReceived,
        };
    }

    /// The head as it was forwarded comes back, for the hooks of the response to look at.
    pub(super) fn recall(&mut self, told: Told) {
        if let Some(scene) = &mut self.scene {
            scene.head = told.head;
        }
    }

    /// What each plugin that was called did, in the order of the chain.
    pub(super) fn times<'a>(&self, uses: impl Iterator<Item = &'a str>) -> Vec<PluginTime<'a>> {
        let streamed = self.streamed.as_ref().map(|streamed| streamed.parts.borrow());
        let parts = self.parts.iter().enumerate().map(|(index, part)| {
            let mut part = *part;
            let more = streamed.as_ref().and_then(|parts| parts.get(index));
            if let Some(more) = more.filter(|more| more.outcome.is_some()) {
                part.join(*more);
            }
            part
        });
        let time = |(name, part): (&'a str, Part)| {
            Some(PluginTime {
                name,
                time: part.time,
                outcome: part.outcome?,
                skipped: part.gravity == Gravity::Skipped,
            })
        };
        uses.zip(parts).filter_map(time).collect()
    }

    /// What plugins noted.
    pub(super) fn attributes(&self) -> Vec<(&str, Attribute<'_>)> {
        let scene = self.scene.as_ref();
        let noted = scene.map_or(&[][..], |scene| scene.memory.attributes());
        noted
            .iter()
            .map(|(key, value)| (&**key, attribute(value)))
            .collect()
    }

    /// Why the request's body was stopped on its way, if it was. Who stopped it does not see the response.
    pub(super) fn stopped(&mut self) -> Option<Error> {
        let (index, error) = self.streamed.as_ref()?.stopped.borrow_mut().take()?;
        self.passed = self.passed.min(index);
        Some(error)
    }
}

fn attribute(value: &plugin::Attribute) -> Attribute<'_> {
    match value {
        plugin::Attribute::Text(text) => Attribute::Text(text),
        plugin::Attribute::Integer(number) => Attribute::Integer(*number),
        plugin::Attribute::Number(number) => Attribute::Number(*number),
        plugin::Attribute::Boolean(boolean) => Attribute::Boolean(*boolean),
        plugin::Attribute::Bytes(bytes) => Attribute::Bytes(bytes),
    }
}

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// W3C Server Timing: a metric for each plugin, in milliseconds.
fn timing(times: &[PluginTime<'_>]) -> Option<HeaderValue> {
    let metric = |time: &PluginTime<'_>| {
        let name: String = time
            .name
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') {
                    c
                } else {
                    '_'
                }
            })
            .collect();
        format!("{name};dur={:.3}", time.time.as_secs_f64() * 1000.0)
    };
    let metrics: Vec<_> = times.iter().map(metric).collect();
    (!metrics.is_empty())
        .then(|| HeaderValue::try_from(metrics.join(", ")).ok())
        .flatten()
}
