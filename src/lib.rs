//! Gatewit: an API gateway for services found by DNS, Docker Swarm first.
//!
//! Read in this order: [`gateway`] starts, wires and stops; a listener hands connections to a
//! [`worker`]; [`proxy`] narrates one exchange; [`snapshot`] is one configuration made real.
//!
//! # Layers
//!
//! ```text
//! 8  main.rs · cli/                              say what to do
//! 7  gateway.rs · worker.rs                      start, wire, stop
//! 6  admin/            flow_proxy/                ask and command a running gateway
//! 5  proxy/            reload/                   one exchange   |  one configuration change
//! 4  snapshot.rs                                 configuration made real, swapped as one value
//! 3  plugin/                                     Wasm: lends the mechanisms below to guests
//! 2  listener/  router/  upstream/  limits/  jwt/    mechanisms, strangers to each other
//! 1  config/                                     what was said → what it means
//! 0  body.rs  durable.rs  fetch.rs  shutdown.rs  telemetry/  tls.rs    words that everyone uses
//! ```
//!
//! Arrows point down only, never sideways within 2; `tests/tidy.rs` checks it.
//!
//! Only `plugin/` names wasmtime, only `upstream/dns*.rs` hickory, and only `fetch.rs`, `listener/` and `upstream/` name hyper's connection types.
//! Beside the request path there are others: the admin API has a server of its own, the command line a client
//! (`cli/ask.rs`), and the demo brings the services and the DNS server that it needs (`cli/demo/`).

pub mod admin;
pub mod body;
pub mod cli;
pub mod config;
pub mod durable;
pub mod fetch;
pub mod flow_proxy;
pub mod gateway;
pub mod jwt;
pub mod limits;
pub mod listener;
pub mod plugin;
pub mod proxy;
pub mod reload;
pub mod router;
pub mod shutdown;
pub mod snapshot;
pub mod telemetry;
pub mod tls;
pub mod upstream;
pub mod worker;
