//! Adds the workers' shards up and writes them, at each scrape.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::metrics::gauge::ConstGauge;

use super::histogram::{Scale, Total};
use super::lock;
use super::shard::{Call, Exchange, Retry, Shard};
use crate::telemetry::Flag;

/// One metric whose values another part keeps, read at the moment of a scrape.
#[derive(Clone, Debug)]
pub struct Family {
    /// Without prefix and without `_total`.
    pub name: &'static str,
    /// One line, without a full stop.
    pub help: &'static str,
    /// What the values mean.
    pub kind: Kind,
    /// The values.
    pub samples: Vec<Sample>,
}

/// What a value means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// One value with its labels.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Names and values.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: f64,
}

#[derive(Debug)]
pub(super) struct Shards(pub(super) Arc<Mutex<Vec<Arc<Shard>>>>);

#[derive(Debug)]
pub(super) struct Extra(pub(super) Vec<Family>);

impl Collector for Extra {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for family in &self.0 {
            let kind = match family.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
            };
            let mut encoder =
                encoder.encode_descriptor(family.name, &format!("{}.", family.help), None, kind)?;
            for sample in &family.samples {
                let labelled = encoder.encode_family(&sample.labels)?;
                match family.kind {
                    Kind::Counter => ConstCounter::new(sample.value).encode(labelled)?,
                    Kind::Gauge => ConstGauge::new(sample.value).encode(labelled)?,
                }
            }
        }
        Ok(())
    }
}

impl Collector for Shards {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut sum = Sum::default();
        let shards = lock(&self.0).clone();
        shards.iter().for_each(|shard| sum.add(shard));
        sum.encode(encoder)
    }
}

/// Listener, route, upstream.
type Place = (Box<str>, Box<str>, Box<str>);

type NoExemplar = Exemplar<[(&'static str, &'static str); 0], f64>;

/// All shards together, in a stable order.
#[derive(Default)]
struct Sum {
    exchanges: BTreeMap<Exchange, Total>,
    bytes: BTreeMap<Place, (u64, u64)>,
    upstreams: BTreeMap<Box<str>, Total>,
    routes: BTreeMap<Box<str>, i64>,
    retries: BTreeMap<(Box<str>, Retry), u64>,
    calls: BTreeMap<Call, u64>,
    hooks: BTreeMap<(Box<str>, &'static str), Total>,
    flags: [u64; Flag::ALL.len()],
    overhead: Total,
}

impl Sum {
    fn add(&mut self, shard: &Shard) {
        for (key, counts) in lock(&shard.exchanges).iter() {
            self.exchanges
                .entry(key.clone())
                .or_default()
                .add(&counts.duration);
            let place = (key.listener.clone(), key.route.clone(), key.upstream.clone());
            let (bytes_in, bytes_out) = self.bytes.entry(place).or_default();
            *bytes_in += counts.bytes_in.load(Relaxed);
            *bytes_out += counts.bytes_out.load(Relaxed);
        }
        for (name, histogram) in lock(&shard.upstreams).iter() {
            self.upstreams.entry(name.clone()).or_default().add(histogram);
        }
        for (name, gauge) in lock(&shard.routes).iter() {
            *self.routes.entry(name.clone()).or_default() += gauge.load(Relaxed);
        }
        for (key, counter) in lock(&shard.retries).iter() {
            *self.retries.entry(key.clone()).or_default() += counter.load(Relaxed);
        }
        for (key, counter) in lock(&shard.calls).iter() {
            *self.calls.entry(key.clone()).or_default() += counter.load(Relaxed);
        }
        for (key, histogram) in lock(&shard.hooks).iter() {
            self.hooks.entry(key.clone()).or_default().add(histogram);
        }
        for (total, flag) in self.flags.iter_mut().zip(&shard.flags) {
            *total += flag.load(Relaxed);
        }
        self.overhead.add(&shard.overhead);
    }

    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.encode_exchanges(&mut encoder)?;
        self.encode_bytes(&mut encoder)?;
        self.encode_upstreams(&mut encoder)?;
        self.encode_plugins(&mut encoder)?;
        let mut routes = encoder.encode_descriptor(
            "requests_in_flight",
            "Exchanges that have begun and not ended.",
            None,
            MetricType::Gauge,
        )?;
        for (route, count) in &self.routes {
            routes
                .encode_family(&[("route", &**route)])?
                .encode_gauge(count)?;
        }
        let mut flags = encoder.encode_descriptor(
            "answers",
            "Exchanges that the gateway answered by itself or cut short, by reason.",
            None,
            MetricType::Counter,
        )?;
        for (flag, count) in Flag::ALL.iter().zip(self.flags) {
            counter(flags.encode_family(&[("flag", flag.name())])?, count)?;
        }
        Ok(())
    }

