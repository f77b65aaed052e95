#!/usr/bin/env bash
# Formatting and clang-tidy for the C++ sources, and the check that no level's instructions leak into another.
# Needs Debian's clang-format and clang-tidy, and a finished build. --fast leaves clang-tidy out.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t sources < <(git ls-files 'native/*.cc' 'native/*.h' 'test/native/*.cc' 'test/native/*.h')
clang-format --dry-run -Werror "${sources[@]}"
if [ "${1:-}" = --fast ]; then
  scripts/check-symbols.sh
  exit
fi
# One level stands for all: the sources are the same. The binding and the engine are compiled once.
mapfile -t tidied < <(git ls-files 'native/engine/*.cc' 'native/engine/ops/*.cc' 'native/binding/*.cc')
printf '%s\n' "${tidied[@]}" | xargs -P "$(nproc)" -n 2 clang-tidy -p build --quiet 2>/dev/null
scripts/check-symbols.sh
