//! Answers in the form of Docker Flow Proxy, and their statuses. Nothing secret is in them.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::parameters::Problem;
use super::services::Error;
use super::understand::Wrong;
use crate::admin::api::{self, Answer};

/// What an answer says.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// What happened.
    pub(super) message: String,
    /// Which service it is about.
    pub(super) service_name: String,
    /// The service, in the words of Docker Flow Proxy.
    pub(super) service: Map<String, Value>,
    /// What had no effect.
    pub(super) warnings: Vec<Problem>,
}

/// `Status: OK`.
pub(super) fn ok(said: Said) -> Answer {
    answer(StatusCode::OK, said, &[])
}

/// `Status: NOK`.
pub(super) fn refused(error: &Error, said: Said) -> Answer {
    let (status, problems) = match error {
        Error::Wrong(wrong @ Wrong::Parameters(_)) => (StatusCode::BAD_REQUEST, wrong.problems()),
        Error::Wrong(wrong @ Wrong::Nowhere(_)) => (StatusCode::CONFLICT, wrong.problems()),
        Error::Rejected(_) => (StatusCode::BAD_REQUEST, [].as_slice()),
        Error::InFile => (StatusCode::CONFLICT, [].as_slice()),
        Error::Failed(_) => (StatusCode::INTERNAL_SERVER_ERROR, [].as_slice()),
    };
    let message = match error {
        // As Docker Flow Proxy says it, when nothing else is wrong.
        Error::Wrong(Wrong::Parameters(problems))
            if problems.len() == 1 && is_about_absence(&problems[0]) =>
        {
            problems[0].message.clone()
        }
        error => error.to_string(),
    };
    answer(status, Said { message, ..said }, problems)
}

fn is_about_absence(problem: &Problem) -> bool {
    problem.message.ends_with("mandatory") || problem.message.ends_with("mandatory.")
}

/// `Status: NOK` with this status and message.
pub(super) fn nok(status: StatusCode, message: impl Into<String>) -> Answer {
    let said = Said {
        message: message.into(),
        ..Said::default()
    };
    answer(status, said, &[])
}

fn answer(status: StatusCode, said: Said, problems: &[Problem]) -> Answer {
    let mut body = Map::new();
    let word = if status.is_success() { "OK" } else { "NOK" };
    body.insert("Status".into(), json!(word));
    body.insert("Message".into(), json!(said.message));
    body.insert("ServiceName".into(), json!(said.service_name));
    body.extend(said.service.into_iter().filter(|(key, _)| key != "ServiceName"));
    for (key, list) in [("Warnings", said.warnings.as_slice()), ("Problems", problems)] {
        if !list.is_empty() {
            let list = list
                .iter()
                .map(|problem| json!({"Parameter": problem.parameter, "Message": problem.message}));
            body.insert(key.into(), list.collect());
        }
    }
    api::json(status, &Value::Object(body))
}
