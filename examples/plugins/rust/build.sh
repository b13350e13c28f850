#!/bin/sh
# Builds plugin.wasm. Needs rustup's cargo; fetches the target for WebAssembly when it is missing.
set -eu
cd "$(dirname "$0")"

command -v cargo >/dev/null || {
    echo "build.sh: there is no cargo here; rustup installs it" >&2
    exit 1
}
if command -v rustup >/dev/null && ! rustup target list --installed | grep -qx wasm32-wasip2; then
    rustup --quiet target add wasm32-wasip2
fi

# Panics name their places: those of this machine are nobody's business, and would make each build another one.
export RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src=crates"
cargo build --quiet --locked --release --target wasm32-wasip2 --target-dir build
cp build/wasm32-wasip2/release/plugin.wasm plugin.wasm
