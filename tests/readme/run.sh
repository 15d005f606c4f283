#!/usr/bin/env bash
# Runs every `fovea ...` line of the README's code blocks, in order, in an empty folder that holds
# what they name: photos/ with a folder per class, and picture.jpg.
#   tests/readme/run.sh README.md FOVEA PICTURES
set -euo pipefail
readme=$(realpath "$1") fovea=$(realpath "$2") pictures=$(realpath "$3")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir bin
ln -s "$fovea" bin/fovea
PATH=$work/bin:$PATH
for class in cats dogs; do
  mkdir -p "photos/$class"
  for picture in "$pictures"/*.png; do cp "$picture" "photos/$class/"; done
done
cp "$(ls "$pictures"/*.png | head -n 1)" picture.jpg  # the content says what it is, not the name

count=0
while read -r command; do
  echo "\$ $command"
  bash -euo pipefail -c "$command" </dev/null
  count=$((count + 1))
done < <(awk '/^```/ { inside = !inside } inside && /^fovea / { sub(/ +#.*/, ""); print }' "$readme")
[ "$count" -ge 5 ] || { echo "expected at least 5 commands in $readme, found $count"; exit 1; }
