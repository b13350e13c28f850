//! Sends clients elsewhere: to another path, another host, to `https`, or to the one spelling of a path. What is said to
//! them is made of the configuration and the canonical path, so that no path leads to a host that nobody named.

mod location;
mod rule;

use gatewit_plugin::config;
use gatewit_plugin::prelude::*;
use rule::{Rule, Status};

/// Sends clients elsewhere.
#[config]
#[serde(default)]
#[derive(Default)]
struct Redirect {
    /// The first rule that matches decides.
    rules: Vec<Rule>,
    /// Sends requests that came without TLS to the same place with it.
    https: bool,
    /// The port that `https` leads to.
    https_port: HttpsPort,
    /// Whether paths end with `/`: `add` it, or `remove` it. What looks like a file (`/a.css`) gets none.
    trailing_slash: Option<TrailingSlash>,
    /// Status of redirects that say none: 301, 302, 303, 307 or 308.
    status: Status,
}

/// A port.
#[config]
struct HttpsPort(u16);

impl Default for HttpsPort {
    fn default() -> Self {
        Self(443)
    }
}

/// What happens to the `/` at the end of a path.
#[config]
#[serde(rename_all = "kebab-case")]
#[derive(Clone, Copy)]
enum TrailingSlash {
    /// It is added.
    Add,
    /// It is removed.
    Remove,
}

impl Plugin for Redirect {
    fn check(&self) -> Vec<Problem> {
        let rules = self.rules.iter().enumerate();
        let mut problems: Vec<Problem> = rules
            .flat_map(|(at, rule)| rule.problems(&format!("/rules/{at}")))
            .collect();
        if self.rules.is_empty() && !self.https && self.trailing_slash.is_none() {
            problems.push(Problem::at(
                "",
                "sends nobody elsewhere: name `rules`, `https` or `trailing_slash`",
            ));
        }
        problems
    }

    fn request(&self, request: &mut Request) -> Result<Outcome> {
        let path = request.path();
        // `*` of OPTIONS is no path.
        if !path.starts_with('/') {
            return Ok(Outcome::Next);
        }
        let authority = request.authority();
        let host = authority.as_deref().and_then(location::host);
        let rule = self.rules.iter().find(|rule| rule.matches(host, &path));
        let mut target = rule.map_or_else(|| self.spelled(&path), |rule| rule.target(&path));
        let upgrade = self.https && request.scheme() == "http";
        if !upgrade && rule.is_none() && target == path {
            return Ok(Outcome::Next);
        }
        if upgrade && target.starts_with('/') {
            let Some(host) = host else {
                return Ok(Response::refusal(400, "The host is not valid.").into());
            };
            let port = match self.https_port.0 {
                443 => String::new(),
                port => format!(":{port}"),
            };
            target = format!("https://{host}{port}{target}");
        }
        if rule.is_none_or(|rule| rule.keeps_query())
            && let Some(query) = request.query().filter(|query| !query.is_empty())
        {
            target.push(if target.contains('?') { '&' } else { '?' });
            target.push_str(&location::encoded(&query, "?"));
        }
        let status = rule.and_then(Rule::status).unwrap_or(self.status);
        Ok(Response::status(status.code()).header("location", target).into())
    }
}

impl Redirect {
    /// The path as it should be written.
    fn spelled(&self, path: &str) -> String {
        let is_file = path.rsplit('/').next().is_some_and(|last| last.contains('.'));
        let path = location::encoded(path, "");
        match self.trailing_slash {
            Some(TrailingSlash::Add) if !path.ends_with('/') && !is_file => location::rooted(&path) + "/",
            Some(TrailingSlash::Remove) if path.ends_with('/') => {
                location::rooted(path.trim_end_matches('/'))
            }
            _ => location::rooted(&path),
        }
    }
}

gatewit_plugin::export!(Redirect: request);

#[cfg(test)]
mod tests;
