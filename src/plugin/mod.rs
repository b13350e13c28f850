//! Plugins: WebAssembly components, called at the hooks of an exchange.
//!
//! [`Set`] is every plugin of one snapshot, loaded, tried and bound to routes; [`Instances`] are one worker's own, and
//! what calls the hooks; a [`Scene`] is what a hook sees and edits. What a failure means for the client is decided above;
//! here it gets a [`Cause`]. Only this folder names wasmtime.

mod advance;
mod ask;
mod bindings;
mod bound;
pub mod bundled;
mod cache;
pub mod calls;
mod console;
pub mod contract;
mod date;
pub mod digest;
mod engine;
pub mod failure;
mod fields;
mod generation;
mod guest;
pub mod history;
mod hooks;
mod host;
mod instance;
mod instances;
mod keys;
mod link;
mod loader;
mod memory;
mod offload;
mod outcome;
mod overlay;
mod password;
mod pool;
mod powers;
mod progress;
mod quarantine;
pub mod scene;
pub mod schema;
mod set;
pub mod source;
mod stats;
pub mod store;
mod stream;
mod trap;

pub use advance::Advance;
pub use bound::{Bound, ConfigProblem};
pub use date::Date;
pub use digest::Digest;
pub use engine::{Engine, EngineError};
pub use failure::{Cause, Failed};
pub use fields::{Fields, Side, is_owned};
pub use generation::{Generation, Info, LoadError, Timings};
pub use hooks::{Hook, Hooks};
pub use instances::Instances;
pub use loader::{Change, Failure, Ledger, Loader, Loading, Order, Wish};
pub use memory::{Attribute, Memory};
pub use outcome::{
    BodyOutcome, ChunkOutcome, Direction, LocalResponse, Pick, RequestOutcome, ResponseOutcome, Routing,
    Summary,
};
pub use overlay::{EditError, Overlay, Phase};
pub use powers::{Powers, Upstreams};
pub use scene::Scene;
pub use set::{Chain, Link, Member, Problem, Set};
pub use stats::{Calls, Stats};
pub use store::Store;
pub use stream::Stream;
