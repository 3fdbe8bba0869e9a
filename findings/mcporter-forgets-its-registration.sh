#!/usr/bin/env bash
# What:     mcporter listens for the authorization response at another port with each command, takes that for a change of its redirect URI, and
#           deletes its registration, but not its tokens. A refresh token belongs to a client (RFC 6749, section 6), so it is of no use any
#           more: when the access token ends, mcporter registers anew and opens the browser. With a fixed `oauthRedirectUrl` it refreshes. (A
#           server takes a loopback redirect URI with any port: RFC 8252, section 7.3.)
# Versions: mcporter 0.12.3 (npm), Node.js 20 or newer (it asks for 24, and works)
# Seen:     2026-11-28. The output below: what an authorization server was asked for by `auth`, `call`, and `call` after the token's end.
# Needs:    bash, node, npm, curl. Ends by itself; fails where mcporter does something else.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts mcporter@0.12.3 >/dev/null
cat >server.mjs <<'PROGRAM'
// An authorization server where everybody is signed in, and an MCP server with one tool.
import { createServer } from 'node:http';
let [clients, tokens, asked] = [0, 0, []];
const valid = new Set();
const server = createServer(async (request, response) => {
  const origin = `http://127.0.0.1:${server.address().port}`;
  const url = new URL(request.url, origin);
  let body = '';
  for await (const chunk of request) body += chunk;
  const json = (value, status = 200, headers = {}) => response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
  const pages = {
    '/.well-known/oauth-protected-resource/mcp': () => json({ resource: `${origin}/mcp`, authorization_servers: [origin] }),
    '/.well-known/oauth-authorization-server': () => json({
      issuer: origin, authorization_endpoint: `${origin}/authorize`, token_endpoint: `${origin}/token`, registration_endpoint: `${origin}/register`,
      response_types_supported: ['code'], code_challenge_methods_supported: ['S256'], token_endpoint_auth_methods_supported: ['none'],
    }),
    '/register': () => (asked.push('registration'), json({ ...JSON.parse(body), client_id: `client-${++clients}` }, 201)),
    '/authorize': () => {
      asked.push('browser');
      const target = new URL(url.searchParams.get('redirect_uri'));
      target.searchParams.set('code', 'code');
      target.searchParams.set('state', url.searchParams.get('state'));
      response.writeHead(302, { location: target.href }).end();
    },
    '/token': () => {
      const form = new URLSearchParams(body);
      const refused = form.has('refresh_token') && form.get('refresh_token') !== `refresh-of-${form.get('client_id')}`;
      asked.push(form.get('grant_type') + (refused ? ' of another client' : ''));
      if (refused) return json({ error: 'invalid_grant' }, 400);
      valid.add(`token-${++tokens}`);
      const refresh_token = `refresh-of-${form.get('client_id')}`;
      json({ access_token: `token-${tokens}`, token_type: 'Bearer', expires_in: 3600, refresh_token });
    },
    '/mcp': () => {
      if (!valid.has((request.headers.authorization ?? '').replace('Bearer ', '')))
        return json({}, 401, { 'www-authenticate': `Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"` });
      if (request.method !== 'POST') return json({}, 405);
      const { id, method } = JSON.parse(body);
      if (id === undefined) return response.writeHead(202).end();
      const results = {
        initialize: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'one', version: '1' } },
        'tools/list': { tools: [{ name: 'echo', inputSchema: { type: 'object' } }] },
        'tools/call': { content: [{ type: 'text', text: 'hello' }] },
      };
      json({ jsonrpc: '2.0', id, result: results[method] ?? {} });
    },
    // For this script: all access tokens end; and what was asked for.
    '/end': () => (valid.clear(), json({})),
    '/asked': () => (json(asked), (asked = [])),
  };
  (pages[url.pathname] ?? (() => json({}, 404)))();
}).listen(0, '127.0.0.1', () => console.log(server.address().port));
PROGRAM
node server.mjs >port.txt &
server=$!
for _ in $(seq 100); do
  [ -s port.txt ] && break
  sleep 0.1
done
[ -s port.txt ]
origin=http://127.0.0.1:$(cat port.txt)
# The browser.
printf '#!/bin/sh\nexec curl --silent --location --output /dev/null "$1"\n' >xdg-open
chmod +x xdg-open
free=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
try() {
  mkdir "$1"
  echo "{\"mcpServers\":{\"one\":{\"baseUrl\":\"$origin/mcp\",\"auth\":\"oauth\"$2}}}" >"$1/mcporter.json"
  mcporter() {
    HOME=$folder/$home XDG_CONFIG_HOME=$folder/$home XDG_DATA_HOME=$folder/$home PATH=$folder:$PATH \
      node node_modules/mcporter/dist/cli.js --config "$home/mcporter.json" --oauth-timeout 20000 "$@" >>"$home/log.txt" 2>&1 </dev/null
  }
  home=$1
  for command in 'auth one' 'call one.echo' 'end' 'call one.echo'; do
    if [ "$command" = end ]; then
      curl --silent --output /dev/null "$origin/end"
    else
      # shellcheck disable=SC2086
      mcporter $command || true
      echo "$1: $command: $(curl --silent "$origin/asked")"
    fi
  done
}
{
  try any-port ''
  try fixed-port ",\"oauthRedirectUrl\":\"http://127.0.0.1:$free/callback\""
} | tee seen.txt
printf '%s\n' \
  'any-port: auth one: ["registration","browser","authorization_code"]' \
  'any-port: call one.echo: []' \
  'any-port: call one.echo: ["registration","refresh_token of another client","browser","authorization_code"]' \
  'fixed-port: auth one: ["registration","browser","authorization_code"]' \
  'fixed-port: call one.echo: []' \
  'fixed-port: call one.echo: ["refresh_token"]' >expected.txt
diff expected.txt seen.txt
