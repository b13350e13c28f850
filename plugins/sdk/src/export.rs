//! What stands between the contract's hooks and a [`Plugin`]: used by [`export!`](crate::export!) only.

use std::cell::{Cell, RefCell};
use std::thread::LocalKey;

use crate::bindings::imports::gatewit::plugin::types::PluginError;
use crate::bindings::{lifecycle, log, request, request_body, response, response_body, stream};
use crate::body::Body;
use crate::{BodyOutcome, Chunk, Plugin, Request, ResponseHead, ResponseOutcome, Stream, config, schema};

pub use lifecycle::exports::gatewit::plugin::lifecycle::{Binding, ConfigProblem, PluginInfo};
pub use log::exports::gatewit::plugin::log_hook::Summary;
pub use stream::exports::gatewit::plugin::chunk_hook::{Direction, Outcome as ChunkOutcome};

type RequestOutcome = request::exports::gatewit::plugin::request_hook::Outcome;
type ResponseHookOutcome = response::exports::gatewit::plugin::response_hook::Outcome;
type RequestBodyOutcome = request_body::exports::gatewit::plugin::request_body_hook::Outcome;
type ResponseBodyOutcome = response_body::exports::gatewit::plugin::response_body_hook::Outcome;

/// The plugin of an instance, once it is configured. It lives as long as the instance.
pub type Slot<P> = Cell<Option<&'static P>>;

/// The streams of an instance: one, in practice.
pub type Streams = RefCell<Vec<(u64, Box<dyn Stream>)>>;

type Hook<T> = Result<T, PluginError>;

pub fn describe<P: Plugin>(name: &str, version: &str) -> PluginInfo {
    PluginInfo {
        name: name.to_owned(),
        version: version.to_owned(),
        config_schema: Some(schema::text::<P>()),
    }
}

pub fn configure<P: Plugin>(
    slot: &'static LocalKey<Slot<P>>,
    binding: &Binding,
) -> Result<(), Vec<ConfigProblem>> {
    match config::read::<P>(&binding.config) {
        Ok(plugin) => {
            slot.set(Some(Box::leak(Box::new(plugin))));
            Ok(())
        }
        Err(problems) => Err(problems
            .into_iter()
            .map(|problem| ConfigProblem {
                pointer: problem.pointer,
                message: problem.message,
            })
            .collect()),
    }
}

pub fn request<P: Plugin>(slot: &'static LocalKey<Slot<P>>) -> Hook<RequestOutcome> {
    Ok(configured(slot)?.request(&mut Request::current())?.into())
}

pub fn response<P: Plugin>(slot: &'static LocalKey<Slot<P>>) -> Hook<ResponseHookOutcome> {
    let outcome = configured(slot)?.response(&Request::current(), &mut ResponseHead::current())?;
    Ok(match outcome {
        ResponseOutcome::Next => ResponseHookOutcome::Next,
        ResponseOutcome::Replace(response) => ResponseHookOutcome::Replace(response.into()),
    })
}

pub fn request_body<P: Plugin>(slot: &'static LocalKey<Slot<P>>) -> Hook<RequestBodyOutcome> {
    let outcome = configured(slot)?.request_body(&mut Request::current(), &Body::current())?;
    Ok(match outcome {
        BodyOutcome::Next => RequestBodyOutcome::Next,
        BodyOutcome::Replace(body) => RequestBodyOutcome::Replace(body),
        BodyOutcome::Respond(response) => RequestBodyOutcome::Respond(response.into()),
    })
}

pub fn response_body<P: Plugin>(slot: &'static LocalKey<Slot<P>>) -> Hook<ResponseBodyOutcome> {
    let plugin = configured(slot)?;
    let outcome = plugin.response_body(
        &Request::current(),
        &mut ResponseHead::current(),
        &Body::current(),
    )?;
    Ok(match outcome {
        BodyOutcome::Next => ResponseBodyOutcome::Next,
        BodyOutcome::Replace(body) => ResponseBodyOutcome::Replace(body),
        BodyOutcome::Respond(response) => ResponseBodyOutcome::ReplaceResponse(response.into()),
    })
}

pub fn open<P: Plugin>(
    slot: &'static LocalKey<Slot<P>>,
    streams: &'static LocalKey<Streams>,
    id: u64,
    direction: Direction,
) -> Hook<bool> {
    let Some(stream) = configured(slot)?.stream(direction)? else {
        return Ok(false);
    };
    streams.with_borrow_mut(|streams| streams.push((id, stream)));
    Ok(true)
}

pub fn chunk(streams: &'static LocalKey<Streams>, id: u64, chunk: Vec<u8>, last: bool) -> Hook<ChunkOutcome> {
    let outcome = streams.with_borrow_mut(|streams| {
        let known = streams.iter_mut().find(|(known, _)| *known == id);
        known.map_or(Ok(Chunk::Forward), |(_, stream)| stream.chunk(chunk, last))
    })?;
    Ok(match outcome {
        Chunk::Forward => ChunkOutcome::Forward,
        Chunk::Replace(bytes) => ChunkOutcome::Replace(bytes),
        Chunk::Hold => ChunkOutcome::Hold,
        Chunk::Abort => ChunkOutcome::Abort,
    })
}

pub fn close(streams: &'static LocalKey<Streams>, id: u64) {
    streams.with_borrow_mut(|streams| streams.retain(|(known, _)| *known != id));
}

pub fn log<P: Plugin>(slot: &'static LocalKey<Slot<P>>, batch: Vec<Summary>) {
    if let Some(plugin) = slot.get() {
        let exchanges: Vec<crate::Summary> = batch.into_iter().map(Into::into).collect();
        plugin.log(&exchanges);
    }
}

