//! One worker's instances, and what calls hooks on them. An exchange's [`Scene`] is moved into an instance for the time
//! of a call, and is back when the call is over, however it ended: with the hook's edits carried out if the hook
//! returned ok and what it decided is possible, and as it was before otherwise.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::Store;

use super::bindings::gatewit::plugin::types::PluginError;
use super::bound::Bound;
use super::calls::Caller;
use super::failure::Cause;
use super::guest::Guest;
use super::hooks::{Functions, Hook};
use super::instance::{Budget, Instance, Stillborn};
use super::outcome::{BodyOutcome, RequestOutcome, ResponseOutcome, Summary};
use super::overlay::Phase;
use super::pool::{Busy, Closing, Pools};
use super::scene::Scene;
use super::turn::Turns;

/// What a call of a hook ends in, as the plugin says it.
type Said<T> = wasmtime::Result<Result<T, PluginError>>;

/// See the module. A handle: all clones are the same.
#[derive(Clone, Default)]
pub struct Instances {
    pub(super) pools: Rc<Pools>,
    turns: Turns,
    took: Rc<Cell<Duration>>,
    caller: Option<Caller>,
}

/// An instance at work, with the scene it works on. Dropped before the call is over it gives back the scene, and takes
/// the instance with it.
struct Lent<'l> {
    bound: &'l Arc<Bound>,
    scene: &'l mut Option<Box<Scene>>,
    instance: Option<Box<Instance>>,
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
        let call = async |store: &mut Store<Guest>, functions: &Functions| match &functions.request {
            Some(hook) => hook.call_on_request(store).await,
            None => Ok(Err(missing())),
        };
        let most = bound.used().bounds.response_body;
        self.call(
            bound,
            Hook::Request,
            Phase::Request,
            scene,
            call,
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
        let call = async |store: &mut Store<Guest>, functions: &Functions| match &functions.request_body {
            Some(hook) => hook.call_on_request_body(store).await,
            None => Ok(Err(missing())),
        };
        let bounds = &bound.used().bounds;
        self.call(
            bound,
            Hook::RequestBody,
            Phase::RequestBody,
            scene,
            call,
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
        let call = async |store: &mut Store<Guest>, functions: &Functions| match &functions.response {
            Some(hook) => hook.call_on_response(store).await,
            None => Ok(Err(missing())),
        };
        let most = bound.used().bounds.response_body;
        self.call(bound, Hook::Response, Phase::Response, scene, call, |said, _| {
            ResponseOutcome::check(said, most)
        })
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
        let call = async |store: &mut Store<Guest>, functions: &Functions| match &functions.response_body {
            Some(hook) => hook.call_on_response_body(store).await,
            None => Ok(Err(missing())),
        };
        let most = bound.used().bounds.response_body;
        self.call(
            bound,
            Hook::ResponseBody,
            Phase::ResponseBody,
            scene,
            call,
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
        let batch: Vec<_> = batch.into_iter().map(Into::into).collect();
        let call = async |store: &mut Store<Guest>, functions: &Functions| {
            if let Some(hook) = &functions.log {
                hook.call_on_complete(store, &batch).await?;
            }
            Ok(Ok(()))
        };
        self.call(bound, Hook::Log, Phase::Between, &mut None, call, accept)
            .await
    }

    /// Calls `tick-hook`. There is one instance of it per process, if this is called in one place.
    ///
    /// # Errors
    ///
    /// How it failed.
    pub async fn tick(&self, bound: &Arc<Bound>) -> Result<(), Cause> {
        let call = async |store: &mut Store<Guest>, functions: &Functions| {
            if let Some(hook) = &functions.tick {
                hook.call_on_tick(store).await?;
            }
            Ok(Ok(()))
        };
        self.call(bound, Hook::Tick, Phase::Between, &mut None, call, accept)
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

    async fn call<T, R>(
        &self,
        bound: &Arc<Bound>,
        hook: Hook,
        phase: Phase,
        scene: &mut Option<Box<Scene>>,
        call: impl AsyncFnOnce(&mut Store<Guest>, &Functions) -> Said<T>,
        check: impl FnOnce(T, Option<&Scene>) -> Result<R, Cause>,
    ) -> Result<R, Cause> {
        let (instance, _busy, began) = self.lend(bound, scene).await?;
        let (result, instance) = self
            .run(bound, instance, (hook, phase, began), scene, call, check)
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
        let mut lent = Lent {
            bound,
            scene,
            instance: None,
            over: false,
        };
        let made = Instance::configured(&bound.generation.code, &bound.binding, &self.turns).await;
        lent.over = true;
        began.hook = Instant::now();
        let cause = match made {
            Ok(mut instance) => {
                instance.guest().caller.clone_from(&self.caller);
                return Ok((instance, busy, began));
            }
            Err(Stillborn::Cause(cause)) => cause,
            Err(Stillborn::Refused(problems)) => {
                let why = problems.first().map_or("", |problem| problem.message.as_str());
                Cause::Internal(format!("a configuration that it had accepted was refused: {why}"))
            }
        };
        self.took.set(began.call.elapsed());
        bound.quarantine.report(route(lent.scene), Some(&cause));
        Err(cause)
    }

    /// One call. The instance comes back when it can be used again.
    pub(super) async fn run<T, R>(
        &self,
        bound: &Arc<Bound>,
        instance: Box<Instance>,
        (hook, phase, began): (Hook, Phase, Began),
        scene: &mut Option<Box<Scene>>,
        call: impl AsyncFnOnce(&mut Store<Guest>, &Functions) -> Said<T>,
        check: impl FnOnce(T, Option<&Scene>) -> Result<R, Cause>,
    ) -> (Result<R, Cause>, Option<Box<Instance>>) {
        let mut lent = Lent {
            bound,
            scene,
            instance: Some(instance),
            over: false,
        };
        let said = lent.run(phase, began.hook, call).await;
        let (instance, said) = match said {
            Ok(said) => (lent.instance.take(), said.map_err(Cause::from)),
            Err(cause) => (None, Err(cause)),
        };
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
        let call = async |store: &mut Store<Guest>, functions: &Functions| {
            if let Some(hook) = &functions.chunk {
                hook.call_on_close(store, body).await?;
            }
            Ok(Ok(()))
        };
        let began = (Hook::Chunk, Phase::Chunk, Began::now());
        let (_, instance) = self.run(&bound, instance, began, &mut None, call, accept).await;
        if let Some(instance) = instance {
            self.pools.put(&bound, instance);
        }
        drop(busy);
    }
}

impl Lent<'_> {
    async fn run<T>(
        &mut self,
        phase: Phase,
        began: Instant,
        call: impl AsyncFnOnce(&mut Store<Guest>, &Functions) -> Said<T>,
    ) -> Result<Result<T, PluginError>, Cause> {
        let Some(instance) = &mut self.instance else {
            return Err(Cause::Busy);
        };
        let guest = instance.guest();
        guest.scene = self.scene.take();
        if let Some(scene) = &mut guest.scene {
            scene.begin(phase);
        }
        let said = instance
            .run(Budget::of(&self.bound.used().bounds), began, call)
            .await;
        self.recover();
        said
    }

    fn recover(&mut self) {
        if let Some(instance) = &mut self.instance {
            let guest = instance.guest();
            guest.print();
            if let Some(scene) = guest.scene.take() {
                *self.scene = Some(scene);
            }
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
        if !self.over {
            self.recover();
            if let Some(scene) = self.scene {
                scene.discard();
            }
            self.bound.quarantine.forget(route(self.scene));
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

fn missing() -> PluginError {
    PluginError::Internal("it has no such hook".to_owned())
}
