#!/usr/bin/env bash
# Everything that wants a GPU, in one call of under 9 minutes: parity of every fixture on CUDA, then speed and profile.
#   OUT=/somewhere bash bench/gpu.sh        # writes $OUT/parity.txt, $OUT/<date>-<gpu>.json (default OUT: bench/results)
# All worlds together leave out what is worth least. Two calls have room for it all:
#   WORLDS=matrix-game-2 bash bench/gpu.sh; WORLDS="worldplay worldplay-5b" bash bench/gpu.sh
# ARGS="--context 12" and so on go to bench/gpu.py. Fixtures are read from $FIXTURES, by default ../shared/reference;
# what is not there is left out and said to be.
set -uo pipefail
cd "$(dirname "$0")/.."
OUT=${OUT:-bench/results}
PYTHON=${PYTHON:-python3}
DEVICE=${DEVICE:-cuda}
FIXTURES=${FIXTURES:-../shared/reference}
WORLDS=${WORLDS:-}
# An agreement of fp32 is strict (no TF32) but for the order of sums; bf16 has 8 bits, and errors grow along a roll-out
# (on a CPU up to 0.24, and where guidance of 6 multiplies them to 0.35).
FP32=${FP32:-1e-4} BF16=${BF16:-0.5}
AT_ONCE=${AT_ONCE:-4}
SECONDS_EACH=${SECONDS_EACH:-60}
mkdir -p "$OUT"
said=$(mktemp -d)
trap 'rm -rf "$said"' EXIT
count=0

wanted() { # wanted FAMILY: whether one of WORLDS, of which none are all, is of it
  local world
  [ -n "$WORLDS" ] || return 0
  for world in $WORLDS; do [[ $world == ${1//_/-}* ]] && return 0; done
  return 1
}

one() { # one FAMILY KIND FILE TYPE TOLERANCE: its line
  local verdict
  verdict=$(timeout "$SECONDS_EACH" "$PYTHON" bench/parity.py "$1" "$2" "$3" --device "$DEVICE" --dtype "$4" --tolerance "$5" 2>&1)
  case $? in
    0 | 1) verdict=$(tail -n 1 <<<"$verdict") ;;
    124) verdict="FAIL: stopped after $SECONDS_EACH s" ;;
    *) verdict="FAIL: $(tail -n 1 <<<"$verdict")" ;;
  esac
  echo "$1 $(basename "$3" .safetensors) $4: $verdict"
}

parity() { # parity FAMILY KIND FILE: in fp32, and in bf16 where a network is run; several beside each other
  local dtype tolerance
  for dtype in float32 bfloat16; do
    [[ $2 =~ ^(preprocess|camera)$ && $dtype = bfloat16 ]] && continue
    tolerance=$FP32
    [ "$dtype" = bfloat16 ] && tolerance=$BF16
    while (($(jobs -rp | wc -l) >= AT_ONCE)); do wait -n; done
    count=$((count + 1))
    one "$1" "$2" "$3" "$dtype" "$tolerance" >"$said/$(printf %03d "$count")" &
  done
}

for family in matrix_game_2 worldplay; do
  wanted "$family" || continue
  if [ -d "$FIXTURES/$family" ]; then
    for file in "$FIXTURES/$family"/golden_*.safetensors; do
      kind=$(basename "$file" .safetensors)
      kind=${kind#golden_}
      parity "$family" "${kind%%_*}" "$file"
    done
  else
    count=$((count + 1))
    echo "no fixtures of $family in $FIXTURES: parity is left out" >"$said/$(printf %03d "$count")"
  fi
done
wanted worldplay && parity worldplay vae_wan tests/data/wan22_vae.safetensors
wait
find "$said" -type f | sort | xargs cat | tee "$OUT/parity.txt"
failed=0
! grep -q FAIL "$OUT/parity.txt" || failed=1

gpu=$("$PYTHON" -c 'import torch; print(torch.cuda.get_device_name().split()[-1].lower() if torch.cuda.is_available() else "cpu")')
# No row is begun after the budget; the last one, and the profiles, take two minutes more.
"$PYTHON" -m bench.gpu --device "$DEVICE" --budget "${BUDGET:-300}" --out "$OUT/$(date +%F)-$gpu.json" ${WORLDS:+--worlds $WORLDS} ${ARGS:-} || failed=1
exit "$failed"
