//! One worker's instances, and what calls hooks on them. An exchange's [`Scene`] is moved into an instance for the time
//! of a call, and is back when the call is over, however it ended: with the hook's edits carried out if the hook
//! returned ok and what it decided is possible, and as it was before otherwise.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ask::{Ask, OnClose, OnComplete, OnRequest, OnRequestBody, OnResponse, OnResponseBody, OnTick};
use super::bindings::gatewit::plugin::types::PluginError;
use super::bound::Bound;
use super::calls::Caller;
use super::failure::Cause;
use super::hooks::Hook;
use super::instance::{Budget, Ended, Instance, Stillborn};
use super::offload::Offload;
use super::outcome::{BodyOutcome, RequestOutcome, ResponseOutcome, Summary};
use super::overlay::Phase;
use super::pool::{Busy, Closing, Pools};
use super::progress::Progress;
use super::scene::Scene;
use crate::config::Route;

/// What a hook says.
type Said<T> = Result<T, PluginError>;

/// See the module. A handle: all clones are the same.
#[derive(Clone, Default)]
pub struct Instances {
    pub(super) pools: Rc<Pools>,
    offload: Offload,
    took: Rc<Cell<Duration>>,
    caller: Option<Caller>,
}

/// The scene of a call that has not ended. Dropped before that, it takes the scene back from the instance at work, which
/// is gone then. When that is on the thread beside, the scene is, too.
struct Lent<'l> {
    bound: &'l Arc<Bound>,
    scene: &'l mut Option<Box<Scene>>,
    /// Where the call may be a probe, in case that the scene does not come back.
    probed: Option<Arc<Route>>,
    progress: Arc<Progress>,
    over: bool,
}

/// When a call began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Began {
    /// The exchange has waited since then.
    call: Instant,
    /// The hook runs since then. Before that an instance was made, which has a bound of its own.
    hook: Instant,
}

impl Began {
    /// With an instance that was there.
    pub(super) fn now() -> Self {
        let now = Instant::now();
        Self { call: now, hook: now }
    }
}

impl Instances {
    /// None yet. HTTP calls of plugins are given to `caller`.
    pub fn new(caller: Caller) -> Self {
        Self {
            caller: Some(caller),
            ..Self::default()
        }
    }

    /// Calls `request-hook`.
    ///
    /// # Errors
    ///
    /// How it failed. The scene is as before the call.
    pub async fn request(
        &self,
        bound: &Arc<Bound>,
        scene: &mut Option<Box<Scene>>,
    ) -> Result<RequestOutcome, Cause> {
        let most = bound.used().bounds.response_body;
        self.call(
            bound,
            Hook::Request,
            Phase::Request,
            scene,
            OnRequest,
            |said, scene| RequestOutcome::check(said, most)?.leading_somewhere(bound, scene),
        )
        .await
    }

    /// Calls `request-body-hook`. The body is in the scene.
    ///
    /// # Errors
    ///
    /// How it failed. The scene is as before the call.
    pub async fn request_body(
        &self,
        bound: &Arc<Bound>,
        scene: &mut Option<Box<Scene>>,
    ) -> Result<BodyOutcome, Cause> {
        let bounds = &bound.used().bounds;
        self.call(
            bound,
            Hook::RequestBody,
            Phase::RequestBody,
            scene,
            OnRequestBody,
            |said, _| BodyOutcome::check_request(said, bounds),
        )
        .await
    }

    /// Calls `response-hook`.
    ///
    /// # Errors
    ///
    /// How it failed. The scene is as before the call.
    pub async fn response(
        &self,
        bound: &Arc<Bound>,
        scene: &mut Option<Box<Scene>>,
    ) -> Result<ResponseOutcome, Cause> {
        let most = bound.used().bounds.response_body;
        self.call(
            bound,
            Hook::Response,
            Phase::Response,
            scene,
            OnResponse,
            |said, _| ResponseOutcome::check(said, most),
        )
        .await
    }

