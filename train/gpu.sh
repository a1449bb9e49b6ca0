#!/usr/bin/env bash
# One slice of training on a machine with a GPU, to be called again and again: under 9 minutes each, and what must survive
# lands in $OUT as a few files under 16 MiB (weights in parts, everything else of the world in one archive).
#   OUT=/somewhere STAGE=b MINUTES=6 BATCH=64 bash train/gpu.sh
set -euo pipefail
cd "$(dirname "$0")/.."
OUT=${OUT:?name a folder for the results}
PYTHON=${PYTHON:-python3}
WORLD=${WORLD:-cloister}
RUN=${RUN:-runs/$WORLD}
[ -d data/train ] || "$PYTHON" -m train.clips --out data/train --clips "${CLIPS:-12000}"
"$PYTHON" -m train.train --run "$RUN" --data data/train --init "assets/worlds/$WORLD" --stage "${STAGE:-b}" \
  --minutes "${MINUTES:-6}" --batch "${BATCH:-64}" --rate "${RATE:-3e-4}" --device cuda --compile ${COOLDOWN:+--cooldown}
"$PYTHON" -m train.publish --run "$RUN" --world "$WORLD"
cp "assets/worlds/$WORLD"/weights-*.safetensors "$OUT/"
tar -C "assets/worlds/$WORLD" --exclude='weights-*' -cf "$OUT/world.tar" .
cp "$RUN/log.jsonl" "$OUT/log.jsonl"
