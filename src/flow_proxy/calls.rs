//! Which call gives what.

use std::net::IpAddr;
use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::answer::{self, Said};
use super::parameters::Problem;
use super::plan::{self, Origin};
use super::services::{Error, Services};
use super::sync::Sync;
use super::understand::{Wrong, removed, understand};
use crate::admin;
use crate::admin::api::{self, Answer};
use crate::admin::guard::{self, Verdict};
use crate::config::{self, Config};
use crate::reload::{self, Trigger};

/// In front of every path but `/metrics`.
const BASE: &str = "/v1/docker-flow-proxy/";

/// What calls are about.
pub struct State {
    /// For metrics, reloads, and what runs.
    pub admin: Arc<admin::State>,
    pub(super) services: Arc<Services>,
    pub(super) sync: Arc<Sync>,
}

/// Pairs of a query.
type Pairs = Vec<(String, String)>;

/// Answers a call. Bodies are not read: nothing that a call may say stands in one.
pub async fn answer(state: Arc<State>, peer: IpAddr, request: Request<Incoming>) -> Answer {
    let (request, _) = request.into_parts();
    let flow = state.services.settings();
    match guard::judge_call(peer, &request.headers, flow.token.as_ref(), &flow.allow) {
        Verdict::Serve => {}
        Verdict::Unauthorized => {
            let mut answer = answer::nok(StatusCode::UNAUTHORIZED, "a bearer token is needed");
            answer
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return answer;
        }
        Verdict::Forbidden(why) => return answer::nok(StatusCode::FORBIDDEN, why),
    }
    let path = request.uri.path();
    if path == "/metrics" {
        return api::scraped(&state.admin);
    }
    let Some(call) = path.strip_prefix(BASE) else {
        return answer::nok(StatusCode::NOT_FOUND, format!("calls begin with {BASE}"));
    };
    if !is_taken(call, &request.method) {
        return answer::nok(
            StatusCode::METHOD_NOT_ALLOWED,
            "this call does not take this method",
        );
    }
    let Some(pairs) = pairs(request.uri.query().unwrap_or_default()) else {
        return answer::nok(StatusCode::BAD_REQUEST, "the query is not UTF-8");
    };
    match call {
        "reconfigure" => reconfigure(&state, pairs).await,
        "remove" => remove(&state, &pairs).await,
        "reload" => reload(&state, &pairs).await,
        "config" => effective(&state, &pairs),
        "metrics" => api::scraped(&state.admin),
        "ping" => answer::ok(Said::default()),
        "successfulinitreload" => learned(&state),
        "certs" => certs(StatusCode::OK, ""),
        "cert" => certs(
            StatusCode::NOT_IMPLEMENTED,
            "listeners speak no TLS: give the certificate to the proxy in front that ends it",
        ),
        _ => answer::nok(StatusCode::NOT_FOUND, "there is no such call"),
    }
}

/// Docker Flow Proxy takes any method; a `HEAD` or an `OPTIONS` that changes something is nobody's intention.
fn is_taken(call: &str, method: &Method) -> bool {
    match call {
        "cert" => *method == Method::PUT,
        "reconfigure" | "remove" | "reload" => [Method::GET, Method::POST, Method::PUT].contains(method),
        _ => [Method::GET, Method::HEAD, Method::POST].contains(method),
    }
}

async fn reconfigure(state: &State, pairs: Pairs) -> Answer {
    let service_name = first(&pairs, "serviceName");
    let understood = match understand(pairs, &state.services.settings()) {
        Ok(understood) => understood,
        Err(wrong) => {
            let said = Said {
                service_name,
                ..Said::default()
            };
            return answer::refused(&Error::Wrong(wrong), said);
        }
    };
    let mut said = Said {
        service_name,
        service: understood.service.shown(),
        warnings: understood.warnings.clone(),
        ..Said::default()
    };
    if !state.services.is_ours(&understood.service) {
        said.message = "left alone: the service is for another instance".to_owned();
        return answer::ok(said);
    }
    if understood.service.replicas == Some(0) {
        return gone(state, &understood.service.name, understood.listened, said).await;
    }
    let origin = if understood.listened {
        Origin::Listener
    } else {
        Origin::Call
    };
    match state.services.put(&understood, origin).await {
        Ok(()) => answer::ok(said),
        Err(error) => {
            tracing::warn!(service = understood.service.name, %error, "a service was not taken");
            answer::refused(&error, said)
        }
    }
}

async fn remove(state: &State, pairs: &Pairs) -> Answer {
    let mut said = Said {
        service_name: first(pairs, "serviceName"),
        ..Said::default()
    };
    let borrowed = pairs.iter().map(|(name, value)| (name, value));
    let name = match removed(borrowed) {
        Ok(name) => name,
        Err(wrong) => return answer::refused(&Error::Wrong(wrong), said),
    };
    let distribute = matches!(first(pairs, "distribute").as_str(), "true" | "1");
    if distribute {
        let message = "only this gateway changes: others learn of it by their own swarm listener or call";
        said.warnings.push(Problem::new("distribute", message));
    }
    gone(state, &name, distribute, said).await
}

