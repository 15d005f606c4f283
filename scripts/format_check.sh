#!/usr/bin/env bash
# Fails, naming the lines, when a C++ file is not as the pinned clang-format would write it.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/sources.sh | xargs clang-format-14 --dry-run -Werror
