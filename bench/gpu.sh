#!/usr/bin/env bash
# Everything that wants a GPU, in one call of under 9 minutes: parity of every fixture on CUDA, then speed and profile.
#   OUT=/somewhere bash bench/gpu.sh        # writes $OUT/parity.txt, $OUT/<date>-<gpu>.json (default OUT: bench/results)
# Fixtures are read from $FIXTURES, by default ../shared/reference; without them parity is left out and said to be.
set -uo pipefail
cd "$(dirname "$0")/.."
OUT=${OUT:-bench/results}
PYTHON=${PYTHON:-python3}
DEVICE=${DEVICE:-cuda}
FIXTURES=${FIXTURES:-../shared/reference}
# An agreement of fp32 is strict (no TF32) but for the order of sums; bf16 has 8 bits, and errors grow along a roll-out.
FP32=${FP32:-1e-4} BF16=${BF16:-0.25}
mkdir -p "$OUT"
failed=0

parity() { # parity FAMILY KIND FILE: in fp32, and in bf16 where a network is run
  local dtype tolerance
  for dtype in float32 bfloat16; do
    [ "$2" = preprocess ] && [ "$dtype" = bfloat16 ] && continue
    tolerance=$FP32
    [ "$dtype" = bfloat16 ] && tolerance=$BF16
    printf '%s %s %s: ' "$1" "$(basename "$3" .safetensors)" "$dtype"
    timeout 60 "$PYTHON" bench/parity.py "$1" "$2" "$3" --device "$DEVICE" --dtype "$dtype" --tolerance "$tolerance" 2>&1 | tail -n 1
    [ "${PIPESTATUS[0]}" = 0 ] || failed=1
  done
}

if [ -d "$FIXTURES/matrix_game_2" ]; then
  for file in "$FIXTURES"/matrix_game_2/golden_*.safetensors; do
    kind=$(basename "$file" .safetensors)
    kind=${kind#golden_}
    parity matrix_game_2 "${kind%%_*}" "$file"
  done | tee "$OUT/parity.txt"
  ! grep -q FAIL "$OUT/parity.txt" || failed=1
else
  echo "no fixtures in $FIXTURES: parity is left out" | tee "$OUT/parity.txt"
fi

gpu=$("$PYTHON" -c 'import torch; print(torch.cuda.get_device_name().split()[-1].lower() if torch.cuda.is_available() else "cpu")')
# No row is begun after the budget; the last one, and the profile, take a minute more.
"$PYTHON" -m bench.gpu --device "$DEVICE" --budget "${BUDGET:-240}" --out "$OUT/$(date +%F)-$gpu.json" ${ARGS:-} || failed=1
exit "$failed"
