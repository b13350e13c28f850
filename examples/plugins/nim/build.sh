#!/bin/sh
# Builds plugin.wasm. Needs gatewit, nim, and python3 with pip: the compiler for C comes as a package from PyPI, once.
set -eu
cd "$(dirname "$0")"

if ! command -v nim >/dev/null; then
    become=
    [ "$(id -u)" = 0 ] || become=sudo
    $become apt-get -qq install --no-install-recommends -y nim >&2 || {
        echo "build.sh: there is no nim here, and it could not be installed; https://nim-lang.org/install.html says how" >&2
        exit 1
    }
fi

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
# Nim writes C, which this compiles.
printf '#!/bin/sh\nexec "%s" cc -target wasm32-wasi "$@"\n' "$zig" >build/cc
chmod +x build/cc
# 64 KiB of stack, in place of 16 MiB that every instance would have.
nim c --hints:off --os:any -d:posix --cpu:i386 -d:useMalloc -d:noSignalHandler --mm:arc --exceptions:goto \
    --threads:off --noMain:on -d:danger --opt:size --nimcache:build/nim \
    --cc:clang --clang.exe:"$PWD/build/cc" --clang.linkerexe:"$PWD/build/cc" \
    --passC:"-I. -D_WASI_EMULATED_SIGNAL" \
    --passL:"-mexec-model=reactor -O2 -s -Wl,-z,stack-size=65536 -lwasi-emulated-signal" \
    --passL:"build/plugin.c build/plugin_component_type.o" \
    -o:build/core.wasm plugin.nim
"${GATEWIT:-gatewit}" plugin componentize build/core.wasm -o plugin.wasm >/dev/null
