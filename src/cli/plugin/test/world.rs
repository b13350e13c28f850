//! The world of one case: what the plugin is lent, servers that say what the case says, and time that passes by word.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::Response;
use tokio::runtime::Handle;
use tokio::time::sleep;

use crate::config::cases::{Answer, Case, Cases};
use crate::config::{Config, Host, Place};
use crate::jwt::Verifiers;
use crate::plugin::calls::{Call, CallError, Calls, calls};
use crate::plugin::{Bound, Generation, Instances, Powers, schema};
use crate::router::Router;
use crate::telemetry::metrics::Custom;
use crate::upstream;

/// Where names lead (RFC 5737): nobody is there, and nobody is asked.
const NOWHERE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

/// Calls of the timer that one step makes, at most.
const TICKS: u32 = 1_000;

/// See the module.
pub(in crate::cli::plugin) struct World {
    pub(in crate::cli::plugin) bound: Arc<Bound>,
    pub(in crate::cli::plugin) instances: Instances,
    pub(super) router: Router,
    powers: Arc<Powers>,
    began: SystemTime,
    elapsed: Duration,
}

/// Something that is wrong with the configuration of a case.
#[derive(Debug)]
pub(in crate::cli::plugin) struct Refused {
    /// Where it stands.
    pub(in crate::cli::plugin) place: Place,
    /// What is wrong; in front of it the JSON Pointer of where, unless it is all of it: `/word: must not be empty`.
    pub(in crate::cli::plugin) message: String,
}

impl World {
    /// Makes it, on the thread that is to be its worker.
    ///
    /// # Errors
    ///
    /// What the schema or the plugin says against the configuration.
    pub(in crate::cli::plugin) async fn make(
        cases: &Cases,
        case: &Case,
        generation: &Arc<Generation>,
    ) -> Result<Self, Vec<Refused>> {
        let [used] = case.route.chain.as_slice() else {
            return Err(Vec::new());
        };
        let refused = |pointer: &str, message: String| Refused {
            place: used.config.place(pointer).unwrap_or(&case.place).clone(),
            message: if pointer.is_empty() {
                message
            } else {
                format!("{pointer}: {message}")
            },
        };
        if let Some(schema) = generation.schema() {
            let complaints = schema::check(schema, &used.config.value);
            if !complaints.is_empty() {
                let told = complaints.into_iter();
                return Err(told.map(|it| refused(&it.pointer, it.message)).collect());
            }
        }
        let powers = powers(cases)?;
        let bound = Bound::try_new(generation, used, &cases.plugin, &powers)
            .await
            .map_err(|problems| {
                let told = problems.into_iter();
                told.map(|it| refused(&it.pointer, it.message))
                    .collect::<Vec<_>>()
            })?;
        let (caller, asked) = calls();
        tokio::task::spawn_local(say(asked, case.answers.clone()));
        Ok(Self {
            bound,
            instances: Instances::new(caller),
            router: Router::new(std::slice::from_ref(&case.route)),
            powers,
            began: cases.now,
            elapsed: Duration::ZERO,
        })
    }

    /// Time passes; the plugin's timer fires as often as it would have.
    pub(super) async fn wait(&mut self, time: Duration) {
        let tick = self.bound.plugin().tick;
        let before = self.elapsed.as_nanos() / tick.as_nanos().max(1);
        self.elapsed += time;
        self.powers.budgets.stop_clock(self.elapsed);
        self.powers.stores.stop_clock(self.elapsed);
        self.powers.date.stop(self.began + self.elapsed);
        let after = self.elapsed.as_nanos() / tick.as_nanos().max(1);
        let ticks = u32::try_from(after - before).unwrap_or(TICKS).min(TICKS);
        if self.bound.hooks().tick {
            for _ in 0..ticks {
                // What it fails of is in the log.
                let _ = self.instances.tick(&self.bound).await;
            }
        }
    }
}

/// As a gateway makes them of this configuration, but that every clock stands still and nothing is looked up.
fn powers(cases: &Cases) -> Result<Arc<Powers>, Vec<Refused>> {
    let mut config = cases.config.clone();
    for upstream in &mut config.upstreams {
        let upstream = Arc::make_mut(upstream);
        upstream.probe = None;
        for (authority, _) in &mut upstream.sources {
            if matches!(authority.host, Host::Name(_)) {
                authority.host = Host::Ip(IpAddr::V4(NOWHERE));
            }
        }
    }
    let upstreams = upstream::Set::build(&config, None, &Handle::current());
    let powers = Powers::build(&config, None, &Custom::default(), verifiers(&config, &upstreams)?);
    powers.upstreams.show(Arc::new(upstreams));
    powers.budgets.stop_clock(Duration::ZERO);
    powers.stores.stop_clock(Duration::ZERO);
    powers.date.stop(cases.now);
    Ok(powers)
}

/// Keys of a URL are never there.
fn verifiers(config: &Config, upstreams: &upstream::Set) -> Result<Arc<Verifiers>, Vec<Refused>> {
    let (verifiers, problems) = Verifiers::build(&config.verifiers, None, upstreams.tls(), None);
    if problems.is_empty() {
        return Ok(verifiers);
    }
    let place = |name: &str| config.verifiers.iter().find(|verifier| verifier.name == name);
    Err(problems
        .into_iter()
        .map(|problem| Refused {
            place: place(&problem.verifier).map_or_else(Place::default, |verifier| verifier.place.clone()),
            message: problem.message,
        })
        .collect())
}

/// Answers what the plugin asks.
async fn say(mut asked: Calls, answers: Vec<Answer>) {
    while let Some(call) = asked.recv().await {
        let answer = answers.iter().find(|answer| fits(answer, &call)).cloned();
        tokio::task::spawn_local(async move {
            let Call {
                upstream,
                request,
                until,
                most,
                reply,
            } = call;
            let said = match answer {
                Some(answer) => reply_in_time(&answer, until, most).await,
                None => Err(CallError::Connect(format!(
                    "the case has no answer of `{upstream}` to {} {}",
                    request.method(),
                    request.uri()
                ))),
            };
            // Whoever does not wait any more has timed out.
            let _ = reply.send(said);
        });
    }
}

fn fits(answer: &Answer, call: &Call) -> bool {
    let target = call.request.uri().path_and_query().map(|target| target.as_str());
    answer.upstream == call.upstream
        && answer
            .method
            .as_ref()
            .is_none_or(|method| method == call.request.method())
        && answer
            .target
            .as_deref()
            .is_none_or(|wanted| Some(wanted) == target)
}

async fn reply_in_time(answer: &Answer, until: Instant, most: u64) -> Result<Response<Bytes>, CallError> {
    let left = until.saturating_duration_since(Instant::now());
    sleep(answer.delay.min(left)).await;
    if answer.delay >= left {
        return Err(CallError::Timeout);
    }
    let body: Bytes = answer.message.body.concat().into();
    if body.len() as u64 > most {
        return Err(CallError::TooLarge);
    }
    let mut response = Response::new(body);
    *response.status_mut() = answer.message.status;
    *response.headers_mut() = answer.message.headers.clone();
    Ok(response)
}
