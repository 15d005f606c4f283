#!/usr/bin/env bash
# Random search and a grid at equal budgets: 27 trainings of LeNet-5 on the built-in digits over three
# keys, for five seeds. Prints the least validation loss of each; docs/search.md has the result.
#   scripts/compare_search.sh [FOVEA]
set -euo pipefail
fovea=$(realpath "${1:-build/release/cli/fovea}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

echo "sampler seed loss"
for seed in 1 2 3 4 5; do
  for sampler in random grid; do
    loss=$("$fovea" search --data digits --model lenet5 --epochs 3 --batch 50 --seed "$seed" \
      --set data.limit=1000 --set data.val=0.3 --set data.workers=0 --set optimizer.name=sgd \
      --set optimizer.momentum=0.9 --vary optimizer.lr=log:1e-4:1 \
      --vary optimizer.weight_decay=log:1e-6:1e-1 --vary train.label_smoothing=uniform:0:0.4 \
      --sampler "$sampler" --points 3 --stopping none --stages 1 --trials 27 --metric val_loss \
      --out "$sampler-$seed" --threads 1 -q --json |
      sed -n '/"best"/,/"score"/s/.*"score": \([0-9.e-]*\).*/\1/p')
    echo "$sampler $seed $loss"
  done
done
