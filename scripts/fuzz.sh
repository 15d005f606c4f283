#!/usr/bin/env bash
# Runs the fuzzers of a build tree, or those named, for some seconds each. They start from
# fuzz/corpus, the files of the tests and, where the shared test data is there (../shared/data, or
# FOVEA_TEST_DATA), the files of its conformance sets. Inputs that reach new code are kept in the
# build tree's corpus for the next run (scripts/fuzz_corpus.sh keeps the best of them for good),
# inputs that fail in its findings.
#   scripts/fuzz.sh build/fuzz 60 [onnx torch ...]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "$1" && pwd)
seconds=$2
data=${FOVEA_TEST_DATA:-$root/../shared/data}
names=("${@:3}")
if [ ${#names[@]} = 0 ]; then
  for fuzzer in "$build"/fuzz/*_fuzzer; do
    names+=("$(basename "$fuzzer" _fuzzer)")
  done
fi

# The folders a fuzzer starts from.
seeds_of() {
  echo "$root/tests/fixtures"
  if [ "$1" = image ] && [ -d "$data/decoder_conformance" ]; then
    echo "$data/decoder_conformance"
  fi
  if [ "$1" = onnx ] && [ -d "$data/onnx_conformance" ]; then
    mkdir -p "$build/seeds/onnx"
    for archive in "$data"/onnx_conformance/*.tar.xz; do
      tar -xf "$archive" -C "$build/seeds/onnx" --wildcards '*.onnx'
    done
    find "$build/seeds/onnx" -size +16k -type f -delete
    echo "$build/seeds/onnx"
  fi
}

failed=0
mkdir -p "$build/findings"
for name in "${names[@]}"; do
  corpus=$build/corpus/$name
  log=$build/findings/$name.log
  mkdir -p "$corpus"
  if [ -f "$root/fuzz/corpus/$name.zip" ]; then
    (cd "$corpus" && cmake -E tar xf "$root/fuzz/corpus/$name.zip")
  fi
  mapfile -t seeds < <(seeds_of "$name")
  most=8192 # bytes of an input
  if [ "$name" = image ]; then most=65536; fi
  if "$build/fuzz/${name}_fuzzer" -max_total_time="$seconds" -timeout=30 -rss_limit_mb=2048 \
    -max_len="$most" -print_final_stats=1 -artifact_prefix="$build/findings/$name-" "$corpus" \
    "${seeds[@]}" >"$log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "$name: $runs inputs in $seconds s, no finding, corpus of $(ls "$corpus" | wc -l)"
  else
    failed=1
    tail -n 40 "$log"
    echo "$name: a finding; see $build/findings"
  fi
done
exit $failed
