#!/usr/bin/env bash
# Installs what `npm pack` makes into an empty folder and uses it by require, by import, from TypeScript and as a command;
# then the same with the packages that scripts/pack.mjs makes. Prints their sizes.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

try() { # try NAME PACKAGE…
  local name=$1
  shift
  mkdir "$work/$name"
  cd "$work/$name"
  echo '{"name":"try","version":"1.0.0","private":true}' > package.json
  npm install --silent --no-audit --no-fund --omit=optional "$@"
  local code='const h = kernels.toFloat16(Float32Array.of(1.5)); if (h[0] !== 0x3e00) throw new Error("wrong: " + h);'
  node -e "const { kernels } = require('pare'); $code"
  node --input-type=module -e "import { kernels } from 'pare'; $code"
  node -e "const c = require('pare'); import('pare').then((m) => { if (m.Tensor !== c.Tensor) throw new Error('two Tensor classes'); })"
  npx --no-install pare info > /dev/null
  for module in commonjs nodenext; do
    printf 'import { kernels } from "pare";\nexport const h: Uint16Array = kernels.toFloat16(Float32Array.of(1));\n' > use.mts
    "$root/node_modules/.bin/tsc" --noEmit --strict --skipLibCheck false --target es2022 --lib es2023,dom --types node \
      --typeRoots "$root/node_modules/@types" --module "$([ $module = commonjs ] && echo node16 || echo nodenext)" use.mts
  done
  echo "$name: works"
}

cd "$root"
npm pack --silent --ignore-scripts --pack-destination "$work" > /dev/null
ls -l "$work"/pare-*.tgz | awk '{ printf "npm pack: %.2f MB\n", $5 / 1e6 }'
try single "$work"/pare-*.tgz
cd "$root"
node scripts/pack.mjs "$work/packages"
try split "$work"/packages/pare-[0-9]*.tgz "$work"/packages/pare-linux-*.tgz
