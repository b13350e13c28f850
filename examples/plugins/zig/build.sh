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
export ZIG_GLOBAL_CACHE_DIR="$tools/zig-cache" ZIG_LOCAL_CACHE_DIR=build/cache

"${GATEWIT:-gatewit}" plugin bindgen --lang c build >/dev/null
# The bindings for C, as Zig reads them: a minute the first time, because the translator is compiled before it is used.
"$zig" translate-c -target wasm32-wasi -lc build/plugin.h >build/plugin.zig
# 64 KiB of stack, in place of 16 MiB that every instance would have.
"$zig" build-exe -target wasm32-wasi -mexec-model=reactor -fno-entry -rdynamic -O ReleaseSmall --stack 65536 -lc \
    plugin.zig build/plugin.c build/plugin_component_type.o -femit-bin=build/core.wasm
"${GATEWIT:-gatewit}" plugin componentize build/core.wasm -o plugin.wasm >/dev/null
