//! Plugins, with real components: what is said about them, how they run, and what their authors do with them at the
//! command line.

mod capabilities;
mod cli;
mod contract;
