#!/usr/bin/env bash
# What:     the MCP TypeScript SDKs send `client_secret_basic` credentials as they are. RFC 6749, section 2.3.1, wants the client id
#           and the secret form-encoded before they are joined by a colon. A server that decodes them as the RFC says reads
#           another secret wherever a secret holds `%` or `+`.
# Versions: @modelcontextprotocol/sdk 1.32.2, @modelcontextprotocol/client 2.4.0 (npm), Node.js 20 or newer
# Seen:     2026-11-28. For the id `my client` and the secret `100%+more` both send `my client:100%+more`; form-encoded it would be
#           `my+client:100%25%2Bmore`.
# Needs:    bash, node, npm. Ends by itself; fails where an SDK does something else.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @modelcontextprotocol/sdk@1.32.2 @modelcontextprotocol/client@2.4.0 >/dev/null

cat >ask.mjs <<'NODE'
import { exchangeAuthorization as legacy } from '@modelcontextprotocol/sdk/client/auth.js';
import { exchangeAuthorization as modern } from '@modelcontextprotocol/client';

const issuer = 'https://as.example';
const metadata = {
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  response_types_supported: ['code'],
  token_endpoint_auth_methods_supported: ['client_secret_basic'],
};
for (const [name, exchange] of [['sdk', legacy], ['client', modern]]) {
  let sent;
  // Stands for the network: keeps what would be sent, and answers as a token endpoint does.
  const fetchFn = async (_url, init) => {
    sent = new Headers(init.headers).get('authorization');
    return Response.json({ access_token: 'a', token_type: 'Bearer' });
  };
  await exchange(issuer, {
    metadata,
    clientInformation: { client_id: 'my client', client_secret: '100%+more', token_endpoint_auth_method: 'client_secret_basic' },
    authorizationCode: 'code',
    codeVerifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
    redirectUri: 'http://127.0.0.1:3000/callback',
    fetchFn,
  });
  console.log(name, Buffer.from(sent.replace(/^Basic /, ''), 'base64').toString());
}
NODE
node ask.mjs | tee seen.txt
printf '%s\n' 'sdk my client:100%+more' 'client my client:100%+more' >expected.txt
diff expected.txt seen.txt
