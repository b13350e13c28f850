//! One plugin being loaded: which component, compiled or taken over, bound to every configuration that uses it.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::{Change, Loader, Loading, Wish};
use crate::config::{self, Config};
use crate::plugin::history::{Arrival, By, Entry, History, Origin, Wanted};
use crate::plugin::set::{Link, Member, Problem};
use crate::plugin::{Bound, Digest, Generation, LoadError, Powers, schema, source};
use crate::tls;

/// One plugin being loaded.
pub(super) struct One<'l> {
    pub(super) loader: &'l Loader,
    pub(super) tls: &'l tls::Client,
    pub(super) plugin: &'l Arc<config::Plugin>,
    pub(super) before: Option<&'l Arc<Member>>,
    pub(super) powers: &'l Arc<Powers>,
    /// What is lent is what was lent.
    pub(super) same_powers: bool,
    /// Even if nothing changed.
    pub(super) again: bool,
}

/// A configuration of the plugin, with the names of the routes that use it.
type Used = (Arc<config::Use>, Vec<String>);

impl One<'_> {
    pub(super) async fn load(&self, config: &Config, wish: Option<&Wish>, loading: &mut Loading) -> Member {
        let uses = uses(config, &self.plugin.name);
        let mut new = Loading::default();
        let member = match self.generation(wish, &mut new).await {
            Ok(generation) => self.bound(&generation, &uses).await,
            Err(problems) => self.broken(problems, &uses),
        };
        if !member.problems.is_empty()
            && wish.is_none()
            && let Some(stayed) = self.stay(&uses).await
        {
            loading.held_back.extend(member.problems);
            return stayed;
        }
        loading.changes.extend(new.changes);
        loading.arrivals.extend(new.arrivals);
        loading.problems.extend(member.problems.iter().cloned());
        member
    }

    /// The generation that runs, when the one that its source holds now is no good: nothing else has to wait for it.
    async fn stay(&self, uses: &[Used]) -> Option<Member> {
        let before = self.before.filter(|before| {
            before.problems.is_empty()
                && before.is_loaded_as(self.plugin)
                && before.plugin.source == self.plugin.source
        })?;
        let member = self.bound(before.generation.as_ref()?, uses).await;
        member.problems.is_empty().then_some(member)
    }

    async fn bound(&self, generation: &Arc<Generation>, uses: &[Used]) -> Member {
        let mut problems = Vec::new();
        let mut links = Vec::with_capacity(uses.len());
        for (used, routes) in uses {
            let link = self.bind(generation, Arc::clone(used), &mut problems).await;
            links.push((link, routes.clone()));
        }
        Member {
            plugin: Arc::clone(self.plugin),
            generation: Some(Arc::clone(generation)),
            uses: links,
            problems,
        }
    }

    fn broken(&self, problems: Vec<Problem>, uses: &[Used]) -> Member {
        let why: Arc<str> = problems.first().map_or("", |problem| &problem.message).into();
        let broken = uses.iter().map(|(used, routes)| {
            let (used, why) = (Arc::clone(used), Arc::clone(&why));
            (Link::Broken { used, why }, routes.clone())
        });
        Member {
            plugin: Arc::clone(self.plugin),
            generation: None,
            uses: broken.collect(),
            problems,
        }
    }

    async fn generation(
        &self,
        wish: Option<&Wish>,
        loading: &mut Loading,
    ) -> Result<Arc<Generation>, Vec<Problem>> {
        let history = self.loader.ledger(&self.plugin.name).unwrap_or_default().history;
        let Candidate { component, arrival } = self
            .candidate(wish, &history)
            .await
            .map_err(|problem| vec![problem])?;
        let live = self.before.and_then(|before| before.generation.as_ref());
        let same = live.filter(|live| {
            live.digest() == arrival.digest
                && !self.again
                && self.before.is_some_and(|before| before.is_loaded_as(self.plugin))
        });
        let generation = match same {
            Some(live) => Arc::clone(live),
            None => {
                let began = Instant::now();
                let number = history.number(arrival.digest);
                let compiled = self.compile(component.clone(), number).await;
                let generation = compiled.map_err(|problems| match wish {
                    // What is wrong need not be with what the source holds.
                    None if arrival.wanted.is_some() => remembered(problems, number),
                    _ => problems,
                })?;
                loading.changes.push(Change {
                    plugin: self.plugin.name.clone(),
                    generation: number,
                    digest: arrival.digest,
                    size: arrival.size,
                    previous: live.map(|live| live.number()),
                    origin: arrival.origin,
                    load: began.elapsed(),
                });
                generation
            }
        };
        loading
            .arrivals
            .push((self.plugin.name.clone(), arrival, component));
        Ok(generation)
    }

    async fn candidate(&self, wish: Option<&Wish>, history: &History) -> Result<Candidate, Problem> {
        let source = self.loader.source(self.plugin, history, self.tls).await;
        let held = source.as_ref().ok().map(|component| Digest::of(component));
        let wanted = |digest, by| Wanted {
            digest,
            instead_of: held,
            by,
        };
        match wish {
            Some(Wish::Put(component)) => {
                let wanted = wanted(Digest::of(component), By::Put);
                return Ok(Candidate::new(component.clone(), Origin::Api, Some(wanted)));
            }
            Some(Wish::Back(number)) => {
                let entry = history
                    .earlier(*number)
                    .ok_or_else(|| self.problem("there is no such earlier generation"))?;
                let wanted = wanted(entry.digest, By::Rollback);
                return self.kept(history, entry, source.ok(), wanted).await;
            }
            Some(Wish::Again) | None => {}
        }
        if let Some(wanted) = history.instead_of(held)
            && let Some(entry) = history.entry(wanted.digest)
        {
            return self.kept(history, entry, source.ok(), wanted).await;
        }
        let component = source.map_err(|error| Problem {
            passing: matches!(error, source::Error::Download { .. }),
            ..self.problem(explain(&error))
        })?;
        Ok(Candidate::new(component, Origin::Source, None))
    }

    async fn kept(
        &self,
        history: &History,
        entry: &Entry,
        source: Option<Bytes>,
        wanted: Wanted,
    ) -> Result<Candidate, Problem> {
        let kept = self
            .loader
            .earlier(&self.plugin.name, history, entry.digest)
            .await;
        let same = |component: &Bytes| Digest::of(component) == entry.digest;
        let component = kept.or_else(|| source.filter(same)).ok_or_else(|| {
            self.problem(format!(
                "the component of generation {} is not there any more",
                entry.number
            ))
        })?;
        Ok(Candidate::new(component, entry.origin, Some(wanted)))
    }

    async fn compile(&self, component: Bytes, number: u64) -> Result<Arc<Generation>, Vec<Problem>> {
        let engine = self.loader.engine().map_err(|error| vec![self.problem(error)])?;
        let loaded = Generation::load(&engine, component, self.plugin, number).await;
        if let Ok(generation) = &loaded
            && !generation.stubs().is_empty()
        {
            let (plugin, stubs) = (self.plugin.name.as_str(), generation.stubs().join(", "));
            tracing::info!(
                plugin,
                stubs,
                "loaded with imports that fail when they are called"
            );
        }
        loaded.map_err(|error| match error {
            // Each has a remedy of its own.
            LoadError::Contract(mismatches) => {
                mismatches.iter().map(|it| self.problem(it.to_string())).collect()
            }
            error => vec![self.problem(explain(&error))],
        })
    }

    async fn bind(
        &self,
        generation: &Arc<Generation>,
        used: Arc<config::Use>,
        problems: &mut Vec<Problem>,
    ) -> Link {
        if let Some(bound) = self.taken_over(generation, &used) {
            return Link::Ready(bound);
        }
        let complaints = match self.against_schema(generation, &used) {
            complaints if complaints.is_empty() => {
                let tried = Bound::try_new(generation, &used, self.plugin, self.powers).await;
                match tried {
                    Ok(bound) => return Link::Ready(bound),
                    Err(refused) => refused.into_iter().map(|it| (it.pointer, it.message)).collect(),
                }
            }
            complaints => complaints,
        };
        let why = format!(
            "its configuration is refused: {}",
            complaints.first().map_or("", |it| it.1.as_str())
        );
        problems.extend(complaints.into_iter().map(|(pointer, message)| Problem {
            plugin: self.plugin.name.clone(),
            place: used.config.place(&pointer).unwrap_or(&used.place).clone(),
            message: format!("plugin {}: {message}", self.plugin.name),
            help: None,
            passing: false,
        }));
        Link::Broken {
            used,
            why: why.into(),
        }
    }

    fn taken_over(&self, generation: &Arc<Generation>, used: &Arc<config::Use>) -> Option<Arc<Bound>> {
        let same = |before: &&&Arc<Member>| self.same_powers && before.is_defined_as(self.plugin);
        let before = self.before.as_ref().filter(same)?;
        let live = before.generation.as_ref();
        live.filter(|live| Arc::ptr_eq(live, generation))?;
        let bounds = before.uses.iter().filter_map(|(link, _)| link.ready());
        bounds.into_iter().find(|bound| **bound.used() == **used).cloned()
    }

    fn against_schema(&self, generation: &Generation, used: &config::Use) -> Vec<(String, String)> {
        let Some(schema) = generation.schema() else {
            return Vec::new();
        };
        let complaints = schema::check(schema, &used.config.value).into_iter();
        complaints.map(|it| (it.pointer, it.message)).collect()
    }

    fn problem(&self, message: impl Into<String>) -> Problem {
        Problem {
            plugin: self.plugin.name.clone(),
            place: self.plugin.place.clone(),
            message: format!("plugin {}: {}", self.plugin.name, message.into()),
            help: None,
            passing: false,
        }
    }
}

