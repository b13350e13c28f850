//! Routes, upstreams and budgets that are added to the configuration while the gateway runs: what the API takes, and
//! what it tells of them.

use std::time::Duration;

use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use serde_json::{Value, json};

use super::State;
use super::api::{Answer, ended, json as answer, problem};
use crate::config::additions::masked;
use crate::config::{self, Additions, Code, Kind, Severity};
use crate::reload::change::{Action, Condition, Edit, Tags, Wish, tag};
use crate::reload::{Added, Change, Outcome, Result as Ended};
use crate::snapshot::Snapshot;

/// Bytes of a body: more than any configuration that people could follow.
const LARGEST: usize = 4 << 20;

/// From the head of a request to its last byte.
const UPLOAD: Duration = Duration::from_secs(60);

/// What a path is about.
pub(super) enum Subject {
    /// A table.
    Table(Kind, String),
    /// `plugins` of a route.
    Chain(String),
    /// Everything that is added.
    All,
}

impl Subject {
    /// What a path of the API is about, if that is something that can be added.
    pub(super) fn of(pattern: &str, name: &str) -> Option<Self> {
        let name = name.to_owned();
        Some(match pattern {
            "/api/v1/routes/{name}" => Self::Table(Kind::Route, name),
            "/api/v1/upstreams/{name}" => Self::Table(Kind::Upstream, name),
            "/api/v1/budgets/{name}" => Self::Table(Kind::Budget, name),
            "/api/v1/routes/{name}/plugins" => Self::Chain(name),
            "/api/v1/state" => Self::All,
            _ => return None,
        })
    }

    /// What is known of it, with the tag that a change may name as its condition.
    pub(super) fn view(&self, state: &State, snapshot: &Snapshot) -> Answer {
        let added = state.reload.added();
        let current = added.versions.current();
        let (shown, tag) = match self {
            Self::All => (Some(everything(&added)), Some(current.tag())),
            Self::Table(kind, name) => {
                let table = current.added.find(*kind, name);
                let shown = table.map(masked).or_else(|| effective(snapshot, *kind, name));
                (shown, table.map(tag))
            }
            Self::Chain(name) => {
                let table = current.added.find(Kind::Route, name);
                let said = table.and_then(|table| table.get("plugins")).map(masked);
                let whole = || effective(snapshot, Kind::Route, name);
                let shown = said.or_else(|| Some(whole()?.get("plugins").cloned().unwrap_or(json!([]))));
                (shown, table.map(tag))
            }
        };
        match shown {
            Some(shown) => tagged(answer(StatusCode::OK, &shown), tag),
            None => problem(StatusCode::NOT_FOUND, "there is nothing of this name"),
        }
    }

    /// Changes it.
    pub(super) async fn change(self, state: &State, request: &Parts, body: Incoming) -> Answer {
        let wish = match self.wish(request, body).await {
            Ok(wish) => wish,
            Err(refused) => return refused,
        };
        let before = self.tag(&state.reload.added());
        let mut answer = carry_out(state, request, wish).await;
        let now = self.tag(&state.reload.added());
        if answer.status() == StatusCode::OK && before.is_none() && now.is_some() {
            *answer.status_mut() = StatusCode::CREATED;
        }
        tagged(answer, now)
    }

    async fn wish(&self, request: &Parts, body: Incoming) -> Result<Wish, Answer> {
        let edit = |kind, name: &str, action| {
            let name = name.to_owned();
            Wish::Edits(vec![Edit { kind, name, action }])
        };
        let method = request.method.as_str();
        Ok(match (self, method) {
            (Self::Table(kind, name), "PUT") => {
                let table = said(request, body, "application/json").await?;
                edit(*kind, name, Action::Put(table))
            }
            (Self::Table(kind, name), "PATCH") => {
                let patch = said(request, body, "application/merge-patch+json").await?;
                edit(*kind, name, Action::Merge(patch))
            }
            (Self::Table(kind, name), _) => edit(*kind, name, Action::Delete),
            (Self::Chain(name), "PUT") => {
                let plugins = said(request, body, "application/json").await?;
                edit(Kind::Route, name, Action::Merge(json!({ "plugins": plugins })))
            }
            (Self::Chain(name), _) => edit(Kind::Route, name, Action::Merge(json!({ "plugins": null }))),
            (Self::All, _) => {
                let all = said(request, body, "application/json").await?;
                let all: Additions = serde_json::from_value(all).map_err(|error| {
                    problem(StatusCode::BAD_REQUEST, &format!("not what is added: {error}"))
                })?;
                Wish::All(all)
            }
        })
    }

