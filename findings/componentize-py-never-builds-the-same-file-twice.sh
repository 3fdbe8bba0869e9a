#!/usr/bin/env bash
# What:     componentize-py makes another component of the same inputs each time, also in one folder, with one wheel and PYTHONHASHSEED=0: the
#           files differ in their lengths by some thousand bytes. Whoever compares digests of two builds, or wants reproducible artefacts,
#           has to leave components of Python out, and to pin the built file instead.
# Versions: componentize-py 0.25.1 (PyPI; Linux on x86-64), Python 3.10 or newer
# Seen:     2026-11-29: two builds, two digests, each time.
# Needs:    bash, python3 with venv. Takes half a minute; ends by itself; fails where two builds are the same.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv environment
environment/bin/pip install --quiet --disable-pip-version-check componentize-py==0.25.1
mkdir wit
printf 'package example:greeting;\n\nworld greeter {\n  export greet: func() -> string;\n}\n' >wit/greeter.wit
printf 'import wit_world\n\n\nclass WitWorld(wit_world.WitWorld):\n    def greet(self) -> str:\n        return "hello"\n' >app.py
for name in first second; do
  PYTHONHASHSEED=0 environment/bin/componentize-py --quiet -d wit -w greeter componentize app -o "$name.wasm"
done
wc -c first.wasm second.wasm
if cmp --silent first.wasm second.wasm; then
  echo 'the same'
  exit 1
fi
echo 'two builds, two files'
