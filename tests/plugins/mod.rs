//! Plugins, with real components: what their authors do with them at the command line.

mod cli;
