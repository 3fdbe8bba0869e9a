#!/usr/bin/env bash
# What:     an OpenID provider that gives out JWT access tokens and offers introspection answers 400 `unsupported_token_type` when it is
#           asked about one of them. RFC 7662, section 2.2, wants 200 and `{"active": false}` for a token that cannot be answered for.
#           A resource server that asks about whatever it is shown takes the answer for an outage, and its clients for a reason to try
#           again. The opaque tokens of the same grant have no `sub` in their answer, while the JWTs have one.
# Versions: oidc-provider 9.13.3 (npm), Node.js 20 or newer
# Seen:     2026-11-29.
# Needs:    bash, node, npm. Ends by itself; fails where the provider answers something else.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund oidc-provider@9.13.3
cat >ask.mjs <<'JS'
import { once } from 'node:events';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const server = createServer().listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;
const ttl = { ClientCredentials: () => 600 };
const formats = { 'urn:jwt': 'jwt', 'urn:opaque': 'opaque' };
const resourceIndicators = {
  enabled: true,
  getResourceServerInfo: (_context, resource) => ({ scope: 'read', accessTokenFormat: formats[resource] }),
};
const provider = new Provider(issuer, {
  clients: [{ client_id: 'machine', client_secret: 'secret', grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }],
  features: {
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    resourceIndicators,
    devInteractions: { enabled: false },
  },
  ttl,
});
server.on('request', provider.callback());
const { token_endpoint, introspection_endpoint } = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
const authorization = `Basic ${Buffer.from('machine:secret').toString('base64')}`;
const post = (url, form) => fetch(url, { method: 'POST', headers: { authorization }, body: new URLSearchParams(form) });
for (const resource of Object.keys(formats)) {
  const granted = await (await post(token_endpoint, { grant_type: 'client_credentials', scope: 'read', resource })).json();
  const answer = await post(introspection_endpoint, { token: granted.access_token });
  const said = await answer.json();
  console.error(formats[resource], answer.status, said.error ?? `active=${said.active}`, `sub=${said.sub}`);
}
server.close();
server.closeAllConnections();
JS
node ask.mjs 2>seen.txt >/dev/null || { cat seen.txt; exit 1; }
grep -E '^(jwt|opaque) ' seen.txt | tee lines.txt
printf '%s\n' 'jwt 400 unsupported_token_type sub=undefined' 'opaque 200 active=true sub=undefined' >expected.txt
diff expected.txt lines.txt
