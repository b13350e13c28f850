//! What an instance can be asked for: each function that a component exports, with what it is given. Values that own all
//! they hold, so that a call can go on on another thread.

use bytes::Bytes;
use wasmtime::{Result, Store};

use super::bindings::exports::gatewit::plugin::{
    chunk_hook, lifecycle, log_hook, request_body_hook, request_hook, response_body_hook, response_hook,
};
use super::bindings::gatewit::plugin::types::PluginError;
use super::guest::Guest;
use super::hooks::Functions;
use super::outcome::Direction;

/// See the module.
pub(super) trait Ask: Send + 'static {
    /// What the plugin says.
    type Said: Send + 'static;

    /// Calls the function.
    fn ask(
        self,
        store: &mut Store<Guest>,
        functions: &Functions,
    ) -> impl Future<Output = Result<Self::Said>> + Send;
}

/// `lifecycle.describe`.
pub(super) struct Describe;

/// `lifecycle.configure`.
pub(super) struct Configure(pub(super) lifecycle::Binding);

/// `request-hook.on-request`.
pub(super) struct OnRequest;

/// `request-body-hook.on-request-body`.
pub(super) struct OnRequestBody;

/// `response-hook.on-response`.
pub(super) struct OnResponse;

/// `response-body-hook.on-response-body`.
pub(super) struct OnResponseBody;

/// `chunk-hook.on-open`.
pub(super) struct OnOpen(pub(super) u64, pub(super) Direction);

/// `chunk-hook.on-chunk`: which body, the piece, and whether it is the last.
pub(super) struct OnChunk(pub(super) u64, pub(super) Bytes, pub(super) bool);

/// `chunk-hook.on-close`.
pub(super) struct OnClose(pub(super) u64);

/// `log-hook.on-complete`.
pub(super) struct OnComplete(pub(super) Vec<log_hook::Summary>);

/// `tick-hook.on-tick`.
pub(super) struct OnTick;

macro_rules! asks {
    ($($ask:ident -> $said:ty: |$own:pat_param, $store:ident, $functions:ident| $call:expr;)*) => {
        $(impl Ask for $ask {
            type Said = $said;

            async fn ask(self, $store: &mut Store<Guest>, $functions: &Functions) -> Result<$said> {
                let $own = self;
                $call
            }
        })*
    };
}

type Hooked<T> = std::result::Result<T, PluginError>;

asks! {
    Describe -> lifecycle::PluginInfo: |Describe, store, functions| functions.lifecycle.call_describe(store).await;
    Configure -> std::result::Result<(), Vec<lifecycle::ConfigProblem>>: |Configure(given), store, functions| {
        functions.lifecycle.call_configure(store, &given).await
    };
    OnRequest -> Hooked<request_hook::Outcome>: |OnRequest, store, functions| match &functions.request {
        Some(hook) => hook.call_on_request(store).await,
        None => missing(),
    };
    OnRequestBody -> Hooked<request_body_hook::Outcome>: |OnRequestBody, store, functions| {
        match &functions.request_body {
            Some(hook) => hook.call_on_request_body(store).await,
            None => missing(),
        }
    };
    OnResponse -> Hooked<response_hook::Outcome>: |OnResponse, store, functions| match &functions.response {
        Some(hook) => hook.call_on_response(store).await,
        None => missing(),
    };
    OnResponseBody -> Hooked<response_body_hook::Outcome>: |OnResponseBody, store, functions| {
        match &functions.response_body {
            Some(hook) => hook.call_on_response_body(store).await,
            None => missing(),
        }
    };
    OnOpen -> Hooked<bool>: |OnOpen(body, direction), store, functions| match &functions.chunk {
        Some(hook) => hook.call_on_open(store, body, direction.into()).await,
        None => missing(),
    };
    OnChunk -> Hooked<chunk_hook::Outcome>: |OnChunk(body, chunk, last), store, functions| match &functions.chunk {
        Some(hook) => hook.call_on_chunk(store, body, &chunk, last).await,
        None => missing(),
    };
    OnClose -> Hooked<()>: |OnClose(body), store, functions| match &functions.chunk {
        Some(hook) => hook.call_on_close(store, body).await.map(Ok),
        None => missing(),
    };
    OnComplete -> Hooked<()>: |OnComplete(batch), store, functions| match &functions.log {
        Some(hook) => hook.call_on_complete(store, &batch).await.map(Ok),
        None => missing(),
    };
    OnTick -> Hooked<()>: |OnTick, store, functions| match &functions.tick {
        Some(hook) => hook.call_on_tick(store).await.map(Ok),
        None => missing(),
    };
}

fn missing<T>() -> Result<Hooked<T>> {
    Ok(Err(PluginError::Internal("it has no such hook".to_owned())))
}
