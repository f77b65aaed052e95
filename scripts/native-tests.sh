#!/usr/bin/env bash
# Builds and runs the native tests. Needs GoogleTest's sources (Debian: libgtest-dev).
#   scripts/native-tests.sh [FOLDER [CMake options…]]     the folder defaults to build-native
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-build-native}
shift || true
cmake -S . -B "$folder" -DPARE_NATIVE_TESTS=ON "$@" >/dev/null
cmake --build "$folder" -j "$(nproc)" --target native_tests
# PARE_TEST_RUNNER runs them under an emulator.
${PARE_TEST_RUNNER:-} "$folder/native_tests" --gtest_brief=1
