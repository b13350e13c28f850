//! Which path gives what.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::added::{self, Subject};
use super::format::{self, Format};
use super::guard::{self, Verdict};
use super::{State, openapi, paths, plugins, scrape, view};
use crate::config;
use crate::reload::{self, Outcome, Refusal, Trigger};
use crate::shutdown::Phase;
use crate::snapshot::Snapshot;
use crate::telemetry::{Rfc3339, metrics};

pub(crate) type Answer = Response<Full<Bytes>>;

/// Answers a request. Its body is read only where one is wanted, from those who may ask.
pub(crate) async fn answer(state: &State, peer: IpAddr, request: Request<Incoming>) -> Answer {
    let (request, body) = request.into_parts();
    let path = request.uri.path();
    let token = state
        .live
        .load()
        .config
        .admin
        .as_ref()
        .and_then(|admin| admin.token.clone());
    let open = matches!(path, "/healthz" | "/readyz");
    match guard::judge(peer, &request.headers, token.as_ref(), open) {
        Verdict::Serve => {}
        Verdict::Unauthorized => {
            let mut answer = problem(StatusCode::UNAUTHORIZED, "a bearer token is needed");
            answer
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return answer;
        }
        Verdict::Forbidden(why) => return problem(StatusCode::FORBIDDEN, why),
    }
    let method = if request.method == Method::HEAD {
        &Method::GET
    } else {
        &request.method
    };
    if path == "/" && method == Method::GET {
        return json(StatusCode::OK, &list());
    }
    let Some((known, name)) = paths::find(path) else {
        return problem(StatusCode::NOT_FOUND, "no such path; / lists them");
    };
    if !known
        .operations
        .iter()
        .any(|operation| operation.method == *method)
    {
        return wrong_method(known);
    }
    let name = percent_decode_str(name).decode_utf8_lossy();
    let pattern = known.pattern;
    match (pattern, method.as_str()) {
        ("/api/v1/config", _) => configuration(state, format::asked(request.uri.query(), &request.headers)),
        (_, "GET") => read(state, pattern, &name),
        ("/api/v1/plugins/{name}", _) => plugins::put(state, &name, &request.headers, body).await,
        ("/api/v1/plugins/{name}/reload", _) => plugins::reload(state, &name).await,
        ("/api/v1/plugins/{name}/rollback", _) => plugins::roll_back(state, &name, request.uri.query()).await,
        ("/api/v1/state/rollback", _) => added::roll_back(state, &request).await,
        _ => match Subject::of(pattern, &name) {
            Some(subject) => subject.change(state, &request, body).await,
            None => ended(state.reload.reload(Trigger::Api).await.as_deref()),
        },
    }
}

/// What there is to ask for.
fn list() -> Value {
    let list = paths::PATHS.iter().map(|path| {
        let texts = path.operations.iter().map(|operation| match path.operations {
            [_] => operation.about.to_owned(),
            _ => format!("{}: {}", operation.method, operation.about),
        });
        (
            path.pattern.to_owned(),
            texts.collect::<Vec<_>>().join("; ").into(),
        )
    });
    Value::Object(list.collect())
}

fn read(state: &State, path: &str, name: &str) -> Answer {
    let snapshot = state.live.load_full();
    if let Some(subject) = Subject::of(path, name) {
        return subject.view(state, &snapshot);
    }
    match path {
        "/healthz" => json(StatusCode::OK, &json!({"status": "alive"})),
        "/readyz" => ready(state, &snapshot),
        "/metrics" => scraped(state),
        "/api/v1/openapi.json" => json(StatusCode::OK, &openapi::document()),
        "/api/v1/budgets" => json(StatusCode::OK, &added::budgets(state, &snapshot)),
        "/api/v1/state/versions" => json(StatusCode::OK, &added::versions(state)),
        "/api/v1/state/versions/{name}" => added::version(state, name),
        "/api/v1/version" => json(StatusCode::OK, &version(state, &snapshot.config.hash)),
        "/api/v1/routes" => json(
            StatusCode::OK,
            &view::routes(&snapshot.config, snapshot.router.order()),
        ),
        "/api/v1/upstreams" => {
            let body = json!({"upstreams": snapshot.upstreams.views(), "dns": snapshot.upstreams.names()});
            json(StatusCode::OK, &body)
        }
        "/api/v1/verifiers" => json(
            StatusCode::OK,
            &json!(snapshot.plugins.powers().verifiers.views()),
        ),
        "/api/v1/plugins" => json(StatusCode::OK, &plugins::all(state, &snapshot)),
        "/api/v1/plugins/{name}" => match plugins::one(state, &snapshot, name) {
            Some(view) => json(StatusCode::OK, &view),
            None => problem(
                StatusCode::NOT_FOUND,
                "the configuration has no plugin of this name",
            ),
        },
        _ => match state.reload.last() {
            Some(last) => json(StatusCode::OK, &json!(*last)),
            None => json(StatusCode::OK, &Value::Null),
        },
    }
}

