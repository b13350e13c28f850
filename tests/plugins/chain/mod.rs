//! Chains of the fixture in a running gateway: the way down, the way up, failures, bodies.

use crate::support::Origin;
use crate::support::gateway::Builder;

mod bodies;
mod failures;
mod order;

/// The fixture, with every hook, as a plugin of this name.
fn fixture(name: &str) -> String {
    table(name, env!("GATEWIT_FIXTURE"), &[])
}

/// The same, and it may route to these upstreams.
fn router(name: &str, upstreams: &[&str]) -> String {
    table(name, env!("GATEWIT_FIXTURE"), upstreams)
}

/// The fixture with `request-hook` and `response-hook` only.
fn headers(name: &str) -> String {
    table(name, env!("GATEWIT_FIXTURE_HEADERS"), &[])
}

/// Its bounds are wide: the machine that tests may be busy.
fn table(name: &str, file: &str, upstreams: &[&str]) -> String {
    format!(
        "[plugin.{name}]\nfile = \"{file}\"\nlimits = {{ cpu = \"2s\", time = \"10s\", memory = \"16MiB\" }}\n\
         [plugin.{name}.grants]\nbudgets = [\"b\"]\nstores = [\"s\"]\nsecrets = [\"w\"]\nverifiers = [\"v\"]\n\
         keys = [\"k\"]\nhttp = [\"unused\"]\nupstreams = {upstreams:?}\n"
    )
}

/// What the fixture may be granted.
const POWERS: &str = "[budget.b]\nrate = \"10/s\"\n[store.s]\n[secret.w]\nvalue = \"hush\"\n\
                      [verifier.v]\nsecret = \"0123456789abcdef0123456789abcdef\"\n\
                      [key.k]\nsecret = \"0123456789abcdef0123456789abcdef\"\n\
                      [upstream.unused]\nto = \"127.0.0.1:9\"\n";

/// A gateway that has what the fixture may be granted.
fn gateway() -> Builder {
    crate::support::gateway().toml(POWERS)
}

/// A route with this chain.
fn chained(path: &str, to: &Origin, plugins: &str) -> String {
    let to = to.address();
    format!("[[route]]\npath = \"{path}\"\nto = \"{to}\"\nplugins = {plugins}\n")
}
