#!/usr/bin/env bash
# Installs the missing packages of the named sections of packages.txt with apt.
#   scripts/install_packages.sh build fuzz
set -euo pipefail
cd "$(dirname "$0")"

wanted=()
for section in "$@"; do
  mapfile -t packages < <(awk -v section="[$section]" '
    /^#/ || NF == 0 { next }
    /^\[/ { inside = ($1 == section); next }
    inside { print $1 }' packages.txt)
  [ ${#packages[@]} -gt 0 ] || { echo "packages.txt has no section [$section]" >&2; exit 2; }
  wanted+=("${packages[@]}")
done

missing=()
for package in "${wanted[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' ||
    missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

echo "Installing ${missing[*]}"
sudo=()
[ "$(id -u)" -eq 0 ] || sudo=(sudo)
if [[ "${missing[*]}" == *:arm64* ]]; then "${sudo[@]}" dpkg --add-architecture arm64; fi
"${sudo[@]}" apt-get update -q
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -q -y --no-install-recommends "${missing[@]}"
