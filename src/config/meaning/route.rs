//! One `[[route]]`, and the names of all of them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use http::HeaderValue;

use super::edits::{Direction, edits};
use super::{RouteTuning, Routes, choices, matching, plugin, redirect, rewrite, upstream};
use crate::config::diagnostics::{At, Code};
use crate::config::parse;
use crate::config::reading::Reading;
use crate::config::section::Section;
use crate::config::tree::Text;
use crate::config::{Action, Forward, PathPattern, Rewrite, Route, Target, Use};

/// The routes so far.
pub(super) struct Set {
    tuning: RouteTuning,
    /// What requests of routes go through that do not say.
    chain: Vec<Arc<Use>>,
    routes: Vec<(Route, At)>,
    /// Given names, and where they stand as `file:line`.
    names: HashMap<String, String>,
}

impl Set {
    pub(super) fn new(tuning: RouteTuning, chain: Vec<Arc<Use>>) -> Self {
        Self {
            tuning,
            chain,
            routes: Vec::new(),
            names: HashMap::new(),
        }
    }

    /// Reads one `[[route]]`. One with a problem is left out once the problem is told.
    pub(super) fn read(
        &mut self,
        mut table: Section,
        upstreams: &mut upstream::Set,
        plugins: &mut plugin::Set,
        reading: &mut Reading<'_>,
    ) {
        let at = table.at;
        let place = reading.place(at);
        let name = self.name(&mut table, reading);
        let hosts = matching::hosts(&mut table, reading);
        let path = matching::path(&mut table, reading);
        let path_except = matching::path_except(&mut table, reading);
        let methods = matching::methods(&mut table, reading);
        let headers = matching::headers(&mut table, reading);
        let query = matching::query(&mut table, reading);
        let chain = plugins.chain(&mut table, reading);
        // A wrong path has been told; against any other its captures and prefixes would be wrong too.
        let Some(path) = path else {
            let _ = forward_targets(&mut table, upstreams, reading);
            return;
        };
        let action = action(&mut table, &path, upstreams, reading);
        let mut tuning = self.tuning;
        tuning.tune(&mut table);
        let Some(action) = action else { return };
        let route = Route {
            name: name.unwrap_or_default(),
            hosts,
            path,
            path_except,
            methods,
            headers,
            query,
            chain: chain.unwrap_or_else(|| self.chain.clone()),
            action,
            request_headers: edits(table.section("request_headers"), Direction::Request, reading),
            response_headers: edits(table.section("response_headers"), Direction::Response, reading),
            timeout: tuning.timeout,
            retries: tuning.retries,
            request_body: tuning.request_body,
            place,
        };
        self.routes.push((route, at));
    }

    fn name(&mut self, table: &mut Section, reading: &mut Reading<'_>) -> Option<String> {
        let text = table.text("name")?;
        if text.value.trim().is_empty() {
            return reading.invalid(
                text.at,
                "the name is empty",
                "leave it out: host and path make one",
            );
        }
        match self.names.entry(text.value.clone()) {
            Entry::Occupied(first) => {
                let message = format!("there are two routes called \"{}\"", first.key());
                let help = format!("rename one of them; the first is at {}", first.get());
                reading
                    .problems
                    .error(Code::Duplicate, text.at, message)
                    .help(help);
            }
            Entry::Vacant(vacant) => {
                let place = reading.problems.locate(text.at);
                vacant.insert(format!("{}:{}", place.file, place.line));
            }
        }
        Some(text.value)
    }

    /// The routes in order, all with a name, and where they stand.
    pub(super) fn finish(self) -> (Routes, Vec<At>) {
        let Self {
            routes, mut names, ..
        } = self;
        let named = routes.into_iter().map(|(mut route, at)| {
            if route.name.is_empty() {
                route.name = unused(&made(&route), &mut names);
            }
            (Arc::new(route), at)
        });
        named.unzip()
    }
}

/// The name, or the name with `#2`, `#3`, … when it is taken.
fn unused(name: &str, names: &mut HashMap<String, String>) -> String {
    let mut candidate = name.to_owned();
    let mut number = 2;
    while names.contains_key(&candidate) {
        candidate = format!("{name}#{number}");
        number += 1;
    }
    names.insert(candidate.clone(), String::new());
    candidate
}

/// A name made of host and path: `api.example.com/orders`. Exact paths and expressions are told apart by the
/// signs that other gateways use for them.
fn made(route: &Route) -> String {
    let host = route.hosts.first().map(ToString::to_string).unwrap_or_default();
    let sign = match route.path {
        PathPattern::Exact(_) => "=",
        PathPattern::Regex(_) => "~",
        PathPattern::Prefix(_) | PathPattern::Template(_) => "",
    };
    format!("{host}{sign}{}", route.path)
}

/// What `to`, `redirect` and all that belongs to them say.
fn action(
    table: &mut Section,
    path: &PathPattern,
    upstreams: &mut upstream::Set,
    reading: &mut Reading<'_>,
) -> Option<Action> {
    let at = table.at;
    if table.has("redirect") {
        let forwards = [
            "to",
            "strip_prefix",
            "rewrite",
            "host_header",
            "request_headers",
            "timeout",
            "retries",
            "request_body",
        ];
        for key in forwards {
            reading.conflict(
                table,
                ["redirect", key],
                "a redirect forwards nothing; leave one of them out",
            );
        }
        let said = table.take("redirect")?;
        return redirect::redirect(said, path, reading).map(Action::Redirect);
    }
    if !table.has("to") {
        let help = "add `to = \"host:port\"` or `redirect = \"https://…\"`";
        reading
            .problems
            .error(Code::MissingKey, at, "the route leads nowhere: it has no `to`")
            .help(help);
        return None;
    }
    let targets = forward_targets(table, upstreams, reading);
    let rewrite = rewrite::rewrite(table, path, reading).unwrap_or(Rewrite::Keep);
    let host = table
        .text("host_header")
        .and_then(|text| host_header(&text, reading))
        .map(|(_, value)| value);
    Some(Action::Forward(Forward {
        targets,
        rewrite,
        host,
    }))
}

/// A value for `Host`: a name or an address, with or without a port (RFC 9110 section 7.2).
pub(super) fn host_header(text: &Text, reading: &mut Reading<'_>) -> Option<(String, HeaderValue)> {
    let valid = parse::authority(&text.value, Some(80)).is_ok();
    match HeaderValue::from_str(&text.value).ok().filter(|_| valid) {
        Some(value) => Some((text.value.clone(), value)),
        None => reading.invalid(
            text.at,
            "not a host",
            "write `api.example.com`, with a port when it is not 80",
        ),
    }
}

fn forward_targets(
    table: &mut Section,
    upstreams: &mut upstream::Set,
    reading: &mut Reading<'_>,
) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    for choice in choices(table, "to", reading) {
        let Some(upstream) = upstreams.resolve(&choice.to, reading) else {
            continue;
        };
        if targets.iter().any(|target| target.upstream == upstream) {
            let message = "this upstream is in the list twice";
            reading
                .problems
                .error(Code::Duplicate, choice.to.at, message)
                .help("name it once, with the sum of the weights");
        }
        targets.push(Target {
            upstream,
            weight: choice.weight,
        });
    }
    targets
}
