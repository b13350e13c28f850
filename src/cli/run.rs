//! `gatewit run`: a gateway from its start to its end, as the signals say.

use std::error::Error;
use std::future;
use std::num::NonZeroUsize;

use tokio::task::JoinSet;

use super::logs::LogArgs;
use super::report::Report;
use super::signals::{Order, Signals};
use super::{ConfigArgs, Exit, watch};
use crate::config::{Config, Source};
use crate::gateway::{self, Options, Running, Stopped};
use crate::reload::Trigger;
use crate::telemetry::logs::DEFAULT_FILTER;

/// What `run` takes.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,

    #[command(flatten)]
    serving: ServingArgs,

    /// Build plugins again whose sources were saved, and swap them in: for who writes one
    #[arg(long)]
    watch: bool,
}

/// What everything that serves takes.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct ServingArgs {
    /// Threads that serve requests [default: one for each core]
    #[arg(long, env = "GATEWIT_WORKERS", value_name = "N")]
    workers: Option<NonZeroUsize>,

    #[command(flatten)]
    pub(super) logs: LogArgs,
}

/// Runs until a signal ends it.
pub(super) fn run(args: &Args) -> Exit {
    let source = args.config.source();
    match args.config.load() {
        Ok(loaded) => forever(loaded.config, source, &args.serving, args.watch),
        Err(exit) => exit,
    }
}

/// The same for a configuration that is there already; with `watching`, plugins are built again.
pub(super) fn forever(config: Config, source: Source, args: &ServingArgs, watching: bool) -> Exit {
    let logs = match args.logs.start(DEFAULT_FILTER) {
        Ok(logs) => logs,
        Err(exit) => return exit,
    };
    let exit = on_control_runtime(async {
        let report = Report::of(&config);
        let options = Options {
            config,
            source,
            workers: args.workers,
            services: services(),
        };
        let served = serve(options, async |running: &Running| {
            report.show(running);
            match watching {
                true => watch::watch(running).await,
                false => future::pending().await,
            }
        });
        served.await.unwrap_or_else(|error| cannot_start(&error))
    });
    logs.stop();
    exit
}

/// Services as Docker Flow Proxy reads them from the environment. What is not UTF-8 names none.
fn services() -> Vec<(String, String)> {
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    variables
        .filter(|(name, _)| name.starts_with("DFP_SERVICE_"))
        .collect()
}

/// The runtime of everything that is slow or shared; the workers have their own.
pub(super) fn on_control_runtime(work: impl Future<Output = Exit>) -> Exit {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(work),
        Err(error) => cannot_start(&error),
    }
}

/// Starts a gateway, lets it run until `work` ends or a signal says so, and stops it.
pub(super) async fn serve(
    options: Options,
    work: impl AsyncFnOnce(&Running) -> Exit,
) -> Result<Exit, gateway::Error> {
    let mut signals = Signals::listen()?;
    let running = gateway::start(options).await?;
    let exit = tokio::select! {
        exit = work(&running) => exit,
        () = obey(&mut signals, &running) => Exit::Ok,
    };
    Ok(tokio::select! {
        stopped = running.stop() => match stopped {
            Stopped::Clean => {
                tracing::info!("stopped: every exchange came to its end");
                exit
            }
            Stopped::Cut(connections) => {
                tracing::warn!(connections, "stopped: the grace time was over, connections were cut");
                Exit::Failed
            }
        },
        // Nobody waits any longer: the process ends, and all that it does with it.
        () = signals.stop() => {
            tracing::warn!("stopped at once by a second signal");
            Exit::Failed
        }
    })
}

/// Until a signal asks to stop. That is heard during a reload too, which may wait for DNS.
async fn obey(signals: &mut Signals, running: &Running) {
    let mut reloads = JoinSet::new();
    loop {
        match signals.next().await {
            Order::Stop => return,
            Order::Reload => {
                let handle = running.reload();
                // Its outcome is logged where it is made.
                reloads.spawn(async move { drop(handle.reload(Trigger::Signal).await) });
            }
            Order::Reopen => running.reopen_logs(),
        }
        while reloads.try_join_next().is_some() {}
    }
}

fn cannot_start(error: &dyn Error) -> Exit {
    tracing::error!(error = chain(error), "gatewit does not start");
    Exit::Failed
}

/// An error with its causes.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
