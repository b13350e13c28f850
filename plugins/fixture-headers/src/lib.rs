//! The fixture without the hooks that look at bodies: with it, none is buffered.

#[path = "../../fixture/src/fixture.rs"]
mod fixture;

gatewit_plugin::export!(fixture::Fixture: request, response);
