#!/usr/bin/env bash
# What:     an MCP server that needs no token sends `WWW-Authenticate` with every answer, also with 200, and names its vendor's own
#           protected resource in it, wherever it runs. RFC 9110, section 11.6.1, allows the header outside of 401 as a hint that other
#           credentials might change the answer; RFC 9728, section 3.3, makes a client refuse metadata whose `resource` is not the URL that it
#           asked. Whoever is before such a server must not pass it on: a client would look for its tokens elsewhere.
# Versions: @upstash/context7-mcp 4.1.1 (npm), Node.js 20.18.1 or newer
# Seen:     2026-11-28. `initialize` without credentials: 200, and the header below.
# Needs:    bash, node, npm, curl. Ends by itself; fails where the server answers something else.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @upstash/context7-mcp@4.1.1 >/dev/null
port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
node node_modules/@upstash/context7-mcp/dist/index.js --transport http --port "$port" >log.txt 2>&1 &
server=$!
url=http://127.0.0.1:$port/mcp
curl --silent --retry 30 --retry-connrefused --retry-delay 1 --output /dev/null "$url"
initialize='{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"curl","version":"1"}}}'
curl --silent --output /dev/null --header 'Content-Type: application/json' --header 'Accept: application/json, text/event-stream' \
  --data "$initialize" --write-out '%{http_code}\n%header{www-authenticate}\n' "$url" | tee seen.txt
printf '%s\n' 200 'Bearer resource_metadata="https://mcp.context7.com/.well-known/oauth-protected-resource"' >expected.txt
diff expected.txt seen.txt
