//! What a gateway says of itself when it has started: a few lines on a terminal, one log line otherwise.

use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::net::SocketAddr;

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
            complain(&self.text(running.addresses(), running.admin(), running.flow_proxy()));
        } else {
            let addresses: Vec<_> = running.addresses().iter().map(|(_, address)| address).collect();
            tracing::info!(
                version = VERSION,
                listeners = ?addresses,
                admin = running.admin().map(tracing::field::display),
                flow_proxy = running.flow_proxy().map(tracing::field::display),
                routes = self.routes.len(),
                config = self.source,
                config_hash = self.hash,
                "gatewit runs"
            );
        }
    }

    fn text(
        &self,
        listeners: &[(String, SocketAddr)],
        admin: Option<SocketAddr>,
        flow_proxy: Option<SocketAddr>,
    ) -> String {
        let mut text = format!("gatewit {VERSION}\n");
        // Writing to a string cannot fail, here and below.
        for (name, address) in listeners {
            let _ = writeln!(text, "  listener  {name}  {}", url(*address));
        }
        let _ = writeln!(
            text,
            "  admin     {}",
            admin.map_or_else(|| "off".to_owned(), url)
        );
        if let Some(address) = flow_proxy {
            let _ = writeln!(text, "  flow      {}", url(address));
        }
        let _ = writeln!(text, "  config    {} ({})", self.source, self.hash);
        let shown = &self.routes[..self.routes.len().min(ROUTES)];
        let width = shown
            .iter()
            .map(|(matching, _)| matching.chars().count())
            .max()
            .unwrap_or(0);
        for (matching, action) in shown {
            let _ = writeln!(text, "  route     {matching:width$} → {action}");
        }
        if self.routes.len() > ROUTES {
            let more = self.routes.len() - ROUTES;
            let _ = writeln!(text, "            and {more} more: see `gatewit routes`");
        }
        text
    }
}

/// What to click on.
fn url(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!("http://localhost:{}", address.port())
    } else {
        format!("http://{address}")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Source};

    fn report(text: &str) -> Report {
        let source = Source::Text {
            name: "<test>".to_owned(),
            text: text.to_owned(),
        };
        Report::of(&config::load(source).unwrap().config)
    }

    #[test]
    fn the_report_names_addresses_and_routes_in_columns() {
        let report = report(concat!(
            "[[route]]\nto = \"app:1\"\n",
            "[[route]]\nhost = \"*.example.com\"\npath_exact = \"/old\"\nredirect = \"/new\"\n",
        ));
        let listeners = [(":2015".to_owned(), "[::]:2015".parse().unwrap())];
        let text = report.text(&listeners, Some("127.0.0.1:9901".parse().unwrap()), None);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[1], "  listener  :2015  http://localhost:2015");
        assert_eq!(lines[2], "  admin     http://127.0.0.1:9901");
        assert!(lines[3].starts_with("  config    ") && lines[3].contains(&report.hash));
        assert_eq!(lines[4], "  route     /                   → app:1");
        assert_eq!(lines[5], "  route     = *.example.com/old → redirect 308");
    }

    #[test]
    fn of_many_routes_the_first_are_shown() {
        let routes: String = (0..20)
            .map(|n| format!("[[route]]\npath = \"/{n}\"\nto = \"app:1\"\n"))
            .collect();
        let text = report(&routes).text(&[], None, None);
        assert_eq!(text.matches("  route ").count(), ROUTES);
        assert!(
            text.contains("and 8 more") && text.contains("admin     off"),
            "{text}"
        );
    }
}
