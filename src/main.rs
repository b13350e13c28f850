//! The binary. What it can do is in [`gatewit::cli`].

use std::process::ExitCode;

/// The static binary is linked with musl, whose own allocator takes one lock for all threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    gatewit::cli::main()
}
