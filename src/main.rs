//! Gatewit.
fn main() {}
