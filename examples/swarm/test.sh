#!/usr/bin/env bash
# Runs the gateway in a real Docker Swarm and counts what becomes of every request. See README.md.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
GATEWAY='' WITH_GATEWAY=yes PEERS='' ONLY='' KEEP='' REPORT=''
ALL_PEERS='haproxy caddy-dynamic caddy-plain nginx'

usage() {
  cat <<'TEXT'
usage: test.sh [options]
  --gateway BINARY  test this static binary instead of building one
  --only SCENARIO   image, even, update-get, update-post, scale, kill, freeze, forty, zero, own-update, flow
                    or sync
  --peers           also measure HAProxy, Caddy and nginx (installs Debian's packages)
  --peers-only      measure only them
  --report FILE     write the table as Markdown
  --keep            leave the engine and the stack running
TEXT
}

say() { printf '== %s\n' "$*" >&2; }

die() {
  printf 'test.sh: %s\n' "$*" >&2
  exit 2
}

# Polls a command until it succeeds; fails when the seconds are over.
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}

# The same, for states without which the scenario means nothing.
wait_for() {
  local limit=$1 what=$2
  shift 2
  within "$limit" "$@" || problem "no $what within $limit s"
}

install_packages() {
  say "installing $*"
  apt-get install --yes --quiet --no-install-recommends "$@" >"$WORK/apt.log" 2>&1 ||
    { apt-get update --quiet && apt-get install --yes --quiet --no-install-recommends "$@"; } >"$WORK/apt.log" 2>&1 ||
    { tail "$WORK/apt.log" >&2; die "could not install $*"; }
}

while [ $# -gt 0 ]; do
  case $1 in
    --gateway) GATEWAY=$(realpath "$2"); shift ;;
    --only) ONLY=$2; shift ;;
    --report) REPORT=$2; shift ;;
    --peers) PEERS=$ALL_PEERS ;;
    --peers-only) PEERS=$ALL_PEERS WITH_GATEWAY='' ;;
    --keep) KEEP=yes ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

WORK=$(mktemp -d "${TMPDIR:-/tmp}/gatewit-swarm.XXXXXX")

# shellcheck source=rig/engine.sh
. "$HERE/rig/engine.sh"
# shellcheck source=rig/images.sh
. "$HERE/rig/images.sh"
# shellcheck source=rig/services.sh
. "$HERE/rig/services.sh"
# shellcheck source=rig/load.sh
. "$HERE/rig/load.sh"
# shellcheck source=rig/scenarios.sh
. "$HERE/rig/scenarios.sh"
# shellcheck source=rig/report.sh
. "$HERE/rig/report.sh"

clean_up() {
  local status=$?
  trap - EXIT
  trap '' INT TERM
  if [ -n "$KEEP" ]; then
    say "kept: export DOCKER_HOST=${DOCKER_HOST:-}; docker stack ps $STACK"
    [ -z "$ENGINE_OURS" ] || say "to stop that engine: kill \$(cat $WORK/dockerd.pid); rm -r $WORK"
    exit "$status"
  fi
  say "cleaning up"
  stack_down >/dev/null 2>&1 || true
  engine_down
  rm -rf "$WORK"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'say "failed: $BASH_COMMAND"' ERR

# The scenarios of a list that were asked for.
chosen() {
  [ -n "$ONLY" ] || { printf '%s\n' "$@"; return; }
  printf '%s\n' "$@" | grep -xF -e "$ONLY" || true
}

# What will be run, as lines of target and scenario: written down first, so that whatever is missing
# from the results at the end is seen to be missing.
PLAN=$WORK/plan
if [ -n "$WITH_GATEWAY" ]; then
  chosen "${ALL_SCENARIOS[@]}" | sed 's/^/gateway /' >>"$PLAN"
fi
for peer in $PEERS; do
  case $peer in
    nginx) chosen "${NGINX_SCENARIOS[@]}" ;;
    *) chosen "${PEER_SCENARIOS[@]}" ;;
  esac | sed "s/^/$peer /" >>"$PLAN"
done
[ -s "$PLAN" ] || die "there is nothing to run"

engine_up
images_build
[ -z "$PEERS" ] || peers_build
stack_up
while read -r target scenario <&3; do
  target_up "$target"
  try "$scenario"
done 3<"$PLAN"

printf '\n'
report_table
[ -z "$REPORT" ] || report_write "$REPORT"
diff "$PLAN" <(cut -f 1,2 "$RESULTS" | tr '\t' ' ') || die "some scenarios have no result"
! gateway_failed
