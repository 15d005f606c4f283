#!/usr/bin/env bash
# Prints the C++ files of the project, one a line.
set -euo pipefail
cd "$(dirname "$0")/.."
find fovea cli tests bench examples fuzz -name '*.h' -o -name '*.cpp' | LC_ALL=C sort
