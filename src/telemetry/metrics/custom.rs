//! Metrics that plugins make up: `gatewit_plugin_custom_…` with the label `plugin`. Names are made valid, series are
//! bounded, and what a name means (counter, gauge, histogram) is decided by whoever says it first.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::metrics::gauge::ConstGauge;

/// Series of one plugin, those that count what is above it left out.
const MOST: usize = 200;

/// Labels of one series.
const LABELS: usize = 8;

/// Bytes of a name, and of a label's name.
const NAME: usize = 64;

/// Bytes of a label's value.
const VALUE: usize = 128;

/// The label's value, and the metric's name, of what is above the bounds.
const OVERFLOW: &str = "overflow";

/// Seconds, if the values are seconds: 100 µs to 10 s.
const BOUNDS: [f64; 16] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The metrics of all plugins. Cheap to share.
#[derive(Clone, Debug, Default)]
pub struct Custom(Arc<RwLock<Known>>);

/// What a value does.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// Adds to a counter.
    Add(u64),
    /// Sets a gauge.
    Set(f64),
    /// Observes a value in a histogram.
    Observe(f64),
}

#[derive(Debug, Default)]
struct Known {
    families: BTreeMap<Box<str>, Family>,
    /// Series by plugin.
    counts: HashMap<Box<str>, usize>,
}

#[derive(Debug)]
struct Family {
    kind: Kind,
    series: BTreeMap<Labels, Series>,
}

type NoExemplar = Exemplar<[(&'static str, &'static str); 0], f64>;

/// `plugin` first, the others by name.
type Labels = Vec<(String, String)>;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

#[derive(Debug)]
enum Series {
    Counter(AtomicU64),
    /// The bits of a number.
    Gauge(AtomicU64),
    Histogram(Box<Buckets>),
}

#[derive(Debug, Default)]
struct Buckets {
    counts: [AtomicU64; BOUNDS.len() + 1],
    /// The bits of a number.
    sum: AtomicU64,
}

impl Custom {
    /// Records a value. What is not a number is left out.
    pub fn record(&self, plugin: &str, name: &str, labels: &[(String, String)], change: Change) {
        if matches!(change, Change::Observe(value) if !value.is_finite()) {
            return;
        }
        let name = family_name(name, change.kind());
        let labels = clean(plugin, labels);
        // Nearly always the series is there, and then nobody waits for anybody.
        let known = self.read(|known| {
            known.apply(&name, &labels, change) || {
                let (name, labels) = known.place(&name, &labels, change.kind());
                known.apply(&name, &labels, change)
            }
        });
        if !known {
            let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
            let (name, labels) = known.place(&name, &labels, change.kind());
            known.admit(plugin, &name, &labels, change.kind());
            known.apply(&name, &labels, change);
        }
    }

    fn read<T>(&self, look: impl FnOnce(&Known) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Known {
    fn apply(&self, name: &str, labels: &Labels, change: Change) -> bool {
        let family = self.families.get(name);
        let series = family.and_then(|family| family.series.get(labels));
        series.is_some_and(|series| series.apply(change))
    }

    /// Where a series that is not there belongs.
    fn place(&self, name: &str, labels: &Labels, kind: Kind) -> (String, Labels) {
        let plugin = &labels[..1];
        let is_full = self.counts.get(&*plugin[0].1).is_some_and(|count| *count >= MOST);
        match self.families.get(name) {
            Some(family) if family.kind == kind && !is_full => (name.to_owned(), labels.clone()),
            // A family that the plugin has already: one series more, whatever the labels.
            Some(family) if family.kind == kind && family.has(plugin) => (name.to_owned(), overflow(plugin)),
            None if !is_full => (name.to_owned(), labels.clone()),
            Some(_) | None => (kind.overflow().to_owned(), overflow(plugin)),
        }
    }

    /// Makes sure that there is a series.
    fn admit(&mut self, plugin: &str, name: &str, labels: &Labels, kind: Kind) {
        let family = self.families.entry(name.into()).or_insert_with(|| Family {
            kind,
            series: BTreeMap::new(),
        });
        if !family.series.contains_key(labels) {
            family.series.insert(labels.clone(), Series::new(kind));
            *self.counts.entry(plugin.into()).or_default() += 1;
        }
    }
}

/// All of them say that there were too many.
fn overflow(plugin: &[(String, String)]) -> Labels {
    let mut labels = plugin.to_vec();
    labels.push((OVERFLOW.to_owned(), OVERFLOW.to_owned()));
    labels
}

impl Change {
    fn kind(self) -> Kind {
        match self {
            Self::Add(_) => Kind::Counter,
            Self::Set(_) => Kind::Gauge,
            Self::Observe(_) => Kind::Histogram,
        }
    }
}

impl Kind {
    /// The family of what has no place of its own.
    fn overflow(self) -> &'static str {
        match self {
            Self::Counter => OVERFLOW,
            Self::Gauge => "overflow_gauge",
            Self::Histogram => "overflow_histogram",
        }
    }
}

impl Series {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Counter => Self::Counter(AtomicU64::new(0)),
            Kind::Gauge => Self::Gauge(AtomicU64::new(0)),
            Kind::Histogram => Self::Histogram(Box::default()),
        }
    }

    /// False when it is of another kind.
    fn apply(&self, change: Change) -> bool {
        match (self, change) {
            (Self::Counter(counter), Change::Add(delta)) => {
                counter.fetch_add(delta, Relaxed);
            }
            (Self::Gauge(gauge), Change::Set(value)) => gauge.store(value.to_bits(), Relaxed),
            (Self::Histogram(buckets), Change::Observe(value)) => buckets.observe(value),
            _ => return false,
        }
        true
    }
}