pub fn tick<P: Plugin>(slot: &'static LocalKey<Slot<P>>) {
    if let Some(plugin) = slot.get() {
        plugin.tick();
    }
}

fn configured<P: Plugin>(slot: &'static LocalKey<Slot<P>>) -> Hook<&'static P> {
    slot.get()
        .ok_or_else(|| PluginError::Internal("a hook was called before `configure`".to_owned()))
}

/// Makes a component of a [`Plugin`], with the hooks named: `export!(MyPlugin: request, response)`. Hooks are
/// `request`, `response`, `request_body`, `response_body`, `stream`, `log`, `tick`; the gateway calls no other.
#[macro_export]
macro_rules! export {
    ($plugin:ty: $($hook:ident),+ $(,)?) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::bindings as hooks;

            ::std::thread_local! {
                static PLUGIN: $crate::export::Slot<$plugin> = const { ::std::cell::Cell::new(None) };
            }

            struct Component;

            impl hooks::lifecycle::exports::gatewit::plugin::lifecycle::Guest for Component {
                fn describe() -> $crate::export::PluginInfo {
                    $crate::export::describe::<$plugin>(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
                }

                fn configure(
                    binding: $crate::export::Binding,
                ) -> ::std::result::Result<(), ::std::vec::Vec<$crate::export::ConfigProblem>> {
                    $crate::export::configure(&PLUGIN, &binding)
                }
            }

            hooks::lifecycle::export!(Component with_types_in hooks::lifecycle);
            $($crate::export_hook!($hook, hooks, Component, PLUGIN);)+
        };

        #[cfg(not(target_family = "wasm"))]
        const _: () = {
            const fn is_a_plugin<P: $crate::Plugin>() {}
            is_a_plugin::<$plugin>();
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! export_hook {
    (request, $hooks:ident, $component:ident, $slot:ident) => {
        impl $hooks::request::exports::gatewit::plugin::request_hook::Guest for $component {
            fn on_request() -> ::std::result::Result<
                $hooks::request::exports::gatewit::plugin::request_hook::Outcome,
                $hooks::imports::gatewit::plugin::types::PluginError,
            > {
                $crate::export::request(&$slot)
            }
        }
        $hooks::request::export!($component with_types_in $hooks::request);
    };
    (response, $hooks:ident, $component:ident, $slot:ident) => {
        impl $hooks::response::exports::gatewit::plugin::response_hook::Guest for $component {
            fn on_response() -> ::std::result::Result<
                $hooks::response::exports::gatewit::plugin::response_hook::Outcome,
                $hooks::imports::gatewit::plugin::types::PluginError,
            > {
                $crate::export::response(&$slot)
            }
        }
        $hooks::response::export!($component with_types_in $hooks::response);
    };
    (request_body, $hooks:ident, $component:ident, $slot:ident) => {
        impl $hooks::request_body::exports::gatewit::plugin::request_body_hook::Guest for $component {
            fn on_request_body() -> ::std::result::Result<
                $hooks::request_body::exports::gatewit::plugin::request_body_hook::Outcome,
                $hooks::imports::gatewit::plugin::types::PluginError,
            > {
                $crate::export::request_body(&$slot)
            }
        }
        $hooks::request_body::export!($component with_types_in $hooks::request_body);
    };
    (response_body, $hooks:ident, $component:ident, $slot:ident) => {
        impl $hooks::response_body::exports::gatewit::plugin::response_body_hook::Guest for $component {
            fn on_response_body() -> ::std::result::Result<
                $hooks::response_body::exports::gatewit::plugin::response_body_hook::Outcome,
                $hooks::imports::gatewit::plugin::types::PluginError,
            > {
                $crate::export::response_body(&$slot)
            }
        }
        $hooks::response_body::export!($component with_types_in $hooks::response_body);
    };
    (stream, $hooks:ident, $component:ident, $slot:ident) => {
        ::std::thread_local! {
            static STREAMS: $crate::export::Streams = const { ::std::cell::RefCell::new(::std::vec::Vec::new()) };
        }
        impl $hooks::stream::exports::gatewit::plugin::chunk_hook::Guest for $component {
            fn on_open(
                id: u64,
                direction: $crate::Direction,
            ) -> ::std::result::Result<bool, $hooks::imports::gatewit::plugin::types::PluginError> {
                $crate::export::open(&$slot, &STREAMS, id, direction)
            }
            fn on_chunk(
                id: u64,
                chunk: ::std::vec::Vec<u8>,
                last: bool,
            ) -> ::std::result::Result<
                $crate::export::ChunkOutcome,
                $hooks::imports::gatewit::plugin::types::PluginError,
            > {
                $crate::export::chunk(&STREAMS, id, chunk, last)
            }
            fn on_close(id: u64) {
                $crate::export::close(&STREAMS, id);
            }
        }
        $hooks::stream::export!($component with_types_in $hooks::stream);
    };
    (log, $hooks:ident, $component:ident, $slot:ident) => {
        impl $hooks::log::exports::gatewit::plugin::log_hook::Guest for $component {
            fn on_complete(batch: ::std::vec::Vec<$crate::export::Summary>) {
                $crate::export::log(&$slot, batch);
            }
        }
        $hooks::log::export!($component with_types_in $hooks::log);
    };
    (tick, $hooks:ident, $component:ident, $slot:ident) => {
        impl $hooks::tick::exports::gatewit::plugin::tick_hook::Guest for $component {
            fn on_tick() {
                $crate::export::tick(&$slot);
            }
        }
        $hooks::tick::export!($component with_types_in $hooks::tick);
    };
    ($unknown:ident, $hooks:ident, $component:ident, $slot:ident) => {
        ::std::compile_error!(::std::concat!(
            "there is no hook `", ::std::stringify!($unknown),
            "`: request, response, request_body, response_body, stream, log, tick"
        ));
    };
}
