#!/usr/bin/env bash
# What:     the OpenID provider plugin of better-auth serves its metadata below /api/auth and names an issuer without that path in
#           them. A client that is given the issuer finds no metadata, and one that is given the place finds another issuer; OpenID
#           Connect Discovery 1.0, section 4.3, wants both to be the same.
# Versions: better-auth 1.6.34 (npm), Node.js 20 or newer
# Seen:     2026-11-28. The metadata of http://127.0.0.1:3000/api/auth name the issuer http://127.0.0.1:3000, where there are none.
# Needs:    bash, node, npm. No port is opened: requests are handed to its handler. Ends by itself; fails where it is otherwise.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts better-auth@1.6.34 >/dev/null

cat >ask.mjs <<'NODE'
import { betterAuth } from 'better-auth';
import { memoryAdapter } from 'better-auth/adapters/memory';
import { jwt, oidcProvider } from 'better-auth/plugins';

const tables = ['user', 'session', 'account', 'verification', 'jwks', 'oauthApplication', 'oauthAccessToken', 'oauthConsent'];
const auth = betterAuth({
  baseURL: 'http://127.0.0.1:3000',
  secret: 'a secret that is long enough for this',
  database: memoryAdapter(Object.fromEntries(tables.map((table) => [table, []]))),
  telemetry: { enabled: false },
  plugins: [jwt(), oidcProvider({ loginPage: '/sign-in', useJWTPlugin: true })],
});
for (const place of ['http://127.0.0.1:3000', 'http://127.0.0.1:3000/api/auth']) {
  const answer = await auth.handler(new Request(`${place}/.well-known/openid-configuration`));
  const issuer = answer.status === 200 ? (await answer.json()).issuer : 'none';
  console.log(`${place}: ${answer.status}, issuer ${issuer}`);
}
process.exit(0);
NODE
node ask.mjs 2>log.txt | tee seen.txt
printf '%s\n' 'http://127.0.0.1:3000: 404, issuer none' 'http://127.0.0.1:3000/api/auth: 200, issuer http://127.0.0.1:3000' >expected.txt
diff expected.txt seen.txt