impl Buckets {
    fn observe(&self, value: f64) {
        let bucket = BOUNDS
            .iter()
            .position(|bound| value <= *bound)
            .unwrap_or(BOUNDS.len());
        self.counts[bucket].fetch_add(1, Relaxed);
        let sum = |bits| Some((f64::from_bits(bits) + value).to_bits());
        // The closure never declines.
        let _ = self.sum.fetch_update(Relaxed, Relaxed, sum);
    }
}

/// What is allowed in a name, and does not look like one of the names that a counter or histogram is written under.
fn family_name(name: &str, kind: Kind) -> String {
    let mut name = word(name);
    if kind == Kind::Counter {
        name.truncate(name.strip_suffix("_total").map_or(name.len(), str::len));
    }
    let taken = ["_total", "_created", "_bucket", "_count", "_sum", "_info"];
    if taken.iter().any(|suffix| name.ends_with(suffix)) {
        name.push_str("_value");
    }
    if name.starts_with(OVERFLOW) {
        name.insert_str(0, "x_");
    }
    name
}

/// Letters, digits and underscores.
fn word(name: &str) -> String {
    let mut word: String = name
        .chars()
        .take(NAME)
        .map(|char| {
            if char.is_ascii_alphanumeric() {
                char.to_ascii_lowercase()
            } else {
                '_'
            }
        })
        .collect();
    if !word.starts_with(|char: char| char.is_ascii_lowercase()) {
        word.insert_str(0, "x_");
    }
    word
}

/// Sorted, each name once, none that the gateway uses.
fn clean(plugin: &str, labels: &[(String, String)]) -> Labels {
    let mut clean: Labels = labels
        .iter()
        .take(LABELS)
        .map(|(name, value)| {
            let name = match word(name) {
                name if matches!(&*name, "plugin" | "le" | "quantile") => format!("label_{name}"),
                name => name,
            };
            (name, value[..value.floor_char_boundary(VALUE)].to_owned())
        })
        .collect();
    clean.sort_unstable();
    clean.dedup_by(|next, first| next.0 == first.0);
    clean.insert(0, ("plugin".to_owned(), plugin.to_owned()));
    clean
}

impl Collector for Custom {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.read(|known| {
            known
                .families
                .iter()
                .try_for_each(|(name, family)| family.encode(name, &mut encoder))
        })
    }
}

impl Family {
    fn has(&self, plugin: &[(String, String)]) -> bool {
        let next = self.series.range(plugin.to_vec()..).next();
        next.is_some_and(|(labels, _)| labels.starts_with(plugin))
    }

