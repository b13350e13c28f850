//! What a gateway says of itself when it has started: a few lines on a terminal, one log line otherwise.

use std::fmt::Write;
use std::io::{self, IsTerminal};

use super::complain;
use crate::config::{Action, Config, PathPattern, Route};
use crate::gateway::Running;
use crate::telemetry::metrics::VERSION;

/// Routes on a terminal; `gatewit routes` has them all.
const ROUTES: usize = 12;

/// What is known before the start.
#[derive(Debug)]
pub(super) struct Report {
    source: String,
    hash: String,
    routes: Vec<(String, String)>,
}

impl Report {
    pub(super) fn of(config: &Config) -> Self {
        let source = match config.files.first() {
            Some(file) => file.display().to_string(),
            None => "built in".to_owned(),
        };
        let routes = config
            .routes
            .iter()
            .map(|route| (matching(route), action(&route.action)));
        Self {
            source,
            hash: config.hash.clone(),
            routes: routes.collect(),
        }
    }

    /// On standard error: standard output is the access log's.
    pub(super) fn show(&self, running: &Running) {
        if io::stderr().is_terminal() {
            complain(&self.text(running));
        } else {
            let addresses: Vec<_> = running.addresses().iter().map(|(_, address)| address).collect();
            tracing::info!(
                version = VERSION,
                listeners = ?addresses,
                admin = running.admin().map(tracing::field::display),
                routes = self.routes.len(),
                config = self.source,
                config_hash = self.hash,
                "gatewit runs"
            );
        }
    }

    fn text(&self, running: &Running) -> String {
        let mut text = format!("gatewit {VERSION}\n");
        for (name, address) in running.addresses() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  listener  {name}  http://{address}");
        }
        let admin = running
            .admin()
            .map_or_else(|| "off".to_owned(), |address| format!("http://{address}"));
        let _ = writeln!(text, "  admin     {admin}");
        let _ = writeln!(text, "  config    {} ({})", self.source, self.hash);
        let width = self
            .routes
            .iter()
            .take(ROUTES)
            .map(|(matching, _)| matching.chars().count())
            .max();
        for (matching, action) in self.routes.iter().take(ROUTES) {
            let _ = writeln!(
                text,
                "  route     {matching:width$} → {action}",
                width = width.unwrap_or(0)
            );
        }
        if let Some(more @ 1..) = self.routes.len().checked_sub(ROUTES) {
            let _ = writeln!(text, "            and {more} more: see `gatewit routes`");
        }
        text
    }
}

fn matching(route: &Route) -> String {
    let mark = match route.path {
        PathPattern::Prefix(_) | PathPattern::Template(_) => "",
        PathPattern::Exact(_) => "= ",
        PathPattern::Regex(_) => "~ ",
    };
    let hosts: Vec<_> = route.hosts.iter().map(ToString::to_string).collect();
    format!("{mark}{}{}", hosts.join(","), route.path)
}

fn action(action: &Action) -> String {
    match action {
        Action::Forward(forward) => forward
            .targets
            .iter()
            .map(|target| target.upstream.as_str())
            .collect::<Vec<_>>()
            .join(", "),
        Action::Redirect(redirect) => format!("redirect {}", redirect.status.as_u16()),
    }
}
