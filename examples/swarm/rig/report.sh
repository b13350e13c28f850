# shellcheck shell=bash
# What was found: on the terminal as it comes, in a Markdown table at the end.

# target, scenario, verdict, measured, the first problem; tab-separated.
RESULTS=$WORK/results.tsv
: >"$RESULTS"

measured() { MEASURED="${MEASURED:+$MEASURED; }$1"; }

problem() { PROBLEMS+=("$1"); }

# Runs one scenario against the target and keeps the result.
try() {
  SCENARIO=$1 MEASURED='' PROBLEMS=()
  local verdict=PASS one
  if [ "$SCENARIO" != image ]; then
    app_scale 3
    wait_for 60 "answer from $TARGET" target_answers
  fi
  "scenario_$SCENARIO"
  [ "${#PROBLEMS[@]}" = 0 ] || verdict=FAIL
  printf '%s\t%s\t%s\t%s\t%s\n' "$TARGET" "$SCENARIO" "$verdict" "$MEASURED" "${PROBLEMS[0]:-}" >>"$RESULTS"
  printf '%-4s  %-13s  %s\n      required: %s\n      measured: %s\n' \
    "$verdict" "$TARGET" "$SCENARIO" "$(required "$SCENARIO")" "$MEASURED"
  for one in "${PROBLEMS[@]}"; do
    printf '      problem:  %s\n' "$one"
  done
}

# One row a scenario, one column a target.
report_table() {
  local targets target scenario
  mapfile -t targets < <(cut -f 1 "$RESULTS" | awk '!seen[$0]++')
  printf '| scenario | required |%s\n' "$(printf ' %s |' "${targets[@]}")"
  printf '|---|---|%s\n' "$(printf -- '---|%.0s' "${targets[@]}")"
  for scenario in "${ALL_SCENARIOS[@]}"; do
    cut -f 2 "$RESULTS" | grep -qx "$scenario" || continue
    printf '| %s | %s |' "$scenario" "$(required "$scenario")"
    for target in "${targets[@]}"; do
      printf ' %s |' "$(report_cell "$target" "$scenario")"
    done
    printf '\n'
  done
}

report_cell() {
  awk -F '\t' -v target="$1" -v scenario="$2" '
    $1 == target && $2 == scenario { cell = "**" $3 "** " $4 ($5 == "" ? "" : " (" $5 ")") }
    END { print cell == "" ? "–" : cell }' "$RESULTS"
}

report_write() {
  {
    printf 'Docker engine %s, Linux %s, %s cores, %s.\n\n' "$(docker info --format '{{.ServerVersion}}')" \
      "$(uname -r)" "$(nproc)" "$(date -u +%Y-%m-%d)"
    report_table
  } >"$1"
}

# Only the gateway is held to the requirements; the peers are there to be compared with.
gateway_failed() { grep -q "^gateway	.*	FAIL	" "$RESULTS"; }
