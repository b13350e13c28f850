//! `gatewit demo`: the main job at once, on this machine alone.
//!
//! Three small services share a port on loopback addresses of their own, as Swarm's tasks share one on
//! addresses of their own; a DNS server in this process names them; the gateway in front runs the built-in
//! configuration. With `--plugins` it has a few routes more, whose plugins are those of the binary.

use std::future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::{Method, StatusCode};
use tokio::time;

use super::ask::{self, Connection};
use super::logs::LogArgs;
use super::run::{chain, on_control_runtime, serve};
use super::{Exit, complain, print};
use crate::config::{self, Listener};
use crate::gateway::{self, Options, Running};
use crate::jwt;
use crate::plugin::bundled;
use configuration::Folder;
use swarm::Swarm;

mod configuration;
mod dns;
mod hello;
mod plugins;
mod swarm;
mod words;

/// Enough for a random choice to reach all three, but for one run in ten thousand million.
const REQUESTS: usize = 60;

/// For one request of the demo to itself.
const PATIENCE: Duration = Duration::from_secs(5);

/// What `demo` takes.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Plugins, too: a token, a rate, a choice of upstream, and a plugin that is replaced while requests flow
    #[arg(long, env = "GATEWIT_DEMO_PLUGINS")]
    plugins: bool,

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
    #[error("the built-in configuration has no admin API")]
    NoAdmin,
    #[error("cannot write {path}: {1}; TMPDIR says where temporary files go", path = .0.display())]
    Folder(PathBuf, io::Error),
    #[error("the system has no random numbers for a secret")]
    NoRandomness,
    #[error("cannot sign a token: {0}")]
    Token(#[from] jsonwebtoken::errors::Error),
    #[error("the plugin was not replaced: {0} {1}")]
    NotReplaced(StatusCode, String),
    #[error("{0}")]
    Ask(#[from] ask::Error),
}

/// What the part about plugins needs.
struct Stand {
    folder: Folder,
    secret: String,
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
    let swarm = Swarm::start(args.plugins).await?;
    let text = configuration::text(args, swarm.dns);
    print(&words::introduction(&swarm, &text));
    let stand = args.plugins.then(|| Stand::new(&text)).transpose()?;
    let source = match &stand {
        Some(stand) => config::Source::File(stand.configuration()),
        None => configuration::in_the_program(text),
    };
    let loaded = config::load(source.clone()).and_then(jwt::accept)?;
    let options = Options {
        config: loaded.config,
        source,
        workers: None,
        services: Vec::new(),
    };
    let shown = serve(options, async |running: &Running| {
        let shown = show(running, &swarm, stand.as_ref(), args.seconds).await;
        shown.unwrap_or_else(|error| failed(&error))
    });
    Ok(shown.await?)
}

impl Stand {
    fn new(configuration: &str) -> Result<Self, Error> {
        let (folder, secret) = (Folder::new()?, plugins::secret()?);
        folder.write("secret", secret.as_bytes())?;
        folder.write("gatewit.toml", configuration.as_bytes())?;
        folder.write("request-id.wasm", bundled::find("request-id").unwrap_or_default())?;
        Ok(Self { folder, secret })
    }

    fn configuration(&self) -> PathBuf {
        self.folder.path("gatewit.toml")
    }
}

/// Sends the requests, prints what came of them and what to do next, and waits.
async fn show(
    running: &Running,
    swarm: &Swarm,
    stand: Option<&Stand>,
    seconds: Option<u64>,
) -> Result<Exit, Error> {
    let (_, listener) = running.addresses().first().ok_or(Error::NoListener)?;
    let target = SocketAddr::from(([127, 0, 0, 1], listener.port()));
    let (counts, failures) = requests(target, swarm).await?;
    print(&words::table(swarm, &counts, failures));
    let mut well = failures == 0 && counts.iter().all(|count| *count > 0);
    let mut more = String::new();
    if let Some(stand) = stand {
        let admin = running.admin().ok_or(Error::NoAdmin)?;
        let shown = plugins::show(target, admin, &stand.secret).await?;
        print(&shown.text);
        well &= shown.is_well;
        let component = stand.folder.path("request-id.wasm");
        more = plugins::next_steps(target, admin, &shown.token, &stand.configuration(), &component);
    }
    print(&words::next_steps(target, running.admin(), &more, seconds));
    match seconds {
        Some(seconds) => time::sleep(Duration::from_secs(seconds)).await,
        None => future::pending().await,
    }
    Ok(if well { Exit::Ok } else { Exit::Failed })
}

/// How many each service answered, and how many went wrong.
async fn requests(target: SocketAddr, swarm: &Swarm) -> Result<(Vec<usize>, usize), Error> {
    let mut connection = Connection::open(target).await?;
    let (mut counts, mut failures) = (vec![0; swarm.app.len()], 0);
    for _ in 0..REQUESTS {
        let answer = connection.send(Method::GET, "/", None, PATIENCE).await?;
        let said = answer.body.trim_end().rsplit(' ').next();
        let service = swarm.app.iter().position(|(name, _)| Some(name.as_str()) == said);
        match service {
            Some(service) if answer.status.is_success() => counts[service] += 1,
            _ => failures += 1,
        }
    }
    Ok((counts, failures))
}
