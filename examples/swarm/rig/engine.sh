# shellcheck shell=bash
# A Docker engine that is a Swarm manager: the one that is there, or a private one that leaves no trace.

ENGINE_OURS=
SWARM_OURS=

engine_up() {
  if docker info >/dev/null 2>&1; then
    say "using the Docker engine that is running"
  else
    engine_start
  fi
  if [ "$(docker info --format '{{.Swarm.LocalNodeState}}')" != active ]; then
    docker swarm init --advertise-addr 127.0.0.1 >/dev/null
    SWARM_OURS=yes
  fi
}

engine_start() {
  [ "$(id -u)" = 0 ] || die "no Docker engine is running, and only root can start a private one"
  local tool
  for tool in docker dockerd iptables; do
    command -v "$tool" >/dev/null || install_packages docker.io iptables
    command -v "$tool" >/dev/null || die "there is no $tool"
  done
  say "starting a private Docker engine in $WORK"
  engine_remember_host
  echo '{}' >"$WORK/daemon.json"
  ENGINE_OURS=yes
  # A session of its own: Ctrl-C must reach this script, which then stops the engine in order.
  setsid dockerd --config-file "$WORK/daemon.json" --data-root "$WORK/data" --exec-root "$WORK/exec" \
    --pidfile "$WORK/dockerd.pid" --host "unix://$WORK/docker.sock" >"$WORK/dockerd.log" 2>&1 </dev/null &
  export DOCKER_HOST="unix://$WORK/docker.sock"
  unset DOCKER_CONTEXT
  if ! within 60 engine_answers; then
    tail -n 20 "$WORK/dockerd.log" >&2
    die "the private Docker engine did not start"
  fi
}

engine_answers() { docker info >/dev/null 2>&1; }

engine_down() {
  if [ -n "$SWARM_OURS" ]; then
    docker swarm leave --force >/dev/null 2>&1 || true
  fi
  if [ -n "$ENGINE_OURS" ]; then
    engine_stop
    engine_restore_host
  fi
}

engine_stop() {
  docker ps --quiet --all | xargs --no-run-if-empty docker rm --force >/dev/null 2>&1 || true
  local file pid
  # containerd is the daemon's child, and is stopped by it; its own file is for a daemon that died.
  for file in "$WORK/dockerd.pid" "$WORK/exec/containerd/containerd.pid"; do
    [ -s "$file" ] || continue
    pid=$(cat "$file")
    is_ours "$pid" || continue
    kill "$pid" 2>/dev/null || true
    within 30 process_gone "$pid" || kill -9 "$pid" 2>/dev/null || true
  done
  # Network namespaces and file systems that stayed mounted, the deepest first.
  awk -v under="$WORK/" 'index($2, under) == 1 { print $2 }' /proc/mounts | sort -r |
    xargs --no-run-if-empty umount --lazy 2>/dev/null || true
}

process_gone() { ! kill -0 "$1" 2>/dev/null; }

# A process number may have been given to a stranger since the file was written.
is_ours() { tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null | grep -qF "$WORK"; }

# The daemon adds bridges, firewall chains and the forwarding switch to the host, and leaves them there.
engine_remember_host() {
  ls /sys/class/net >"$WORK/links"
  cat /proc/sys/net/ipv4/ip_forward >"$WORK/ip_forward"
  local table
  for table in filter nat; do
    # A table that does not exist is not saved, and then could not be put back as empty.
    iptables -t "$table" -N gatewit-test && iptables -t "$table" -X gatewit-test
  done
  iptables-save >"$WORK/iptables"
}

engine_restore_host() {
  iptables-restore <"$WORK/iptables" || true
  cat "$WORK/ip_forward" >/proc/sys/net/ipv4/ip_forward || true
  local link
  for link in docker0 docker_gwbridge; do
    if [ -e "/sys/class/net/$link" ] && ! grep -qx "$link" "$WORK/links"; then
      ip link delete "$link" || true
    fi
  done
}
