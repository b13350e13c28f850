//! `gatewit plugin bench`: what a call of each hook costs, on the engine and with the instances of a worker.
//!
//! Measured is what a worker waits for: from asking for an instance to having its outcome checked. What a gateway does
//! around it (routing, connections, the upstream) is not. A response hook is measured on an exchange that the plugin's
//! request hook has seen: what that leaves in the context is most of its work.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use serde_json::{Map, Value};

use self::figures::{Figures, Report, at, clock};
use super::component::{self, Component, Error, FileArg};
use super::test::World;
use crate::cli::{Exit, colour, complain, print};
use crate::config::cases::{Case, Cases, bare_case, load_cases};
use crate::config::{Isolation, Route, Use};
use crate::plugin::{Cause, Direction, Engine, Generation, Hook, Scene, Summary, scene};

mod figures;

/// Rounds whose medians are compared.
const ROUNDS: usize = 5;

/// A new instance costs many times a call: so many fewer are made.
const FRESH: usize = 20;

/// Calls before anything is measured, as a share of all.
const WARM: usize = 20;

/// The piece of a body that a chunk hook is given.
const PIECE: usize = 16 << 10;

/// What `bench` takes.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    file: FileArg,
    /// A file of cases, as for `test`: its world, and the configuration and request of one case [default: GET /]
    cases: Option<PathBuf>,
    /// The case whose name holds this [default: the first one that is sent]
    #[arg(long, value_name = "TEXT", requires = "cases")]
    only: Option<String>,
    /// The plugin's configuration: JSON, or @FILE for a file that holds it
    #[arg(long, value_name = "JSON", value_parser = component::configuration)]
    config: Option<Map<String, Value>>,
    /// Calls of each hook; new instances are a twentieth of it
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    calls: u32,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
enum Unmeasured {
    #[error(transparent)]
    Component(#[from] Error),
    #[error("the configuration is refused: {0}")]
    Refused(String),
    #[error("the request does not reach the plugin: {0}")]
    Unreachable(String),
    #[error("{hook}: the plugin {cause}; a failure is not worth measuring")]
    Failed { hook: &'static str, cause: Cause },
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Exit {
    let component = match args.file.read() {
        Ok(component) => component,
        Err(error) => return component::failed(&error),
    };
    let cases = match &args.cases {
        Some(file) => load_cases(file, &component.source, &component.name),
        None => bare_case(&component.source, &component.name),
    };
    let mut cases = match cases {
        Ok(cases) => cases,
        Err(problems) => {
            complain(&problems.render(colour(&std::io::stderr())));
            return Exit::Config;
        }
    };
    component::lend(&mut cases);
    let wanted = |case: &&Case| match &args.only {
        Some(only) => case.name.contains(only),
        None => case.refused.is_none(),
    };
    let Some(case) = cases.list.iter().find(wanted) else {
        complain("error: no case has such a name\n");
        return Exit::Failed;
    };
    match component::run(async { Ok(measure(args, &component, &cases, case).await) }) {
        Ok(Ok(report)) => {
            print(&if args.json {
                report.json()
            } else {
                report.text(&component)
            });
            Exit::Ok
        }
        Ok(Err(error)) => {
            complain(&format!("error: {error}\n"));
            Exit::Failed
        }
        Err(error) => component::failed(&error),
    }
}

async fn measure(
    args: &Args,
    component: &Component,
    cases: &Cases,
    case: &Case,
) -> Result<Report, Unmeasured> {
    let engine = Engine::new(None).map_err(Error::from)?;
    let generation = component.load(&engine, &cases.plugin).await?;
    let (instantiate, memory) = instance(&generation, cases).await?;
    let calls = usize::try_from(args.calls).unwrap_or(usize::MAX);
    let mut figures = Vec::new();
    for hook in Hook::ALL {
        for (isolation, calls) in [(Isolation::Reused, calls), (Isolation::Fresh, calls / FRESH)] {
            let mut case = case.clone();
            case.route = Arc::new(configured(&case.route, args.config.as_ref(), isolation));
            let world = World::make(cases, &case, &generation).await.map_err(|refused| {
                let said: Vec<_> = refused.into_iter().map(|it| it.message).collect();
                Unmeasured::Refused(said.join("; "))
            })?;
            if has(&world, hook) {
                figures.push(
                    Bench {
                        world: &world,
                        case: &case,
                        hook,
                    }
                    .run(isolation, calls)
                    .await?,
                );
            }
        }
    }
    Ok(Report {
        figures,
        compile: generation.timings().compile,
        instantiate,
        memory,
        clock: clock(),
    })
}

async fn instance(generation: &Generation, cases: &Cases) -> Result<(Duration, usize), Unmeasured> {
    let mut times = Vec::with_capacity(FRESH);
    let mut memory = 0;
    for _ in 0..FRESH {
        let made = generation.instantiate(&cases.plugin).await;
        let (took, bytes) = made.map_err(|cause| Unmeasured::Failed {
            hook: "a new instance",
            cause,
        })?;
        times.push(took);
        memory = bytes;
    }
    times.sort_unstable();
    Ok((at(&times, 0.5), memory))
}

/// The route with another configuration, if one is given, and other instances.
fn configured(route: &Route, config: Option<&Map<String, Value>>, isolation: Isolation) -> Route {
    let mut route = route.clone();
    for used in &mut route.chain {
        *used = Arc::new(Use {
            isolation,
            config: config.map_or_else(
                || used.config.clone(),
                |config| Value::Object(config.clone()).into(),
            ),
            ..(**used).clone()
        });
    }
    route
}

fn has(world: &World, hook: Hook) -> bool {
    let hooks = world.bound.hooks();
    match hook {
        Hook::Request => hooks.request,
        Hook::RequestBody => hooks.request_body,
        Hook::Response => hooks.response,
        Hook::ResponseBody => hooks.response_body,
        Hook::Chunk => hooks.chunk,
        Hook::Log => hooks.log,
        Hook::Tick => hooks.tick,
    }
}

struct Bench<'a> {
    world: &'a World,
    case: &'a Case,
    hook: Hook,
}

impl Bench<'_> {
    async fn run(&self, isolation: Isolation, calls: usize) -> Result<Figures, Unmeasured> {
        for _ in 0..calls / WARM {
            self.call().await?;
        }
        let (mut times, mut medians) = (Vec::with_capacity(calls), Vec::with_capacity(ROUNDS));
        for _ in 0..ROUNDS {
            let mut round = Vec::with_capacity(calls / ROUNDS);
            for _ in 0..calls / ROUNDS {
                round.push(self.call().await?);
            }
            round.sort_unstable();
            medians.push(at(&round, 0.5));
            times.append(&mut round);
        }
        times.sort_unstable();
        medians.sort_unstable();
        Ok(Figures {
            hook: self.hook.name(),
            instance: match isolation {
                Isolation::Reused => "reused",
                Isolation::Fresh => "fresh",
            },
            times,
            medians,
        })
    }

    /// One call, on a new exchange.
    async fn call(&self) -> Result<Duration, Unmeasured> {
        let World { bound, instances, .. } = self.world;
        let mut scene = Some(Box::new(self.scene()?));
        if self.hook == Hook::Response && bound.hooks().request {
            self.request_before(&mut scene).await?;
        }
        let result = match self.hook {
            Hook::Request => instances.request(bound, &mut scene).await.map(drop),
            Hook::RequestBody => instances.request_body(bound, &mut scene).await.map(drop),
            Hook::Response => instances.response(bound, &mut scene).await.map(drop),
            Hook::ResponseBody => instances.response_body(bound, &mut scene).await.map(drop),
            Hook::Log => instances.log(bound, vec![summary(&scene)]).await,
            Hook::Tick => instances.tick(bound).await,
            Hook::Chunk => match instances.open_body(bound, &mut scene, Direction::Response).await {
                Ok(Some(mut stream)) => {
                    let piece = Bytes::from_static(&[b'x'; PIECE]);
                    stream.chunk(&mut scene, piece, true).await.map(drop)
                }
                Ok(None) => Ok(()),
                Err(cause) => Err(cause),
            },
        };
        let took = instances.took();
        instances.sweep();
        result.map(|()| took).map_err(|cause| Unmeasured::Failed {
            hook: self.hook.name(),
            cause,
        })
    }

    /// What the exchange has gone through when its response comes. It is not measured: only the last call is.
    async fn request_before(&self, scene: &mut Option<Box<Scene>>) -> Result<(), Unmeasured> {
        let World { bound, instances, .. } = self.world;
        let response = scene.as_mut().and_then(|scene| scene.response.take());
        let result = instances.request(bound, scene).await;
        if let Some(scene) = scene {
            scene.response = response;
        }
        result.map(drop).map_err(|cause| Unmeasured::Failed {
            hook: Hook::Request.name(),
            cause,
        })
    }

    fn scene(&self) -> Result<Scene, Unmeasured> {
        let step = &self.case.steps[0];
        let mut scene = self.world.scene(&step.request).map_err(Unmeasured::Unreachable)?;
        let message = match self.hook {
            Hook::Request | Hook::RequestBody => &step.request.message,
            _ => {
                scene.response = Some(scene::Response {
                    status: step.response.status,
                    headers: step.response.headers.clone(),
                    endpoint: None,
                });
                &step.response
            }
        };
        if matches!(self.hook, Hook::RequestBody | Hook::ResponseBody) {
            scene.body = Some(message.body.concat().into());
        }
        Ok(scene)
    }
}

fn summary(scene: &Option<Box<Scene>>) -> Summary {
    Summary {
        id: HeaderValue::from_static("0"),
        route: scene
            .as_ref()
            .map_or("", |scene| scene.route.name.as_str())
            .into(),
        method: http::Method::GET,
        status: 200,
        duration: Duration::from_millis(1),
        bytes_in: 0,
        bytes_out: 0,
        ended_by: "ok",
        attributes: Vec::new(),
    }
}
