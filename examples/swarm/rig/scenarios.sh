# shellcheck shell=bash
# What happens in production, one function each. Every one begins with three running tasks and a target
# that answers, and says what it found with `measured` and `problem`; no problem is a pass.
#
# The sleeps here are load, not waiting: a stretch before an event and one after it.

LEAD=2
TRAIL=2

ALL_SCENARIOS=(image even update-get update-post scale kill freeze forty zero own-update flow sync)
PEER_SCENARIOS=(even update-get update-post scale kill freeze forty zero)
# After one update it answers nothing any more, until it is restarted.
NGINX_SCENARIOS=(even update-get)

required() {
  case $1 in
    image) echo "under 30 MB, not root" ;;
    even) echo "300 sequential requests on one connection: each of 3 replicas within ±10 %" ;;
    update-get) echo "\`service update --force\`, GET: 0 failed" ;;
    update-post) echo "\`service update --force\`, POST: 0 failed" ;;
    scale) echo "3 → 6 → 2 replicas: 0 failed, new ones serve within 2 s" ;;
    kill) echo "SIGKILL of a task, three times, GET: 0 failed" ;;
    freeze) echo "a task frozen for 12 s, GET: 0 failed, slowest ≤ 3 s, nothing new sent there once detected" ;;
    forty) echo "40 replicas: all 40 serve" ;;
    zero) echo "0 replicas, then 3: 503 with Retry-After at once; served ≤ 2 s after the first task runs" ;;
    flow) echo "Docker Flow Proxy's \`reconfigure\`: \`/demo/hello\` at once, from all of 1 → 5 replicas; kept over a restart; \`remove\`: 404" ;;
    sync) echo "a swarm listener's \`get-services\`: routes before the gateway is ready, those that vanished gone" ;;
    own-update) echo "the gateway's own SIGTERM, next gateway first: 0 failed" ;;
  esac
}

scenario_image() {
  local bytes user
  bytes=$(docker image inspect --format '{{.Size}}' gatewit-example/gateway)
  user=$(docker image inspect --format '{{.Config.User}}' gatewit-example/gateway)
  measured "$((bytes / 1000000)) MB, user $user"
  [ "$bytes" -lt 30000000 ] || problem "$bytes bytes"
  [ "${user%%:*}" -gt 0 ] || problem "runs as $user"
}

scenario_even() {
  local task
  client seq "$TARGET:2015" --requests 300 >"$WORK/even.tsv" || true
  RECORD=$WORK/even.tsv
  measured "$(for task in $(tasks "$APP"); do hits "$task"; done | xargs)"
  [ "$(figure failed)" = 0 ] || problem "$(failures)"
  [ "$(figure connections)" = 1 ] || problem "$(figure connections) connections"
  for task in $(tasks "$APP"); do
    within_range "$(hits "$task")" 90 110 || problem "$task answered $(hits "$task") of 300"
  done
  if [ "$TARGET" = gateway ]; then
    # The same door that the README uses: the port on the node.
    "$WORK/client" hello 127.0.0.1:2015 >"$WORK/hello" || problem "the published port: $(grep -m1 failed "$WORK/hello")"
  fi
}

within_range() { [ "${1:-0}" -ge "$2" ] && [ "${1:-0}" -le "$3" ]; }

scenario_update-get() { under_update GET; }
scenario_update-post() { under_update POST; }

under_update() {
  local old new
  mapfile -t old < <(tasks "$APP")
  load_start --method "$1"
  sleep "$LEAD"
  update "$APP"
  sleep "$TRAIL"
  load_stop
  mapfile -t new < <(tasks "$APP")
  expect_clean_load
  expect_answers_from "${old[@]}" "${new[@]}"
}

scenario_scale() {
  local old task ready served slowest=0
  mapfile -t old < <(tasks "$APP")
  load_start
  sleep "$LEAD"
  app_scale 6
  declare -A ready
  for task in $(tasks "$APP"); do
    ready[$task]=$(started_ms "$task")
  done
  sleep "$TRAIL"
  app_scale 2
  sleep "$TRAIL"
  load_stop
  expect_clean_load
  expect_answers_from "${!ready[@]}"
  for task in "${!ready[@]}"; do
    [[ " ${old[*]} " != *" $task "* ]] || continue
    served=$(first_answer_ms "$task")
    # A task that never answered is as late as the run is long.
    served=$((${served:-$(now_ms)} - ready[$task]))
    slowest=$((served > slowest ? served : slowest))
  done
  measured "new ones serve within $slowest ms"
  [ "$slowest" -le 2000 ] || problem "a new task first answered $slowest ms after its start"
  [ "${#ready[@]}" = 6 ] || problem "${#ready[@]} tasks were seen, not 6"
}

scenario_kill() {
  local victims=() victim
  load_start
  for _ in 1 2 3; do
    sleep "$LEAD"
    victim=$(oldest_task_but "${victims[@]}")
    victims+=("$victim")
    docker kill --signal KILL "$victim" >/dev/null
    wait_for 60 "a task in the place of $victim" replaced "$APP" 3 "$victim"
  done
  sleep "$TRAIL"
  load_stop
  expect_clean_load
  # shellcheck disable=SC2046 # host names have no spaces
  expect_answers_from "${victims[@]}" $(tasks "$APP")
}

