//! From a source to a [`Config`] or to everything that is wrong with it.

use std::path::PathBuf;
use std::sync::Arc;

use super::diagnostics::At;
use super::{
    AccessLog, Action, Admin, Code, Config, Diagnostics, Dns, Forward, HeaderEdits, Limits, Listener,
    Malformed, Place, Rewrite, Route, Target, Timeouts, Upstream, defaults,
};

/// The configuration that is used when there is no file.
pub const DEFAULT: &str = include_str!("default.toml");

/// Where a configuration comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Source {
    /// A file; its includes and secret files are relative to its folder.
    File(PathBuf),
    /// [`DEFAULT`].
    Embedded,
    /// A text in memory; `name` stands for the file in messages.
    Text {
        /// Stands for the file in messages.
        name: String,
        /// TOML.
        text: String,
    },
    /// Standard input.
    Stdin,
}

/// A configuration that can be used, and what is odd about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it means.
    pub config: Config,
    /// Only warnings.
    pub warnings: Diagnostics,
}

/// Reads a configuration with everything that it includes, and reports every problem at once.
///
/// # Errors
/// All errors (and warnings) when there is at least one error.
pub fn load(source: Source) -> Result<Loaded, Diagnostics> {
    let (name, text) = match source {
        Source::Embedded => ("<default>".to_owned(), DEFAULT.to_owned()),
        Source::Text { name, text } => (name, text),
        Source::Stdin => {
            let text = std::io::read_to_string(std::io::stdin()).map_err(|error| {
                Diagnostics::from_message(Code::File, format!("cannot read standard input: {error}"))
            })?;
            ("<stdin>".to_owned(), text)
        }
        Source::File(path) => {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(&path).map_err(|error| {
                Diagnostics::from_message(Code::File, format!("cannot read {name}: {error}"))
            })?;
            ("<stdin>".to_owned(), text)
        }
    };
    let mut problems = Diagnostics::default();
    let opened = problems.open(name, &text);
    let (table, errors) = toml::de::DeTable::parse_recoverable(&text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        problems.error(
            Code::Syntax,
            At {
                text: opened,
                start: span.start,
                end: span.end,
            },
            error.message(),
        );
    }
    let table = table.get_ref();
    let strings = |value: &toml::de::DeValue<'_>| -> Vec<String> {
        match value.as_array() {
            Some(list) => list
                .iter()
                .filter_map(|item| item.get_ref().as_str().map(str::to_owned))
                .collect(),
            None => value.as_str().map(str::to_owned).into_iter().collect(),
        }
    };
    let mut config = empty();
    let listen = table
        .get("listen")
        .map_or_else(|| vec![":2015".to_owned()], |value| strings(value.get_ref()));
    for address in listen {
        match address.parse() {
            Ok(listener) => config.listeners.push(listener),
            Err(wrong) => tell(&mut problems, &wrong),
        }
    }
    for entry in table
        .get("route")
        .and_then(|value| value.get_ref().as_array())
        .into_iter()
        .flatten()
    {
        let text = |key: &str| {
            entry
                .get_ref()
                .get(key)
                .map(|value| strings(value.get_ref()))
                .unwrap_or_default()
        };
        let path = text("path").first().map_or("/".parse(), |path| path.parse());
        let route = path.and_then(|path| {
            let mut route = forward_to(&text("to").concat(), &mut config)?;
            route.path = path;
            route.hosts = text("host")
                .iter()
                .map(|host| host.parse())
                .collect::<Result<_, _>>()?;
            route.name = format!("{}{}", text("host").concat(), text("path").concat());
            Ok(route)
        });
        match route {
            Ok(route) => config.routes.push(Arc::new(route)),
            Err(wrong) => tell(&mut problems, &wrong),
        }
    }
    if problems.has_errors() {
        Err(problems)
    } else {
        Ok(Loaded {
            config,
            warnings: problems,
        })
    }
}

/// The configuration of `gatewit proxy`: everything to one upstream, no file.
///
/// # Errors
/// When an address is malformed.
pub fn for_proxy(to: &str, listen: &str) -> Result<Config, Diagnostics> {
    let mut problems = Diagnostics::default();
    let mut config = empty();
    match listen.parse() {
        Ok(listener) => config.listeners.push(listener),
        Err(wrong) => tell(&mut problems, &wrong),
    }
    match forward_to(to, &mut config) {
        Ok(route) => config.routes.push(Arc::new(route)),
        Err(wrong) => tell(&mut problems, &wrong),
    }
    if problems.has_errors() {
        Err(problems)
    } else {
        Ok(config)
    }
}

fn tell(problems: &mut Diagnostics, wrong: &Malformed) {
    let problem = problems.error(Code::InvalidValue, None, wrong.message.clone());
    problem.help.clone_from(&wrong.help);
}

fn empty() -> Config {
    Config {
        listeners: Vec::<Listener>::new(),
        admin: Some(Admin::default()),
        routes: Vec::new(),
        upstreams: Vec::new(),
        dns: Dns::default(),
        trusted_proxies: Vec::new(),
        timeouts: Timeouts::default(),
        limits: Limits::default(),
        access_log: AccessLog::default(),
        files: Vec::new(),
        folders: Vec::new(),
        hash: "0000000000000000".to_owned(),
    }
}

fn forward_to(to: &str, config: &mut Config) -> Result<Route, Malformed> {
    let upstream = Upstream::new(to, to.parse()?);
    if !config.upstreams.iter().any(|known| known.name == upstream.name) {
        config.upstreams.push(Arc::new(upstream));
    }
    Ok(Route {
        name: "/".to_owned(),
        hosts: Vec::new(),
        path: "/".parse()?,
        methods: Vec::new(),
        headers: Vec::new(),
        query: Vec::new(),
        action: Action::Forward(Forward {
            targets: vec![Target {
                upstream: to.to_owned(),
                weight: 1,
            }],
            rewrite: Rewrite::Keep,
            host: None,
        }),
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        timeout: defaults::TIMEOUT,
        retries: defaults::RETRIES,
        request_body: config.limits.request_body,
        place: Place::default(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

    use super::*;

    #[test]
    fn the_embedded_default_forwards_everything_to_app() {
        let config = load(Source::Embedded).unwrap().config;
        assert_eq!(config.listeners[0].name, ":2015");
        assert_eq!(config.upstreams[0].name, "app:12345");
        assert_eq!(config.routes.len(), 1);
    }

    #[test]
    fn a_proxy_needs_no_file() {
        let config = for_proxy("web:80", "127.0.0.1:8080").unwrap();
        assert_eq!(config.listeners[0].address.port(), 8080);
        assert!(for_proxy("web", ":0").unwrap_err().len() == 2);
    }
}
