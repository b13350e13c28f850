//! Every plugin of one snapshot: loaded, tried, and bound to routes. How it came to be is [`Loader`](super::Loader)'s.

use std::sync::Arc;

use super::{Bound, Generation, Hooks, Powers};
use crate::config;

/// The plugins of one snapshot.
#[derive(Debug, Default)]
pub struct Set {
    pub(super) chains: Box<[Chain]>,
    pub(super) members: Vec<Arc<Member>>,
    pub(super) powers: Arc<Powers>,
    none: Chain,
}

/// The plugins of one route, in the order in which requests go down.
#[derive(Debug, Default)]
pub struct Chain {
    /// May be empty.
    pub uses: Box<[Link]>,
    /// What any of them exports. A broken one is asked at `request-hook`.
    pub hooks: Hooks,
}

/// One entry of a chain.
#[derive(Clone, Debug)]
pub enum Link {
    /// It can be called.
    Ready(Arc<Bound>),
    /// It could not be loaded when the gateway started: the use's failure policy answers for it.
    Broken {
        /// What was configured.
        used: Arc<config::Use>,
        /// Why, for people.
        why: Arc<str>,
    },
}

/// One plugin of the configuration.
#[derive(Debug)]
pub struct Member {
    /// As configured.
    pub plugin: Arc<config::Plugin>,
    /// Its code; `None` when it could not be loaded.
    pub generation: Option<Arc<Generation>>,
    /// Every configuration that it is used with, with the names of the routes that do.
    pub uses: Vec<(Link, Vec<String>)>,
    /// What is wrong with it; empty when all is well.
    pub problems: Vec<Problem>,
}

/// Why a plugin, or one use of it, cannot run.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The plugin's name.
    pub plugin: String,
    /// Where in the configuration.
    pub place: config::Place,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// It may come right by itself: somebody else's server does not answer.
    pub passing: bool,
}

impl Set {
    pub(super) fn new(config: &config::Config, members: Vec<Arc<Member>>, powers: Arc<Powers>) -> Self {
        let chain = |route: &Arc<config::Route>| {
            Chain::new(route.chain.iter().filter_map(|used| link(&members, used)))
        };
        Self {
            chains: config.routes.iter().map(chain).collect(),
            members,
            powers,
            none: Chain::default(),
        }
    }

    /// The chain of a route, by its index in the configuration.
    pub fn chain(&self, route: usize) -> &Chain {
        self.chains.get(route).unwrap_or(&self.none)
    }

    /// Every plugin, in the order of the configuration.
    pub fn plugins(&self) -> &[Arc<Member>] {
        &self.members
    }

    /// The plugin of this name.
    pub fn find(&self, name: &str) -> Option<&Arc<Member>> {
        self.members.iter().find(|member| member.plugin.name == name)
    }

    /// Every use that can be called, once each.
    pub fn bounds(&self) -> impl Iterator<Item = (&Arc<Member>, &Arc<Bound>)> {
        self.members.iter().flat_map(|member| {
            let bounds = member.uses.iter().filter_map(|(link, _)| link.ready());
            bounds.map(move |bound| (member, bound))
        })
    }

    /// What this set lends.
    pub fn powers(&self) -> &Arc<Powers> {
        &self.powers
    }

    /// What is wrong with any of them.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.members.iter().flat_map(|member| &member.problems)
    }
}

fn link(members: &[Arc<Member>], used: &Arc<config::Use>) -> Option<Link> {
    let member = members.iter().find(|member| member.plugin.name == used.plugin)?;
    let same = |link: &&(Link, Vec<String>)| **link.0.used() == **used;
    member.uses.iter().find(same).map(|(link, _)| link.clone())
}

impl Chain {
    fn new(uses: impl Iterator<Item = Link>) -> Self {
        let uses: Box<[Link]> = uses.collect();
        let hooks = uses.iter().map(Link::hooks).fold(Hooks::default(), Hooks::or);
        Self { uses, hooks }
    }

    /// Whether there is nothing to call.
    pub fn is_empty(&self) -> bool {
        self.uses.is_empty()
    }
}

impl Link {
    /// What was configured.
    pub fn used(&self) -> &Arc<config::Use> {
        match self {
            Self::Ready(bound) => bound.used(),
            Self::Broken { used, .. } => used,
        }
    }

    /// What can be called.
    pub fn ready(&self) -> Option<&Arc<Bound>> {
        match self {
            Self::Ready(bound) => Some(bound),
            Self::Broken { .. } => None,
        }
    }

    fn hooks(&self) -> Hooks {
        match self {
            Self::Ready(bound) => bound.hooks(),
            Self::Broken { .. } => Hooks {
                request: true,
                ..Hooks::default()
            },
        }
    }
}

impl Member {
    /// Whether the code that was loaded for it would be the same for `other`: it is checked against what kinds of things
    /// are granted, not against which.
    pub(super) fn is_loaded_as(&self, other: &config::Plugin) -> bool {
        let kinds = |grants: &config::Grants| {
            [
                &grants.upstreams,
                &grants.http,
                &grants.budgets,
                &grants.verifiers,
                &grants.stores,
                &grants.keys,
                &grants.secrets,
            ]
            .map(|granted| granted.is_empty() && !grants.everything)
        };
        let plugin = &self.plugin;
        plugin.name == other.name
            && plugin.env == other.env
            && plugin.stub_ungranted == other.stub_ungranted
            && kinds(&plugin.grants) == kinds(&other.grants)
    }

    /// Whether `other` is this plugin with the same definition, wherever it stands.
    pub(super) fn is_defined_as(&self, other: &config::Plugin) -> bool {
        let here = config::Plugin {
            place: other.place.clone(),
            ..(*self.plugin).clone()
        };
        here == *other
    }
}

impl Problem {
    /// Whether it is the same, wherever it stands.
    pub fn is_same(&self, other: &Self) -> bool {
        self.plugin == other.plugin && self.message == other.message
    }
}
