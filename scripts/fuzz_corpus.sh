#!/usr/bin/env bash
# Keeps in fuzz/corpus, as a zip archive for each fuzzer, the fewest inputs of a build tree's corpus
# that reach all the code that all of it reaches, and of these the smallest. The tests run the
# readers over them.
#   scripts/fuzz_corpus.sh build/fuzz [onnx torch ...]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "$1" && pwd)
names=("${@:2}")
if [ ${#names[@]} = 0 ]; then
  mapfile -t names < <(ls "$build/corpus")
fi
most=2048  # bytes of an input
all=28000  # bytes of those kept, before they are packed
mkdir -p "$root/fuzz/corpus"
for name in "${names[@]}"; do
  kept=$build/kept/$name
  rm -rf "$kept"
  mkdir -p "$kept"
  "$build/fuzz/${name}_fuzzer" -set_cover_merge=1 -use_counters=0 -max_len=$most "$kept" \
    "$build/corpus/$name" >"$build/findings/$name-merge.log" 2>&1
  archive=$root/fuzz/corpus/$name.zip
  rm -f "$archive"
  rm -rf "$build/packed"
  mkdir "$build/packed"
  number=0
  while read -r input; do
    number=$((number + 1))
    cp "$kept/$input" "$build/packed/$number"
  done < <(find "$kept" -type f -size -$((most + 1))c -printf '%s %P\n' | LC_ALL=C sort -n |
    awk -v all=$all '(sum += $1) <= all { print $2 }')
  touch -d '2020-01-01 UTC' "$build/packed"/*
  (cd "$build/packed" && python3 -m zipfile -c "$archive" *)
  echo "$name: of $(ls "$build/corpus/$name" | wc -l) inputs $(ls "$kept" | wc -l) are needed," \
    "$(stat -c %s "$archive") bytes"
done
