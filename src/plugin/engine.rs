//! The one engine of the process: its settings, its clock, what every component is linked with.
//!
//! The clock is a thread that counts milliseconds: compiled code looks at the count, and gives way when it has changed.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wasmtime::component::Linker;
use wasmtime::{Config, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::cache::Cache;
use super::guest::Guest;
use super::link;
use super::offload::Offload;

/// One tick of the clock. CPU time is counted in it.
pub(super) const TICK: Duration = Duration::from_millis(1);

/// Instances that there is room for in the pool, and what is tried when there is less address space: 4 GiB each, of
/// which only what is used is memory.
const SLOTS: [u32; 3] = [2_000, 500, 100];

/// Core instances of a component: its own and those that its toolchain adds.
const PARTS: u32 = 4;

/// Bytes of an instance's memory that are kept for the next one, when the kernel tells which of them were written.
const RESIDENT: usize = 2 << 20;

/// The same for a table of the usual size.
const RESIDENT_TABLE: usize = 160 << 10;

/// Stack of a guest. Host functions run behind it on the same fiber, which has 2 MiB.
const STACK: usize = 512 << 10;

/// There is no engine to be had.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine does not start: {0}")]
pub struct EngineError(String);

/// See the module. One per process: made when the first plugin is loaded.
pub struct Engine {
    pub(super) wasm: wasmtime::Engine,
    pub(super) linker: Linker<Guest>,
    pub(super) cache: Option<Cache>,
    /// Where plugins go on that take long to say what they are.
    pub(super) offload: Offload,
    slots: Mutex<Slots>,
    clock: Mutex<JoinHandle<()>>,
}

/// Which places of the workers' tables are taken. Each use of a plugin has one.
#[derive(Debug, Default)]
struct Slots {
    free: Vec<usize>,
    most: usize,
    serial: u64,
}

/// A place in the workers' tables, given back when dropped.
pub(super) struct Slot {
    engine: Arc<Engine>,
    /// The place.
    pub(super) index: usize,
    /// Tells who had the place before from who has it now.
    pub(super) serial: u64,
}

impl Engine {
    /// An engine, with a folder for compiled code. A folder that others might write to is not used.
    ///
    /// # Errors
    ///
    /// When the machine is none that code can be compiled for, or there is no thread to be had.
    pub fn new(cache: Option<&Path>) -> Result<Arc<Self>, EngineError> {
        let failed = |error: wasmtime::Error| EngineError(format!("{error:#}"));
        let wasm = start().map_err(failed)?;
        let cache = cache.and_then(|folder| match Cache::open(folder, &wasm) {
            Ok(cache) => Some(cache),
            Err(error) => {
                tracing::warn!(folder = %folder.display(), %error, "compiled plugins are not kept");
                None
            }
        });
        Ok(Arc::new(Self {
            linker: link::linker(&wasm).map_err(failed)?,
            cache,
            offload: Offload::default(),
            slots: Mutex::default(),
            clock: Mutex::new(clock(wasm.weak()).map_err(|error| EngineError(error.to_string()))?),
            wasm,
        }))
    }

    /// Starts the clock again if it has stopped. Without it a guest that loops would hold its worker for ever.
    pub(super) fn supervise(&self) {
        let mut clock_thread = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        if clock_thread.is_finished() {
            match clock(self.wasm.weak()) {
                Ok(thread) => *clock_thread = thread,
                Err(error) => tracing::error!(%error, "the clock of plugins has stopped"),
            }
        }
    }

    /// A free place in the workers' tables.
    pub(super) fn slot(self: &Arc<Self>) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.serial += 1;
        let index = slots.free.pop().unwrap_or_else(|| {
            slots.most += 1;
            slots.most - 1
        });
        Slot {
            engine: self.clone(),
            index,
            serial: slots.serial,
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut slots = self.engine.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.free.push(self.index);
    }
}

fn start() -> wasmtime::Result<wasmtime::Engine> {
    for slots in SLOTS {
        // Resetting memory is cheap only where the kernel tells what was written (Linux 6.7, PAGEMAP_SCAN).
        for scan in [true, false] {
            let mut config = settings();
            config.allocation_strategy(pool(slots, scan));
            match wasmtime::Engine::new(&config) {
                Ok(engine) => return Ok(engine),
                Err(error) => {
                    tracing::debug!(slots, scan, error = %format_args!("{error:#}"), "no such pool")
                }
            }
        }
    }
    tracing::warn!("no address space for a pool of plugin instances: new instances are slower");
    wasmtime::Engine::new(&settings())
}

fn settings() -> Config {
    let mut config = Config::new();
    config
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(STACK);
    config
}

fn pool(slots: u32, scan: bool) -> InstanceAllocationStrategy {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(PARTS * slots)
        .total_memories(slots)
        .total_tables(2 * slots)
        .total_stacks(slots);
    if scan {
        pool.pagemap_scan(wasmtime::Enabled::Yes)
            .linear_memory_keep_resident(RESIDENT)
            .table_keep_resident(RESIDENT_TABLE);
    }
    InstanceAllocationStrategy::Pooling(pool)
}

fn clock(engine: EngineWeak) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name("plugin-clock".into()).spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(TICK);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_used_again_and_told_apart() {
        let engine = Engine::new(None).unwrap();
        let (a, b) = (engine.slot(), engine.slot());
        assert_eq!((a.index, b.index), (0, 1));
        let serial = a.serial;
        drop(a);
        let again = engine.slot();
        assert_eq!(again.index, 0);
        assert_ne!(again.serial, serial);
    }
}
