//! Every metric of the gateway, registered in one place.
//!
//! What happens per exchange is counted in one shard per worker ([`Local`]) and added up when
//! somebody looks; what is rare is a plain counter here. Numbers that another part keeps (the
//! endpoints of an upstream, its DNS) are handed to [`Metrics::render`] as [`Family`]s.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use collect::{Extra, Shards};
use shard::Shard;

pub use collect::{Family, Kind, Sample};
pub use custom::{Change, Custom};
pub use shard::{InFlight, Local, Retry};

mod collect;
mod custom;
mod histogram;
mod shard;

/// What [`Metrics::render`] yields.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Version of this build.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Commit that this build was made from, when whoever built it said so (`GATEWIT_REVISION`).
pub const REVISION: &str = match option_env!("GATEWIT_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

type Labels = [(&'static str, String); 1];
type Seconds = Gauge<f64, AtomicU64>;

/// All metrics. Cheap to share; everything is counted with relaxed atomics.
#[derive(Debug)]
pub struct Metrics {
    /// Lines of the access log that were not written: its queue was full, or its file refused them.
    pub access_log_dropped: Counter,
    /// What plugins make up.
    pub custom: Custom,
    /// Panics caught; each cost one exchange.
    panics: Counter,
    connections: family::Family<Labels, Gauge>,
    accepted: family::Family<Labels, Counter>,
    refused: family::Family<Labels, Counter>,
    reloads: family::Family<Labels, Counter>,
    last_reload: Seconds,
    hash: family::Family<Labels, Gauge>,
    shards: Arc<Mutex<Vec<Arc<Shard>>>>,
    registry: Registry,
}

/// The connections of one listener.
#[derive(Clone, Debug)]
pub struct Connections {
    /// Open now.
    pub open: Gauge,
    /// Accepted since the start.
    pub accepted: Counter,
    /// Closed at once because a bound was reached.
    pub refused: Counter,
}

/// How a reload ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reload {
    /// The new configuration runs.
    Applied,
    /// It was the same.
    Unchanged,
    /// It was bad; the old one runs on.
    Rejected,
}

impl Metrics {
    /// Registers everything.
    pub fn new() -> Arc<Self> {
        let mut metrics = Self {
            access_log_dropped: Counter::default(),
            custom: Custom::default(),
            panics: Counter::default(),
            connections: family::Family::default(),
            accepted: family::Family::default(),
            refused: family::Family::default(),
            reloads: family::Family::default(),
            last_reload: Seconds::default(),
            hash: family::Family::default(),
            shards: Arc::default(),
            registry: Registry::with_prefix("gatewit"),
        };
        metrics.register();
        for result in [Reload::Applied, Reload::Unchanged, Reload::Rejected] {
            drop(
                metrics
                    .reloads
                    .get_or_create(&[("result", result.name().to_owned())]),
            );
        }
        Arc::new(metrics)
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        let build = Info::new([("version", VERSION), ("revision", REVISION)]);
        registry.register("build", "What is running", build);
        registry.register(
            "connections",
            "Open downstream connections",
            self.connections.clone(),
        );
        registry.register(
            "connections_accepted",
            "Downstream connections accepted",
            self.accepted.clone(),
        );
        registry.register(
            "connections_refused",
            "Downstream connections closed at once because a bound was reached",
            self.refused.clone(),
        );
        registry.register("config_reloads", "Reloads by result", self.reloads.clone());
        registry.register(
            "config_last_reload_success_timestamp_seconds",
            "When the running configuration was applied",
            self.last_reload.clone(),
        );
        registry.register(
            "config_hash_info",
            "Hash of the running configuration",
            self.hash.clone(),
        );
        registry.register(
            "access_log_dropped",
            "Access log lines that were not written",
            self.access_log_dropped.clone(),
        );
        registry.register(
            "panics",
            "Panics caught, each at the cost of one exchange",
            self.panics.clone(),
        );
        registry.register_collector(Box::new(Shards(self.shards.clone())));
        registry.register_collector(Box::new(self.custom.clone()));
    }

    /// A shard for one worker.
    pub fn local(&self) -> Local {
        let shard = Arc::new(Shard::default());
        lock(&self.shards).push(shard.clone());
        Local::new(shard, self.panics.clone())
    }

    /// The connection counters of a listener. Looks a name up: keep the result.
    pub fn connections(&self, listener: &str) -> Connections {
        let labels = [("listener", listener.to_owned())];
        Connections {
            open: self.connections.get_or_create_owned(&labels),
            accepted: self.accepted.get_or_create_owned(&labels),
            refused: self.refused.get_or_create_owned(&labels),
        }
    }

    /// Counts a reload.
    pub fn reloaded(&self, result: Reload) {
        self.reloads
            .get_or_create(&[("result", result.name().to_owned())])
            .inc();
    }

    /// Says which configuration runs, and since when.
    pub fn config_live(&self, hash: &str, since: SystemTime) {
        let since = since
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        self.last_reload.set(since.as_secs_f64());
        self.hash.clear();
        self.hash.get_or_create(&[("hash", hash.to_owned())]).set(1);
    }

    /// Everything in the OpenMetrics text format, with what other parts keep (`extra`).
    pub fn render(&self, extra: Vec<Family>) -> String {
        let mut text = String::with_capacity(16 * 1024);
        let mut others = Registry::with_prefix("gatewit");
        others.register_collector(Box::new(Extra(extra)));
        let written = text::encode_registry(&mut text, &self.registry)
            .and_then(|()| text::encode_registry(&mut text, &others))
            .and_then(|()| text::encode_eof(&mut text));
        debug_assert!(written.is_ok(), "writing to a string cannot fail");
        text
    }
}

impl Reload {
    /// The label value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Unchanged => "unchanged",
            Self::Rejected => "rejected",
        }
    }
}

