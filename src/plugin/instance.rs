//! One instance in a store of its own, and calls into it with bounds on CPU time and time. Whoever gets a [`Cause`] from
//! here that the plugin did not say itself throws the instance away: its store is of no use any more.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::{Sleep, sleep_until};
use wasmtime::component::Instance as Component;
use wasmtime::{Store, UpdateDeadline};

use super::ask::{Ask, Configure, Describe};
use super::bindings::exports::gatewit::plugin::lifecycle;
use super::engine::TICK;
use super::failure::Cause;
use super::generation::Code;
use super::guest::{Binding, Guest};
use super::hooks::Functions;
use super::progress::Progress;
use super::scene::Scene;
use super::trap::explain;
use crate::config::Bounds;

/// Bytes that one call may hand to the host, beside the bodies it may have.
const HANDED: usize = 4 << 20;

/// What a new instance may take until it is configured, at least.
const BIRTH: Budget = Budget {
    cpu: Duration::from_millis(100),
    time: Duration::from_secs(1),
};

/// Bounds of one call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// Looked at every tick of 1 ms.
    pub(super) cpu: Duration,
    /// Waiting included.
    pub(super) time: Duration,
}

/// Why there is no instance.
#[derive(Debug)]
pub(super) enum Stillborn {
    /// It failed.
    Cause(Cause),
    /// It refuses its configuration.
    Refused(Vec<lifecycle::ConfigProblem>),
}

/// See the module. Dropped at work, it leaves its scene to its [`Progress`].
pub(super) struct Instance {
    store: Store<Guest>,
    functions: Functions,
    progress: Arc<Progress>,
    /// Hooks called so far.
    pub(super) calls: u64,
    /// Memory after the first call: what it needs anyway.
    settled: usize,
    counted: usize,
}

/// A call that has ended.
pub(super) struct Ended<T> {
    /// What the plugin said.
    pub(super) said: Result<T, Cause>,
    /// What it worked on.
    pub(super) scene: Option<Box<Scene>>,
    /// Where the call ended well.
    pub(super) instance: Option<Box<Instance>>,
}

/// Its CPU time is over.
#[derive(Debug, thiserror::Error)]
#[error("its CPU time is over")]
pub(super) struct Spent;

impl Budget {
    /// Of a call of a hook.
    pub(super) fn of(bounds: &Bounds) -> Self {
        Self {
            cpu: bounds.cpu,
            time: bounds.time,
        }
    }

    /// Of making an instance and configuring it.
    pub(super) fn birth(bounds: &Bounds) -> Self {
        Self {
            cpu: BIRTH.cpu.max(bounds.cpu * 10),
            time: BIRTH.time.max(bounds.time),
        }
    }
}

impl Instance {
    /// A new one, not configured.
    pub(super) async fn new(
        code: &Code,
        binding: Arc<Binding>,
        progress: Arc<Progress>,
        budget: Budget,
    ) -> Result<Self, Cause> {
        let mut store = Store::new(code.pre.engine(), Guest::new(binding, progress.clone()));
        let bounds = &store.data().binding.used.bounds;
        let body = usize::try_from(bounds.response_body.max(bounds.request_body)).unwrap_or(usize::MAX);
        store.set_hostcall_fuel(HANDED.saturating_add(body));
        store.limiter(|guest| &mut guest.extent);
        store.epoch_deadline_callback(|mut store| give_way(store.data_mut()));
        let until = arm(&mut store, budget, Instant::now());
        let made = within(&progress, until, pin!(code.pre.instantiate_async(&mut store))).await;
        store.data().print();
        let instance: Component = match made {
            Some(Ok(instance)) => instance,
            Some(Err(error)) => return Err(explain(&error, store.data())),
            None => return Err(Cause::Time),
        };
        let functions = code.indices.load(&mut store, &instance);
        let functions = functions.map_err(|(interface, error)| {
            Cause::Outcome(format!(
                "its {interface} is not as expected: {}",
                error.root_cause()
            ))
        })?;
        store.data().binding.stats.born();
        let mut instance = Self {
            store,
            functions,
            progress,
            calls: 0,
            settled: 0,
            counted: 0,
        };
        instance.weigh();
        Ok(instance)
    }

