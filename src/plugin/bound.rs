//! One use of one generation: a configuration that the plugin has accepted, with what it was lent. Shared by all
//! workers; each has instances of its own for it.

use std::sync::Arc;

use super::engine::Slot;
use super::generation::Generation;
use super::guest::Binding;
use super::hooks::Hooks;
use super::instance::{Instance, Stillborn};
use super::powers::{Lines, Powers};
use super::progress::Progress;
use super::quarantine::Quarantine;
use super::stats::Stats;
use crate::config;

/// Problems that are shown of one configuration.
const PROBLEMS: usize = 100;

/// See the module.
pub struct Bound {
    pub(super) generation: Arc<Generation>,
    pub(super) binding: Arc<Binding>,
    pub(super) quarantine: Quarantine,
    pub(super) slot: Slot,
}

/// What a plugin says against its configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfigProblem {
    /// JSON Pointer (RFC 6901) into the configuration; empty for all of it.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
}

impl Bound {
    /// Tries a configuration, in an instance that is thrown away.
    ///
    /// # Errors
    ///
    /// What the plugin says against it; or how it failed, as a problem with all of it.
    pub async fn try_new(
        generation: &Arc<Generation>,
        used: &Arc<config::Use>,
        plugin: &Arc<config::Plugin>,
        powers: &Arc<Powers>,
    ) -> Result<Arc<Self>, Vec<ConfigProblem>> {
        let slot = generation.engine.slot();
        let id = format!("{}-{}-{}", plugin.name, generation.number(), slot.serial);
        let binding = Arc::new(Binding::new(id, plugin.clone(), used.clone(), powers.clone()));
        let progress = Arc::<Progress>::default();
        let made = Instance::configured(generation.code.clone(), binding.clone(), progress.clone());
        let made = generation.engine.offload.carry(&progress, made).await;
        match made.unwrap_or_else(|cause| Err(Stillborn::Cause(cause))) {
            Ok(_) => Ok(Arc::new(Self {
                generation: generation.clone(),
                binding,
                quarantine: Quarantine::default(),
                slot,
            })),
            Err(Stillborn::Refused(problems)) => Err(problems
                .into_iter()
                .take(PROBLEMS)
                .map(|problem| ConfigProblem {
                    pointer: problem.pointer,
                    message: problem.message,
                })
                .collect()),
            Err(Stillborn::Cause(cause)) => Err(vec![ConfigProblem {
                pointer: String::new(),
                message: format!("given its configuration, it {cause}"),
            }]),
        }
    }

    /// Its code.
    pub fn generation(&self) -> &Arc<Generation> {
        &self.generation
    }

    /// Its plugin.
    pub fn plugin(&self) -> &Arc<config::Plugin> {
        &self.binding.plugin
    }

    /// What was configured.
    pub fn used(&self) -> &Arc<config::Use> {
        &self.binding.used
    }

    /// Whether it may route to this upstream on any route.
    pub(super) fn may_name(&self, upstream: &str) -> bool {
        self.binding.may_name(upstream)
    }

    /// Which hooks it has.
    pub fn hooks(&self) -> Hooks {
        self.generation.hooks()
    }

    /// What it has cost.
    pub fn stats(&self) -> &Stats {
        &self.binding.stats
    }

    /// Routes on which it is not asked now, because it kept failing, with the name of the last failure.
    pub fn quarantined(&self) -> Vec<(Box<str>, &'static str)> {
        self.quarantine.closed()
    }
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bound")
            .field("id", &self.binding.id)
            .finish_non_exhaustive()
    }
}

impl Binding {
    pub(super) fn new(
        id: String,
        plugin: Arc<config::Plugin>,
        used: Arc<config::Use>,
        powers: Arc<Powers>,
    ) -> Self {
        Self {
            id,
            config: used.config.value.to_string(),
            lines: Lines::new(used.bounds.log_lines),
            stats: Stats::default(),
            plugin,
            used,
            powers,
        }
    }

    /// Whether the plugin may see this upstream and route to it, on any route.
    pub(super) fn may_name(&self, upstream: &str) -> bool {
        let grants = &self.plugin.grants;
        let granted = grants.upstreams.iter().any(|granted| granted == upstream);
        // Its own list is of the time when it was bound.
        granted || (grants.everything && self.powers.upstreams.has(upstream))
    }
}
