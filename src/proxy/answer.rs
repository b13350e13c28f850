//! Responses that the gateway makes itself. The only place that chooses a status for them.
//!
//! They are short, carry the request's id, say nothing about endpoints or configuration, and are
//! `application/problem+json` (RFC 9457) when the client accepts JSON.

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Response, StatusCode};

use super::Error;
use crate::config::Reaction;
use crate::plugin::{Cause, Failed};
use crate::telemetry::Flag;

/// When somebody who came at a busy moment may come again.
const RETRY: Duration = Duration::from_secs(1);

/// What an error means to the client and in the access log.
struct Meaning {
    status: StatusCode,
    flag: Flag,
    /// One sentence for the client.
    detail: &'static str,
    retry_after: Option<Duration>,
}

/// The table of all answers.
fn meaning(error: &Error) -> Meaning {
    use StatusCode as S;
    let (status, flag, detail) = match error {
        Error::Malformed(detail) => (S::BAD_REQUEST, Flag::BadRequest, *detail),
        Error::MethodRefused => (
            S::METHOD_NOT_ALLOWED,
            Flag::BadRequest,
            "This method is not served here.",
        ),
        Error::NotAProxy => (
            S::NOT_IMPLEMENTED,
            Flag::BadRequest,
            "CONNECT is not served here.",
        ),
        Error::LastHop => (S::OK, Flag::BadRequest, "This is as far as the request may go."),
        Error::Expectation => (
            S::EXPECTATION_FAILED,
            Flag::BadRequest,
            "Only 100-continue can be expected.",
        ),
        Error::Misconfigured(_) => (
            S::INTERNAL_SERVER_ERROR,
            Flag::Internal,
            "The gateway is not set up for this.",
        ),
        Error::NoRoute => (S::NOT_FOUND, Flag::NoRoute, "Nothing is served here."),
        Error::BodyTooLarge => (
            S::PAYLOAD_TOO_LARGE,
            Flag::Limit,
            "The request body is too large.",
        ),
        Error::BodyBroken => (S::BAD_REQUEST, Flag::ClientGone, "The request body broke off."),
        Error::NoEndpoint { .. } => (
            S::SERVICE_UNAVAILABLE,
            Flag::NoEndpoint,
            "The service is not available.",
        ),
        Error::Overloaded => (S::SERVICE_UNAVAILABLE, Flag::Limit, "The service is busy."),
        Error::Shed => (S::SERVICE_UNAVAILABLE, Flag::Limit, "The gateway is busy."),
        Error::Connect(_) => (
            S::SERVICE_UNAVAILABLE,
            Flag::ConnectFail,
            "The service can not be reached.",
        ),
        Error::Broken(_) => (S::BAD_GATEWAY, Flag::UpstreamReset, "The service broke off."),
        Error::BadResponse(_) => (
            S::BAD_GATEWAY,
            Flag::UpstreamReset,
            "The service gave no valid response.",
        ),
        Error::ResponseTooLarge { .. } => (
            S::BAD_GATEWAY,
            Flag::Limit,
            "The response of the service is too large.",
        ),
        Error::Plugin(failed) => of_plugin(failed),
        Error::Aborted { .. } => (S::FORBIDDEN, Flag::Plugin, "The request is refused."),
        Error::Timeout => (
            S::GATEWAY_TIMEOUT,
            Flag::Timeout,
            "The service did not answer in time.",
        ),
    };
    let retry_after = match error {
        Error::NoEndpoint { retry_after } => Some(*retry_after),
        Error::Overloaded | Error::Shed | Error::Connect(_) => Some(RETRY),
        Error::Plugin(failed) if failed.cause == Cause::Busy => Some(RETRY),
        _ => None,
    };
    Meaning {
        status,
        flag,
        detail,
        retry_after,
    }
}

/// What a failed plugin means, unless the configuration says which status it means. One that is not asked because it
/// kept failing means what its failures meant.
fn of_plugin(failed: &Failed) -> (StatusCode, Flag, &'static str) {
    use StatusCode as S;
    let (status, flag, detail) = match &failed.cause {
        Cause::Rejected(_) => (S::FORBIDDEN, Flag::Plugin, "The request is refused."),
        Cause::Cpu | Cause::Time | Cause::Quarantined("cpu" | "time") => (
            S::GATEWAY_TIMEOUT,
            Flag::PluginFailed,
            "A part of the gateway did not answer in time.",
        ),
        Cause::Load | Cause::Unavailable(_) | Cause::Quarantined("load" | "unavailable") => (
            S::SERVICE_UNAVAILABLE,
            Flag::PluginFailed,
            "A part of the gateway is not available.",
        ),
        Cause::Busy | Cause::Quarantined("busy") => (
            S::SERVICE_UNAVAILABLE,
            Flag::PluginFailed,
            "A part of the gateway is busy.",
        ),
        Cause::Trap(_) | Cause::Outcome(_) | Cause::Internal(_) | Cause::Quarantined(_) => (
            S::INTERNAL_SERVER_ERROR,
            Flag::PluginFailed,
            "A part of the gateway failed.",
        ),
    };
    match failed.reaction {
        Some(Reaction::Status(said)) => (said, flag, detail),
        // Going on without it is decided where it failed; who comes here could not.
        Some(Reaction::Open) | None => (status, flag, detail),
    }
}

