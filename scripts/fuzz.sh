#!/usr/bin/env bash
# Runs every fuzzer of a build tree for some seconds. Inputs that reach new code are kept in its
# corpus folder for the next run, inputs that fail in the findings folder.
#   scripts/fuzz.sh build/fuzz 60
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "$1" && pwd)
seconds=$2

failed=0
mkdir -p "$build/findings"
for fuzzer in "$build"/fuzz/*_fuzzer; do
  name=$(basename "$fuzzer" _fuzzer)
  corpus=$build/corpus/$name
  log=$build/findings/$name.log
  mkdir -p "$corpus"
  if "$fuzzer" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$build/findings/$name-" "$corpus" "$root/tests/fixtures" >"$log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "$name: $runs inputs in $seconds s, no finding, corpus of $(ls "$corpus" | wc -l)"
  else
    failed=1
    tail -n 40 "$log"
    echo "$name: a finding; see $build/findings"
  fi
done
exit $failed
