//! `gatewit routes`: the effective table, the winner first, of a file or of a running gateway.

use serde::Serialize;

use super::Exit;
use super::ask::AdminArgs;
use crate::config::{self, Action, Config, Forward, HostPattern, PathPattern, Redirect, Rewrite, Route};
use crate::router::Router;

mod live;

/// What `routes` takes.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    admin: AdminArgs,
    /// Ask the running gateway, and do not look at the file but for where it is
    #[arg(long, env = "GATEWIT_ROUTES_LIVE")]
    live: bool,
    /// How to print them
    #[arg(
        long,
        value_enum,
        default_value_t,
        env = "GATEWIT_FORMAT",
        value_name = "FORMAT"
    )]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Format {
    /// A table
    #[default]
    Human,
    /// An array of objects
    Json,
    /// The whole configuration as a file, defaults included, secrets masked
    Toml,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Exit {
    let text = match (args.live, args.format) {
        (true, Format::Toml) => live::file(&args.admin),
        (true, format) => live::rows(&args.admin).map(|rows| shown(&rows, format)),
        (false, format) => args.admin.config().load().map(|loaded| match format {
            Format::Toml => config::render_toml(&loaded.config),
            format => shown(&rows(&loaded.config), format),
        }),
    };
    match text {
        Ok(text) => {
            super::print(&text);
            Exit::Ok
        }
        Err(exit) => exit,
    }
}

fn shown(rows: &[Row], format: Format) -> String {
    match format {
        Format::Human => human(rows),
        Format::Json | Format::Toml => json(rows),
    }
}

/// A route under one of its hosts.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    /// `None` for any.
    host: Option<String>,
    #[serde(rename = "match")]
    kind: &'static str,
    path: String,
    when: Vec<String>,
    /// Names of the chain's plugins, in its order.
    plugins: Vec<String>,
    to: String,
    rewrite: Option<String>,
    at: String,
}

fn rows(config: &Config) -> Vec<Row> {
    let router = Router::new(&config.routes);
    let row = |(index, host): (usize, Option<&HostPattern>)| {
        let route = config.routes.get(index)?;
        Some(row(route, host.map(ToString::to_string), place(config, route)))
    };
    router.order().filter_map(row).collect()
}

fn row(route: &Route, host: Option<String>, at: String) -> Row {
    Row {
        name: route.name.clone(),
        host,
        kind: match route.path {
            PathPattern::Prefix(_) | PathPattern::Template(_) => "prefix",
            PathPattern::Exact(_) => "exact",
            PathPattern::Regex(_) => "regex",
        },
        path: route.path.to_string(),
        when: conditions(route),
        plugins: route.chain.iter().map(|used| used.plugin.clone()).collect(),
        to: target(route),
        rewrite: rewrite(route),
        at,
    }
}

fn human(rows: &[Row]) -> String {
    let head = ["ROUTE", "HOST", "PATH", "WHEN", "PLUGINS", "TO", "REWRITE", "AT"];
    let line = |row: &Row| {
        let mark = match row.kind {
            "exact" => "= ",
            "regex" => "~ ",
            _ => "",
        };
        [
            row.name.clone(),
            row.host.clone().unwrap_or_else(|| "*".to_owned()),
            format!("{mark}{}", row.path),
            row.when.join(", "),
            row.plugins.join(", "),
            row.to.clone(),
            row.rewrite.clone().unwrap_or_default(),
            row.at.clone(),
        ]
    };
    table(Some(head), rows.iter().map(line).collect())
}

fn json(rows: &[Row]) -> String {
    // Strings, lists and options of them: there is nothing in a row that JSON could not say.
    let mut text = serde_json::to_string_pretty(rows).unwrap_or_default();
    text.push('\n');
    text
}