    /// A new one for a use, configured.
    pub(super) async fn configured(
        code: Arc<Code>,
        binding: Arc<Binding>,
        progress: Arc<Progress>,
    ) -> Result<Box<Self>, Stillborn> {
        let budget = Budget::birth(&binding.used.bounds);
        let given = lifecycle::Binding {
            id: binding.id.clone(),
            config: binding.config.clone(),
        };
        let born = Self::new(&code, binding, progress, budget).await;
        let mut instance = born.map_err(Stillborn::Cause)?;
        match instance.call(Configure(given), budget, Instant::now()).await {
            Ok(Ok(())) => Ok(Box::new(instance)),
            Ok(Err(problems)) => Err(Stillborn::Refused(problems)),
            Err(cause) => Err(Stillborn::Cause(cause)),
        }
    }

    /// What the plugin says of itself.
    pub(super) async fn describe(&mut self, budget: Budget) -> Result<lifecycle::PluginInfo, Cause> {
        self.call(Describe, budget, Instant::now()).await
    }

    /// One call on a scene, with bounds counted from `began`.
    pub(super) async fn ask<A: Ask>(
        mut self: Box<Self>,
        ask: A,
        budget: Budget,
        began: Instant,
    ) -> Ended<A::Said> {
        let said = self.call(ask, budget, began).await;
        let guest = self.guest();
        guest.print();
        Ended {
            scene: guest.scene.take(),
            instance: said.is_ok().then_some(self),
            said,
        }
    }

    async fn call<A: Ask>(&mut self, ask: A, budget: Budget, began: Instant) -> Result<A::Said, Cause> {
        let Self {
            store,
            functions,
            progress,
            ..
        } = self;
        let until = arm(store, budget, began);
        let said = within(progress, until, pin!(ask.ask(store, functions))).await;
        match said {
            Some(Ok(said)) => Ok(said),
            Some(Err(error)) => Err(explain(&error, store.data())),
            None => Err(Cause::Time),
        }
    }

    /// What is known outside while it is at work.
    pub(super) fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// What its host functions see.
    pub(super) fn guest(&mut self) -> &mut Guest {
        self.store.data_mut()
    }

    /// Whether it may serve once more after a call that ended well.
    pub(super) fn is_fit(&mut self) -> bool {
        self.calls += 1;
        self.weigh();
        if self.calls == 1 {
            self.settled = self.counted;
        }
        let bounds = &self.store.data().binding.used.bounds;
        // Above three quarters of its limit, if it was not so from the beginning.
        let swollen = self.counted > self.settled && self.counted as u64 > bounds.memory / 4 * 3;
        self.calls < bounds.calls && !swollen
    }

    fn weigh(&mut self) {
        let guest = self.store.data();
        if guest.extent.memory != self.counted {
            guest.binding.stats.resized(self.counted, guest.extent.memory);
            self.counted = guest.extent.memory;
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let guest = self.store.data_mut();
        guest.binding.stats.died(self.counted);
        guest.print();
        if let Some(scene) = guest.scene.take() {
            self.progress.leave(scene);
        }
    }
}

/// Sets the bounds of what begins now: when its time is over.
fn arm(store: &mut Store<Guest>, budget: Budget, began: Instant) -> Instant {
    store.set_epoch_deadline(1);
    let guest = store.data_mut();
    guest.calls = 0;
    guest.began = began;
    guest.until = began + budget.time;
    // The first tick comes early.
    guest.extent.cpu = budget.cpu + TICK;
    guest.progress.begin();
    guest.until
}

/// A tick has come while the guest ran.
fn give_way(guest: &mut Guest) -> wasmtime::Result<UpdateDeadline> {
    let Some(taken) = guest.progress.tick(guest.began) else {
        return Ok(UpdateDeadline::Continue(1));
    };
    guest.extent.cpu = guest.extent.cpu.saturating_sub(taken);
    if guest.extent.cpu.is_zero() {
        return Err(Spent.into());
    }
    guest.progress.give_way();
    // Goes on after timers and sockets were looked at.
    Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
}

/// `None` when it took too long. There is no timer as long as the guest does not wait.
async fn within<T>(
    progress: &Progress,
    until: Instant,
    mut call: Pin<&mut impl Future<Output = T>>,
) -> Option<T> {
    let mut timer: Option<Pin<Box<Sleep>>> = None;
    std::future::poll_fn(|context: &mut Context<'_>| {
        if progress.goes_on() && Instant::now() >= until {
            return Poll::Ready(None);
        }
        if let Poll::Ready(said) = call.as_mut().poll(context) {
            return Poll::Ready(Some(said));
        }
        progress.pauses();
        if progress.gave_way() {
            return Poll::Pending;
        }
        let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(until.into())));
        timer.as_mut().poll(context).map(|()| None)
    })
    .await
}
