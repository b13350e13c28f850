//! Write plugins for the Gatewit API gateway in Rust.
//!
//! A plugin is a struct: its configuration. It implements [`Plugin`], and [`export!`] says which hooks the gateway
//! calls. `cargo build --target wasm32-wasip2 --release` makes a component of it.
//!
//! ```no_run
//! use gatewit_plugin::prelude::*;
//!
//! /// Lets nobody in who does not know the word.
//! #[config]
//! struct Password {
//!     /// The word.
//!     word: String,
//! }
//!
//! impl Plugin for Password {
//!     fn request(&self, request: &mut Request) -> Result<Outcome> {
//!         if request.header("x-word").as_deref() == Some(self.word.as_bytes()) {
//!             request.remove_header("x-word")?;
//!             return Ok(Outcome::Next);
//!         }
//!         info!("wrong word"; "path" => request.path());
//!         Ok(Response::status(401).text("Say the word.\n").into())
//!     }
//! }
//!
//! gatewit_plugin::export!(Password: request);
//! # fn main() {}
//! ```
//!
//! What a hook looks at and changes is the exchange being handled; the gateway carries edits out when the hook has
//! returned `Ok`, and forgets them otherwise. What is not part of the exchange stands in modules: [`limits`], [`jwt`],
//! [`crypto`], [`kv`], [`secrets`], [`http`], [`upstreams`], [`metrics`], [`log`](mod@log), [`clock`].
//!
//! On any other target than WebAssembly all of it talks to a fake gateway ([`testing::Host`]), so that `cargo test`
//! needs nothing else.

// A plugin's configuration may stand in this crate's own tests, too.
extern crate self as gatewit_plugin;

#[doc(hidden)]
pub mod bindings;
pub mod body;
pub mod clock;
pub mod config;
pub mod context;
pub mod crypto;
pub mod error;
#[doc(hidden)]
pub mod export;
pub mod http;
pub mod jwt;
pub mod kv;
pub mod limits;
pub mod log;
pub mod metrics;
pub mod plugin;
pub mod request;
pub mod response;
pub mod schema;
pub mod secrets;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
pub mod upstreams;
pub mod value;

pub use gatewit_plugin_macros::config;
pub use {serde, serde_json};

pub use config::Problem;
pub use error::{Error, Result};
pub use plugin::{
    BodyOutcome, Chunk, Direction, Outcome, Pick, Plugin, ResponseOutcome, Route, Stream, Summary,
};
pub use request::Request;
pub use response::{Response, ResponseHead};
pub use schema::Schema;

/// What nearly every plugin names.
pub mod prelude {
    pub use crate::body::Body;
    pub use crate::{
        BodyOutcome, Error, Outcome, Pick, Plugin, Problem, Request, Response, ResponseHead, ResponseOutcome,
        Result, Route, config,
    };
    pub use crate::{debug, error, info, trace, warn};
}

/// Where the capabilities come from.
#[cfg(target_family = "wasm")]
use bindings::imports::gatewit::plugin as host;
#[cfg(not(target_family = "wasm"))]
use testing::fake as host;

/// The examples of the README, as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
