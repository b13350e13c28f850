//! Plugins: WebAssembly components, called at the hooks of an exchange.
//!
//! [`Set`] is every plugin of one snapshot, loaded, tried and bound to routes; [`Instances`] are one worker's own, and
//! what calls the hooks; a [`Scene`] is what a hook sees and edits. What a failure means for the client is decided above;
//! here it gets a [`Cause`]. Only this folder names wasmtime.

mod bindings;
pub mod bundled;
mod console;
pub mod digest;
pub mod failure;
mod fields;
mod guest;
mod host;
mod memory;
mod overlay;
mod powers;
pub mod scene;
pub mod schema;
pub mod store;

pub use digest::Digest;
pub use failure::{Cause, Failed};
pub use fields::{Fields, Side, is_owned};
pub use memory::{Attribute, Memory};
pub use overlay::{EditError, Overlay, Phase};
pub use powers::Powers;
pub use scene::Scene;
pub use store::Store;
