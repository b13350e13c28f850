//! `gatewit plugin test`: plays a file of cases on the real engine with the real limits, and tells what differs.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::compare::{Difference, Happened, differences};
use self::lines::Lines;
use self::world::Refused;
use super::component::{self, Component, Error, FileArg};
use crate::cli::{Exit, colour, complain, print};
use crate::config::Place;
use crate::config::cases::{Case, Cases, Step, load_cases};
use crate::plugin::{Engine, Generation};

mod bodies;
mod compare;
mod lines;
mod play;
mod world;

pub(super) use world::World;

/// What `test` takes.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    file: FileArg,
    /// What to try, and what should come of it
    cases: PathBuf,
    /// Only cases whose name holds this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// What came of a case.
#[derive(Debug)]
struct Verdict {
    /// What is not as it should be; empty when all is well.
    complaints: Vec<Complaint>,
}

#[derive(Debug)]
struct Complaint {
    place: Place,
    /// `status`, `header x-a`, …
    what: String,
    /// Lines with a mark in front.
    difference: String,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Exit {
    let component = match args.file.read() {
        Ok(component) => component,
        Err(error) => return component::failed(&error),
    };
    let mut cases = match load_cases(&args.cases, &component.source, &component.name) {
        Ok(cases) => cases,
        Err(problems) => {
            complain(&problems.render(colour(&io::stderr())));
            return Exit::Config;
        }
    };
    component::lend(&mut cases);
    let wanted = |case: &&Case| args.only.as_ref().is_none_or(|only| case.name.contains(only));
    let chosen: Vec<&Case> = cases.list.iter().filter(wanted).collect();
    if chosen.is_empty() {
        complain("error: no case has such a name\n");
        return Exit::Failed;
    }
    match component::run(play(&component, &cases, &chosen)) {
        Ok(verdicts) => told(&args.cases, &chosen, &verdicts),
        Err(error) => component::failed(&error),
    }
}

async fn play(component: &Component, cases: &Cases, chosen: &[&Case]) -> Result<Vec<Verdict>, Error> {
    let (lines, _kept) = Lines::keep();
    let engine = Engine::new(None)?;
    let generation = component.load(&engine, &cases.plugin).await?;
    let mut verdicts = Vec::with_capacity(chosen.len());
    for case in chosen {
        verdicts.push(judge(cases, case, &generation, &lines).await);
    }
    Ok(verdicts)
}

async fn judge(cases: &Cases, case: &Case, generation: &Arc<Generation>, lines: &Lines) -> Verdict {
    lines.take();
    let made = World::make(cases, case, generation).await;
    let complaints = match (made, &case.refused) {
        (Ok(world), None) => steps(case, world, lines).await,
        (Err(refused), None) => refused.into_iter().map(Complaint::from).collect(),
        (Err(refused), Some(why)) => {
            let said: Vec<_> = refused.iter().map(|it| it.message.as_str()).collect();
            if said.iter().any(|said| said.contains(&why.value)) {
                Vec::new()
            } else {
                vec![Complaint::new(
                    &why.place,
                    "refused",
                    &why.value,
                    &said.join("\n"),
                )]
            }
        }
        (Ok(_), Some(why)) => {
            vec![Complaint::new(
                &why.place,
                "refused",
                &why.value,
                "the configuration was accepted",
            )]
        }
    };
    Verdict { complaints }
}

/// Later steps say nothing when an earlier one went wrong.
async fn steps(case: &Case, mut world: World, lines: &Lines) -> Vec<Complaint> {
    for step in &case.steps {
        world.wait(step.after).await;
        for time in 1..=step.times {
            let mut happened = match world.play(step).await {
                Ok(happened) => happened,
                Err(why) => {
                    return vec![Complaint::new(
                        &step.place,
                        "request",
                        "it reaches the plugin",
                        &why,
                    )];
                }
            };
            happened.log = lines.take();
            let different = differences(&step.expect, &happened, &step.place);
            if !different.is_empty() {
                return complaints(step, time, different, &happened);
            }
        }
    }
    Vec::new()
}

fn complaints(step: &Step, time: u32, different: Vec<Difference>, happened: &Happened) -> Vec<Complaint> {
    let mut complaints: Vec<_> = different.into_iter().map(Complaint::from).collect();
    if step.times > 1 {
        for complaint in &mut complaints {
            let _ = write!(complaint.what, " (time {time} of {})", step.times);
        }
    }
    let logged = complaints
        .iter()
        .any(|complaint| complaint.what.starts_with("log"));
    if !happened.log.is_empty() && !logged {
        let lines = happened.log.iter().map(|line| format!("  {line}\n"));
        complaints.push(Complaint {
            place: step.place.clone(),
            what: "what the plugin logged".to_owned(),
            difference: lines.collect(),
        });
    }
    complaints
}

impl Complaint {
    fn new(place: &Place, what: &str, expected: &str, found: &str) -> Self {
        Self::from(Difference {
            place: place.clone(),
            what: what.to_owned(),
            expected: expected.to_owned(),
            found: found.to_owned(),
        })
    }
}

impl From<Difference> for Complaint {
    fn from(different: Difference) -> Self {
        Self {
            difference: different.to_string(),
            place: different.place,
            what: different.what,
        }
    }
}

impl From<Refused> for Complaint {
    fn from(refused: Refused) -> Self {
        Self::new(
            &refused.place,
            "configuration",
            "it is accepted",
            &refused.message,
        )
    }
}

fn told(file: &Path, cases: &[&Case], verdicts: &[Verdict]) -> Exit {
    let paint = Paint(colour(&io::stdout()));
    let mut failed = 0;
    for (case, Verdict { complaints }) in cases.iter().zip(verdicts) {
        if complaints.is_empty() {
            print(&format!("{}    {}\n", paint.green("ok"), case.name));
            continue;
        }
        failed += 1;
        print(&format!("{}  {}\n", paint.red("FAIL"), case.name));
        for complaint in complaints {
            let Place { line, column, .. } = complaint.place;
            print(&format!(
                "      {}:{line}:{column}  {}\n",
                file.display(),
                complaint.what
            ));
            for line in complaint.difference.lines() {
                let line = match line.as_bytes().first() {
                    Some(b'-') => paint.red(line),
                    Some(b'+') => paint.green(line),
                    _ => line.to_owned(),
                };
                print(&format!("        {line}\n"));
            }
        }
    }
    let all = cases.len();
    let noun = if all == 1 { "case" } else { "cases" };
    if failed == 0 {
        print(&format!("{all} {noun}, all as they should be\n"));
        return Exit::Ok;
    }
    print(&format!("{all} {noun}, {failed} not as they should be\n"));
    Exit::Failed
}

/// Colours, where there are any.
struct Paint(bool);

impl Paint {
    fn red(&self, text: &str) -> String {
        self.with("31", text)
    }

    fn green(&self, text: &str) -> String {
        self.with("32", text)
    }

    fn with(&self, code: &str, text: &str) -> String {
        if self.0 {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}
