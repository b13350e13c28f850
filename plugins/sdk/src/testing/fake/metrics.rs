//! `metrics`: sums by name.

use super::with;

#[expect(
    clippy::cast_precision_loss,
    reason = "a test that counts that far does not end"
)]
pub(crate) fn add(name: &str, delta: u64, labels: &[(String, String)]) {
    observe(name, delta as f64, labels);
}

pub(crate) fn set_gauge(name: &str, value: f64, _: &[(String, String)]) {
    with(|host| host.world.metrics.insert(name.to_owned(), value));
}

pub(crate) fn observe(name: &str, value: f64, _: &[(String, String)]) {
    with(|host| *host.world.metrics.entry(name.to_owned()).or_default() += value);
}
