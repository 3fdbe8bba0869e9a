#!/usr/bin/env bash
# What:     @better-auth/oauth-provider allows every better-auth from its own version on (`^1.7.5`), and asks for one exact version of two
#           packages below it, which later ones of that range replace. npm installs it with the better-auth of the same day, and
#           with no later one.
# Versions: @better-auth/oauth-provider 1.7.5, better-auth 1.7.5 and 1.7.25 (npm)
# Seen:     2026-11-28. Beside better-auth 1.7.25: ERESOLVE, @better-auth/utils 0.5.1 against the peer @better-auth/utils 0.4.2.
# Needs:    bash, node, npm. Nothing is installed, only resolved. Ends by itself; fails where it is otherwise.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
resolve() {
  printf '{"dependencies":{"@better-auth/oauth-provider":"1.7.5","better-auth":"%s","@better-auth/core":"%s"}}' "$1" "$1" >package.json
  rm -f package-lock.json
  if npm install --package-lock-only --no-audit --no-fund >log.txt 2>&1; then
    echo "better-auth $1: resolved"
  else
    echo "better-auth $1: $(grep -o 'ERESOLVE' log.txt | head -1), $(grep -o 'peer @better-auth/utils@"0[^"]*"' log.txt | head -1)"
  fi
}
{ resolve 1.7.5; resolve 1.7.25; } | tee seen.txt
printf '%s\n' 'better-auth 1.7.5: resolved' 'better-auth 1.7.25: ERESOLVE, peer @better-auth/utils@"0.4.2"' >expected.txt
diff expected.txt seen.txt
