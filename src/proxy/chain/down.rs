//! A request goes down the chain.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use hyper::body::Body as _;

use super::bodies::{OF_BODY, Stale, made};
use super::call::Call;
use super::{Visit, pieces};
use crate::body;
use crate::plugin::{BodyOutcome, Bound, Cause, Chain, Hook, Link, LocalResponse, RequestOutcome, Routing};
use crate::proxy::course::Course;
use crate::proxy::exchange::Exchange;
use crate::proxy::outbound;
use crate::proxy::request::{Framing, Payload, Told};
use crate::proxy::{Error, Shared};
use crate::router::Match;
use crate::telemetry::Flag;

/// Asks the plugins of a route, one after the other. `None` when all have let the request pass: then `told` and
/// `course` are what they have made of it. Otherwise it is a plugin's response.
///
/// # Errors
///
/// When a plugin failed or rejected the request, or when the client did not send the body that one has to see.
pub(in crate::proxy) async fn down(
    shared: &std::rc::Rc<Shared>,
    exchange: &mut Exchange,
    chain: &Chain,
    told: &mut Told,
    found: &Match<'_>,
    course: &mut Course,
) -> Result<Option<Response<Bytes>>, Error> {
    let visit = Visit::begin(exchange, told, found, course, chain.uses.len());
    exchange.visit = Some(Box::new(visit));
    let mut way = Down {
        shared,
        exchange,
        told,
        found,
        course,
    };
    for (index, link) in chain.uses.iter().enumerate() {
        if let Some(response) = way.pass(index, link).await? {
            way.exchange.flag = Some(Flag::Plugin);
            return Ok(Some(made(way.exchange, response)));
        }
        if let Some(visit) = &mut way.exchange.visit {
            visit.pass(index);
        }
    }
    if chain.hooks.chunk {
        way.stream(chain).await?;
    }
    if let Some(visit) = &mut exchange.visit {
        visit.hand_over(&exchange.host, told);
    }
    Ok(None)
}

struct Down<'a, 'f> {
    shared: &'a std::rc::Rc<Shared>,
    exchange: &'a mut Exchange,
    told: &'a mut Told,
    found: &'a Match<'f>,
    course: &'a mut Course,
}

impl Down<'_, '_> {
    /// One plugin: its response, if it makes one.
    async fn pass(&mut self, index: usize, link: &Link) -> Result<Option<LocalResponse>, Error> {
        let bound = match link {
            Link::Ready(bound) => bound,
            Link::Broken { used, .. } => {
                let call = Call::of(self.shared, used, index, Hook::Request);
                call.end::<RequestOutcome>(self.exchange, Err(Cause::Load))?;
                return Ok(None);
            }
        };
        let hooks = bound.hooks();
        if hooks.request
            && let Some(response) = self.head(index, bound).await?
        {
            return Ok(Some(response));
        }
        if hooks.request_body && !matches!(self.told.body, Payload::None) {
            return self.body(index, bound).await;
        }
        Ok(None)
    }

    async fn head(&mut self, index: usize, bound: &Arc<Bound>) -> Result<Option<LocalResponse>, Error> {
        let Some(visit) = &mut self.exchange.visit else {
            return Ok(None);
        };
        let call = Call::of(self.shared, bound.used(), index, Hook::Request);
        let mut result = self.shared.instances.request(bound, &mut visit.scene).await;
        if let Ok(RequestOutcome::Route(routing)) = &result
            && let Err(why) = self.steer(routing)
        {
            result = Err(Cause::Outcome(why));
        }
        match call.end(self.exchange, result)? {
            Some(RequestOutcome::Respond(response)) => Ok(Some(response)),
            Some(RequestOutcome::Next | RequestOutcome::Route(_)) | None => Ok(None),
        }
    }

    /// The request goes where the plugin says, and the plugins behind it see that it does.
    fn steer(&mut self, routing: &Routing) -> Result<(), String> {
        self.course
            .change(routing, &self.exchange.snapshot, self.found.route)?;
        if let Some(scene) = self.exchange.scene() {
            scene.upstream = self.course.name();
        }
        Ok(())
    }

    async fn body(&mut self, index: usize, bound: &Arc<Bound>) -> Result<Option<LocalResponse>, Error> {
        let whole = self.whole(bound.used().bounds.request_body).await?;
        let Some(visit) = &mut self.exchange.visit else {
            return Ok(None);
        };
        let mut stale = None;
        if let Some(scene) = &mut visit.scene {
            scene.body = Some(whole);
            stale = Some(Stale::look(OF_BODY, &scene.head.headers));
        }
        let call = Call::of(self.shared, bound.used(), index, Hook::RequestBody);
        let result = self.shared.instances.request_body(bound, &mut visit.scene).await;
        let scene = visit.scene.as_mut();
        let fields = scene.map(|scene| {
            scene.body = None;
            &mut scene.head.headers
        });
        if let (Ok(BodyOutcome::Replace(body)), Some(fields), Some(stale)) = (&result, fields, stale) {
            stale.remove(fields);
            if let Payload::Taken(upload, framing) = &mut self.told.body {
                *framing = Framing::Length(body.len() as u64);
                upload.replace(body.clone());
            }
        }
        match call.end(self.exchange, result)? {
            Some(BodyOutcome::Respond(response)) => Ok(Some(response)),
            Some(BodyOutcome::Next | BodyOutcome::Replace(_)) | None => Ok(None),
        }
    }

    /// The whole body, which is waited for; a client that wants to be asked for it is.
    async fn whole(&mut self, limit: u64) -> Result<Bytes, Error> {
        if matches!(self.told.body, Payload::Arriving(_))
            && let Payload::Arriving(body) = std::mem::replace(&mut self.told.body, Payload::None)
        {
            if body.size_hint().lower() > limit {
                return Err(Error::BodyTooLarge);
            }
            let framing = Framing::of(&body);
            let upload = outbound::take(self.exchange, body, self.found.route, 0, false)?;
            // It has been asked for, and will not be asked for again.
            if let Some(scene) = self.exchange.scene() {
                scene.head.headers.remove(http::header::EXPECT);
            }
            self.told.body = Payload::Taken(upload, framing);
        }
        let Payload::Taken(upload, _) = &self.told.body else {
            return Ok(Bytes::new());
        };
        upload.whole(limit).await.map_err(|error| match error {
            body::Error::TooLarge => Error::BodyTooLarge,
            body::Error::Broken | body::Error::Gone | body::Error::Refused => Error::BodyBroken,
        })
    }

    /// Puts the plugins that want to see the body's pieces in its way.
    async fn stream(&mut self, chain: &Chain) -> Result<(), Error> {
        if matches!(self.told.body, Payload::None) {
            return Ok(());
        }
        let stages = pieces::open_request(self.shared, self.exchange, chain).await?;
        if stages.is_empty() {
            return Ok(());
        }
        let client = match std::mem::replace(&mut self.told.body, Payload::None) {
            Payload::None => return Ok(()),
            Payload::Taken(upload, _) => upload,
            Payload::Arriving(body) => {
                outbound::take(self.exchange, body, self.found.route, 0, self.told.expects)?
            }
        };
        let upstream = self.course.upstream.as_ref();
        let replay = upstream.map_or(0, |upstream| upstream.config().replay_body);
        let upload = pieces::request(stages, &client, replay);
        self.told.body = Payload::Taken(upload, Framing::Chunked);
        Ok(())
    }
}
