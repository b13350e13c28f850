//! `gatewit plugin …`: what authors of plugins do with one, and what operators want to know of one.

use std::fmt::Write as _;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use clap::Subcommand;

use super::Exit;

mod build;

/// What `plugin` takes.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build the plugin in a folder, and say where the component is
    Build(build::Args),
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Exit {
    match &args.command {
        Command::Build(args) => build::run(args),
    }
}

/// The SHA-256 of a component, as `sha256 = "…"` in a configuration says it.
fn sha256(component: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in digest(&SHA256, component).as_ref() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A number of bytes, for people.
#[expect(
    clippy::cast_precision_loss,
    reason = "three digits are shown, and a component is far below 2^53 bytes"
)]
fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

/// A path as it is said to people: relative to where they are, if it lies there.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    here.and_then(|here| path.strip_prefix(here).ok())
        .unwrap_or(path)
        .display()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_in_the_unit_that_fits() {
        for (bytes, said) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (3 << 20, "3.0 MiB"),
        ] {
            assert_eq!(size(bytes), said);
        }
    }

    #[test]
    fn the_digest_is_that_of_fips_180_4() {
        assert_eq!(
            sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
