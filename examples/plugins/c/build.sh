#!/bin/sh
# Builds plugin.wasm. Needs gatewit, and python3 with pip: the compiler comes as a package from PyPI, once.
set -eu
cd "$(dirname "$0")"

version=0.17.1
tools=${GATEWIT_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/gatewit/tools}
zig=$tools/zig-$version/ziglang/zig
if ! [ -x "$zig" ]; then
    python3 -m pip --version >/dev/null 2>&1 || {
        echo "build.sh: there is no python3 with pip here, which fetches the compiler (Debian: python3-pip)" >&2
        exit 1
    }
    part=$tools/zig-$version.$$
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$part" "ziglang==$version"
    # Another build may have been faster.
    [ -d "$tools/zig-$version" ] || mv "$part" "$tools/zig-$version"
    rm -rf "$part"
fi
export ZIG_GLOBAL_CACHE_DIR="$tools/zig-cache"

"${GATEWIT:-gatewit}" plugin bindgen --lang c build >/dev/null
# 64 KiB of stack, in place of 16 MiB that every instance would have.
"$zig" cc -target wasm32-wasi -mexec-model=reactor -std=c11 -O2 -s -Wl,-z,stack-size=65536 -Wall -Wextra \
    plugin.c build/plugin.c build/plugin_component_type.o -o build/core.wasm
"${GATEWIT:-gatewit}" plugin componentize build/core.wasm -o plugin.wasm >/dev/null
