//! Metrics of the plugin's own, as `gatewit_plugin_custom_…` with the label `plugin`. At most 200 series a plugin: what
//! comes after counts into one series whose labels all read `overflow`.

use crate::host::metrics;

/// Adds to a counter.
pub fn add(name: &str, delta: u64, labels: &[(&str, &str)]) {
    metrics::add(name, delta, &owned(labels));
}

/// Sets a gauge.
pub fn set_gauge(name: &str, value: f64, labels: &[(&str, &str)]) {
    metrics::set_gauge(name, value, &owned(labels));
}

/// Observes a value in a histogram: seconds, for its buckets go from 100 µs to 10 s.
pub fn observe(name: &str, value: f64, labels: &[(&str, &str)]) {
    metrics::observe(name, value, &owned(labels));
}

fn owned(labels: &[(&str, &str)]) -> Vec<(String, String)> {
    labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}
