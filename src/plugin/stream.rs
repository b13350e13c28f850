//! `chunk-hook`: one instance that sees one body, from its beginning to its end.

use std::sync::Arc;

use super::ask::{OnChunk, OnOpen};
use super::bound::Bound;
use super::failure::Cause;
use super::hooks::Hook;
use super::instance::Instance;
use super::instances::{Began, Instances, accept};
use super::outcome::{ChunkOutcome, Direction};
use super::overlay::Phase;
use super::pool::{Busy, Closing};
use super::scene::Scene;
use crate::config::Route;
use bytes::Bytes;

/// A body that a plugin looks at. When it is dropped the plugin is told that the body is over.
pub struct Stream {
    instances: Instances,
    bound: Arc<Bound>,
    body: u64,
    /// Where it may be quarantined.
    route: Option<Arc<Route>>,
    /// None after a failure.
    held: Option<(Box<Instance>, Busy)>,
}

impl Instances {
    /// Calls `on-open` of `chunk-hook`. `None` when the plugin is not interested.
    ///
    /// # Errors
    ///
    /// How it failed.
    pub async fn open_body(
        &self,
        bound: &Arc<Bound>,
        scene: &mut Option<Box<Scene>>,
        direction: Direction,
    ) -> Result<Option<Stream>, Cause> {
        let (instance, busy, began) = self.lend(bound, scene).await?;
        let body = self.pools.body();
        let began = (Hook::Chunk, Phase::Chunk, began);
        let (result, instance) = self
            .run(bound, instance, began, scene, OnOpen(body, direction), accept)
            .await;
        match (result, instance) {
            (Ok(true), Some(instance)) => Ok(Some(Stream {
                instances: self.clone(),
                bound: bound.clone(),
                body,
                route: scene.as_ref().map(|scene| Arc::clone(&scene.route)),
                held: Some((instance, busy)),
            })),
            (result, instance) => {
                if let Some(instance) = instance {
                    self.pools.put(bound, instance);
                }
                result.map(|_| None)
            }
        }
    }
}

impl Stream {
    /// The use of the plugin that looks.
    pub fn bound(&self) -> &Arc<Bound> {
        &self.bound
    }

    /// Calls `on-chunk`, with the exchange's scene if there is one to be had. At most 64 KiB at once.
    ///
    /// # Errors
    ///
    /// How it failed; nothing can be shown to it afterwards.
    pub async fn chunk(
        &mut self,
        scene: &mut Option<Box<Scene>>,
        chunk: Bytes,
        last: bool,
    ) -> Result<ChunkOutcome, Cause> {
        let Some((instance, busy)) = self.held.take() else {
            return Err(Cause::Internal(
                "it failed on an earlier piece of this body".to_owned(),
            ));
        };
        let ask = OnChunk(self.body, chunk, last);
        let most = self.bound.used().bounds.response_body;
        let began = (Hook::Chunk, Phase::Chunk, Began::now());
        let check = |said, _: Option<&Scene>| ChunkOutcome::check(said, most);
        let (result, instance) = self
            .instances
            .run(&self.bound, instance, began, scene, ask, check)
            .await;
        if let Some(route) = self.route.as_ref().filter(|_| scene.is_none()) {
            self.bound.quarantine.report(&route.name, result.as_ref().err());
        }
        self.held = instance.map(|instance| (instance, busy));
        result
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some((instance, busy)) = self.held.take() {
            let (bound, body) = (self.bound.clone(), self.body);
            self.instances.pools.close(Closing {
                bound,
                instance,
                body,
                busy,
            });
        }
    }
}