oldest_task_but() {
  # `docker ps` lists the newest first.
  docker ps --format '{{.ID}}' --filter "label=com.docker.swarm.service.name=$APP" --filter status=running |
    grep -vxF -f <(printf '%s\n' "$@") | tail -n 1
}

scenario_freeze() {
  local victim paused thawed received more
  load_start
  sleep "$LEAD"
  victim=$(tasks "$APP" | head -n 1)
  docker pause "$victim" >/dev/null
  paused=$(now_ms)
  # Whatever is sent to a frozen task waits in its sockets, where it can be counted, by connection.
  sleep_until $((paused + 4000))
  queued_at "$victim" >"$WORK/queued"
  sleep_until $((paused + 11500))
  queued_at "$victim" >"$WORK/queued-later"
  sleep_until $((paused + 12000))
  docker unpause "$victim" >/dev/null
  thawed=$(now_ms)
  sleep "$TRAIL"
  load_stop
  received=$(wc -l <"$WORK/queued")
  more=$(comm -13 "$WORK/queued" "$WORK/queued-later" | wc -l)
  expect_clean_load
  measured "slowest $(figure slowest_ms) ms"
  measured "$received connections sent there in 4 s, $more after"
  [ "$(figure slowest_ms)" -le 3000 ] || problem "the slowest took $(figure slowest_ms) ms"
  [ "$received" -gt 0 ] || [ "$(figure slowest_ms)" -ge 600 ] || problem "no request met the frozen task"
  [ "$more" = 0 ] || problem "requests were still sent to the frozen task after 4 s"
  [ "$(slowest $((paused + 4000)) "$thawed" 1)" -le 1000 ] || problem "requests were still delayed after 4 s"
  [ "$(requests $((paused + 4000)) "$thawed" 1)" -ge 200 ] || problem "little was sent while the task was frozen"
  expect_answers_from "$victim"
}

queued_at() {
  docker run --rm --label "$STACK" --network "container:$1" --entrypoint /client gatewit-example/app queued 12345 | sort
}

sleep_until() {
  local left=$(($1 - $(now_ms)))
  [ "$left" -le 0 ] || sleep "$(printf '%d.%03d' $((left / 1000)) $((left % 1000)))"
}

scenario_forty() {
  local serving
  app_scale 40
  load_start --seconds 12
  load_end
  serving=$(comm -12 <(tasks "$APP") <(replicas) | wc -l)
  expect_clean_load
  measured "$serving serve"
  [ "$serving" = 40 ] || problem "$serving of 40 serve"
}

scenario_zero() {
  local gone ready served refused slowest
  load_start --ms 0 --pause 100
  sleep "$LEAD"
  app_scale 0
  gone=$(now_ms)
  sleep 4
  app_scale 3
  ready=$(for task in $(tasks "$APP"); do started_ms "$task"; done | sort -n | head -n 1)
  sleep 3
  load_stop
  served=$(for task in $(tasks "$APP"); do first_answer_ms "$task"; done | sort -n | head -n 1)
  served=$((${served:-0} - ready))
  # The first second belongs to requests that were sent while tasks were still there.
  refused=$(requests $((gone + 1000)) "$ready" 'outcome == "status-503" && retry_after != "-"')
  slowest=$(slowest $((gone + 1000)) "$ready" 1)
  measured "$(failures)"
  measured "$refused × 503 with Retry-After, slowest $slowest ms"
  measured "served after $served ms"
  [ "$refused" -ge 100 ] || problem "only $refused answers were 503 with Retry-After"
  [ "$(requests $((gone + 1000)) "$ready" 1)" = "$refused" ] || problem "some had another outcome while no task ran"
  [ "$slowest" -le 200 ] || problem "an answer took $slowest ms"
  [ "$(requests 0 "$gone" 'outcome != "ok" && outcome != "status-503"')" = 0 ] ||
    problem "requests failed while the tasks stopped"
  within_range "$served" 0 2000 || problem "first served $served ms after the first task ran"
}

scenario_own-update() {
  local TARGET=edge old before
  # Without a published port, which two gateways of one node could not both have. Its image's health
  # check keeps the next gateway out of DNS until it is ready.
  service_up edge gateway --update-order start-first --update-monitor 1s --stop-grace-period 40s
  wait_for 60 "answer from edge" target_answers
  old=$(tasks edge)
  load_start
  sleep "$LEAD"
  update edge
  before=$(now_ms)
  sleep "$TRAIL"
  load_stop
  expect_clean_load
  # The old gateway was gone by then, so these were answered by the next one.
  [ "$(requests "$before" $((before + 60000)) 'outcome == "ok"')" -ge 50 ] || problem "the next gateway answered little"
  replaced edge 1 "$old" || problem "the gateway was not replaced"
  service_down edge
}