/// Why the gateway answered, for the access log; `None` when nothing went wrong.
pub fn flag(error: &Error) -> Option<Flag> {
    // The last hop's answer is what was asked for.
    (!matches!(error, Error::LastHop)).then(|| meaning(error).flag)
}

/// The response to an error.
pub fn to(error: &Error, method: &Method, accept: Option<&HeaderValue>, request_id: &str) -> Response<Bytes> {
    let Meaning {
        status,
        detail,
        retry_after,
        ..
    } = meaning(error);
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-request-id", id);
    }
    if let Some(wait) = retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    }
    if matches!(error, Error::MethodRefused) {
        // RFC 9110 section 15.5.6: what is refused here is TRACE, everything else depends on the route.
        headers.insert(
            header::ALLOW,
            HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        );
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let reason = status.canonical_reason().unwrap_or("Error");
    let (kind, body) = if accepts_json(accept) {
        let problem = serde_json::json!({
            "type": "about:blank", "title": reason, "status": status.as_u16(), "detail": detail,
            "request_id": request_id,
        });
        ("application/problem+json", problem.to_string())
    } else {
        (
            "text/plain; charset=utf-8",
            format!(
                "{} {reason}\n{detail}\nrequest id: {request_id}\n",
                status.as_u16()
            ),
        )
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    if method != Method::HEAD {
        *response.body_mut() = Bytes::from(body);
    }
    response
}

fn accepts_json(accept: Option<&HeaderValue>) -> bool {
    accept.and_then(|value| value.to_str().ok()).is_some_and(|value| {
        value.split(',').any(|range| {
            let kind = range.split(';').next().unwrap_or_default().trim();
            ["application/json", "application/problem+json", "application/*"]
                .iter()
                .any(|wanted| kind.eq_ignore_ascii_case(wanted))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_status_and_flag() {
        let table: [(Error, u16, &str); 12] = [
            (Error::Malformed("x"), 400, "bad_request"),
            (Error::MethodRefused, 405, "bad_request"),
            (Error::NotAProxy, 501, "bad_request"),
            (Error::Expectation, 417, "bad_request"),
            (Error::NoRoute, 404, "no_route"),
            (Error::BodyTooLarge, 413, "limit"),
            (Error::BodyBroken, 400, "client_gone"),
            (
                Error::NoEndpoint {
                    retry_after: Duration::from_secs(1),
                },
                503,
                "no_endpoint",
            ),
            (Error::Overloaded, 503, "limit"),
            (Error::Shed, 503, "limit"),
            (
                Error::Connect(std::io::ErrorKind::ConnectionRefused.into()),
                503,
                "connect_fail",
            ),
            (Error::Timeout, 504, "timeout"),
        ];
        for (error, status, name) in table {
            let response = to(&error, &Method::GET, None, "id");
            assert_eq!(
                (response.status().as_u16(), flag(&error).map(Flag::name)),
                (status, Some(name)),
                "{error}"
            );
        }
    }

    #[test]
    fn every_failure_of_a_plugin_has_its_status_and_a_configured_one_replaces_it() {
        let text = || "secret".to_owned();
        let table: [(Cause, u16, &str); 14] = [
            (Cause::Load, 503, "plugin_failed"),
            (Cause::Trap(text()), 500, "plugin_failed"),
            (Cause::Cpu, 504, "plugin_failed"),
            (Cause::Time, 504, "plugin_failed"),
            (Cause::Busy, 503, "plugin_failed"),
            (Cause::Outcome(text()), 500, "plugin_failed"),
            (Cause::Unavailable(text()), 503, "plugin_failed"),
            (Cause::Internal(text()), 500, "plugin_failed"),
            (Cause::Rejected(text()), 403, "plugin"),
            (Cause::Quarantined("trap"), 500, "plugin_failed"),
            (Cause::Quarantined("cpu"), 504, "plugin_failed"),
            (Cause::Quarantined("time"), 504, "plugin_failed"),
            (Cause::Quarantined("unavailable"), 503, "plugin_failed"),
            (Cause::Quarantined("outcome"), 500, "plugin_failed"),
        ];
        for (cause, status, name) in table {
            for (reaction, status) in [
                (None, status),
                (Some(Reaction::Open), status),
                (Some(Reaction::Status(StatusCode::IM_A_TEAPOT)), 418),
            ] {
                let busy = cause == Cause::Busy;
                let error = Error::Plugin(Box::new(Failed {
                    plugin: "p".to_owned(),
                    cause: cause.clone(),
                    reaction,
                }));
                let response = to(&error, &Method::GET, None, "id");
                assert_eq!(
                    (response.status().as_u16(), flag(&error).map(Flag::name)),
                    (status, Some(name)),
                    "{error}"
                );
                assert_eq!(response.headers().contains_key(header::RETRY_AFTER), busy);
                assert!(!response.body().windows(6).any(|part| part == b"secret"));
            }
        }
    }

    #[test]
    fn json_only_for_those_who_accept_it() {
        let accept = HeaderValue::from_static("text/html, Application/JSON;q=0.5");
        let response = to(&Error::NoRoute, &Method::GET, Some(&accept), "abc");
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "application/problem+json"
        );
        let problem: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(
            (&problem["status"], &problem["request_id"]),
            (&404.into(), &"abc".into())
        );
        let response = to(&Error::NoRoute, &Method::GET, None, "abc");
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "text/plain; charset=utf-8"
        );
    }
}
