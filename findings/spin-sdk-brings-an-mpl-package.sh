#!/usr/bin/env bash
# What:     a Rust component that uses spin-sdk for variables alone has a package under the Mozilla Public License in its graph, also
#           without the SDK's default features: routefinder, for the SDK's router, needs smartstring. Who allows permissive licences
#           only (cargo-deny, a company's rule) must make an exception, though nothing of it is linked.
# Versions: spin-sdk 5.2.0 (Apache-2.0 WITH LLVM-exception), routefinder 0.5.4, smartstring 1.0.1 (crates.io); cargo 1.95
# Seen:     2026-11-28. `cargo tree` leads from smartstring (MPL-2.0+) by routefinder to spin-sdk; no feature leaves it out.
# Needs:    bash, cargo. Compiles nothing. Ends by itself; fails where the graph or the licence is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cargo init --quiet --lib --vcs none --name component
cargo add --quiet --no-default-features spin-sdk@=5.2.0
way=$(cargo tree --quiet --target wasm32-wasip2 --prefix none --edges normal --format '{p} {l}' --invert smartstring@1.0.1 | sed 's/ (.*//')
echo "$way"
expected='smartstring v1.0.1 MPL-2.0+
routefinder v0.5.4 MIT OR Apache-2.0
spin-sdk v5.2.0 Apache-2.0 WITH LLVM-exception'
[ "$(head -3 <<<"$way")" = "$expected" ] || { echo 'not as it was seen' >&2; exit 1; }
