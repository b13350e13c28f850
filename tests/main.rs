//! The one integration binary. Pure code is tested beside itself; everything with a socket is tested here.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test that fails may panic, and speaks by its name"
)]

mod support;

mod added;
mod admin;
mod balancing;
mod cli;
mod config_errors;
mod config_plugins;
mod discovery;
mod encrypted;
mod examples;
mod fetch;
mod flow_proxy;
mod forwarding;
mod http1_request;
mod http1_response;
mod identity;
mod jwt;
mod plugins;
mod reload;
mod retries;
mod routing;
mod saving;
mod stopping;
mod tidy;
mod upgrade;
