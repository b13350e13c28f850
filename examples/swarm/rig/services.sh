# shellcheck shell=bash
# The stack, the peers beside it, and what Docker says of their tasks. One node: every task is a
# container of this engine, and its host name is the first twelve digits of the container's number.

STACK=gatewit-test
NETWORK=${STACK}_mesh
APP=${STACK}_app
TARGET=

stack_up() {
  local replicas=1
  [ -n "$WITH_GATEWAY" ] || replicas=0
  printf 'version: "3.8"\nservices: {gateway: {deploy: {replicas: %d}}}\n' "$replicas" >"$WORK/override.yml"
  docker stack deploy --resolve-image never -c "$HERE/stack.yml" -c "$WORK/override.yml" "$STACK" >/dev/null 2>"$WORK/stack.log" ||
    { cat "$WORK/stack.log" >&2; die "the stack could not be deployed"; }
}

stack_down() {
  docker ps --quiet --all --filter "label=$STACK" | xargs --no-run-if-empty docker rm --force
  docker service ls --quiet --filter "label=$STACK" | xargs --no-run-if-empty docker service rm
  docker stack rm "$STACK"
  within 60 no_stack_containers || true
  docker config ls --quiet --filter "label=$STACK" | xargs --no-run-if-empty docker config rm
  docker network rm "$NETWORK"
}

no_stack_containers() { [ -z "$(docker ps --quiet --filter "label=com.docker.stack.namespace=$STACK")" ]; }

# The target of the next scenario: the stack's gateway, or a peer, and then no other peer beside it.
target_up() {
  local peer
  [ "$1" != "$TARGET" ] || return 0
  for peer in $PEERS; do
    [ "$peer" != "$TARGET" ] || service_down "$peer"
    [ "$peer" != "$1" ] || service_up "$peer" "$peer"
  done
  TARGET=$1
}

# A service beside the stack: name, image, further options, and behind `--` what its process is told.
service_up() {
  local name=$1 image=$2 options=()
  shift 2
  while [ $# -gt 0 ]; do
    [ "$1" != -- ] || { shift; break; }
    options+=("$1")
    shift
  done
  docker service create --quiet --detach --no-resolve-image --name "$name" --label "$STACK" --network "$NETWORK" \
    --endpoint-mode dnsrr "${options[@]}" "gatewit-example/$image" "$@" >/dev/null 2>"$WORK/service.log" ||
    { cat "$WORK/service.log" >&2; die "the service $name could not be created"; }
}

service_down() {
  docker service rm "$1" >/dev/null
  within 60 tasks_are "$1" 0 || true
}

# The running tasks of a service, by host name, one a line, sorted.
tasks() {
  docker ps --format '{{.ID}}' --filter "label=com.docker.swarm.service.name=$1" --filter status=running | sort
}

tasks_are() { [ "$(tasks "$1" | wc -l)" = "$2" ]; }

app_scale() {
  docker service scale --detach "$APP=$1" >/dev/null
  wait_for 180 "$1 tasks of the app" tasks_are "$APP" "$1"
}

# Whether N tasks run, and none of them is one of the words that follow.
replaced() {
  local service=$1 count=$2 now
  shift 2
  now=$(tasks "$service")
  [ "$(wc -w <<<"$now")" = "$count" ] && ! grep -qxF -f <(printf '%s\n' "$@") <<<"$now"
}

# Replaces every task of a service, as an update of its image would.
update() {
  local old
  mapfile -t old < <(tasks "$1")
  docker service update --quiet --detach --force "$1" >/dev/null
  wait_for 120 "new tasks of $1" replaced "$1" "${#old[@]}" "${old[@]}"
}

# When a container's process was started, in milliseconds of the epoch.
started_ms() { date -d "$(docker inspect --format '{{.State.StartedAt}}' "$1")" +%s%3N; }

now_ms() { date +%s%3N; }
