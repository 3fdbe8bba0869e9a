#!/usr/bin/env bash
# What:     a client on the TypeScript SDK 1.x that has a refresh token cannot get a further scope. On 403 `insufficient_scope` it refreshes,
#           which cannot widen a token (RFC 6749, section 6), gets the same 403, and gives up, without having sent the user anywhere. MCP
#           2025-11-25 ("Step-Up Authorization Flow") wants a new authorization with the scopes of the challenge. Without a refresh token
#           the same client does it. (https://github.com/modelcontextprotocol/typescript-sdk/issues/2255)
# Versions: @modelcontextprotocol/sdk 1.32.2 (npm), Node.js 20 or newer
# Seen:     2026-11-28. The output below.
# Needs:    bash, node, npm. Ends by itself; fails where the SDK does something else.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @modelcontextprotocol/sdk@1.32.2 >/dev/null
cat >step-up.mjs <<'PROGRAM'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const origin = 'https://mcp.example';
const metadata = {
  issuer: origin,
  authorization_endpoint: `${origin}/authorize`,
  token_endpoint: `${origin}/token`,
  response_types_supported: ['code'],
  code_challenge_methods_supported: ['S256'],
};
const challenge = `Bearer error="insufficient_scope", scope="read write", resource_metadata="${origin}/resource"`;

async function stepUp(refresh_token) {
  const seen = [];
  // The server and the authorization server: every token has the scope `read`, and the call needs `write`, too.
  const fetch = async (url, init) => {
    const { pathname } = new URL(url);
    if (pathname === '/mcp') return new Response(null, { status: 403, headers: { 'WWW-Authenticate': challenge } });
    if (pathname === '/resource') return Response.json({ resource: `${origin}/mcp`, authorization_servers: [origin] });
    if (pathname !== '/token') return Response.json(metadata);
    seen.push(new URLSearchParams(init.body).get('grant_type'));
    return Response.json({ access_token: 'another', token_type: 'Bearer', scope: 'read', refresh_token });
  };
  let tokens = { access_token: 'one', token_type: 'Bearer', scope: 'read', refresh_token, issuer: origin };
  const authProvider = {
    redirectUrl: 'http://127.0.0.1/callback',
    clientMetadata: { redirect_uris: ['http://127.0.0.1/callback'] },
    clientInformation: () => ({ client_id: 'client', issuer: origin }),
    tokens: () => tokens,
    saveTokens: (saved) => void (tokens = saved),
    saveCodeVerifier: () => {},
    redirectToAuthorization: (url) => void seen.push(`browser with scope "${url.searchParams.get('scope')}"`),
  };
  const transport = new StreamableHTTPClientTransport(new URL(`${origin}/mcp`), { authProvider, fetch });
  await transport.start();
  await transport.send({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'write' } }).catch((error) => seen.push(error.message));
  console.log(`${refresh_token ? 'with' : 'without'} a refresh token: ${seen.join(', ')}`);
}

await stepUp('refresh');
await stepUp(undefined);
PROGRAM
node step-up.mjs | tee seen.txt
printf '%s\n' \
  'with a refresh token: refresh_token, Streamable HTTP error: Server returned 403 after trying upscoping' \
  'without a refresh token: browser with scope "read write", Unauthorized' >expected.txt
diff expected.txt seen.txt
