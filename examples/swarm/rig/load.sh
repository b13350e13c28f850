# shellcheck shell=bash
# The client, in a container of the app's network, and questions to the records that it leaves.

# Half of what 16 connections send when every second request takes 300 ms.
LEAST_PER_SECOND=50

client() {
  docker run --rm --label "$STACK" --network "$NETWORK" --entrypoint /client gatewit-example/app "$@"
}

target_answers() { client seq "$TARGET:2015" --requests 1 >/dev/null 2>&1; }

load_start() {
  LOAD=$(docker run --detach --label "$STACK" --network "$NETWORK" --entrypoint /client gatewit-example/app \
    load "$TARGET:2015" --all "$@")
}

# Ends the load, or waits for its end where it has one; then RECORD is the file of its outcomes.
load_stop() {
  docker kill --signal TERM "$LOAD" >/dev/null 2>&1 || true
  load_end
}

load_end() {
  RECORD=$WORK/records/$TARGET-$SCENARIO.tsv
  mkdir -p "$WORK/records"
  timeout 90 docker wait "$LOAD" >/dev/null || problem "the client did not end"
  docker logs "$LOAD" >"$RECORD" 2>&1
  docker rm --force "$LOAD" >/dev/null
}

# A figure of the summary, 0 where it is not there.
figure() { awk -F '\t' -v name="$1" '$1 == name { value = $2 } END { print value == "" ? 0 : value }' "$RECORD"; }

replicas() { awk -F '\t' '$1 == "replica" { print $2 }' "$RECORD" | sort; }

hits() { awk -F '\t' -v name="$1" '$1 == "replica" && $2 == name { print $3 }' "$RECORD"; }

# When a replica's first answer came, in milliseconds of the epoch; nothing where none came.
first_answer_ms() {
  awk -F '\t' -v name="$1" '$1 == "started_at_ms" { began = $2 }
    $1 == "replica" && $2 == name { printf "%.0f\n", began + $4 }' "$RECORD"
}

# Of the requests sent between two times (milliseconds of the epoch) for which an awk condition holds:
# `requests FROM TO CONDITION` their number, `slowest FROM TO CONDITION` the longest latency.
# The condition may use start, latency, outcome and retry_after.
requests() { select_requests "$@" | wc -l; }

slowest() { select_requests "$@" | awk '$1 > most { most = $1 } END { print most + 0 }'; }

select_requests() {
  awk -F '\t' -v from="$1" -v to="$2" -v began="$(figure started_at_ms)" '
    $1 != "request" { next }
    { start = began + $2; latency = $3; outcome = $5; retry_after = $7 }
    start >= from && start < to && ('"$3"') { print latency }' "$RECORD"
}

# Every load is held to this: nothing failed, and there was enough of it for that to mean something.
expect_clean_load() {
  local total failed least
  total=$(figure total) failed=$(figure failed)
  least=$(($(figure lasted_ms) * LEAST_PER_SECOND / 1000))
  measured "$failed failed of $total"
  [ "$failed" = 0 ] || problem "$(failures)"
  least=$((least > 0 ? least : 1))
  [ "$total" -ge "$least" ] || problem "only $total requests were sent, not $least"
}

failures() { awk -F '\t' '$1 == "failed_by" { printf "%s%s × %s", sep, $2, $3; sep = ", " }' "$RECORD"; }

# Each of these tasks answered at least once.
expect_answers_from() {
  local task
  for task; do
    [ -n "$(hits "$task")" ] || problem "$task never answered"
  done
}
