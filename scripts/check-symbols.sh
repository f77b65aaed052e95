#!/usr/bin/env bash
# A weak or common symbol in a kernel object is merged across levels by the linker: the program could then run AVX-512
# code on a processor without it. Every kernel object may define only symbols of its own level. The reference kernels are
# compiled for the baseline, so what they share runs anywhere.
set -euo pipefail
cd "$(dirname "$0")/.."
bad=0
for object in build/CMakeFiles/kernels_*.dir/native/kernels/*.o; do
  case "$object" in *kernels_reference.dir*) continue ;; esac
  if nm -C --defined-only "$object" | grep -E ' [WVuC] '; then
    echo "shared symbols in $object" >&2
    bad=1
  fi
done
exit $bad
