//! Plugins, with real components: what is said about them, how they run, and what their authors do with them at the
//! command line.

mod calls;
mod capabilities;
mod chain;
mod cli;
mod compiled;
mod contract;
mod frozen;
mod loading;
mod making;
mod neighbour;
mod requests;
mod sources;
mod swapping;
mod tokens;
mod watching;
#[cfg(feature = "author")]
mod whole;

/// The fixture as a plugin of this name, with the grants that it needs. The verifier `default` and the upstream `asked`
/// are the test's.
fn fixture(name: &str) -> String {
    format!(
        "[budget.b]\nrate = \"10/s\"\n[store.s]\n[secret.w]\nvalue = \"hush\"\n\
         [key.k]\nsecret = \"0123456789abcdef0123456789abcdef\"\n\
         [plugin.{name}]\nfile = {:?}\nlimits = {{ response_body = \"1KiB\", time = \"1s\" }}\n\
         grants = {{ budgets = [\"b\"], stores = [\"s\"], secrets = [\"w\"], keys = [\"k\"], \
         verifiers = [\"default\"], http = [\"asked\"] }}\n",
        env!("GATEWIT_FIXTURE")
    )
}