fn configuration(state: &State, asked: Result<Format, &str>) -> Answer {
    let snapshot = state.live.load_full();
    match asked {
        Ok(Format::Json) => json(StatusCode::OK, &view::config(&snapshot.config)),
        Ok(Format::Toml) => {
            let text = config::render_toml(&snapshot.config);
            with_type(StatusCode::OK, format::TOML, text)
        }
        Err(why) => problem(StatusCode::BAD_REQUEST, why),
    }
}

/// All that is counted, for Prometheus.
pub(crate) fn scraped(state: &State) -> Answer {
    let snapshot = state.live.load_full();
    let mut families = scrape::families(&snapshot.upstreams);
    families.extend(scrape::of_verifiers(&snapshot.plugins.powers().verifiers.views()));
    families.extend(plugins::families(state, &snapshot));
    let text = state.metrics.render(families);
    with_type(StatusCode::OK, metrics::CONTENT_TYPE, text)
}

/// A plugin that could not be loaded does not make it red: the other routes are served, and restarting would not help.
fn ready(state: &State, snapshot: &Snapshot) -> Answer {
    let reason = match state.life.phase() {
        Phase::Running => {
            let plugins = snapshot.plugins.problems().map(|problem| problem.message.clone());
            let added = state.reload.added();
            let problems = plugins.chain(added::inactive(&added));
            let body = json!({"ready": true, "reasons": [], "problems": problems.collect::<Vec<_>>()});
            return json(StatusCode::OK, &body);
        }
        Phase::Starting => "starting: not every name has been asked yet",
        Phase::Learning => "starting: not every swarm listener has named its services yet",
        Phase::Leaving => "stopping: listeners close soon",
        Phase::Draining => "stopping: exchanges in flight finish",
    };
    json(
        StatusCode::SERVICE_UNAVAILABLE,
        &json!({"ready": false, "reasons": [reason]}),
    )
}

fn version(state: &State, hash: &str) -> Value {
    // A clock that was set back since the start makes it zero.
    let uptime = state.started.elapsed().unwrap_or_default();
    json!({
        "version": metrics::VERSION,
        "revision": metrics::REVISION,
        "config_hash": hash,
        "started": Rfc3339(state.started).to_string(),
        "uptime_seconds": uptime.as_secs(),
    })
}

/// How a reload ended; with the problems as people read them, for the command line.
pub(super) fn ended(outcome: Option<&Outcome>) -> Answer {
    let Some(outcome) = outcome else {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "the gateway is stopping");
    };
    let mut body = json!(outcome);
    let status = match &outcome.result {
        reload::Result::Applied { .. } | reload::Result::Unchanged { .. } | reload::Result::Valid { .. } => {
            StatusCode::OK
        }
        reload::Result::Rejected { diagnostics } => {
            body["text"] = diagnostics.render(false).into();
            StatusCode::UNPROCESSABLE_ENTITY
        }
        reload::Result::Refused { reason } => {
            let status = match reason {
                Refusal::NoSuchPlugin | Refusal::NoTable | Refusal::NoVersion => StatusCode::NOT_FOUND,
                Refusal::NoState | Refusal::NowhereToKeep | Refusal::NoGeneration | Refusal::InFile => {
                    StatusCode::CONFLICT
                }
                Refusal::Precondition => StatusCode::PRECONDITION_FAILED,
                Refusal::Disk(_) => StatusCode::INSUFFICIENT_STORAGE,
            };
            return problem(status, &reason.to_string());
        }
    };
    json(status, &body)
}

fn wrong_method(path: &paths::Path) -> Answer {
    let mut answer = problem(
        StatusCode::METHOD_NOT_ALLOWED,
        "this path does not take this method",
    );
    if let Ok(allow) = HeaderValue::from_str(&path.allow()) {
        answer.headers_mut().insert(header::ALLOW, allow);
    }
    answer
}

/// RFC 9457.
pub(super) fn problem(status: StatusCode, detail: &str) -> Answer {
    let title = status.canonical_reason().unwrap_or_default();
    let body = json!({"title": title, "status": status.as_u16(), "detail": detail});
    with_type(status, "application/problem+json", format!("{body}\n"))
}

pub(crate) fn json(status: StatusCode, body: &Value) -> Answer {
    with_type(status, "application/json", format!("{body:#}\n"))
}

pub(crate) fn with_type(status: StatusCode, kind: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    answer
}
