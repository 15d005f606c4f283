#!/usr/bin/env bash
# Trains a small network on the built-in digits, judges it, and has it read ten pictures. All it
# leaves is runs/demo.
#   scripts/demo.sh build/release/cli/fovea
set -euo pipefail
cd "$(dirname "$0")/.."
fovea=$1

step() {
  printf '\n$ fovea %s\n' "$*"
  "$fovea" "$@"
}

step train recipes/convnet-digits.toml --overwrite
step eval runs/demo/model.safetensors --data digits
step predict runs/demo/model.safetensors examples/digits/*.png
printf '\nThe report of the run: %s\n' "$PWD/runs/demo/report.html"