    fn encode(&self, name: &str, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
        };
        let name = format!("plugin_custom_{name}");
        let mut encoder = encoder.encode_descriptor(&name, "Made up by a plugin.", None, kind)?;
        for (labels, series) in &self.series {
            let mut labelled = encoder.encode_family(labels)?;
            match series {
                Series::Counter(counter) => ConstCounter::new(counter.load(Relaxed)).encode(labelled)?,
                Series::Gauge(bits) => {
                    ConstGauge::new(f64::from_bits(bits.load(Relaxed))).encode(labelled)?;
                }
                Series::Histogram(buckets) => {
                    let none: Option<&HashMap<usize, NoExemplar>> = None;
                    let counts = buckets.counts.each_ref().map(|count| count.load(Relaxed));
                    let bounds = BOUNDS.into_iter().chain([f64::INFINITY]);
                    let bounded: Vec<_> = bounds.zip(counts).collect();
                    let sum = f64::from_bits(buckets.sum.load(Relaxed));
                    labelled.encode_histogram(sum, counts.iter().sum(), &bounded, none)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;
    use prometheus_client::registry::Registry;

    use super::*;

    fn text(custom: &Custom) -> String {
        let mut registry = Registry::with_prefix("gatewit");
        registry.register_collector(Box::new(custom.clone()));
        let mut text = String::new();
        text::encode(&mut text, &registry).unwrap();
        text
    }

    fn labels(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    fn assert_has(text: &str, line: &str) {
        assert!(
            text.lines().any(|other| other == line),
            "no line {line:?} in\n{text}"
        );
    }

    #[test]
    fn values_of_each_kind_are_written() {
        let custom = Custom::default();
        for (plugin, delta) in [("a", 2), ("a", 3), ("b", 1)] {
            custom.record(
                plugin,
                "hits_total",
                &labels(&[("z", "1"), ("a", "2")]),
                Change::Add(delta),
            );
        }
        custom.record("a", "hits", &labels(&[("a", "2"), ("z", "1")]), Change::Add(10));
        custom.record("a", "size", &[], Change::Set(1.5));
        custom.record("a", "size", &[], Change::Set(-2.5));
        for value in [0.0001, 0.02, 100.0, f64::NAN, f64::INFINITY] {
            custom.record("a", "wait", &[], Change::Observe(value));
        }
        let text = text(&custom);
        for line in [
            r#"gatewit_plugin_custom_hits_total{plugin="a",a="2",z="1"} 15"#,
            r#"gatewit_plugin_custom_hits_total{plugin="b",a="2",z="1"} 1"#,
            r#"gatewit_plugin_custom_size{plugin="a"} -2.5"#,
            r#"gatewit_plugin_custom_wait_bucket{le="0.0001",plugin="a"} 1"#,
            r#"gatewit_plugin_custom_wait_bucket{le="0.025",plugin="a"} 2"#,
            r#"gatewit_plugin_custom_wait_bucket{le="+Inf",plugin="a"} 3"#,
            r#"gatewit_plugin_custom_wait_sum{plugin="a"} 100.0201"#,
            r#"gatewit_plugin_custom_wait_count{plugin="a"} 3"#,
        ] {
            assert_has(&text, line);
        }
    }

    #[test]
    fn names_are_made_valid_and_collide_with_nothing() {
        let table = [
            ("Weird name-é", Kind::Counter, "weird_name__"),
            ("9lives", Kind::Gauge, "x_9lives"),
            ("", Kind::Gauge, "x_"),
            ("_x", Kind::Gauge, "x__x"),
            ("x_total", Kind::Gauge, "x_total_value"),
            ("x_total_total", Kind::Counter, "x_total_value"),
            ("x_count", Kind::Histogram, "x_count_value"),
            ("overflow_gauge", Kind::Counter, "x_overflow_gauge"),
        ];
        for (said, kind, name) in table {
            assert_eq!(family_name(said, kind), name);
        }
        let long = clean(
            "p",
            &labels(&[("le", &"é".repeat(100)), ("plugin", "x"), ("a", "1"), ("A", "2")]),
        );
        let names: Vec<_> = long.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["plugin", "a", "label_le", "label_plugin"]);
        assert_eq!(long[2].1.len(), 128);
    }

    #[test]
    fn series_are_bounded_for_each_plugin() {
        let custom = Custom::default();
        for number in 0..1000 {
            let value = number.to_string();
            custom.record("a", "hits", &labels(&[("user", &value)]), Change::Add(1));
            custom.record("a", &format!("n{value}"), &[], Change::Add(1));
        }
        custom.record("b", "hits", &labels(&[("user", "1")]), Change::Add(1));
        let text = text(&custom);
        let lines = text.lines().filter(|line| line.contains("plugin=\"a\"")).count();
        assert_eq!(lines, MOST + 2);
        assert_has(
            &text,
            r#"gatewit_plugin_custom_hits_total{plugin="a",overflow="overflow"} 900"#,
        );
        assert_has(
            &text,
            r#"gatewit_plugin_custom_overflow_total{plugin="a",overflow="overflow"} 900"#,
        );
        assert_has(
            &text,
            r#"gatewit_plugin_custom_hits_total{plugin="b",user="1"} 1"#,
        );
    }

    #[test]
    fn a_name_means_what_it_meant_first() {
        let custom = Custom::default();
        custom.record("a", "x", &[], Change::Add(1));
        custom.record("b", "x", &[], Change::Set(7.0));
        let text = text(&custom);
        assert_has(&text, r#"gatewit_plugin_custom_x_total{plugin="a"} 1"#);
        assert_has(
            &text,
            r#"gatewit_plugin_custom_overflow_gauge{plugin="b",overflow="overflow"} 7.0"#,
        );
    }
}
