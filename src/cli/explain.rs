//! `gatewit explain`: which route a request would take, what would be forwarded, and why every
//! other route lost. Nothing is sent anywhere.

use std::borrow::Cow;

use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::routes::{place, plugins, table, target};
use super::{Exit, complain, print};
use crate::config::{Action, Config, Forward};
use crate::router::rewrite::rewrite;
use crate::router::{Match, Outcome, Request, Router, Rule, Verdict, canonical};

/// What `explain` takes.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    config: super::ConfigArgs,
    /// Method of the request, as it would be sent
    method: Method,
    /// http://host/path?query, host/path or /path
    url: String,
    /// A header of the request; may be given more than once
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Runs the command. Fails when the gateway would find no route or refuse the request.
pub(super) fn run(args: &Args) -> Exit {
    let config = match args.config.load() {
        Ok(loaded) => loaded.config,
        Err(exit) => return exit,
    };
    match explain(&config, &Asked::new(args)) {
        Ok((text, exit)) => {
            print(&text);
            exit
        }
        Err(refused) => {
            complain(&format!("refused (400): {refused}\n"));
            Exit::Failed
        }
    }
}

/// A request as it would arrive.
#[derive(Debug)]
struct Asked {
    method: Method,
    authority: String,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
}

impl Asked {
    fn new(args: &Args) -> Self {
        let url = args
            .url
            .split_once("://")
            .map_or(args.url.as_str(), |(_, rest)| rest);
        let (url, query) = match url.split_once('?') {
            Some((url, query)) => (url, Some(query.to_owned())),
            None => (url, None),
        };
        let (authority, path) = match url {
            "*" => ("", "*"),
            url => url.split_at(url.find('/').unwrap_or(url.len())),
        };
        let mut headers = HeaderMap::new();
        for (name, value) in &args.headers {
            headers.append(name, value.clone());
        }
        // As with curl, a header said outright wins over the one that the URL implies.
        let said = headers
            .get(HOST)
            .map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
        let authority = said.unwrap_or_else(|| authority.to_owned());
        Self {
            method: args.method.clone(),
            authority,
            path: path.to_owned(),
            query,
            headers,
        }
    }
}

/// What is printed, or why the gateway would refuse the request.
fn explain(config: &Config, asked: &Asked) -> Result<(String, Exit), String> {
    let (host, _) = canonical::host(&asked.authority).map_err(|error| error.to_string())?;
    let path = canonical::path(&asked.path).map_err(|error| error.to_string())?;
    let router = Router::new(&config.routes);
    let request = Request {
        host: &host,
        path: &path,
        query: asked.query.as_deref(),
        method: &asked.method,
        headers: &asked.headers,
    };
    let (mut text, exit) = match router.find(&request) {
        None => ("no route (404)\n".to_owned(), Exit::Failed),
        Some(found) => (table(None, taken(config, asked, &path, &found)?), Exit::Ok),
    };
    let verdicts = router.explain(&request);
    let others = verdicts
        .iter()
        .filter(|verdict| verdict.outcome != Outcome::Wins)
        .map(|verdict| {
            let name = format!("  {}", verdict.route.name);
            [name, place(config, verdict.route), reason(config, verdict, &path)]
        });
    let others = table(None, others.collect());
    if !others.is_empty() {
        text.push_str("\nnot taken\n");
        text.push_str(&others);
    }
    Ok((text, exit))
}

fn taken(config: &Config, asked: &Asked, path: &str, found: &Match<'_>) -> Result<Vec<[String; 2]>, String> {
    let route = found.route;
    let mut lines = vec![line(
        "route",
        format!("{} ({})", route.name, place(config, route)),
    )];
    match &route.action {
        Action::Redirect(_) => lines.push(line("redirect", target(route))),
        Action::Forward(forward) => {
            let rewritten = rewrite(&forward.rewrite, &asked.path, path, &found.captures)
                .map_err(|error| error.to_string())?;
            lines.push(line("upstream", target(route)));
            lines.push(line("path", with_query(&rewritten, asked.query.as_deref())));
            lines.push(line("host", sent_host(forward, asked)));
        }
    }
    if let Some(plugins) = plugins(route) {
        lines.push(line("plugins", plugins));
    }
    lines.extend(
        found
            .captures
            .iter()
            .map(|(name, value)| line(&format!("{{{name}}}"), value.to_owned())),
    );
    Ok(lines)
}

fn line(what: &str, value: String) -> [String; 2] {
    [what.to_owned(), value]
}

fn with_query(path: &str, query: Option<&str>) -> String {
    query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"))
}

fn sent_host(forward: &Forward, asked: &Asked) -> String {
    let configured = forward
        .host
        .as_ref()
        .map(|host| String::from_utf8_lossy(host.as_bytes()));
    configured.unwrap_or(Cow::Borrowed(&asked.authority)).into_owned()
}