/// Bytes to load, and where they came from.
struct Candidate {
    component: Bytes,
    arrival: Arrival,
}

impl Candidate {
    fn new(component: Bytes, origin: Origin, wanted: Option<Wanted>) -> Self {
        let arrival = Arrival {
            digest: wanted.map_or_else(|| Digest::of(&component), |wanted| wanted.digest),
            size: component.len() as u64,
            origin,
            wanted,
        };
        Self { component, arrival }
    }
}

/// The different uses of a plugin.
fn uses(config: &Config, plugin: &str) -> Vec<Used> {
    let mut uses: Vec<Used> = Vec::new();
    for route in &config.routes {
        for used in route.chain.iter().filter(|used| used.plugin == plugin) {
            match uses.iter_mut().find(|(known, _)| **known == **used) {
                Some((_, routes)) => routes.push(route.name.clone()),
                None => uses.push((Arc::clone(used), vec![route.name.clone()])),
            }
        }
    }
    uses
}

/// Problems with a component that nobody names now.
fn remembered(mut problems: Vec<Problem>, number: u64) -> Vec<Problem> {
    for problem in &mut problems {
        let help =
            "the API gave it, or went back to it; it is replaced by a newer component at the plugin's source";
        problem.help = Some(format!("this is generation {number}: {help}"));
    }
    problems
}

/// An error with its causes.
fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
