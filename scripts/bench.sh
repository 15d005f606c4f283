#!/usr/bin/env bash
# Runs the benchmark programs of a build tree, first beside the peers, and writes what they
# print, with the machine it was printed on, to bench/README.md. Options go to bench/peers/run.py.
#   scripts/bench.sh build/release [--rounds 5] [--only train-*] [--avx2] ...
set -euo pipefail
build=$(cd "$1" && pwd)
shift
cd "$(dirname "$0")/.."

new=$(mktemp)
trap 'rm -f "$new"' EXIT
{
  echo "# Benchmarks"
  echo
  echo "Written by \`make bench\`."
  echo
  echo "| Machine | Threads | Load before | Date |"
  echo "| --- | --- | --- | --- |"
  cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
  echo "| $cpu | $(nproc) | $(cut -d ' ' -f 1 /proc/loadavg) | $(date -u +%Y-%m-%d) |"
} >"$new"
echo "== peers" >&2
{
  printf '\n## Beside the peers\n\n'
  bench/peers/run.py "$build/bench/peers/fovea_peer_bench" "$@"
} | tee -a "$new"
for program in "$build"/bench/*_bench; do
  name=$(basename "$program" _bench)
  echo "== $name" >&2
  {
    printf '\n## %s\n\n```\n' "$name"
    "$program" 2>/dev/null
    echo '```'
  } | tee -a "$new"
done
cat "$new" >bench/README.md