# What was told to Docker Flow Proxy is told to a gateway of its own, beside a service that is not in the stack.
scenario_flow() {
  local TARGET=flow
  flow_up 'route = []
[flow_proxy]
listen = ":8080"
allow = ["0.0.0.0/0", "::/0"]' --mount type=volume,source=gatewit-test-flow,target=/var/lib/gatewit
  flow_expect 404 /demo/hello "before it is told"
  flow_call "reconfigure?serviceName=go-demo&servicePath=/demo&port=8080"
  flow_expect 200 /demo/hello "at once"
  grep -qi 'hello, world!' "$WORK/answer" || problem "it answers $(sed -n 2p "$WORK/answer")"
  flow_expect 404 /other "another path"
  docker service scale --detach go-demo=5 >/dev/null
  wait_for 60 "five tasks of go-demo" tasks_are go-demo 5
  within 20 flow_all_answer || problem "only $(replicas | wc -l) of 5 answer"
  measured "$(replicas | wc -l) of 5 answer"
  # A gateway that begins anew has only what it kept.
  update flow
  wait_for 60 "answer from the gateway that came after" answers flow:2015 --path /demo/hello
  measured "kept over a restart"
  flow_call "remove?serviceName=go-demo"
  flow_expect 404 /demo/hello "after it was removed"
  flow_down
  docker volume rm gatewit-test-flow >/dev/null 2>&1 || true
}

# The swarm listener needs the Docker socket and an image of its own; what it says is known, and is said here by a file.
scenario_sync() {
  local TARGET=flow
  services_say '[{"serviceName": "go-demo", "servicePath": "/demo", "port": "8080", "replicas": "1", "distribute": "true"},
    {"serviceName": "other", "servicePath": "/other", "port": "8080", "replicas": "1", "distribute": "true"}]'
  flow_up 'route = []
[flow_proxy]
listen = ":8080"
allow = ["0.0.0.0/0", "::/0"]
listeners = ["swarm-listener"]
grace = "0s"'
  flow_expect 200 /demo/hello "as the listener named it"
  flow_expect 503 /other "of a service that has no tasks"
  services_say '[{"serviceName": "go-demo", "servicePath": "/demo", "port": "8080", "replicas": "1", "distribute": "true"}]'
  flow_call "reload?fromListener=true"
  within 20 flow_is 404 /other || problem "a service that vanished still has a route"
  flow_expect 200 /demo/hello "afterwards"
  measured "routes come and go with what the listener says"
  flow_down
  docker service rm swarm-listener >/dev/null
}

# go-demo with one task that answers, and then a gateway that does: a gateway that is there before asks DNS for a service
# that does not exist, and asks again within two seconds only.
flow_up() {
  local config=$1
  shift
  service_up go-demo app -- 8080
  wait_for 60 "task of go-demo" tasks_are go-demo 1
  wait_for 60 "answer from go-demo" answers go-demo:8080
  docker config create --label "$STACK" gatewit-test-flow - <<<"$config" >/dev/null
  service_up flow gateway --config source=gatewit-test-flow,target=/gatewit.toml "$@" -- run --config /gatewit.toml
  wait_for 60 "answer from the gateway" answers flow:8080 --path /v1/docker-flow-proxy/ping
}

flow_down() {
  service_down flow
  service_down go-demo
  docker config rm gatewit-test-flow >/dev/null
}

# A call of Docker Flow Proxy's API, which has to succeed.
flow_call() {
  client get flow:8080 --path "/v1/docker-flow-proxy/$1" >"$WORK/answer" ||
    problem "${1%%\?*}: $(tr '\n' ' ' <"$WORK/answer" | cut -c 1-300)"
}

flow_is() {
  client get flow:2015 --path "$2" >"$WORK/answer" || true
  [ "$(head -n 1 "$WORK/answer")" = "$1" ]
}

flow_expect() {
  if ! flow_is "$1" "$2"; then
    problem "$2 $3: $(head -n 1 "$WORK/answer"), not $1"
    docker service logs --raw --tail 20 flow >&2 || true
  fi
}

# Whether a path of a service is answered with 200; nothing is printed.
answers() { client get "$@" >/dev/null 2>&1; }

flow_all_answer() {
  RECORD=$WORK/flow.tsv
  client seq flow:2015 --path /demo/hello --requests 60 >"$RECORD" || true
  [ "$(replicas | wc -l)" = 5 ] && [ "$(figure failed)" = 0 ]
}

# The listener is begun anew with other words.
services_say() {
  docker service rm swarm-listener >/dev/null 2>&1 && within 60 tasks_are swarm-listener 0
  docker config rm gatewit-test-services >/dev/null 2>&1 || true
  docker config create --label "$STACK" gatewit-test-services - <<<"$1" >/dev/null
  service_up swarm-listener app --config source=gatewit-test-services,target=/services.json \
    --entrypoint /client -- answer /services.json
  wait_for 60 "answer from the listener" answers swarm-listener:8080
}
