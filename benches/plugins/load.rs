//! From a component's bytes to the first call that it has served.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use gatewit::config::Config;
use gatewit::plugin::{Bound, Engine, Generation, bundled};

/// The smallest plugin that comes with the gateway.
const PLUGIN: &str = "request-id";

/// Loads of each kind.
const LOADS: usize = 11;

/// Prints how long it took.
pub(crate) async fn measure(config: &Config) {
    let component = bundled::find(PLUGIN).unwrap();
    println!(
        "\n{:46} {:>9} {:>9} {:>7}",
        "load: ms", "lowest", "median", "goal"
    );
    let folder = tempfile::tempdir().unwrap();
    // Made by the engine, for itself alone: it takes no other.
    let folder = folder.path().join("compiled");
    let size = component.len() / 1000;
    for (name, cache, goal) in [
        (format!("{PLUGIN} ({size} kB), compiled"), None, 300.0),
        (
            format!("{PLUGIN} ({size} kB), from the cache"),
            Some(folder.as_path()),
            20.0,
        ),
    ] {
        let engine = Engine::new(cache).unwrap();
        if cache.is_some() {
            load(&engine, component, config).await;
        }
        let mut times = Vec::new();
        for _ in 0..LOADS {
            let began = Instant::now();
            let generation = load(&engine, component, config).await;
            times.push(began.elapsed().as_secs_f64() * 1e3);
            assert_eq!(generation.timings().cached, cache.is_some());
        }
        times.sort_by(f64::total_cmp);
        println!("{name:46} {:9.2} {:9.2} {goal:7.0}", times[0], times[LOADS / 2]);
    }
}

async fn load(engine: &Arc<Engine>, component: &'static [u8], config: &Config) -> Arc<Generation> {
    let route = config.routes.iter().find(|route| route.name == PLUGIN).unwrap();
    let plugin = config
        .plugins
        .iter()
        .find(|plugin| plugin.name == PLUGIN)
        .unwrap();
    let generation = Generation::load(engine, Bytes::from_static(component), plugin, 1)
        .await
        .unwrap();
    Bound::try_new(&generation, &route.chain[0], plugin, &Arc::default())
        .await
        .unwrap();
    generation
}
