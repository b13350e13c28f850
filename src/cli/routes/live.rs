//! The routes of a running gateway, as its API tells them: read back into what the table is made of.

use std::time::Duration;

use http::{HeaderValue, Method};
use serde_json::Value;

use super::{Row, row};
use crate::cli::ask::AdminArgs;
use crate::cli::{Exit, complain};
use crate::config::{
    Action, Forward, HeaderEdits, PathPattern, Place, Redirect, Rewrite, Route, Target, ValuePattern,
};

/// A large table may take a while over a slow link.
const PATIENCE: Duration = Duration::from_secs(10);

/// The effective configuration, as a file.
pub(super) fn file(admin: &AdminArgs) -> Result<String, Exit> {
    let text = ask(admin, "/api/v1/config?format=toml")?;
    // One that knows no formats answers in JSON.
    if text.starts_with('{') {
        return Err(stranger());
    }
    Ok(text)
}

/// The table, in the order in which its routes are tried.
pub(super) fn rows(admin: &AdminArgs) -> Result<Vec<Row>, Exit> {
    let text = ask(admin, "/api/v1/routes")?;
    let routes: Option<Vec<Value>> = serde_json::from_str(&text).ok();
    let rows: Option<Vec<Row>> = routes.and_then(|routes| routes.iter().map(understood).collect());
    rows.ok_or_else(stranger)
}

fn ask(admin: &AdminArgs, path: &str) -> Result<String, Exit> {
    let answer = admin.ask(Method::GET, path, PATIENCE)?;
    if answer.status.is_success() {
        return Ok(answer.body);
    }
    complain(&format!("{}: {}", answer.status, answer.body));
    Err(Exit::Failed)
}

fn stranger() -> Exit {
    complain("the answer is not understood: is the gateway of another version?\n");
    Exit::Failed
}

fn understood(view: &Value) -> Option<Row> {
    let at = match view["file"].as_str() {
        Some(file) => format!("{file}:{}", view["line"]),
        None if view["source"] == "api" => "api".to_owned(),
        None => "built-in".to_owned(),
    };
    let mut row = row(&route(view)?, text(view, "host"), at);
    row.plugins = list(view, "plugins")
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    Some(row)
}

/// What the table shows of it; the rest is nothing.
fn route(view: &Value) -> Option<Route> {
    let methods = list(view, "method").map(|method| method.as_str()?.parse().ok());
    let headers = conditions(view, "header")?.into_iter();
    let headers = headers.map(|(name, pattern)| Some((name.parse().ok()?, pattern)));
    Some(Route {
        name: text(view, "name")?,
        hosts: Vec::new(),
        path: path(view)?,
        path_except: Vec::new(),
        methods: methods.collect::<Option<_>>()?,
        headers: headers.collect::<Option<_>>()?,
        query: conditions(view, "query")?,
        chain: Vec::new(),
        action: action(view)?,
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        timeout: Duration::ZERO,
        retries: 0,
        request_body: 0,
        place: Place::default(),
    })
}

fn path(view: &Value) -> Option<PathPattern> {
    if let Some(path) = text(view, "path_exact") {
        return Some(PathPattern::Exact(path));
    }
    match text(view, "path_regex") {
        Some(regex) => regex.parse().ok().map(PathPattern::Regex),
        // Captures are shown as they are written.
        None => text(view, "path").map(PathPattern::Prefix),
    }
}

fn conditions(view: &Value, key: &str) -> Option<Vec<(String, ValuePattern)>> {
    let said = view[key].as_object().into_iter().flatten();
    said.map(|(name, value)| Some((name.clone(), condition(value)?)))
        .collect()
}

fn condition(value: &Value) -> Option<ValuePattern> {
    Some(match value {
        Value::Bool(true) => ValuePattern::Present,
        Value::Bool(false) => ValuePattern::Absent,
        Value::String(text) => ValuePattern::Exact(text.clone()),
        value => ValuePattern::Regex(value["regex"].as_str()?.parse().ok()?),
    })
}

fn action(view: &Value) -> Option<Action> {
    if view["redirect"].is_object() {
        return redirect(&view["redirect"]).map(Action::Redirect);
    }
    let targets = list(view, "to").map(|target| {
        Some(Target {
            upstream: text(target, "to")?,
            weight: number(target, "weight")?,
        })
    });
    let rewrite = &view["rewrite"];
    let rewrite = match text(view, "strip_prefix") {
        Some(prefix) => Rewrite::StripPrefix(prefix),
        None if rewrite.is_null() => Rewrite::Keep,
        None => match text(rewrite, "path") {
            Some(template) => Rewrite::Path(template),
            None => Rewrite::ReplacePrefix {
                from: text(rewrite, "prefix")?,
                to: text(rewrite, "replace_prefix")?,
            },
        },
    };
    let host = text(view, "host_header").and_then(|host| HeaderValue::from_str(&host).ok());
    Some(Action::Forward(Forward {
        targets: targets.collect::<Option<_>>()?,
        rewrite,
        host,
    }))
}

fn redirect(view: &Value) -> Option<Redirect> {
    Some(Redirect {
        status: http::StatusCode::from_u16(number(view, "status")?).ok()?,
        scheme: text(view, "scheme"),
        host: text(view, "host"),
        port: number(view, "port"),
        path: text(view, "path"),
        keep_query: view["keep_query"].as_bool()?,
        to: text(view, "to").and_then(|to| to.parse().ok()),
    })
}

fn text(view: &Value, key: &str) -> Option<String> {
    view[key].as_str().map(str::to_owned)
}

fn number<T: TryFrom<u64>>(view: &Value, key: &str) -> Option<T> {
    T::try_from(view[key].as_u64()?).ok()
}

fn list<'v>(view: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    view[key].as_array().into_iter().flatten()
}
