//! `metrics`: a plugin's own, in the gateway's scrape.

use crate::plugin::bindings::gatewit::plugin::metrics::Host;
use crate::plugin::guest::Guest;
use crate::telemetry::metrics::Change;

type Labels = Vec<(String, String)>;

impl Guest {
    fn record(&self, name: &str, labels: &[(String, String)], change: Change) {
        let plugin = &self.binding.plugin.name;
        self.binding.powers.metrics.record(plugin, name, labels, change);
    }
}

impl Host for Guest {
    fn add(&mut self, name: String, delta: u64, labels: Labels) -> wasmtime::Result<()> {
        self.record(&name, &labels, Change::Add(delta));
        Ok(())
    }

    fn set_gauge(&mut self, name: String, value: f64, labels: Labels) -> wasmtime::Result<()> {
        self.record(&name, &labels, Change::Set(value));
        Ok(())
    }

    fn observe(&mut self, name: String, value: f64, labels: Labels) -> wasmtime::Result<()> {
        self.record(&name, &labels, Change::Observe(value));
        Ok(())
    }
}
