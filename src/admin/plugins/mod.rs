//! Having another component run: what the API takes, and what it refuses before anything is tried.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;

use super::State;
use super::api::{Answer, ended, problem};
use crate::plugin::{Order, Wish, source};
mod view;

pub(super) use view::{all, families, one};

/// For the body of a PUT, from its head to its last byte.
const UPLOAD: Duration = Duration::from_secs(60);

/// Runs the component in the body.
pub(super) async fn put(state: &State, name: &str, headers: &HeaderMap, body: Incoming) -> Answer {
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > source::LARGEST) {
        return too_large();
    }
    let component = match tokio::time::timeout(UPLOAD, read(body)).await {
        Ok(Ok(component)) => component,
        Ok(Err(answer)) => return answer,
        Err(_) => return problem(StatusCode::REQUEST_TIMEOUT, "the component did not come in time"),
    };
    if component.is_empty() {
        return problem(
            StatusCode::UNPROCESSABLE_ENTITY,
            "the body is empty: it has to be the component",
        );
    }
    order(state, name, Wish::Put(component)).await
}

/// Loads it again.
pub(super) async fn reload(state: &State, name: &str) -> Answer {
    order(state, name, Wish::Again).await
}

/// Goes back to `?generation=N`, or to the one before.
pub(super) async fn roll_back(state: &State, name: &str, query: Option<&str>) -> Answer {
    let number = match query.map(|query| query.strip_prefix("generation=").map(str::parse)) {
        None => None,
        Some(Some(Ok(number))) => Some(number),
        Some(_) => {
            return problem(
                StatusCode::BAD_REQUEST,
                "expected ?generation=NUMBER, or no query",
            );
        }
    };
    order(state, name, Wish::Back(number)).await
}

async fn order(state: &State, name: &str, wish: Wish) -> Answer {
    let plugin = name.to_owned();
    ended(state.reload.plugin(Order { plugin, wish }).await.as_deref())
}

async fn read(body: Incoming) -> Result<Bytes, Answer> {
    let limit = usize::try_from(source::LARGEST).unwrap_or(usize::MAX);
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(problem(StatusCode::BAD_REQUEST, "the component broke off")),
    }
}

fn too_large() -> Answer {
    let most = source::LARGEST / 1024 / 1024;
    problem(
        StatusCode::PAYLOAD_TOO_LARGE,
        &format!("a component has at most {most} MiB"),
    )
}
