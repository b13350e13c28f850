//! What the upstreams keep, as metrics.
//!
//! Endpoints have no series of their own: in Swarm every update would leave new ones behind. They are in the
//! API.

use crate::jwt::{self, Fetched};
use crate::telemetry::metrics::{Family, Kind, Sample};
use crate::upstream::{self, LookupResult, NameView, State, View};

/// At this moment.
pub(super) fn families(upstreams: &upstream::Set) -> Vec<Family> {
    let mut families = of_upstreams(&upstreams.views());
    families.extend(of_names(&upstreams.names()));
    families
}

/// Keys of verifiers; how fetching goes only of those that fetch.
pub(super) fn of_verifiers(views: &[jwt::View]) -> Vec<Family> {
    let fetched = |name, help, kind, value: fn(&Fetched) -> f64| Family {
        name,
        help,
        kind,
        samples: views
            .iter()
            .filter_map(|view| Some((view, view.fetched.as_ref()?)))
            .map(|(view, fetched)| sample([("verifier", &view.name)], value(fetched)))
            .collect(),
    };
    vec![
        Family {
            name: "verifier_keys",
            help: "Keys that tokens are verified with",
            kind: Kind::Gauge,
            samples: views
                .iter()
                .map(|view| sample([("verifier", &view.name)], view.keys.len() as f64))
                .collect(),
        },
        fetched(
            "verifier_keys_age_seconds",
            "Since the keys were last fetched",
            Kind::Gauge,
            |fetched| fetched.age.unwrap_or(f64::NAN),
        ),
        fetched("verifier_fetches", "Fetches of keys", Kind::Counter, |fetched| {
            fetched.fetches as f64
        }),
        fetched(
            "verifier_fetch_failures",
            "Fetches that brought no keys",
            Kind::Counter,
            |fetched| fetched.failures as f64,
        ),
    ]
}

fn of_upstreams(views: &[View]) -> Vec<Family> {
    let counter = |name, help, value: fn(&View) -> u64| Family {
        name,
        help,
        kind: Kind::Counter,
        samples: views
            .iter()
            .map(|view| sample([("upstream", &view.name)], value(view) as f64))
            .collect(),
    };
    vec![
        endpoints(views),
        Family {
            name: "upstream_in_flight",
            help: "Attempts in flight",
            kind: Kind::Gauge,
            samples: views.iter().map(in_flight).collect(),
        },
        counter(
            "upstream_no_endpoint",
            "Picks that found no endpoint to use",
            |view| view.no_endpoint,
        ),
        counter(
            "upstream_overloaded",
            "Picks that found every endpoint at its limit",
            |view| view.overloaded,
        ),
        counter(
            "upstream_extras",
            "Extra attempts that the budget allowed",
            |view| view.extras,
        ),
        counter(
            "upstream_extras_refused",
            "Extra attempts that the budget refused",
            |view| view.extras_refused,
        ),
    ]
}

fn endpoints(views: &[View]) -> Family {
    let states = [
        (State::Active, "active"),
        (State::Draining, "draining"),
        (State::Ejected, "ejected"),
        (State::Probing, "probing"),
    ];
    let count = |view: &View, state| {
        view.endpoints
            .iter()
            .filter(|endpoint| endpoint.state == state)
            .count()
    };
    let samples = views.iter().flat_map(|view| {
        states.map(|(state, name)| {
            sample(
                [("upstream", view.name.as_str()), ("state", name)],
                count(view, state) as f64,
            )
        })
    });
    Family {
        name: "upstream_endpoints",
        help: "Endpoints by state",
        kind: Kind::Gauge,
        samples: samples.collect(),
    }
}

fn in_flight(view: &View) -> Sample {
    let sum: u64 = view.endpoints.iter().map(|endpoint| endpoint.in_flight).sum();
    sample([("upstream", view.name.as_str())], sum as f64)
}

fn of_names(views: &[NameView]) -> Vec<Family> {
    let family = |name, help, kind, value: fn(&NameView) -> f64| Family {
        name,
        help,
        kind,
        samples: views
            .iter()
            .map(|view| sample([("name", &view.name)], value(view)))
            .collect(),
    };
    vec![
        lookups(views),
        family(
            "dns_lookup_seconds",
            "Time spent in lookups",
            Kind::Counter,
            |view| view.duration_total,
        ),
        family(
            "dns_addresses",
            "Addresses of the last good answer",
            Kind::Gauge,
            |view| view.addresses.len() as f64,
        ),
        family(
            "dns_name_mixed",
            "Whether the addresses are of several Swarm services or networks",
            Kind::Gauge,
            |view| f64::from(u8::from(view.mixed.is_some())),
        ),
        family(
            "dns_answer_age_seconds",
            "Since the last answer with addresses",
            Kind::Gauge,
            |view| view.good_age.unwrap_or(f64::NAN),
        ),
        family(
            "dns_truncated",
            "Answers that were asked for again over TCP",
            Kind::Counter,
            |view| view.truncated as f64,
        ),
        family(
            "dns_addresses_added",
            "Addresses that appeared",
            Kind::Counter,
            |view| view.added as f64,
        ),
        family(
            "dns_addresses_removed",
            "Addresses that went away",
            Kind::Counter,
            |view| view.removed as f64,
        ),
        family(
            "dns_addresses_refused",
            "Addresses that were refused",
            Kind::Counter,
            |view| (view.guarded + view.bogus) as f64,
        ),
    ]
}

fn lookups(views: &[NameView]) -> Family {
    let samples = views.iter().flat_map(|view| {
        let lookups = view.lookups.iter();
        lookups.map(|(result, count)| {
            sample(
                [("name", view.name.as_str()), ("result", name(*result))],
                *count as f64,
            )
        })
    });
    Family {
        name: "dns_lookups",
        help: "Lookups by result",
        kind: Kind::Counter,
        samples: samples.collect(),
    }
}

fn name(result: LookupResult) -> &'static str {
    match result {
        LookupResult::Found => "found",
        LookupResult::Local => "local",
        LookupResult::Nodata => "nodata",
        LookupResult::Nxdomain => "nxdomain",
        LookupResult::Refused => "refused",
        LookupResult::Servfail => "servfail",
        LookupResult::Timeout => "timeout",
        LookupResult::Malformed => "malformed",
        LookupResult::Unreachable => "unreachable",
    }
}

fn sample<const N: usize, T: AsRef<str>>(labels: [(&'static str, T); N], value: f64) -> Sample {
    let labels = labels
        .into_iter()
        .map(|(name, value)| (name, value.as_ref().to_owned()));
    Sample {
        labels: labels.collect(),
        value,
    }
}