/// A panic while a list was locked leaves the list whole: entries are only pushed.
fn lock<T>(list: &Mutex<Vec<T>>) -> std::sync::MutexGuard<'_, Vec<T>> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Flag, Record, sample};

    fn assert_has(text: &str, line: &str) {
        assert!(
            text.lines().any(|other| other == line),
            "no line {line:?} in\n{text}"
        );
    }

    #[test]
    fn workers_are_added_up_under_the_names_of_the_vocabulary() {
        let metrics = Metrics::new();
        for _ in 0..2 {
            let mut local = metrics.local();
            local.observe(&sample::record());
            local.observe(&Record {
                status: 503,
                flag: Some(Flag::NoEndpoint),
                head: None,
                ..sample::record()
            });
            local.retry("app:12345", Retry::Reset);
        }
        let text = metrics.render(vec![]);
        let labels = r#"listener=":2015",route="/",upstream="app:12345",method="GET""#;
        assert_has(
            &text,
            &format!("gatewit_requests_total{{{labels},code=\"200\"}} 2"),
        );
        assert_has(
            &text,
            &format!("gatewit_requests_total{{{labels},code=\"503\"}} 2"),
        );
        assert_has(
            &text,
            &format!("gatewit_request_duration_seconds_bucket{{le=\"0.005\",{labels},code=\"200\"}} 2"),
        );
        assert_has(
            &text,
            "gatewit_response_body_bytes_total{listener=\":2015\",route=\"/\",upstream=\"app:12345\"} 124",
        );
        assert_has(
            &text,
            "gatewit_upstream_duration_seconds_count{upstream=\"app:12345\"} 2",
        );
        // 1000 µs to the head, of which 920 µs waiting for the endpoint.
        assert_has(&text, "gatewit_gateway_overhead_seconds_bucket{le=\"0.0001\"} 2");
        assert_has(&text, "gatewit_gateway_overhead_seconds_bucket{le=\"0.00005\"} 0");
        assert_has(
            &text,
            "gatewit_retries_total{upstream=\"app:12345\",reason=\"reset\"} 2",
        );
        assert_has(&text, "gatewit_answers_total{flag=\"no_endpoint\"} 2");
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn a_method_that_a_client_made_up_gets_no_series_of_its_own() {
        let metrics = Metrics::new();
        let mut local = metrics.local();
        for name in ["FOO", "BAR", "get"] {
            let method = http::Method::from_bytes(name.as_bytes()).unwrap();
            local.observe(&Record {
                method: &method,
                ..sample::record()
            });
        }
        let text = metrics.render(vec![]);
        assert!(text.contains(r#"method="_OTHER",code="200"} 3"#), "{text}");
    }

    #[test]
    fn calls_of_plugins_are_counted_by_hook_and_outcome_and_timed_by_hook() {
        let metrics = Metrics::new();
        for _ in 0..2 {
            let mut local = metrics.local();
            local.called("jwt", "request", "next", Duration::from_nanos(900));
            local.called("jwt", "request", "respond", Duration::from_micros(30));
        }
        let text = metrics.render(vec![]);
        for line in [
            r#"gatewit_plugin_calls_total{plugin="jwt",hook="request",outcome="next"} 2"#,
            r#"gatewit_plugin_calls_total{plugin="jwt",hook="request",outcome="respond"} 2"#,
            r#"gatewit_plugin_duration_seconds_bucket{le="0.000001",plugin="jwt",hook="request"} 2"#,
            r#"gatewit_plugin_duration_seconds_count{plugin="jwt",hook="request"} 4"#,
        ] {
            assert_has(&text, line);
        }
    }

    #[test]
    fn exchanges_in_flight_are_counted_while_they_live() {
        let metrics = Metrics::new();
        let mut local = metrics.local();
        let (one, two) = (local.begin("/"), local.begin("/"));
        assert_has(
            &metrics.render(vec![]),
            "gatewit_requests_in_flight{route=\"/\"} 2",
        );
        drop((one, two));
        assert_has(
            &metrics.render(vec![]),
            "gatewit_requests_in_flight{route=\"/\"} 0",
        );
    }

    #[test]
    fn counters_of_a_listener_and_of_the_configuration_are_written() {
        let metrics = Metrics::new();
        let connections = metrics.connections(":2015");
        connections.open.inc();
        connections.accepted.inc_by(3);
        metrics.reloaded(Reload::Rejected);
        metrics.config_live("00", SystemTime::UNIX_EPOCH);
        metrics.config_live("ff", SystemTime::UNIX_EPOCH + Duration::from_millis(1500));
        let text = metrics.render(vec![]);
        assert_has(&text, "gatewit_connections{listener=\":2015\"} 1");
        assert_has(&text, "gatewit_connections_accepted_total{listener=\":2015\"} 3");
        assert_has(&text, "gatewit_config_reloads_total{result=\"applied\"} 0");
        assert_has(&text, "gatewit_config_reloads_total{result=\"rejected\"} 1");
        assert_has(&text, "gatewit_config_last_reload_success_timestamp_seconds 1.5");
        assert_has(&text, "gatewit_config_hash_info{hash=\"ff\"} 1");
        assert!(
            !text.contains("hash=\"00\""),
            "only the running configuration is named"
        );
    }

    #[test]
    fn what_other_parts_keep_is_written_with_escaped_labels() {
        let sample = Sample {
            labels: vec![("upstream", "a\"b\\c\n".to_owned())],
            value: 2.0,
        };
        let family = Family {
            name: "upstream_endpoints",
            help: "Endpoints",
            kind: Kind::Gauge,
            samples: vec![sample],
        };
        let text = Metrics::new().render(vec![family]);
        assert_has(&text, r#"gatewit_upstream_endpoints{upstream="a\"b\\c\n"} 2.0"#);
    }
}
