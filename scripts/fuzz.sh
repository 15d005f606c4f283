#!/usr/bin/env bash
# Runs every fuzzer of a build tree for some seconds, from the files of the tests and, where the
# shared test data is there (../shared/data, or FOVEA_TEST_DATA), the pictures of its decoder
# conformance sets. Inputs that reach new code are kept in its corpus folder for the next run, inputs
# that fail in the findings folder.
#   scripts/fuzz.sh build/fuzz 60
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "$1" && pwd)
seconds=$2
data=${FOVEA_TEST_DATA:-$root/../shared/data}

# The folders a fuzzer starts from.
seeds_of() {
  echo "$root/tests/fixtures"
  if [ "$1" = image ] && [ -d "$data/decoder_conformance" ]; then
    echo "$data/decoder_conformance"
  fi
}

failed=0
mkdir -p "$build/findings"
for fuzzer in "$build"/fuzz/*_fuzzer; do
  name=$(basename "$fuzzer" _fuzzer)
  corpus=$build/corpus/$name
  log=$build/findings/$name.log
  mkdir -p "$corpus"
  mapfile -t seeds < <(seeds_of "$name")
  if "$fuzzer" -max_total_time="$seconds" -timeout=30 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$build/findings/$name-" "$corpus" "${seeds[@]}" >"$log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    count=$(find "${seeds[@]}" -type f | wc -l)
    echo "$name: $runs inputs in $seconds s from $count seeds, no finding, corpus of" \
      "$(ls "$corpus" | wc -l)"
  else
    failed=1
    tail -n 40 "$log"
    echo "$name: a finding; see $build/findings"
  fi
done
exit $failed