async fn gone(state: &State, name: &str, listened: bool, mut said: Said) -> Answer {
    match state.services.remove(name, listened).await {
        Ok(known) => {
            let message = if known {
                "removed"
            } else {
                "there was no such service"
            };
            message.clone_into(&mut said.message);
            answer::ok(said)
        }
        Err(error) => answer::refused(&error, said),
    }
}

/// `recreate` asks for what is always so: the whole is made anew, or left as it is.
async fn reload(state: &State, pairs: &Pairs) -> Answer {
    if let Some(wrong) = unknown(pairs, &["recreate", "fromListener"]) {
        return answer::refused(&Error::Wrong(wrong), Said::default());
    }
    let mut said = Said::default();
    if matches!(first(pairs, "fromListener").to_lowercase().as_str(), "true" | "1") {
        if state.sync.listeners().is_empty() {
            "no swarm listener is configured".clone_into(&mut said.message);
            return answer::ok(said);
        }
        return match state.sync.ask().await {
            Ok(()) => answer::ok(said),
            Err(message) => answer::nok(StatusCode::INTERNAL_SERVER_ERROR, message),
        };
    }
    let outcome = state.admin.reload.reload(Trigger::Api).await;
    match outcome.as_deref().map(|outcome| &outcome.result) {
        None => answer::nok(StatusCode::INTERNAL_SERVER_ERROR, "the gateway is stopping"),
        Some(reload::Result::Rejected { diagnostics }) => {
            let message = format!(
                "{} problems: see the log, or POST /api/v1/reload",
                diagnostics.len()
            );
            answer::nok(StatusCode::INTERNAL_SERVER_ERROR, message)
        }
        Some(_) => answer::ok(said),
    }
}

fn effective(state: &State, pairs: &Pairs) -> Answer {
    if let Some(wrong) = unknown(pairs, &["type"]) {
        return answer::refused(&Error::Wrong(wrong), Said::default());
    }
    if first(pairs, "type").eq_ignore_ascii_case("json") {
        return api::json(StatusCode::OK, &plan::services(&state.services.known().added));
    }
    let text = config::render_toml(&without_hashes(&state.admin.live.load().config));
    api::with_type(StatusCode::OK, "text/plain; charset=utf-8", text)
}

/// The hashes of passwords are as secret as what is called so: whoever has them can try passwords.
fn without_hashes(config: &Config) -> Config {
    let mut config = config.clone();
    for used in config
        .routes
        .iter_mut()
        .flat_map(|route| &mut Arc::make_mut(route).chain)
    {
        let Some(users) = used.config.value["users"].as_array().map(Vec::len) else {
            continue;
        };
        let json = &mut Arc::make_mut(used).config;
        let pointers = (0..users).map(|index| format!("/users/{index}"));
        Arc::make_mut(&mut json.secrets).extend(pointers);
    }
    config
}

fn learned(state: &State) -> Answer {
    if state.sync.has_learned() {
        answer::ok(Said::default())
    } else {
        let message = "not every swarm listener has named its services yet";
        answer::nok(StatusCode::INTERNAL_SERVER_ERROR, message)
    }
}

fn certs(status: StatusCode, message: &str) -> Answer {
    let word = if status.is_success() { "OK" } else { "NOK" };
    api::json(
        status,
        &json!({"Status": word, "Message": message, "Certs": Value::Array(Vec::new())}),
    )
}

fn unknown(pairs: &Pairs, known: &[&str]) -> Option<Wrong> {
    let wrong = pairs.iter().filter(|(name, _)| !known.contains(&name.as_str()));
    let wrong: Vec<_> = wrong
        .map(|(name, _)| Problem::new(name, format!("unknown parameter; known: {}", known.join(", "))))
        .collect();
    (!wrong.is_empty()).then_some(Wrong::Parameters(wrong))
}

fn first(pairs: &Pairs, wanted: &str) -> String {
    let found = pairs.iter().find(|(name, _)| name == wanted);
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

/// The pairs of a query, as forms write it; `None` when it is not UTF-8.
fn pairs(query: &str) -> Option<Pairs> {
    let decoded = |text: &str| {
        let spaced = text.replace('+', " ");
        Some(percent_decode_str(&spaced).decode_utf8().ok()?.into_owned())
    };
    let pair = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        Some((decoded(name)?, decoded(value)?))
    };
    query
        .split('&')
        .filter(|part| !part.is_empty())
        .map(pair)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_as_forms_write_them() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        for (query, wanted) in [
            ("", Some(vec![])),
            (
                "a=b&c=d%2Ce+f&&g",
                Some(vec![pair("a", "b"), pair("c", "d,e f"), pair("g", "")]),
            ),
            ("a=%ff", None),
        ] {
            assert_eq!(pairs(query), wanted, "{query}");
        }
    }
}
