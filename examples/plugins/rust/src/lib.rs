//! Lets in who says who they are, counts their visits, and greets them on the way out.
//!
//! The gateway calls the three `Guest` implementations below. An instance serves one request at a time, and many
//! requests one after the other: what belongs to a request goes into the context, what belongs to the
//! configuration into the instance.

use std::cell::OnceCell;

use serde::Deserialize;

use exports::gatewit::plugin::lifecycle::{Binding, ConfigProblem, Guest as Lifecycle, PluginInfo};
use exports::gatewit::plugin::request_hook::{Guest as RequestHook, Outcome, Pick, Routing};
use exports::gatewit::plugin::response_hook::{Guest as ResponseHook, Outcome as ResponseOutcome};
use gatewit::plugin::types::{Field, LocalResponse, PluginError};
use gatewit::plugin::{context, limits, log, request, response};

// Makes the modules `gatewit` (what the gateway offers) and `exports` (what it calls) from the WIT files.
wit_bindgen::generate!({ path: "wit", world: "plugin", generate_all });

/// What the gateway checks a configuration against before `configure` gets to see it.
const SCHEMA: &str = r#"{
    "type": "object",
    "properties": { "header": { "type": "string" }, "greeting": { "type": "string" } },
    "required": ["header"],
    "additionalProperties": false
}"#;

#[derive(Deserialize)]
struct Config {
    header: String,
    #[serde(default = "welcome")]
    greeting: String,
}

fn welcome() -> String {
    "welcome".to_owned()
}

thread_local! {
    /// The configuration of this instance: there is one thread, and `configure` comes before any hook.
    static CONFIG: OnceCell<Config> = const { OnceCell::new() };
}

fn with_config<T>(read: impl FnOnce(&Config) -> T) -> T {
    CONFIG.with(|config| read(config.get().expect("the gateway calls configure first")))
}

struct Plugin;

export!(Plugin);

impl Lifecycle for Plugin {
    fn describe() -> PluginInfo {
        PluginInfo {
            name: "doorman".to_owned(),
            version: "0.1.0".to_owned(),
            config_schema: Some(SCHEMA.to_owned()),
        }
    }

    fn configure(binding: Binding) -> Result<(), Vec<ConfigProblem>> {
        let problem = |pointer: &str, message| {
            vec![ConfigProblem {
                pointer: pointer.to_owned(),
                message,
            }]
        };
        let config: Config =
            serde_json::from_str(&binding.config).map_err(|error| problem("", error.to_string()))?;
        if !is_header_name(&config.header) {
            // The pointer leads the gateway to the line of the configuration that is wrong.
            return Err(problem(
                "/header",
                format!(
                    "`{}` is not the name of a header: small letters, digits and `-`, such as x-guest",
                    config.header
                ),
            ));
        }
        CONFIG.with(|it| {
            it.set(config)
                .map_err(|_| problem("", "configured twice".to_owned()))
        })
    }
}

fn is_header_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(allowed)
}

impl RequestHook for Plugin {
    fn on_request() -> Result<Outcome, PluginError> {
        // A value is bytes: HTTP does not promise that it is text.
        let guest = with_config(|config| request::header(&config.header)).unwrap_or_default();
        if guest.is_empty() {
            log::emit(
                log::Level::Info,
                "nobody said who they are",
                &[("path".to_owned(), request::path())],
            );
            let body = with_config(|config| format!("Say who you are in the header {}.\n", config.header));
            return Ok(respond(401, body, None));
        }

        // One atomic decision for all workers of the gateway, in the budget of `[budget.visits]`.
        let verdict = limits::take("visits", &guest, 1)
            .map_err(|_| PluginError::Unavailable("the budget visits cannot be asked".to_owned()))?;
        if !verdict.allowed {
            let seconds = verdict.retry_after_ms.div_ceil(1000);
            let body = "You were here often enough for now.\n".to_owned();
            return Ok(respond(429, body, Some(seconds)));
        }

        request::set_header("x-visits-left", verdict.remaining.to_string().as_bytes())
            .map_err(|_| refused("x-visits-left"))?;
        // `on_response` runs in whatever instance is free then: the context is how it learns who this was.
        context::set_private(&guest).map_err(|_| refused("the context"))?;
        let name = String::from_utf8_lossy(&guest).into_owned();
        log::emit(log::Level::Info, "welcome", &[("guest".to_owned(), name)]);

        if request::header("x-beta").as_deref() == Some(b"yes") {
            return Ok(Outcome::Route(Routing {
                upstream: Some("beta".to_owned()),
                pick: Pick::Policy,
                timeout_ms: None,
                max_retries: None,
            }));
        }
        Ok(Outcome::Next)
    }
}

impl ResponseHook for Plugin {
    fn on_response() -> Result<ResponseOutcome, PluginError> {
        let guest = context::private();
        if !guest.is_empty() {
            let mut greeting = with_config(|config| format!("{} ", config.greeting)).into_bytes();
            greeting.extend(guest);
            response::set_header("x-greeting", &greeting).map_err(|_| refused("x-greeting"))?;
        }
        Ok(ResponseOutcome::Next)
    }
}

/// The request ends here, with a text.
fn respond(status: u16, body: String, retry_after: Option<u64>) -> Outcome {
    let field = |name: &str, value: String| Field {
        name: name.to_owned(),
        value: value.into_bytes(),
    };
    let mut headers = vec![field("content-type", "text/plain; charset=utf-8".to_owned())];
    headers.extend(retry_after.map(|seconds| field("retry-after", seconds.to_string())));
    Outcome::Respond(LocalResponse {
        status,
        headers,
        body: body.into_bytes(),
    })
}

/// An edit that the gateway did not take: 500 for the client, and this for the log.
fn refused(what: &str) -> PluginError {
    PluginError::Internal(format!("{what} could not be set"))
}
