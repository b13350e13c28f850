//! `gatewit plugin list`: the plugins of the running gateway.

use std::fmt::Write as _;
use std::time::Duration;

use http::Method;
use serde_json::Value;

use crate::cli::ask::AdminArgs;
use crate::cli::{Exit, complain, print};

const PATIENCE: Duration = Duration::from_secs(10);

/// What `plugin list` takes.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    admin: AdminArgs,

    /// Print what the admin API says
    #[arg(long)]
    json: bool,
}

/// Prints one line for each plugin.
pub(super) fn run(args: &Args) -> Exit {
    match args.admin.ask(Method::GET, "/api/v1/plugins", PATIENCE) {
        Ok(answer) if !answer.status.is_success() => {
            complain(&answer.body);
            Exit::Failed
        }
        Ok(answer) if args.json => {
            print(&answer.body);
            Exit::Ok
        }
        Ok(answer) => match serde_json::from_str::<Vec<Value>>(&answer.body) {
            Ok(plugins) => {
                print(&table(&plugins));
                Exit::Ok
            }
            Err(error) => {
                complain(&format!("the answer of the gateway cannot be read: {error}\n"));
                Exit::Failed
            }
        },
        Err(exit) => exit,
    }
}

fn table(plugins: &[Value]) -> String {
    if plugins.is_empty() {
        return "no plugins\n".to_owned();
    }
    let mut rows = vec![
        [
            "NAME",
            "STATE",
            "GENERATION",
            "DIGEST",
            "VERSION",
            "CALLS",
            "FAILED",
            "ROUTES",
        ]
        .map(str::to_owned),
    ];
    rows.extend(plugins.iter().map(row));
    let mut widths = [0; 8];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            // Writing to a string cannot fail, here and below.
            let _ = write!(line, "{cell:width$}  ");
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    for plugin in plugins {
        for problem in plugin["problems"].as_array().into_iter().flatten() {
            let _ = writeln!(text, "{}: {}", said(&plugin["name"]), said(problem));
        }
    }
    text
}

fn row(plugin: &Value) -> [String; 8] {
    let digest: String = said(&plugin["digest"]).chars().take(12).collect();
    let routes = plugin["routes"].as_array().into_iter().flatten().map(said);
    [
        said(&plugin["name"]),
        said(&plugin["state"]),
        said(&plugin["generation"]),
        digest,
        said(&plugin["version"]),
        said(&plugin["calls"]),
        said(&plugin["failed"]),
        routes.collect::<Vec<_>>().join(" "),
    ]
}

fn said(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_plugin_has_a_line_and_its_problems_stand_below() {
        let plugins = [
            json!({
                "name": "jwt", "state": "live", "generation": 2, "digest": "0123456789abcdef", "version": "0.1.0",
                "calls": 10, "failed": 0, "routes": ["/", "/api"], "problems": [],
            }),
            json!({"name": "mine", "state": "failed", "generation": null, "routes": [], "problems": ["not there"]}),
        ];
        let text = table(&plugins);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[0],
            "NAME  STATE   GENERATION  DIGEST        VERSION  CALLS  FAILED  ROUTES"
        );
        assert_eq!(
            lines[1],
            "jwt   live    2           0123456789ab  0.1.0    10     0       / /api"
        );
        assert_eq!(
            lines[2],
            "mine  failed  -           -             -        -      -"
        );
        assert_eq!(lines[3], "mine: not there");
        assert_eq!(table(&[]), "no plugins\n");
    }
}
