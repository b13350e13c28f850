//! A fake gateway for native tests: what a plugin asks of the gateway is answered by a [`Host`], and what the plugin
//! has done can be read from it afterwards. Nothing waits, and the clock stands still until it is told to go on.
//!
//! ```
//! use gatewit_plugin::prelude::*;
//! use gatewit_plugin::serde_json::json;
//! use gatewit_plugin::testing::{Host, configured};
//!
//! /// Marks requests.
//! #[config]
//! struct Mark {
//!     /// The mark.
//!     value: String,
//! }
//!
//! impl Plugin for Mark {
//!     fn request(&self, request: &mut Request) -> Result<Outcome> {
//!         request.set_header("x-mark", &self.value)?;
//!         Ok(Outcome::Next)
//!     }
//! }
//!
//! let plugin: Mark = configured(json!({ "value": "a" })).unwrap();
//! let mut host = Host::get("/").header("x-mark", "forged");
//! assert_eq!(host.request(&plugin), Ok(Outcome::Next));
//! assert_eq!(host.sent("x-mark").as_deref(), Some("a"));
//!
//! let problems = configured::<Mark>(json!({ "valeu": "a" })).unwrap_err();
//! assert_eq!(problems[0].pointer, "/valeu");
//! ```

pub(crate) mod fake;
mod host;
mod state;

pub use host::{Host, configured};
pub use state::LogLine;