fn reason(config: &Config, verdict: &Verdict<'_>, path: &str) -> String {
    let name = |index: &usize| config.routes.get(*index).map_or("", |route| &route.name);
    let route = verdict.route;
    match &verdict.outcome {
        Outcome::Wins => "wins".to_owned(),
        Outcome::Outranked { by, rule } => format!("matches, but {} {}", name(by), advantage(*rule)),
        Outcome::Ambiguous { otherwise } => {
            let otherwise = otherwise.as_ref().map_or("none", name);
            format!("ambiguous: a server that cuts off ;parameters reads a path of route {otherwise}")
        }
        Outcome::Host => {
            let hosts: Vec<String> = route.hosts.iter().map(ToString::to_string).collect();
            format!("host is not {}", hosts.join(" or "))
        }
        Outcome::Excepted => format!("path {path} is left to others by path_except"),
        Outcome::Path => format!("path {path} does not match {}", route.path),
        Outcome::Method => {
            let methods: Vec<&str> = route.methods.iter().map(Method::as_str).collect();
            format!("method is not {}", methods.join(" or "))
        }
        Outcome::Header(header) => {
            let wanted = route.headers.iter().find(|(known, _)| known == header);
            format!(
                "not so: header {header} {}",
                wanted.map_or(String::new(), |(_, pattern)| pattern.to_string())
            )
        }
        Outcome::Query(parameter) => {
            let wanted = route.query.iter().find(|(known, _)| known == parameter);
            format!(
                "not so: query {parameter} {}",
                wanted.map_or(String::new(), |(_, pattern)| pattern.to_string())
            )
        }
    }
}

fn advantage(rule: Rule) -> &'static str {
    match rule {
        Rule::Host => "has the more specific host",
        Rule::Path => "has the more specific path",
        Rule::Method => "names the method",
        Rule::Headers => "has more header conditions",
        Rule::Query => "has more query conditions",
        Rule::File => "comes first in the file",
    }
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or("a header is written as `name: value`")?;
    let name = name
        .trim()
        .parse()
        .map_err(|_| format!("`{name}` is not a header name"))?;
    let value = HeaderValue::from_str(value.trim()).map_err(|_| format!("not a header value: `{value}`"))?;
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::{Source, load};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    const CONFIG: &str = r#"
        [[route]]
        path = "/"
        to = "app:1"
        [[route]]
        host = "api.example.com"
        path = "/orders/{id}"
        to = "orders:2"
        [[route]]
        host = "*.example.com"
        path = "/orders"
        to = "wild:3"
        plugins = ["request-id", { use = "headers", response = { remove = ["server"] } }]
    "#;

    fn explained(arguments: &[&str]) -> Result<(String, Exit), String> {
        let source = Source::Text {
            name: "test.toml".to_owned(),
            text: CONFIG.to_owned(),
        };
        let line = Line::parse_from(["explain"].iter().chain(arguments));
        explain(&load(source).unwrap().config, &Asked::new(&line.args))
    }

    #[test]
    fn the_winner_and_what_is_forwarded_come_first_then_why_the_others_lost() {
        let (text, exit) =
            explained(&["GET", "http://API.example.com:80/x/../orders/%37/a%20b?q=1"]).unwrap();
        assert_eq!(exit, Exit::Ok);
        for wanted in [
            "upstream  orders:2\n",
            "path      /orders/7/a%20b?q=1\n",
            "host      API.example.com:80\n",
            "{id}      7\n",
            "matches, but api.example.com/orders/{id} has the more specific host\n",
        ] {
            assert!(text.contains(wanted), "{text}");
        }
        assert_eq!(text.lines().count(), 5 + 2 + 2, "{text}");
    }

    #[test]
    fn the_chain_stands_there_in_its_order() {
        let (text, _) = explained(&["GET", "x.example.com/orders"]).unwrap();
        assert!(text.contains("plugins   request-id, headers\n"), "{text}");
        let (text, _) = explained(&["GET", "/"]).unwrap();
        assert!(!text.contains("plugins"), "{text}");
    }

    #[test]
    fn every_way_to_write_the_url_asks_the_same() {
        for arguments in [
            &["GET", "https://x.example.com/orders?a"][..],
            &["GET", "x.example.com/orders?a"],
            &["GET", "/orders?a", "-H", "Host: x.example.com"],
            &["GET", "http://elsewhere/orders?a", "-H", "host:x.example.com"],
        ] {
            let (text, _) = explained(arguments).unwrap();
            assert!(
                text.contains("upstream  wild:3\npath      /orders?a\nhost      x.example.com\n"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_request_without_route_or_with_two_readings_fails() {
        let (text, exit) = explained(&["OPTIONS", "*"]).unwrap();
        assert!(
            text.starts_with("no route (404)\n") && exit == Exit::Failed,
            "{text}"
        );
        let (text, exit) = explained(&["GET", "x.example.com/orders;v=1"]).unwrap();
        assert!(text.contains("ambiguous") && exit == Exit::Failed, "{text}");
        for url in ["/a%2fb", "/../x", "/a#b", "user@host/", "host:99999/"] {
            assert!(explained(&["GET", url]).is_err(), "{url}");
        }
    }
}
