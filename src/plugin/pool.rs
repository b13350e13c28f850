//! One worker's instances of every use, ready for the next call. Found by the use's place in a table: no search, no lock.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::bound::Bound;
use super::hooks::Hook;
use super::instance::Instance;
use super::stats::Tally;
use crate::config::Isolation;

/// Sweeps after which instances go that were idle all the time: 10 s, when there is one every 100 ms.
const IDLE: u32 = 100;

/// All pools of a worker.
#[derive(Default)]
pub(super) struct Pools {
    pools: RefCell<Vec<Option<Pool>>>,
    /// Bodies so far, to tell them apart.
    bodies: Cell<u64>,
    /// Instances that have to be told of the end of a body.
    closing: RefCell<Vec<Closing>>,
}

/// An instance whose body is over, without its knowing.
pub(super) struct Closing {
    pub(super) bound: Arc<Bound>,
    pub(super) instance: Box<Instance>,
    pub(super) body: u64,
    pub(super) busy: Busy,
}

struct Pool {
    bound: Weak<Bound>,
    serial: u64,
    #[expect(
        clippy::vec_box,
        reason = "instances are lent and given back as they are, without being moved"
    )]
    idle: Vec<Box<Instance>>,
    busy: usize,
    /// Idle ones at least, since they were last thinned out.
    least: usize,
    sweeps: u32,
    tally: Tally,
}

/// Counts an instance as busy while it lives.
pub(super) struct Busy {
    pools: Rc<Pools>,
    index: usize,
    serial: u64,
}

impl Pools {
    /// The next idle instance, if there is one; `None` when there may not be more busy ones.
    pub(super) fn take(self: &Rc<Self>, bound: &Arc<Bound>) -> Option<(Option<Box<Instance>>, Busy)> {
        let (index, serial) = (bound.slot.index, bound.slot.serial);
        let mut pools = self.pools.borrow_mut();
        if pools.len() <= index {
            pools.resize_with(index + 1, || None);
        }
        let pool = match &mut pools[index] {
            Some(pool) if pool.serial == serial => pool,
            other => other.insert(Pool::new(bound)),
        };
        if pool.busy >= bound.used().bounds.instances {
            return None;
        }
        pool.busy += 1;
        let instance = pool.idle.pop();
        pool.least = pool.least.min(pool.idle.len());
        Some((
            instance,
            Busy {
                pools: self.clone(),
                index,
                serial,
            },
        ))
    }

    /// Gives an instance back after a call that ended well.
    pub(super) fn put(&self, bound: &Arc<Bound>, mut instance: Box<Instance>) {
        if bound.used().isolation == Isolation::Reused && instance.is_fit() {
            self.with(bound.slot.index, bound.slot.serial, |pool| {
                pool.idle.push(instance)
            });
        }
    }

    /// Counts a call.
    pub(super) fn count(&self, bound: &Bound, hook: Hook, time: Duration, failed: bool) {
        self.with(bound.slot.index, bound.slot.serial, |pool| {
            pool.tally.count(hook, time, failed)
        });
    }

    /// A number for a body.
    pub(super) fn body(&self) -> u64 {
        self.bodies.set(self.bodies.get() + 1);
        self.bodies.get()
    }

    /// Leaves an instance to be told of the end of its body.
    pub(super) fn close(&self, closing: Closing) {
        self.closing.borrow_mut().push(closing);
    }

    /// Those that were left.
    pub(super) fn closing(&self) -> Vec<Closing> {
        self.closing.take()
    }

    /// Drops instances that nobody needs, and adds up what was counted.
    pub(super) fn sweep(&self) {
        let mut supervised = false;
        for entry in self.pools.borrow_mut().iter_mut() {
            let Some(pool) = entry else { continue };
            match pool.bound.upgrade() {
                Some(bound) => {
                    if !supervised {
                        bound.generation.engine.supervise();
                        supervised = true;
                    }
                    pool.tally.add_to(bound.stats());
                    pool.thin_out();
                }
                None if pool.busy == 0 => *entry = None,
                None => pool.idle.clear(),
            }
        }
    }

    fn with(&self, index: usize, serial: u64, change: impl FnOnce(&mut Pool)) {
        let mut pools = self.pools.borrow_mut();
        if let Some(Some(pool)) = pools.get_mut(index)
            && pool.serial == serial
        {
            change(pool);
        }
    }
}

impl Pool {
    fn new(bound: &Arc<Bound>) -> Self {
        Self {
            bound: Arc::downgrade(bound),
            serial: bound.slot.serial,
            idle: Vec::new(),
            busy: 0,
            least: 0,
            sweeps: 0,
            tally: Tally::default(),
        }
    }

    /// The last one stays: it is the one that has just been used.
    fn thin_out(&mut self) {
        self.sweeps += 1;
        if self.sweeps >= IDLE {
            self.sweeps = 0;
            let spare = self.least.min(self.idle.len().saturating_sub(1));
            self.idle.drain(..spare);
            self.least = self.idle.len();
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.pools.with(self.index, self.serial, |pool| pool.busy -= 1);
    }
}
