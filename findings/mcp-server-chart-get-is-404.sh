#!/usr/bin/env bash
# What:     an MCP server without an event stream of its own answers GET with 404 and a page of HTML, where MCP 2025-11-25 (Streamable
#           HTTP, "Listening for Messages from the Server") wants 405. A client that reads 404 as "the session has ended", as the same
#           page says of requests with a session id, begins a new session for nothing.
# Versions: @antv/mcp-server-chart 0.9.10 (npm), Node.js 20 or newer
# Seen:     2026-11-28. GET and DELETE of /mcp: 404, text/html.
# Needs:    bash, node, npm, curl. Ends by itself; fails where the server answers something else.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @antv/mcp-server-chart@0.9.10 >/dev/null
port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
node_modules/.bin/mcp-server-chart --transport streamable --host 127.0.0.1 --port "$port" >log.txt 2>&1 &
server=$!
url=http://127.0.0.1:$port/mcp
curl --silent --retry 30 --retry-connrefused --retry-delay 1 --output /dev/null "$url"
for method in GET DELETE; do
  curl --silent --output /dev/null --request "$method" --header 'Accept: text/event-stream' \
    --write-out "$method %{http_code} %{content_type}\n" "$url"
done | tee seen.txt
printf '%s\n' 'GET 404 text/html; charset=utf-8' 'DELETE 404 text/html; charset=utf-8' >expected.txt
diff expected.txt seen.txt