    fn encode_exchanges(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut requests =
            encoder.encode_descriptor("requests", "Exchanges ended.", None, MetricType::Counter)?;
        for (key, total) in &self.exchanges {
            counter(requests.encode_family(key)?, total.count())?;
        }
        let mut durations = encoder.encode_descriptor(
            "request_duration_seconds",
            "From request head to the end of the response.",
            None,
            MetricType::Histogram,
        )?;
        for (key, total) in &self.exchanges {
            histogram(durations.encode_family(key)?, Scale::Request, total)?;
        }
        Ok(())
    }

    fn encode_bytes(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let labels = |(listener, route, upstream): &Place| {
            [
                ("listener", listener.clone()),
                ("route", route.clone()),
                ("upstream", upstream.clone()),
            ]
        };
        let mut sizes = encoder.encode_descriptor(
            "request_body_bytes",
            "Bytes of request bodies read.",
            None,
            MetricType::Counter,
        )?;
        for (place, (bytes, _)) in &self.bytes {
            counter(sizes.encode_family(&labels(place))?, *bytes)?;
        }
        let mut sizes = encoder.encode_descriptor(
            "response_body_bytes",
            "Bytes of response bodies handed to connections.",
            None,
            MetricType::Counter,
        )?;
        for (place, (_, bytes)) in &self.bytes {
            counter(sizes.encode_family(&labels(place))?, *bytes)?;
        }
        Ok(())
    }

    fn encode_upstreams(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut durations = encoder.encode_descriptor(
            "upstream_duration_seconds",
            "From the start of the last attempt to its response head.",
            None,
            MetricType::Histogram,
        )?;
        for (upstream, total) in &self.upstreams {
            histogram(
                durations.encode_family(&[("upstream", &**upstream)])?,
                Scale::Request,
                total,
            )?;
        }
        let overhead = encoder.encode_descriptor(
            "gateway_overhead_seconds",
            "From request head to response head, without the time spent waiting for endpoints.",
            None,
            MetricType::Histogram,
        )?;
        histogram(overhead, Scale::Fine, &self.overhead)?;
        let mut retries =
            encoder.encode_descriptor("retries", "Attempts after the first.", None, MetricType::Counter)?;
        for ((upstream, reason), count) in &self.retries {
            let labels = [("upstream", &**upstream), ("reason", reason.name())];
            counter(retries.encode_family(&labels)?, *count)?;
        }
        Ok(())
    }
}

impl Sum {
    fn encode_plugins(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut calls = encoder.encode_descriptor(
            "plugin_calls",
            "Calls of plugins' hooks, by outcome.",
            None,
            MetricType::Counter,
        )?;
        for (call, count) in &self.calls {
            let labels = [
                ("plugin", &*call.plugin),
                ("hook", call.hook),
                ("outcome", call.outcome),
            ];
            counter(calls.encode_family(&labels)?, *count)?;
        }
        let mut durations = encoder.encode_descriptor(
            "plugin_duration_seconds",
            "Time in plugins' hooks, waiting included.",
            None,
            MetricType::Histogram,
        )?;
        for ((plugin, hook), total) in &self.hooks {
            let labels = [("plugin", &**plugin), ("hook", *hook)];
            histogram(durations.encode_family(&labels)?, Scale::Micro, total)?;
        }
        Ok(())
    }
}

impl EncodeLabelSet for Exchange {
    fn encode(&self, encoder: &mut prometheus_client::encoding::LabelSetEncoder<'_>) -> fmt::Result {
        let mut code = itoa::Buffer::new();
        [
            ("listener", &*self.listener),
            ("route", &*self.route),
            ("upstream", &*self.upstream),
            ("method", self.method),
            ("code", code.format(self.code)),
        ]
        .encode(encoder)
    }
}

fn counter(encoder: MetricEncoder<'_>, value: u64) -> fmt::Result {
    ConstCounter::new(value).encode(encoder)
}

fn histogram(mut encoder: MetricEncoder<'_>, scale: Scale, total: &Total) -> fmt::Result {
    let none: Option<&HashMap<usize, NoExemplar>> = None;
    encoder.encode_histogram(total.seconds(), total.count(), &total.buckets(scale), none)
}
