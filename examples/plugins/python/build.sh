#!/bin/sh
# Builds plugin.wasm. Needs Python 3.10 or newer with venv; fetches componentize-py when it is missing.
set -eu
cd "$(dirname "$0")"
version=0.25.1
tools=${GATEWIT_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/gatewit/tools}/componentize-py-$version
mkdir -p build

if ! [ -x "$tools/bin/componentize-py" ]; then
    rm -rf "$tools"
    python3 -m venv "$tools" || {
        echo "build.sh: Python 3.10 or newer with its venv module is needed (Debian: python3-venv)" >&2
        exit 1
    }
    "$tools/bin/pip" install --quiet --disable-pip-version-check "componentize-py==$version"
fi

# For editors: what `from wit_world import …` finds.
rm -rf build/bindings
"$tools/bin/componentize-py" --quiet -d wit -w plugin bindings build/bindings

"$tools/bin/componentize-py" --quiet -d wit -w plugin componentize plugin -o plugin.wasm
