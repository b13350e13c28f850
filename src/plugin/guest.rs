//! What stands behind the host functions of one instance: the exchange being handled, who the instance works for, what
//! it may use, and its bounds. What the functions do with it is in `host/`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::bindings::gatewit::plugin::types;
use super::calls::Caller;
use super::console::Console;
use super::powers::{Lines, Powers};
use super::progress::Progress;
use super::scene::Scene;
use super::stats::Stats;
use crate::config;

/// Resources of WASI that an instance may hold at once: streams, pollables, errors.
const RESOURCES: usize = 1_000;

/// Bytes that it may ask for from `wasi:random` at once.
const RANDOM: u64 = 64 << 10;

/// Elements of one table. Compiled Python needs about 13 000.
const ELEMENTS: usize = 20_000;

/// Linear memories of one component, the adapters of its toolchain included.
const MEMORIES: usize = 8;

/// Tables and core instances of one component. A component of the usual tools has 2 and 4.
const PARTS: usize = 64;

/// One use of one generation of a plugin: the same for its instances on every worker.
pub(super) struct Binding {
    /// Names it towards the plugin.
    pub(super) id: String,
    /// The plugin, its grants among it.
    pub(super) plugin: Arc<config::Plugin>,
    /// Its configuration and bounds.
    pub(super) used: Arc<config::Use>,
    /// The configuration as the plugin is given it.
    pub(super) config: String,
    /// What the gateway has to lend. What of it is lent says [`config::Plugin::grants`].
    pub(super) powers: Arc<Powers>,
    /// Log lines, counted over all workers.
    pub(super) lines: Lines,
    /// What it has cost.
    pub(super) stats: Stats,
}

/// The data of one instance's store.
pub(super) struct Guest {
    /// The exchange being handled; its overlay knows which hook runs. `None` in hooks that belong to no exchange.
    pub(super) scene: Option<Box<Scene>>,
    /// Who it works for.
    pub(super) binding: Arc<Binding>,
    /// Calls of `http-client` in the hook that runs.
    pub(super) calls: u32,
    /// Who makes them; `None` outside of hooks.
    pub(super) caller: Option<Caller>,
    /// When what runs began.
    pub(super) began: Instant,
    /// When the time of what runs is over.
    pub(super) until: Instant,
    /// What it wrote to stdout and stderr.
    pub(super) console: Console,
    /// What is known outside of the hook that runs.
    pub(super) progress: Arc<Progress>,
    /// Where its memory and tables end, and how large they are.
    pub(super) extent: Extent,
    wasi: WasiCtx,
    table: ResourceTable,
}

/// Bounds of memory and tables.
#[derive(Debug)]
pub(super) struct Extent {
    /// CPU time left to the hook that runs.
    pub(super) cpu: Duration,
    /// Bytes of all its memories.
    pub(super) memory: usize,
    /// Set when it asked for more than it may have.
    pub(super) refused: bool,
    limit: usize,
}

impl Guest {
    /// The data of a new instance.
    pub(super) fn new(binding: Arc<Binding>, progress: Arc<Progress>) -> Self {
        let console = Console::default();
        let mut wasi = WasiCtx::builder();
        wasi.stdout(console.clone())
            .stderr(console.clone())
            .max_random_size(RANDOM)
            .allow_tcp(false)
            .allow_udp(false);
        for (name, value) in &binding.plugin.env {
            wasi.env(name, &value.0);
        }
        let date = &binding.powers.date;
        if date.is_stopped() {
            wasi.wall_clock(date.clone());
        }
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES);
        let now = Instant::now();
        Self {
            scene: None,
            calls: 0,
            caller: None,
            began: now,
            until: now,
            console,
            progress,
            extent: Extent {
                cpu: Duration::ZERO,
                memory: 0,
                refused: false,
                limit: usize::try_from(binding.used.bounds.memory).unwrap_or(usize::MAX),
            },
            binding,
            wasi: wasi.build(),
            table,
        }
    }

    /// Writes what it wrote to stdout and stderr into the log, in the name of the exchange.
    pub(super) fn print(&self) {
        let Some((lines, lost)) = self.console.drain() else {
            return;
        };
        let plugin = self.binding.plugin.name.as_str();
        let scene = self.scene.as_ref();
        let route = scene.map(|scene| scene.route.name.as_str());
        let request_id = scene.map(|scene| String::from_utf8_lossy(scene.id.as_bytes()));
        let request_id = request_id.as_deref();
        for line in lines {
            if let Some(suppressed) = self.binding.lines.admit() {
                let line = line.escape_debug();
                tracing::info!(target: "gatewit::plugin", plugin, route, request_id, suppressed, "{line}");
            }
        }
        if lost > 0 && self.binding.lines.admit().is_some() {
            tracing::info!(target: "gatewit::plugin", plugin, route, request_id, lost, "output was cut");
        }
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

/// Only types.
impl types::Host for Guest {}

impl ResourceLimiter for Extent {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let all = self.memory.saturating_add(desired.saturating_sub(current));
        if all > self.limit {
            self.refused = true;
            return Ok(false);
        }
        self.memory = all;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.refused |= desired > ELEMENTS;
        Ok(desired <= ELEMENTS)
    }

    fn instances(&self) -> usize {
        PARTS
    }

    fn tables(&self) -> usize {
        PARTS
    }

    fn memories(&self) -> usize {
        MEMORIES
    }
}
