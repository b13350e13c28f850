//! `gatewit demo`: the main job at once, on this machine alone.
//!
//! Three small services share a port on loopback addresses of their own, as Swarm's tasks share one on
//! addresses of their own; a DNS server in this process names them; the gateway in front runs the built-in
//! configuration.

use std::future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http::Method;
use tokio::time;

use super::ask::{self, Connection};
use super::logs::LogArgs;
use super::run::{chain, on_control_runtime, serve};
use super::{Exit, complain, print};
use crate::config::{self, Listener, Source};
use crate::gateway::{self, Options, Running};
use swarm::Swarm;

mod dns;
mod hello;
mod swarm;
mod words;

/// Enough for a random choice to reach all three, but for one run in ten thousand million.
const REQUESTS: usize = 60;

/// For one request of the demo to itself.
const PATIENCE: Duration = Duration::from_secs(5);

/// What `demo` takes.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// End after this time; until Ctrl-C without it
    #[arg(long, env = "GATEWIT_DEMO_SECONDS", value_name = "N")]
    seconds: Option<u64>,

    /// Another address for the gateway, when :2015 is taken
    #[arg(long, env = "GATEWIT_LISTEN", value_name = "ADDRESS")]
    listen: Option<Listener>,

    /// Another address for the admin API, when 127.0.0.1:9901 is taken
    #[arg(long, env = "GATEWIT_ADMIN", value_name = "ADDRESS")]
    admin: Option<SocketAddr>,

    #[command(flatten)]
    logs: LogArgs,
}

/// Why the demo cannot go on. The texts are for people who have just met Gatewit.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot open {0}: {1}{hint}", hint = hint(*.0, .1))]
    Service(SocketAddr, io::Error),
    #[error("cannot start the demo's DNS server: {0}")]
    Dns(io::Error),
    #[error("the built-in configuration does not load:\n{0}")]
    Config(#[from] config::Diagnostics),
    #[error("{}; see --listen and --admin", chain(.0))]
    Gateway(#[from] gateway::Error),
    #[error("the built-in configuration has no listener")]
    NoListener,
    #[error("{0}")]
    Ask(#[from] ask::Error),
}

/// Only Linux answers on every address of 127.0.0.0/8 unasked.
fn hint(address: SocketAddr, error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::AddrNotAvailable && !cfg!(target_os = "linux") {
        let ip = address.ip();
        format!(
            "\nThis system needs a loopback alias for each service first: sudo ifconfig lo0 alias {ip} up"
        )
    } else {
        String::new()
    }
}

/// Runs for the time given, or until a signal.
pub(super) fn run(args: &Args) -> Exit {
    let logs = match args.logs.start("warn") {
        Ok(logs) => logs,
        Err(exit) => return exit,
    };
    let exit = on_control_runtime(async { stage(args).await.unwrap_or_else(|error| failed(&error)) });
    logs.stop();
    exit
}

fn failed(error: &Error) -> Exit {
    complain(&format!("gatewit demo: {error}\n"));
    Exit::Failed
}

/// Everything around the gateway, and the gateway in the middle. Ends all of it.
async fn stage(args: &Args) -> Result<Exit, Error> {
    let swarm = Swarm::start().await?;
    let text = configuration(swarm.dns);
    print(&words::introduction(&swarm, &text));
    let source = Source::Text {
        name: "<demo>".to_owned(),
        text,
    };
    let mut config = config::load(source.clone())?.config;
    if let Some(listener) = &args.listen {
        config.listeners = vec![listener.clone()];
    }
    if let (Some(admin), Some(address)) = (&mut config.admin, args.admin) {
        admin.address = address;
    }
    let options = Options {
        config,
        source,
        workers: None,
    };
    let shown = serve(options, async |running: &Running| {
        let shown = show(running, &swarm, args.seconds).await;
        shown.unwrap_or_else(|error| failed(&error))
    });
    Ok(shown.await?)
}

/// The built-in one, and what a machine without Swarm needs: its own DNS server instead of the system's, and
/// loopback addresses in its answers, which are not believed inside a container. The access log would fill the
/// screen.
fn configuration(dns: SocketAddr) -> String {
    let built_in = config::DEFAULT;
    let dns = format!("[dns]  # for the demo alone\nservers = [\"{dns}\"]\nguard = \"off\"");
    format!("{built_in}\n{dns}\n\n[access_log]  # the same\nformat = \"off\"\n")
}

/// Sends the requests, prints what came of them and what to do next, and waits.
async fn show(running: &Running, swarm: &Swarm, seconds: Option<u64>) -> Result<Exit, Error> {
    let (_, listener) = running.addresses().first().ok_or(Error::NoListener)?;
    let target = SocketAddr::from(([127, 0, 0, 1], listener.port()));
    let (counts, failures) = requests(target, swarm).await?;
    print(&words::table(swarm, &counts, failures));
    print(&words::next_steps(target, running.admin(), seconds));
    match seconds {
        Some(seconds) => time::sleep(Duration::from_secs(seconds)).await,
        None => future::pending().await,
    }
    let well = failures == 0 && counts.iter().all(|count| *count > 0);
    Ok(if well { Exit::Ok } else { Exit::Failed })
}

/// How many each service answered, and how many went wrong.
async fn requests(target: SocketAddr, swarm: &Swarm) -> Result<(Vec<usize>, usize), Error> {
    let mut connection = Connection::open(target).await?;
    let (mut counts, mut failures) = (vec![0; swarm.services.len()], 0);
    for _ in 0..REQUESTS {
        let answer = connection.send(Method::GET, "/", None, PATIENCE).await?;
        let said = answer.body.trim_end().rsplit(' ').next();
        let service = swarm
            .services
            .iter()
            .position(|(name, _)| Some(name.as_str()) == said);
        match service {
            Some(service) if answer.status.is_success() => counts[service] += 1,
            _ => failures += 1,
        }
    }
    Ok((counts, failures))
}
