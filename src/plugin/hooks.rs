//! Which hooks there are, and how an instance's are found.

use wasmtime::component::{Instance, InstancePre};
use wasmtime::{AsContextMut, Result};

use super::bindings::exports::gatewit::plugin::{
    chunk_hook, lifecycle, log_hook, request_body_hook, request_hook, response_body_hook, response_hook,
    tick_hook,
};
use super::guest::Guest;

/// Which hooks a component exports.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Hooks {
    /// `request-hook`.
    pub request: bool,
    /// `request-body-hook`.
    pub request_body: bool,
    /// `response-hook`.
    pub response: bool,
    /// `response-body-hook`.
    pub response_body: bool,
    /// `chunk-hook`.
    pub chunk: bool,
    /// `log-hook`.
    pub log: bool,
    /// `tick-hook`.
    pub tick: bool,
}

/// A hook, as logs and metrics name it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hook {
    /// `request-hook`.
    Request,
    /// `request-body-hook`.
    RequestBody,
    /// `response-hook`.
    Response,
    /// `response-body-hook`.
    ResponseBody,
    /// `chunk-hook`.
    Chunk,
    /// `log-hook`.
    Log,
    /// `tick-hook`.
    Tick,
}

impl Hook {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Request,
        Self::RequestBody,
        Self::Response,
        Self::ResponseBody,
        Self::Chunk,
        Self::Log,
        Self::Tick,
    ];

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::RequestBody => "request-body",
            Self::Response => "response",
            Self::ResponseBody => "response-body",
            Self::Chunk => "chunk",
            Self::Log => "log",
            Self::Tick => "tick",
        }
    }
}

impl Hooks {
    /// Their interfaces, in the order of the fields.
    pub const NAMES: [&str; 7] = [
        "request-hook",
        "request-body-hook",
        "response-hook",
        "response-body-hook",
        "chunk-hook",
        "log-hook",
        "tick-hook",
    ];

    /// Adds one by the name of its interface. False when there is none of that name.
    pub(super) fn insert(&mut self, name: &str) -> bool {
        let flag = match name {
            "request-hook" => &mut self.request,
            "request-body-hook" => &mut self.request_body,
            "response-hook" => &mut self.response,
            "response-body-hook" => &mut self.response_body,
            "chunk-hook" => &mut self.chunk,
            "log-hook" => &mut self.log,
            "tick-hook" => &mut self.tick,
            _ => return false,
        };
        *flag = true;
        true
    }

    /// Names of the interfaces that are there.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let there = [
            self.request,
            self.request_body,
            self.response,
            self.response_body,
            self.chunk,
            self.log,
            self.tick,
        ];
        Self::NAMES
            .into_iter()
            .zip(there)
            .filter_map(|(name, there)| there.then_some(name))
    }

    /// Those of either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            request: self.request || other.request,
            request_body: self.request_body || other.request_body,
            response: self.response || other.response,
            response_body: self.response_body || other.response_body,
            chunk: self.chunk || other.chunk,
            log: self.log || other.log,
            tick: self.tick || other.tick,
        }
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

macro_rules! bind {
    ($($field:ident: $module:ident,)*) => {
        /// Where a component's hooks are.
        #[derive(Clone)]
        pub(super) struct Indices {
            lifecycle: lifecycle::GuestIndices,
            $($field: Option<$module::GuestIndices>,)*
        }

        /// An instance's hooks, their types checked.
        pub(super) struct Functions {
            pub(super) lifecycle: lifecycle::Guest,
            $(pub(super) $field: Option<$module::Guest>,)*
        }

        impl Indices {
            /// Looks for them.
            ///
            /// # Errors
            ///
            /// When an interface lacks a function; with the interface's name.
            pub(super) fn find(pre: &InstancePre<Guest>, hooks: Hooks) -> Result<Self, (&'static str, wasmtime::Error)> {
                Ok(Self {
                    lifecycle: lifecycle::GuestIndices::new(pre).map_err(|error| ("lifecycle", error))?,
                    $($field: match hooks.$field {
                        true => Some($module::GuestIndices::new(pre).map_err(|error| (stringify!($module), error))?),
                        false => None,
                    },)*
                })
            }

            /// Those of an instance.
            ///
            /// # Errors
            ///
            /// When a function is of another type; with the interface's name.
            pub(super) fn load(
                &self,
                mut store: impl AsContextMut,
                instance: &Instance,
            ) -> Result<Functions, (&'static str, wasmtime::Error)> {
                Ok(Functions {
                    lifecycle: self.lifecycle.load(&mut store, instance).map_err(|error| ("lifecycle", error))?,
                    $($field: match &self.$field {
                        Some(found) => {
                            Some(found.load(&mut store, instance).map_err(|error| (stringify!($module), error))?)
                        }
                        None => None,
                    },)*
                })
            }
        }
    };
}

bind! {
    request: request_hook,
    request_body: request_body_hook,
    response: response_hook,
    response_body: response_body_hook,
    chunk: chunk_hook,
    log: log_hook,
    tick: tick_hook,
}
