#!/usr/bin/env bash
# What:     mcp-proxy from PyPI asks for `mcp>=1.8.0,…` without an upper bound, and pip installs version 2 of the SDK, in which a name that
#           mcp-proxy imports is gone: the program ends with an ImportError before it reads its command line. pip says that all is well.
# Versions: mcp-proxy 0.12.0 with mcp 2.3.0 and with mcp 1.30.0 (PyPI), Python 3.10 or newer
# Seen:     2026-11-28. `pip check` finds nothing; `mcp-proxy --version` fails with mcp 2.3.0 and works with mcp 1.30.0.
# Needs:    bash, python3 with venv. Ends by itself; fails where mcp-proxy does something else.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
for sdk in 2.3.0 1.30.0; do
  venv/bin/pip install --quiet --disable-pip-version-check mcp-proxy==0.12.0 "mcp==$sdk"
  venv/bin/pip check >check.txt && echo "$sdk: pip check: $(cat check.txt)"
  if venv/bin/mcp-proxy --version >output.txt 2>&1; then
    echo "$sdk: it starts"
  else
    echo "$sdk: $(grep --only-matching "ImportError: cannot import name '[a-z_]*'" output.txt)"
  fi
done | tee seen.txt
printf '%s\n' \
  '2.3.0: pip check: No broken requirements found.' \
  "2.3.0: ImportError: cannot import name 'request_ctx'" \
  '1.30.0: pip check: No broken requirements found.' \
  '1.30.0: it starts' >expected.txt
diff expected.txt seen.txt
