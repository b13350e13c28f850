//! One instance in a store of its own, and calls into it with bounds on CPU time and time. Whoever gets a [`Cause`] from
//! here that the plugin did not say itself throws the instance away: its store is of no use any more.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::{Sleep, sleep_until};
use wasmtime::component::Instance as Component;
use wasmtime::{Store, UpdateDeadline};

use super::bindings::exports::gatewit::plugin::lifecycle;
use super::engine::TICK;
use super::failure::Cause;
use super::generation::Code;
use super::guest::{Binding, Guest};
use super::hooks::Functions;
use super::trap::explain;
use super::turn::{Meter, Turns};
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

/// See the module.
pub(super) struct Instance {
    store: Store<Guest>,
    functions: Functions,
    meter: Arc<Meter>,
    /// Hooks called so far.
    pub(super) calls: u64,
    /// Memory after the first call: what it needs anyway.
    settled: usize,
    counted: usize,
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
        binding: &Arc<Binding>,
        turns: &Turns,
        budget: Budget,
    ) -> Result<Self, Cause> {
        let guest = Guest::new(binding, turns);
        let meter = guest.meter.clone();
        let mut store = Store::new(code.pre.engine(), guest);
        let bounds = &binding.used.bounds;
        let body = usize::try_from(bounds.response_body.max(bounds.request_body)).unwrap_or(usize::MAX);
        store.set_hostcall_fuel(HANDED.saturating_add(body));
        store.limiter(|guest| &mut guest.extent);
        store.epoch_deadline_callback(|mut store| {
            let guest = store.data_mut();
            match guest.tick() {
                true => Ok(UpdateDeadline::YieldCustom(1, guest.turns.pause(&guest.meter))),
                false => Err(Spent.into()),
            }
        });
        arm(&mut store, budget);
        let until = Instant::now() + budget.time;
        let made = within(&meter, until, pin!(code.pre.instantiate_async(&mut store))).await;
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
        binding.stats.born();
        let mut instance = Self {
            store,
            functions,
            meter,
            calls: 0,
            settled: 0,
            counted: 0,
        };
        instance.weigh();
        Ok(instance)
    }

    /// A new one for a use, configured.
    pub(super) async fn configured(
        code: &Code,
        binding: &Arc<Binding>,
        turns: &Turns,
    ) -> Result<Box<Self>, Stillborn> {
        let budget = Budget::birth(&binding.used.bounds);
        let born = Self::new(code, binding, turns, budget).await;
        let mut instance = born.map_err(Stillborn::Cause)?;
        let given = lifecycle::Binding {
            id: binding.id.clone(),
            config: binding.config.clone(),
        };
        let said = instance
            .run(budget, Instant::now(), async |store, functions| {
                functions.lifecycle.call_configure(store, &given).await
            })
            .await;
        match said {
            Ok(Ok(())) => Ok(Box::new(instance)),
            Ok(Err(problems)) => Err(Stillborn::Refused(problems)),
            Err(cause) => Err(Stillborn::Cause(cause)),
        }
    }

    /// What the plugin says of itself.
    pub(super) async fn describe(&mut self, budget: Budget) -> Result<lifecycle::PluginInfo, Cause> {
        self.run(budget, Instant::now(), async |store, functions| {
            functions.lifecycle.call_describe(store).await
        })
        .await
    }

    /// One call, with bounds counted from `began`.
    pub(super) async fn run<T>(
        &mut self,
        budget: Budget,
        began: Instant,
        call: impl AsyncFnOnce(&mut Store<Guest>, &Functions) -> wasmtime::Result<T>,
    ) -> Result<T, Cause> {
        let Self {
            store,
            functions,
            meter,
            ..
        } = self;
        arm(store, budget);
        let until = began + budget.time;
        store.data_mut().until = until;
        let said = within(meter, until, pin!(call(store, functions))).await;
        match said {
            Some(Ok(said)) => Ok(said),
            Some(Err(error)) => Err(explain(&error, store.data())),
            None => Err(Cause::Time),
        }
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
        self.store.data().binding.stats.died(self.counted);
    }
}

fn arm(store: &mut Store<Guest>, budget: Budget) {
    store.set_epoch_deadline(1);
    let guest = store.data_mut();
    guest.calls = 0;
    // The first tick comes early.
    guest.extent.cpu = budget.cpu + TICK;
    guest.meter.begin();
}

/// `None` when it took too long. There is no timer as long as the guest neither waits nor runs for more than a tick.
async fn within<T>(meter: &Meter, until: Instant, mut call: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    let mut timer: Option<Pin<Box<Sleep>>> = None;
    std::future::poll_fn(|context: &mut Context<'_>| {
        if let Poll::Ready(said) = call.as_mut().poll(context) {
            meter.leave();
            return Poll::Ready(Some(said));
        }
        meter.wait();
        let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(until.into())));
        timer.as_mut().poll(context).map(|()| None)
    })
    .await
}
