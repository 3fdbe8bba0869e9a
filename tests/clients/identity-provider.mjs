// `oidc-provider` as the upstream OpenID provider of Gatehouse. Any login name works, and so does any password.
//
//   node identity-provider.mjs --redirect-uri URL --client-secret SECRET [--port 0]
//
// Prints {"issuer":...} once it listens. It knows one client: `gateway`, confidential, with PKCE required.

import { generateKeyPairSync } from 'node:crypto';
import { parseArgs } from 'node:util';
import { Provider } from 'oidc-provider';
import { findFreePort } from './loopback.mjs';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    'redirect-uri': { type: 'string' },
    'client-secret': { type: 'string' },
  },
});
for (const name of ['redirect-uri', 'client-secret']) {
  if (!options[name]) throw new Error(`--${name} is missing`);
}

// The issuer holds the port, so the port must be known before the provider exists.
const port = Number(options.port) || (await findFreePort());
const issuer = `http://127.0.0.1:${port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'gateway',
      client_secret: options['client-secret'],
      token_endpoint_auth_method: 'client_secret_basic',
      redirect_uris: [options['redirect-uri']],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
    },
  ],
  jwks: {
    keys: [signingKey('RS256', 'rsa', { modulusLength: 2048 }), signingKey('ES256', 'ec', { namedCurve: 'P-256' })],
  },
  pkce: { required: () => true },
  scopes: ['openid', 'profile', 'email', 'offline_access'],
  claims: { openid: ['sub'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'] },
  conformIdTokenClaims: false, // put the claims into the id_token, as most hosted providers do
  findAccount: (_ctx, login) => ({
    accountId: login,
    claims: () => ({
      sub: login,
      name: `${login[0].toUpperCase()}${login.slice(1)} Example`,
      preferred_username: login,
      email: `${login}@example.test`,
      email_verified: true,
    }),
  }),
  ttl: { AccessToken: 3600, IdToken: 3600, RefreshToken: 86400, Interaction: 3600, Session: 86400, Grant: 86400 },
  issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: true,
  cookies: { keys: ['development only: this provider accepts anyone'] },
  features: { devInteractions: { enabled: true }, revocation: { enabled: true } },
});

function signingKey(alg, type, parameters) {
  const { privateKey } = generateKeyPairSync(type, parameters);
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg, kid: alg.toLowerCase() };
}

provider.on('server_error', (_ctx, error) => console.error(`server error: ${error.message}`));
provider.listen(port, '127.0.0.1', () => console.log(JSON.stringify({ issuer })));
