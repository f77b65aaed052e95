#!/usr/bin/env bash
# Cross-compiles the kernels and the engine for 64-bit Arm and runs the native tests under emulation, at every level.
# Needs Debian's g++-aarch64-linux-gnu, qemu-user and libgtest-dev.
set -euo pipefail
cd "$(dirname "$0")/.."
PARE_TEST_RUNNER="qemu-aarch64 -cpu max -L /usr/aarch64-linux-gnu" scripts/native-tests.sh build-arm \
  -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++