    fn tag(&self, added: &Added) -> Option<String> {
        let current = added.versions.current();
        match self {
            Self::Table(kind, name) => current.added.find(*kind, name).map(tag),
            Self::Chain(name) => current.added.find(Kind::Route, name).map(tag),
            Self::All => Some(current.tag()),
        }
    }
}

/// Goes back to `?version=N`.
pub(super) async fn roll_back(state: &State, request: &Parts) -> Answer {
    let version = parameter(request, "version").and_then(|number| number.parse().ok());
    let Some(version) = version else {
        return problem(StatusCode::BAD_REQUEST, "expected ?version=NUMBER");
    };
    let answer = carry_out(state, request, Wish::Version(version)).await;
    tagged(answer, Some(state.reload.added().versions.current().tag()))
}

async fn carry_out(state: &State, request: &Parts, wish: Wish) -> Answer {
    let dry_run = match parameter(request, "dry_run") {
        None | Some("false") => false,
        Some("true" | "") => true,
        Some(_) => return problem(StatusCode::BAD_REQUEST, "expected ?dry_run=true"),
    };
    let Some(condition) = condition(&request.headers, &wish) else {
        let detail = "If-Match and If-None-Match: expected `*`, or tags in quotes";
        return problem(StatusCode::BAD_REQUEST, detail);
    };
    let change = Change {
        wish,
        condition,
        dry_run,
        volatile: false,
    };
    let outcome = state.reload.change(change).await;
    let mut answer = ended(outcome.as_deref());
    if outcome.is_some_and(|outcome| is_taken(&outcome)) {
        *answer.status_mut() = StatusCode::CONFLICT;
    }
    answer
}

/// Whether all that is wrong is that somebody else has the name.
fn is_taken(outcome: &Outcome) -> bool {
    let Ended::Rejected { diagnostics } = &outcome.result else {
        return false;
    };
    let mut errors = diagnostics
        .iter()
        .filter(|problem| problem.severity == Severity::Error);
    errors.all(|problem| problem.code == Code::Duplicate)
}

/// All versions, the newest first.
pub(super) fn versions(state: &State) -> Value {
    let added = state.reload.added();
    let versions = added.versions.all().iter().rev().map(|version| {
        json!({
            "version": version.number,
            "at": version.at,
            "change": version.change,
            "hash": version.hash,
        })
    });
    versions.collect()
}

/// One version.
pub(super) fn version(state: &State, number: &str) -> Answer {
    let added = state.reload.added();
    let known = number.parse().ok().and_then(|number| added.versions.find(number));
    match known {
        Some(version) => answer(StatusCode::OK, &version.added.masked()),
        None => problem(
            StatusCode::NOT_FOUND,
            "this version is not known, or not any more",
        ),
    }
}

/// Every budget in effect.
pub(super) fn budgets(state: &State, snapshot: &Snapshot) -> Value {
    let added = state.reload.added();
    let rendered = config::render(&snapshot.config);
    let tables = rendered["budget"].as_object().into_iter().flatten();
    let budgets = tables.map(|(name, table)| {
        let mut view = table.clone();
        view["name"] = json!(name);
        let known = added.versions.current().added.find(Kind::Budget, name);
        view["source"] = json!(if known.is_some() { "api" } else { "file" });
        view
    });
    budgets.collect()
}

/// What is added and not in effect, one sentence each.
pub(super) fn inactive(added: &Added) -> impl Iterator<Item = String> {
    added.inactive.iter().map(|it| {
        let why = it.problems.iter().next().map_or("", |problem| &problem.message);
        format!("{} {} was added, but is not in effect: {why}", it.kind, it.name)
    })
}

