//! `gatewit demo`: the main job at once, on this machine alone.
//!
//! Three small services share a port on loopback addresses of their own, as Swarm's tasks share one on
//! addresses of their own; a DNS server in this process names them; the gateway in front runs the built-in
//! configuration.

use std::fmt::Write;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use http::Method;
use tokio::task::JoinSet;
use tokio::time;

use super::ask::Connection;
use super::logs::LogArgs;
use super::run::{chain, on_control_runtime, serve};
use super::{Exit, complain, print};
use crate::config::{self, AccessLogFormat, Guard, Source};
use crate::gateway::{self, Options, Running};

mod dns;
mod hello;

/// Host numbers in 127.0.0.0/8, far from what others use.
const TASKS: [u8; 3] = [111, 112, 113];

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
    Config(config::Diagnostics),
    #[error("{}", chain(.0))]
    Gateway(#[from] gateway::Error),
    #[error("the built-in configuration has no listener")]
    NoListener,
    #[error("{0}")]
    Ask(#[from] super::ask::Error),
}

/// What probably is the matter. Only Linux answers on every address of 127.0.0.0/8 unasked.
fn hint(address: SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => " (is another demo running?)".to_owned(),
        io::ErrorKind::AddrNotAvailable if !cfg!(target_os = "linux") => {
            format!(
                "\nThis system needs loopback aliases first: sudo ifconfig lo0 alias {} up",
                address.ip()
            )
        }
        _ => String::new(),
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

/// Everything around the gateway, and the gateway in the middle. Ends all of it.
async fn stage(args: &Args) -> Result<Exit, Error> {
    let mut around = JoinSet::new();
    for (index, task) in TASKS.into_iter().enumerate() {
        let address = SocketAddr::from(([127, 0, 0, task], 12345));
        let service = hello::Service::bind(format!("app.{}", index + 1), address).await;
        around.spawn(service.map_err(|error| Error::Service(address, error))?.serve());
    }
    let addresses = TASKS.map(|task| Ipv4Addr::new(127, 0, 0, task)).to_vec();
    let server = dns::Server::bind("app", addresses).await.map_err(Error::Dns)?;
    let dns = server.address().map_err(Error::Dns)?;
    around.spawn(server.serve());

    let mut config = config::load(Source::Embedded).map_err(Error::Config)?.config;
    config.dns.servers = vec![dns];
    // In a container, addresses outside the attached networks are refused, and these are loopback.
    config.dns.guard = Guard::Off;
    config.access_log.format = AccessLogFormat::Off;
    print(&introduction(dns));
    let options = Options {
        config,
        source: Source::Embedded,
        workers: None,
    };
    let shown = serve(options, async |running: &Running| {
        let shown = show(running, args.seconds).await;
        shown.unwrap_or_else(|error| failed(&error))
    });
    Ok(shown.await?)
}

fn failed(error: &Error) -> Exit {
    complain(&format!("gatewit demo: {error}\n"));
    Exit::Failed
}

fn introduction(dns: SocketAddr) -> String {
    let mut text = String::from("Three services, all on port 12345:");
    for (index, task) in TASKS.iter().enumerate() {
        let _ = write!(text, "  app.{} at 127.0.0.{task}", index + 1);
    }
    let _ = write!(
        text,
        "\nA DNS server that answers \"app\" with the three of them: {dns}"
    );
    text.push_str("\nThe gateway in front of them, with the configuration that is built in:\n\n");
    config::DEFAULT.lines().for_each(|line| {
        let _ = writeln!(text, "{}", format!("    {line}").trim_end());
    });
    text.push_str("\nand for the demo alone:\n\n");
    let _ = writeln!(
        text,
        "    dns.servers = [\"{dns}\"]\n    dns.guard = \"off\"\n    access_log = \"off\"\n"
    );
    text
}

/// Sends the requests, prints what came of them and what to do next, and waits.
async fn show(running: &Running, seconds: Option<u64>) -> Result<Exit, Error> {
    let Some((_, listener)) = running.addresses().first() else {
        return Err(Error::NoListener);
    };
    let target = SocketAddr::from(([127, 0, 0, 1], listener.port()));
    let (counts, failures) = requests(target).await?;
    print(&table(&counts, failures));
    print(&next_steps(target, running.admin(), seconds));
    let well = failures == 0 && counts.iter().all(|count| *count > 0);
    match seconds {
        Some(seconds) => time::sleep(Duration::from_secs(seconds)).await,
        None => std::future::pending().await,
    }
    Ok(if well { Exit::Ok } else { Exit::Failed })
}

/// How many each service answered, and how many went wrong.
async fn requests(target: SocketAddr) -> Result<([usize; TASKS.len()], usize), Error> {
    let mut connection = Connection::open(target).await?;
    let (mut counts, mut failures) = ([0; TASKS.len()], 0);
    for _ in 0..REQUESTS {
        let answer = connection.send(Method::GET, "/", None, PATIENCE).await?;
        let index =
            (0..TASKS.len()).find(|index| answer.body.trim_end().ends_with(&format!(" app.{}", index + 1)));
        match index {
            Some(index) if answer.status.is_success() => counts[index] += 1,
            _ => failures += 1,
        }
    }
    Ok((counts, failures))
}

fn table(counts: &[usize], failures: usize) -> String {
    let mut text = format!("{REQUESTS} requests over one connection were answered by\n\n");
    for (index, count) in counts.iter().enumerate() {
        let _ = writeln!(text, "    app.{}  {count:>3}  {}", index + 1, "█".repeat(*count));
    }
    if failures > 0 {
        let _ = writeln!(text, "    nobody {failures:>3}");
    }
    text
}

fn next_steps(target: SocketAddr, admin: Option<SocketAddr>, seconds: Option<u64>) -> String {
    let port = target.port();
    let mut text =
        format!("\nTry it:\n\n    curl localhost:{port}\n    curl -v localhost:{port}/some/path?q=1\n");
    if let Some(admin) = admin {
        let _ = writeln!(
            text,
            "    curl {admin}/api/v1/upstreams     # endpoints, as DNS says now"
        );
        let _ = writeln!(text, "    curl {admin}/api/v1/routes");
        let _ = writeln!(text, "    curl {admin}/metrics");
    }
    match seconds {
        Some(seconds) => drop(writeln!(text, "\nEnds by itself after {seconds} s.")),
        None => text.push_str("\nCtrl-C ends it.\n"),
    }
    text
}
