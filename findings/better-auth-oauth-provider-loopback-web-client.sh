#!/usr/bin/env bash
# What:     @better-auth/oauth-provider refuses a redirect URI on http://127.0.0.1 for a client of the type `web`, which is the default,
#           and says that only "non-loopback hosts" need https. So a web application cannot be tried on one's own machine, unless it
#           registers as `native`.
# Versions: @better-auth/oauth-provider 1.7.5 with better-auth 1.7.5 (npm), Node.js 20 or newer
# Seen:     2026-11-28. `web`: invalid_redirect_uri, "web clients require https redirect URIs on non-loopback hosts:
#           http://127.0.0.1:3000/callback". `native`: registered.
# Needs:    bash, node, npm. No port is opened. Ends by itself; fails where it is otherwise.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @better-auth/oauth-provider@1.7.5 better-auth@1.7.5 \
  @better-auth/core@1.7.5 >/dev/null

cat >register.mjs <<'NODE'
import { oauthProvider } from '@better-auth/oauth-provider';
import { betterAuth } from 'better-auth';
import { memoryAdapter } from 'better-auth/adapters/memory';
import { jwt } from 'better-auth/plugins';

const provider = oauthProvider({ loginPage: '/sign-in', consentPage: '/consent' });
const tables = ['user', 'session', 'account', 'verification', 'jwks', ...Object.keys(provider.schema)];
const auth = betterAuth({
  baseURL: 'http://127.0.0.1:3000',
  secret: 'a secret that is long enough for this',
  database: memoryAdapter(Object.fromEntries(tables.map((table) => [table, []]))),
  emailAndPassword: { enabled: true },
  telemetry: { enabled: false },
  plugins: [jwt(), provider],
});
const user = { name: 'Alice', email: 'alice@example.com', password: 'correct horse & battery' };
await auth.api.signUpEmail({ body: user });
const { headers } = await auth.api.signInEmail({ body: user, returnHeaders: true });
const cookie = headers.getSetCookie().map((line) => line.split(';')[0]).join('; ');
for (const type of ['web', 'native']) {
  const body = { redirect_uris: ['http://127.0.0.1:3000/callback'], application_type: type };
  const seen = await auth.api.adminCreateOAuthClient({ headers: new Headers({ cookie }), body }).then(
    () => 'registered',
    (error) => `${error.body.error}: ${error.body.error_description}`,
  );
  console.log(`${type} ${seen}`);
}
process.exit(0);
NODE
node register.mjs 2>log.txt | tee seen.txt
printf '%s\n' \
  'web invalid_redirect_uri: web clients require https redirect URIs on non-loopback hosts: http://127.0.0.1:3000/callback' \
  'native registered' >expected.txt
diff expected.txt seen.txt
