//! Plugins without a gateway: an engine, the fixture, and what is configured of it.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use gatewit::config::{self, Source};
use gatewit::plugin::{Engine, Generation, LoadError};

/// The fixture, with every hook.
pub(crate) fn fixture() -> Bytes {
    std::fs::read(env!("GATEWIT_FIXTURE")).unwrap().into()
}

/// One for all tests.
pub(crate) fn engine() -> &'static Arc<Engine> {
    static ENGINE: OnceLock<Arc<Engine>> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(None).unwrap())
}

/// What is configured of a plugin called `p` by `[plugin.p]` and an entry of `plugins`.
pub(crate) fn configured(table: &str, used: &str) -> (Arc<config::Plugin>, Arc<config::Use>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.wasm");
    std::fs::write(&file, "").unwrap();
    let text = format!(
        "[[route]]\nname = \"r\"\nto = \"http://127.0.0.1:9\"\nplugins = [{{ use = \"p\", {used} }}]\n\
         [budget.b]\nrate = \"10/s\"\n[store.s]\n[secret.w]\nvalue = \"hush\"\n\
         [plugin.p]\nfile = {file:?}\n{table}\n"
    );
    let name = "test".to_owned();
    let loaded = config::load(Source::Text {
        name,
        text: text.clone(),
    });
    let config = loaded
        .unwrap_or_else(|problems| panic!("{problems:?}\n{text}"))
        .config;
    (config.plugins[0].clone(), config.routes[0].chain[0].clone())
}

/// Loads a component as the plugin `p`.
pub(crate) async fn load(component: Bytes, table: &str) -> Result<Arc<Generation>, LoadError> {
    let (plugin, _) = configured(table, "");
    Generation::load(engine(), component, &plugin, 1).await
}
