#!/usr/bin/env bash
# What:     jwt-compact without any feature still depends on hmac, sha2 and rand_core of the RustCrypto generation before, for
#           HS256, HS384 and HS512, which no feature turns off. Who brings algorithms of their own over the present generation has
#           both in the graph.
# Versions: jwt-compact 0.9.0-beta.1, sha2 0.11.1 (crates.io); cargo 1.95
# Seen:     2026-11-28. `cargo tree --duplicates` names sha2 0.10 (by jwt-compact) beside 0.11.
# Needs:    bash, cargo. Compiles nothing. Ends by itself; fails where the graph is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cargo init --quiet --lib --vcs none --name component
cargo add --quiet --no-default-features jwt-compact@=0.9.0-beta.1
cargo add --quiet --no-default-features sha2@=0.11.1
tree() { cargo tree --quiet --target wasm32-wasip2 --prefix none --edges normal "$@"; }
own=$(tree --package jwt-compact --depth 1 --format '{p}' | sed 's/^\([^ ]* v[0-9]*\.[0-9]*\).*/\1/' | grep -E '^(hmac|sha2|rand_core) ')
echo "$own"
[ "$own" = $'hmac v0.12\nrand_core v0.6\nsha2 v0.10' ] || { echo 'not as it was seen' >&2; exit 1; }
doubled=$(tree --duplicates --format '{p}' | grep -oE '^sha2 v0\.[0-9]+' | sort -u)
echo "$doubled"
[ "$doubled" = $'sha2 v0.10\nsha2 v0.11' ] || { echo 'not as it was seen' >&2; exit 1; }
