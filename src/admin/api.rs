//! Which path gives what.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Response, StatusCode, request};
use http_body_util::Full;
use serde_json::{Value, json};

use super::guard::{self, Verdict};
use super::{State, scrape, view};
use crate::reload::{self, Outcome, Trigger};
use crate::shutdown::Phase;
use crate::telemetry::{Rfc3339, metrics};

type Answer = Response<Full<Bytes>>;

/// Every path, with the methods that it takes (HEAD goes with GET) and what it is for.
const PATHS: [(&str, &[Method], &str); 8] = [
    ("/healthz", &[Method::GET], "200 while the process lives"),
    ("/readyz", &[Method::GET], "200 while requests are welcome"),
    ("/metrics", &[Method::GET], "for Prometheus"),
    (
        "/api/v1/version",
        &[Method::GET],
        "what is running, and since when",
    ),
    (
        "/api/v1/config",
        &[Method::GET],
        "what the configuration means, defaults included",
    ),
    (
        "/api/v1/routes",
        &[Method::GET],
        "in the order in which they are tried",
    ),
    ("/api/v1/upstreams", &[Method::GET], "endpoints and DNS"),
    (
        "/api/v1/reload",
        &[Method::GET, Method::POST],
        "GET: how the last reload ended; POST: reload",
    ),
];

/// Answers a request; its body, if any, is not looked at.
pub(super) async fn answer(state: &State, peer: IpAddr, request: &request::Parts) -> Answer {
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
        let list = PATHS
            .iter()
            .map(|(path, _, purpose)| ((*path).to_owned(), Value::from(*purpose)));
        return json(StatusCode::OK, &Value::Object(list.collect()));
    }
    let Some((_, methods, _)) = PATHS.iter().find(|(known, ..)| *known == path) else {
        return problem(StatusCode::NOT_FOUND, "no such path; / lists them");
    };
    if !methods.contains(method) {
        return wrong_method(methods);
    }
    if method == Method::POST {
        return match state.reload.reload(Trigger::Api).await {
            Some(outcome) => reloaded(&outcome),
            None => problem(StatusCode::SERVICE_UNAVAILABLE, "the gateway is stopping"),
        };
    }
    read(state, path)
}

fn read(state: &State, path: &str) -> Answer {
    let snapshot = state.live.load_full();
    match path {
        "/healthz" => json(StatusCode::OK, &json!({"status": "alive"})),
        "/readyz" => ready(state.life.phase()),
        "/metrics" => {
            let text = state.metrics.render(scrape::families(&snapshot.upstreams));
            with_type(StatusCode::OK, metrics::CONTENT_TYPE, text)
        }
        "/api/v1/version" => json(StatusCode::OK, &version(state, &snapshot.config.hash)),
        "/api/v1/config" => json(StatusCode::OK, &view::config(&snapshot.config)),
        "/api/v1/routes" => json(
            StatusCode::OK,
            &view::routes(&snapshot.config, snapshot.router.order()),
        ),
        "/api/v1/upstreams" => {
            let body = json!({"upstreams": snapshot.upstreams.views(), "dns": snapshot.upstreams.names()});
            json(StatusCode::OK, &body)
        }
        _ => match state.reload.last() {
            Some(last) => json(StatusCode::OK, &json!(*last)),
            None => json(StatusCode::OK, &Value::Null),
        },
    }
}

fn ready(phase: Phase) -> Answer {
    let reason = match phase {
        Phase::Running => return json(StatusCode::OK, &json!({"ready": true, "reasons": []})),
        Phase::Starting => "starting: not every name has been asked yet",
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

/// With the problems as people read them, for the command line.
fn reloaded(outcome: &Outcome) -> Answer {
    let mut body = json!(outcome);
    let status = match &outcome.result {
        reload::Result::Applied { .. } | reload::Result::Unchanged { .. } => StatusCode::OK,
        reload::Result::Rejected { diagnostics } => {
            body["text"] = diagnostics.render(false).into();
            StatusCode::UNPROCESSABLE_ENTITY
        }
    };
    json(status, &body)
}

fn wrong_method(methods: &[Method]) -> Answer {
    let mut allow: Vec<&str> = methods.iter().map(Method::as_str).collect();
    allow.insert(1, "HEAD");
    let mut answer = problem(
        StatusCode::METHOD_NOT_ALLOWED,
        "this path does not take this method",
    );
    if let Ok(allow) = HeaderValue::from_str(&allow.join(", ")) {
        answer.headers_mut().insert(header::ALLOW, allow);
    }
    answer
}

/// RFC 9457.
fn problem(status: StatusCode, detail: &str) -> Answer {
    let title = status.canonical_reason().unwrap_or_default();
    let body = json!({"title": title, "status": status.as_u16(), "detail": detail});
    with_type(status, "application/problem+json", format!("{body}\n"))
}

fn json(status: StatusCode, body: &Value) -> Answer {
    with_type(status, "application/json", format!("{body:#}\n"))
}

fn with_type(status: StatusCode, kind: &'static str, body: String) -> Answer {
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
