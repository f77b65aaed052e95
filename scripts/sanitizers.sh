#!/usr/bin/env bash
# The native tests under AddressSanitizer with UndefinedBehaviorSanitizer, then under ThreadSanitizer,
# and the addon with AddressSanitizer under jest (kernels, bindings and the model layer).
set -euo pipefail
cd "$(dirname "$0")/.."
export UBSAN_OPTIONS=print_stacktrace=1
scripts/native-tests.sh build-asan -DPARE_SANITIZE=address,undefined -DCMAKE_BUILD_TYPE=RelWithDebInfo
# Address-space randomization beyond what ThreadSanitizer's shadow expects makes it refuse to start.
PARE_TEST_RUNNER="setarch $(uname -m) -R" \
  scripts/native-tests.sh build-tsan -DPARE_SANITIZE=thread -DCMAKE_BUILD_TYPE=RelWithDebInfo
npx cmake-js compile --out build-asan-addon --CDPARE_SANITIZE=address,undefined --CDCMAKE_BUILD_TYPE=RelWithDebInfo
# Node itself is not instrumented: its leaks are none of ours, and its allocator must not be replaced half-way.
PARE_ADDON=build-asan-addon/Release/pare.node LD_PRELOAD="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libubsan.so)" \
  ASAN_OPTIONS=detect_leaks=0 npx jest --runInBand test/kernels test/model test/ops
