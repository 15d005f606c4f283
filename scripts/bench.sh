#!/usr/bin/env bash
# Runs every benchmark of a build tree and writes what they print, with the machine it was printed
# on, to bench/README.md: first beside its peers, then the command, then single ops. A part that fails
# says so in its place.
#   scripts/bench.sh build/release
# QUICK=1 leaves out the trainings of the recipes; PEERS holds options of bench/peers/run.py and
# FIGURES options of bench/figures.py.
set -euo pipefail
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."

[ "${QUICK:-0}" != 0 ] || QUICK=
new=$(mktemp)
trap 'rm -f "$new"' EXIT

# part TITLE COMMAND...: a section with what the command prints.
part() {
  local title=$1
  shift
  echo "== $title" >&2
  {
    printf '\n## %s\n\n' "$title"
    "$@" || printf '\nNot measured to the end: `%s` failed.\n' "${1##*/}"
  } | tee -a "$new"
}

table_of() {
  local table
  table=$("$1" 2>/dev/null) || return
  printf '```\n%s\n```\n' "$table"
}

{
  echo "# Benchmarks"
  echo
  echo "Written by \`make bench${QUICK:+ QUICK=1}\`."
  echo
  echo "| Machine | Threads | Load before | Date |"
  echo "| --- | --- | --- | --- |"
  cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
  echo "| $cpu | $(nproc) | $(cut -d ' ' -f 1 /proc/loadavg) | $(date -u +%Y-%m-%d) |"
} >"$new"
# shellcheck disable=SC2086  # options are words
part "Beside the peers" bench/peers/run.py "$build/bench/peers/fovea_peer_bench" ${PEERS:-}
peers=$build/bench/peers/venv/bin/python  # made by run.py
[ -x "$peers" ] || peers=
# shellcheck disable=SC2086
part "The command" bench/figures.py "$build/cli/fovea" \
  ${peers:+--torch "$peers"} ${QUICK:+--quick} ${FIGURES:-}
part "Single ops" table_of "$build/bench/ops_bench"
part "Nearest neighbours" table_of "$build/bench/nearest_bench"
cat "$new" >bench/README.md