    /// Calls `response-body-hook`. The body is in the scene.
    ///
    /// # Errors
    ///
    /// How it failed. The scene is as before the call.
    pub async fn response_body(
        &self,
        bound: &Arc<Bound>,
        scene: &mut Option<Box<Scene>>,
    ) -> Result<BodyOutcome, Cause> {
        let most = bound.used().bounds.response_body;
        self.call(
            bound,
            Hook::ResponseBody,
            Phase::ResponseBody,
            scene,
            OnResponseBody,
            |said, _| BodyOutcome::check_response(said, most),
        )
        .await
    }

    /// Calls `log-hook`.
    ///
    /// # Errors
    ///
    /// How it failed.
    pub async fn log(&self, bound: &Arc<Bound>, batch: Vec<Summary>) -> Result<(), Cause> {
        let batch = OnComplete(batch.into_iter().map(Into::into).collect());
        self.call(bound, Hook::Log, Phase::Between, &mut None, batch, accept)
            .await
    }

    /// Calls `tick-hook`. There is one instance of it per process, if this is called in one place.
    ///
    /// # Errors
    ///
    /// How it failed.
    pub async fn tick(&self, bound: &Arc<Bound>) -> Result<(), Cause> {
        self.call(bound, Hook::Tick, Phase::Between, &mut None, OnTick, accept)
            .await
    }

    /// How long the call took whose result was just returned: to be asked before anything is waited for.
    pub fn took(&self) -> Duration {
        self.took.get()
    }

    /// Drops instances that nobody needs, tells those of bodies that were cut off, and adds up what was counted. To be
    /// called a few times a second, on the worker.
    pub fn sweep(&self) {
        self.pools.sweep();
        for closing in self.pools.closing() {
            let instances = self.clone();
            tokio::task::spawn_local(async move { instances.close(closing).await });
        }
    }

