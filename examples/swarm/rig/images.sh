# shellcheck shell=bash
# Static binaries, and images from scratch around them. Nothing is pulled.

images_build() {
  local context=$WORK/context
  mkdir -p "$context"
  say "building the app and the client"
  build_static "$HERE/app" app client
  cp "$BUILT/app" "$BUILT/client" "$context"
  cp "$BUILT/client" "$WORK/client"
  image app "$HERE/app/Dockerfile" "$context"
  if [ -n "$WITH_GATEWAY" ]; then
    if [ -z "$GATEWAY" ]; then
      say "building the gateway"
      build_static "$HERE/../.." gatewit
      GATEWAY=$BUILT/gatewit
    fi
    is_static "$GATEWAY" || die "$GATEWAY is not a static binary, and an image from scratch has no libraries"
    cp "$GATEWAY" "$context/gatewit"
    mkdir -p "$context/state"
    image gateway "$HERE/Dockerfile" "$context"
  fi
}

# Builds binaries of the package in a folder, without the tools for authors of plugins, which no container needs; the folder
# they are in is then in BUILT.
build_static() {
  local package=$1 target=x86_64-unknown-linux-gnu binary
  shift
  if rustup target list --installed 2>/dev/null | grep -qx x86_64-unknown-linux-musl; then
    target=x86_64-unknown-linux-musl
  fi
  local words=()
  for binary; do words+=(--bin "$binary"); done
  RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static" cargo build --quiet --release --locked --no-default-features \
    --manifest-path "$package/Cargo.toml" --target "$target" "${words[@]}"
  BUILT=${CARGO_TARGET_DIR:-$package/target}/$target/release
}

# The loader refuses a file that is not for it; a static executable that can be moved says so itself.
is_static() { ! ldd "$1" >/dev/null 2>&1 || ldd "$1" | grep -q 'statically linked'; }

image() {
  # The legacy builder is in every engine and client; BuildKit is a plugin that may not be installed.
  DOCKER_BUILDKIT=0 docker build --quiet --tag "gatewit-example/$1" --file "$2" "$3" >/dev/null 2>"$WORK/build.log" ||
    { cat "$WORK/build.log" >&2; die "the image $1 could not be built"; }
}

# A peer as Debian ships it: the binary, the libraries it asks for, its configuration.
peer_image() {
  local peer=$1 package=$2
  shift 2
  command -v "$package" >/dev/null || [ -x "/usr/sbin/$package" ] || install_packages "$package"
  local root=$WORK/peer-$peer binary file
  binary=$(PATH=$PATH:/usr/sbin command -v "$package")
  mkdir -p "$root"/{tmp,etc,run,var/log/nginx,var/lib/nginx}
  { ldd "$binary" | grep -o '/[^ ]*' || true; } >"$WORK/libraries"
  # Name lookups load these two only when they are needed, so ldd does not list them.
  ls /lib/x86_64-linux-gnu/libnss_{dns,files}.so.2 >>"$WORK/libraries" 2>/dev/null || true
  while read -r file; do
    install -D "$file" "$root$file"
  done <"$WORK/libraries"
  install -D "$binary" "$root/peer"
  cp "$HERE/peers/$peer".* "$root/etc/"
  printf 'root:x:0:0::/:/\nnobody:x:65534:65534::/:/\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
  local words
  words=$(printf ', "%s"' "$@")
  printf 'FROM scratch\nCOPY . /\nENV HOME=/tmp\nENTRYPOINT ["/peer"%s]\n' "$words" >"$WORK/Dockerfile.$peer"
  image "$peer" "$WORK/Dockerfile.$peer" "$root"
}

peers_build() {
  say "building the peers' images"
  peer_image haproxy haproxy -db -f /etc/haproxy.cfg
  peer_image caddy-dynamic caddy run --adapter caddyfile --config /etc/caddy-dynamic.Caddyfile
  peer_image caddy-plain caddy run --adapter caddyfile --config /etc/caddy-plain.Caddyfile
  peer_image nginx nginx -c /etc/nginx.conf -e stderr
}
