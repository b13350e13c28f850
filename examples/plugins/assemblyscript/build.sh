#!/bin/sh
# Builds plugin.wasm. Needs gatewit, and Node.js 20 or newer with npm; fetches what package-lock.json names when it is
# missing.
set -eu
cd "$(dirname "$0")"
mkdir -p build

command -v npm >/dev/null || {
    echo "build.sh: there is no npm here; Node.js 20 or newer brings it" >&2
    exit 1
}
if ! cmp -s package-lock.json node_modules/.installed; then
    npm install --silent --no-save
    cp package-lock.json node_modules/.installed
fi

npm run --silent build >build/log 2>&1 || {
    cat build/log >&2
    exit 1
}
"${GATEWIT:-gatewit}" plugin componentize build/core.wasm -o plugin.wasm >/dev/null