fn everything(added: &Added) -> Value {
    let current = added.versions.current();
    let inactive = added.inactive.iter();
    json!({
        "version": current.number,
        "hash": current.hash,
        "at": current.at,
        "kept": added.versions.has_folder(),
        "inactive": inactive
            .map(|it| json!({"kind": it.kind, "name": it.name, "problems": it.problems}))
            .collect::<Value>(),
        "added": current.added.masked(),
    })
}

/// A table as the configuration means it.
fn effective(snapshot: &Snapshot, kind: Kind, name: &str) -> Option<Value> {
    let mut rendered = config::render(&snapshot.config);
    let tables = rendered.get_mut(kind.key())?;
    match tables {
        Value::Array(tables) => {
            let found = tables.iter_mut().find(|table| table["name"] == name)?;
            let mut table = found.take();
            table.as_object_mut()?.shift_remove("name");
            Some(table)
        }
        tables => tables.get_mut(name).map(Value::take),
    }
}

fn tagged(mut answer: Answer, tag: Option<String>) -> Answer {
    let tag = tag.and_then(|tag| HeaderValue::from_str(&format!("\"{tag}\"")).ok());
    if let Some(tag) = tag {
        answer.headers_mut().insert(header::ETAG, tag);
    }
    answer
}

/// What the query says of it; there is nothing in it that would have to be decoded.
fn parameter<'r>(request: &'r Parts, name: &str) -> Option<&'r str> {
    let mut pairs = request.uri.query()?.split('&');
    pairs.find_map(|pair| match pair.split_once('=') {
        Some((key, value)) => (key == name).then_some(value),
        None => (pair == name).then_some(""),
    })
}

/// RFC 9110 sections 13.1.1 and 13.1.2; `None` when that cannot be read.
fn condition(headers: &HeaderMap, wish: &Wish) -> Option<Condition> {
    let whole = !matches!(wish, Wish::Edits(_));
    Some(Condition {
        matches: tags(headers, &header::IF_MATCH, whole)?,
        differs: tags(headers, &header::IF_NONE_MATCH, whole)?,
    })
}

fn tags(headers: &HeaderMap, name: &header::HeaderName, whole: bool) -> Option<Option<Tags>> {
    let lines = headers.get_all(name).iter().map(|value| value.to_str().ok());
    let said = lines.collect::<Option<Vec<_>>>()?.join(",");
    Some(match said.as_str() {
        "" => None,
        "*" => Some(Tags::Any),
        said => Some(Tags::These(
            said.split(',').map(|it| one(it, whole)).collect::<Option<_>>()?,
        )),
    })
}

/// One tag. Those of everything have the version in front.
fn one(said: &str, whole: bool) -> Option<String> {
    let said = said.trim();
    // One that is weak may stand for what is a little different, and there is no such thing here.
    let tag = said
        .strip_prefix("W/")
        .unwrap_or(said)
        .strip_prefix('"')?
        .strip_suffix('"')?;
    let hash = if whole { tag.rsplit('-').next()? } else { tag };
    Some(hash.to_owned())
}

/// The body as JSON.
async fn said(request: &Parts, body: Incoming, kind: &'static str) -> Result<Value, Answer> {
    let said = request.headers.get(header::CONTENT_TYPE);
    let said = said.and_then(|said| said.to_str().ok()).unwrap_or_default();
    let said = said.split(';').next().unwrap_or_default().trim();
    if !said.eq_ignore_ascii_case(kind) && !said.eq_ignore_ascii_case("application/json") {
        let detail = format!("the body has to be {kind}, and `Content-Type` has to say so");
        return Err(problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, &detail));
    }
    let length = request.headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > LARGEST) {
        return Err(too_large());
    }
    let body = tokio::time::timeout(UPLOAD, read(body)).await;
    let body = body.map_err(|_| problem(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"))??;
    serde_json::from_slice(&body)
        .map_err(|error| problem(StatusCode::BAD_REQUEST, &format!("the body is not JSON: {error}")))
}

async fn read(body: Incoming) -> Result<Bytes, Answer> {
    match Limited::new(body, LARGEST).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(problem(StatusCode::BAD_REQUEST, "the body broke off")),
    }
}

fn too_large() -> Answer {
    let detail = format!("the body has more than {} MiB", LARGEST >> 20);
    problem(StatusCode::PAYLOAD_TOO_LARGE, &detail)
}