    async fn call<T: Send + 'static, R>(
        &self,
        bound: &Arc<Bound>,
        hook: Hook,
        phase: Phase,
        scene: &mut Option<Box<Scene>>,
        ask: impl Ask<Said = Said<T>>,
        check: impl FnOnce(T, Option<&Scene>) -> Result<R, Cause>,
    ) -> Result<R, Cause> {
        let (instance, _busy, began) = self.lend(bound, scene).await?;
        let (result, instance) = self
            .run(bound, instance, (hook, phase, began), scene, ask, check)
            .await;
        if let Some(instance) = instance {
            self.pools.put(bound, instance);
        }
        result
    }

    /// An instance, as far as there may be one.
    pub(super) async fn lend(
        &self,
        bound: &Arc<Bound>,
        scene: &mut Option<Box<Scene>>,
    ) -> Result<(Box<Instance>, Busy, Began), Cause> {
        self.took.set(Duration::ZERO);
        bound.quarantine.admit(route(scene)).map_err(Cause::Quarantined)?;
        let began = Began::now();
        match self.pools.take(bound) {
            Some((Some(instance), busy)) => Ok((instance, busy, began)),
            // In a box, because it is large and rare: every call would carry it along.
            Some((None, busy)) => Box::pin(self.make(bound, scene, busy, began)).await,
            None => {
                bound.quarantine.forget(route(scene));
                Err(Cause::Busy)
            }
        }
    }

    /// A new instance for a call.
    async fn make(
        &self,
        bound: &Arc<Bound>,
        scene: &mut Option<Box<Scene>>,
        busy: Busy,
        mut began: Began,
    ) -> Result<(Box<Instance>, Busy, Began), Cause> {
        let mut lent = Lent::new(bound, scene, Arc::default());
        let (code, binding) = (bound.generation.code.clone(), bound.binding.clone());
        let made = Instance::configured(code, binding, lent.progress.clone());
        let made = self.offload.carry(&lent.progress, made).await;
        lent.over = true;
        began.hook = Instant::now();
        let cause = match made {
            Ok(Ok(mut instance)) => {
                instance.guest().caller.clone_from(&self.caller);
                return Ok((instance, busy, began));
            }
            Ok(Err(Stillborn::Cause(cause))) | Err(cause) => cause,
            Ok(Err(Stillborn::Refused(problems))) => {
                let why = problems.first().map_or("", |problem| problem.message.as_str());
                Cause::Internal(format!("a configuration that it had accepted was refused: {why}"))
            }
        };
        self.took.set(began.call.elapsed());
        bound.quarantine.report(route(lent.scene), Some(&cause));
        Err(cause)
    }

    /// One call. The instance comes back when it can be used again.
    pub(super) async fn run<T: Send + 'static, R>(
        &self,
        bound: &Arc<Bound>,
        mut instance: Box<Instance>,
        (hook, phase, began): (Hook, Phase, Began),
        scene: &mut Option<Box<Scene>>,
        ask: impl Ask<Said = Said<T>>,
        check: impl FnOnce(T, Option<&Scene>) -> Result<R, Cause>,
    ) -> (Result<R, Cause>, Option<Box<Instance>>) {
        let mut lent = Lent::new(bound, scene, instance.progress().clone());
        lent.give(&mut instance, phase);
        let call = instance.ask(ask, Budget::of(&bound.used().bounds), began.hook);
        let ended = self.offload.carry(&lent.progress, call).await;
        let Ended {
            said,
            scene,
            instance,
        } = ended.unwrap_or_else(|cause| Ended {
            said: Err(cause),
            scene: lent.progress.left(),
            instance: None,
        });
        *lent.scene = scene;
        let said = said.and_then(|said| said.map_err(Cause::from));
        let result = said.and_then(|said| check(said, lent.scene.as_deref()));
        lent.end(&result);
        let took = began.call.elapsed();
        self.took.set(took);
        self.pools.count(bound, hook, took, result.is_err());
        (result, instance)
    }

    async fn close(&self, closing: Closing) {
        let Closing {
            bound,
            instance,
            body,
            busy,
        } = closing;
        let began = (Hook::Chunk, Phase::Chunk, Began::now());
        let (_, instance) = self
            .run(&bound, instance, began, &mut None, OnClose(body), accept)
            .await;
        if let Some(instance) = instance {
            self.pools.put(&bound, instance);
        }
        drop(busy);
    }
}

impl<'l> Lent<'l> {
    fn new(bound: &'l Arc<Bound>, scene: &'l mut Option<Box<Scene>>, progress: Arc<Progress>) -> Self {
        Self {
            bound,
            probed: scene
                .as_ref()
                .filter(|_| bound.quarantine.is_troubled())
                .map(|scene| Arc::clone(&scene.route)),
            scene,
            progress,
            over: false,
        }
    }

    fn give(&mut self, instance: &mut Instance, phase: Phase) {
        let guest = instance.guest();
        guest.scene = self.scene.take();
        if let Some(scene) = &mut guest.scene {
            scene.begin(phase);
        }
    }

    fn end<R>(&mut self, result: &Result<R, Cause>) {
        self.over = true;
        if let Some(scene) = self.scene {
            match result {
                Ok(_) => scene.commit(),
                Err(_) => scene.discard(),
            }
        }
        self.bound
            .quarantine
            .report(route(self.scene), result.as_ref().err());
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        if let Some(mut scene) = self.progress.left() {
            scene.discard();
            *self.scene = Some(scene);
        }
        if let Some(route) = &self.probed {
            self.bound.quarantine.forget(&route.name);
        }
    }
}

/// There is nothing to check.
pub(super) fn accept<T>(said: T, _: Option<&Scene>) -> Result<T, Cause> {
    Ok(said)
}

fn route(scene: &Option<Box<Scene>>) -> &str {
    scene.as_ref().map_or("", |scene| scene.route.name.as_str())
}