/// The chain of a route, if it has one.
pub(super) fn plugins(route: &Route) -> Option<String> {
    let names: Vec<_> = route.chain.iter().map(|used| used.plugin.as_str()).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// Columns as wide as they need to be; those that are empty but for their head are left out.
pub(super) fn table<const N: usize>(head: Option<[&str; N]>, lines: Vec<[String; N]>) -> String {
    let used: Vec<usize> = (0..N)
        .filter(|column| lines.iter().any(|line| !line[*column].is_empty()))
        .collect();
    let lines: Vec<[String; N]> = head
        .map(|head| head.map(str::to_owned))
        .into_iter()
        .chain(lines)
        .collect();
    let width = |column: usize| {
        lines
            .iter()
            .map(|line| line[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for line in &lines {
        let cells: Vec<String> = used
            .iter()
            .map(|column| format!("{:1$}", line[*column], widths[*column]))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// `file:line`.
pub(super) fn place(config: &Config, route: &Route) -> String {
    if route.place.added {
        return "api".to_owned();
    }
    let file = route.place.file.and_then(|file| config.files.get(file));
    file.map_or_else(
        || "built-in".to_owned(),
        |file| format!("{}:{}", file.display(), route.place.line),
    )
}

/// Where the requests go.
pub(super) fn target(route: &Route) -> String {
    match &route.action {
        Action::Forward(Forward { targets, .. }) => match targets.as_slice() {
            [only] => only.upstream.clone(),
            several => {
                let sum: u64 = several.iter().map(|target| u64::from(target.weight)).sum();
                let share = several
                    .iter()
                    .map(|target| format!("{} {}/{sum}", target.upstream, target.weight));
                share.collect::<Vec<_>>().join(", ")
            }
        },
        Action::Redirect(redirect) => redirection(redirect),
    }
}

fn redirection(redirect: &Redirect) -> String {
    let status = redirect.status.as_u16();
    if let Some(to) = &redirect.to {
        return format!("{status} {to}");
    }
    let scheme = redirect
        .scheme
        .as_ref()
        .map_or(String::new(), |scheme| format!("{scheme}:"));
    let port = redirect.port.map_or(String::new(), |port| format!(":{port}"));
    let host = match &redirect.host {
        Some(host) => format!("//{host}{port}"),
        None if scheme.is_empty() && port.is_empty() => String::new(),
        None => format!("//(host){port}"),
    };
    let path = redirect.path.as_deref().unwrap_or("/(path)");
    let query = if redirect.keep_query { "" } else { " without query" };
    format!("{status} {scheme}{host}{path}{query}")
}

fn rewrite(route: &Route) -> Option<String> {
    let Action::Forward(forward) = &route.action else {
        return None;
    };
    let path = match &forward.rewrite {
        Rewrite::Keep => None,
        Rewrite::StripPrefix(prefix) => Some(format!("strip {prefix}")),
        Rewrite::ReplacePrefix { from, to } => Some(format!("{from} → {to}")),
        Rewrite::Path(template) => Some(format!("→ {template}")),
    };
    let host = forward
        .host
        .as_ref()
        .map(|host| format!("Host: {}", String::from_utf8_lossy(host.as_bytes())));
    let edits: Vec<String> = path.into_iter().chain(host).collect();
    (!edits.is_empty()).then(|| edits.join(", "))
}

fn conditions(route: &Route) -> Vec<String> {
    let methods: Vec<&str> = route.methods.iter().map(|method| method.as_str()).collect();
    let methods = (!methods.is_empty()).then(|| methods.join("|"));
    let headers = route
        .headers
        .iter()
        .map(|(name, pattern)| format!("{name} {pattern}"));
    let query = route
        .query
        .iter()
        .map(|(name, pattern)| format!("?{name} {pattern}"));
    methods.into_iter().chain(headers).chain(query).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Source, load};

    fn table_of(text: &str) -> Vec<Row> {
        let source = Source::Text {
            name: "test.toml".to_owned(),
            text: text.to_owned(),
        };
        rows(&load(source).unwrap().config)
    }

    #[test]
    fn routes_are_printed_in_winning_order_once_for_each_host() {
        let rows = table_of(
            r#"
            [[route]]
            path = "/"
            to = "app:1"
            [[route]]
            path = "/a/{x}"
            to = "two:2"
            [[route]]
            host = ["*.b.c", "a.b.c"]
            path = "/"
            to = "three:3"
            "#,
        );
        let order: Vec<(Option<&str>, &str, &str)> = rows
            .iter()
            .map(|row| (row.host.as_deref(), row.path.as_str(), row.to.as_str()))
            .collect();
        assert_eq!(
            order,
            [
                (Some("a.b.c"), "/", "three:3"),
                (Some("*.b.c"), "/", "three:3"),
                (None, "/a/{x}", "two:2"),
                (None, "/", "app:1"),
            ]
        );
    }

    #[test]
    fn the_plugins_of_a_route_have_a_column_when_there_are_any() {
        let rows = table_of("[[route]]\nto = \"app:1\"\nplugins = [\"request-id\", \"headers\"]");
        assert!(human(&rows).contains("PLUGINS"));
        let parsed: serde_json::Value = serde_json::from_str(&json(&rows)).unwrap();
        assert_eq!(parsed[0]["plugins"], serde_json::json!(["request-id", "headers"]));
        assert!(!human(&table_of(config::DEFAULT)).contains("PLUGINS"));
    }

    #[test]
    fn columns_are_aligned_and_empty_ones_left_out() {
        let lines = || {
            vec![
                ["é", "", "1"].map(str::to_owned),
                ["long", "", "2"].map(str::to_owned),
            ]
        };
        assert_eq!(table(None, lines()), "é     1\nlong  2\n");
        assert_eq!(
            table(Some(["A", "B", "C"]), lines()),
            "A     C\né     1\nlong  2\n"
        );
        assert_eq!(table(None, vec![["x".to_owned()]]), "x\n");
        assert_eq!(table::<2>(None, Vec::new()), "");
    }

    #[test]
    fn the_default_is_one_route_to_app() {
        let rows = table_of(config::DEFAULT);
        let text = human(&rows);
        assert!(text.contains("app:12345"), "{text}");
        let parsed: serde_json::Value = serde_json::from_str(&json(&rows)).unwrap();
        assert_eq!(parsed[0]["path"], "/");
        assert_eq!(parsed[0]["host"], serde_json::Value::Null);
    }
}
