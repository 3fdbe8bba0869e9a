// `oidc-provider` as an authorization server whose access tokens Gatehouse only verifies: signed ones, and opaque ones.
//
//   node token-issuer.mjs --audience URI --client-secret SECRET [--port 0]
//
// Prints {"issuer":...} once it listens; its metadata names the endpoints. It knows two clients that authenticate with HTTP
// Basic: `machine` gets tokens by client_credentials, and `gatehouse` may ask about them. The `resource` of the token request
// says the format: URI/RS256 and so on is a token signed so (RFC 9068), URI/opaque an opaque one. The audience is URI in any
// case. The line `rotate` on stdin replaces all keys, and is answered by {"step":"rotated"}.

import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { Provider, errors } from 'oidc-provider';
import { findFreePort } from './loopback.mjs';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    audience: { type: 'string' },
    'client-secret': { type: 'string' },
  },
});
for (const name of ['audience', 'client-secret']) {
  if (!options[name]) throw new Error(`--${name} is missing`);
}

const KEYS = {
  RS256: ['rsa', { modulusLength: 2048 }],
  PS256: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
  ES384: ['ec', { namedCurve: 'P-384' }],
  EdDSA: ['ed25519', {}],
};
/** Seconds. Longer than Gatehouse keeps anything, so that it is never the end of a token that a test sees. */
const LIFETIME = 4 * 3600;

// The issuer holds the port, so the port must be known before the provider exists.
const port = Number(options.port) || (await findFreePort());
const issuer = `http://127.0.0.1:${port}`;

function signingKeys(generation) {
  return Object.entries(KEYS).map(([alg, [type, parameters]]) => {
    const { privateKey } = generateKeyPairSync(type, parameters);
    return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg, kid: `${alg}-${generation}` };
  });
}

function resourceServer(_ctx, resource) {
  const format = resource.slice(options.audience.length + 1);
  const server = { scope: 'mcp', audience: options.audience };
  if (resource === `${options.audience}/opaque`) return { ...server, accessTokenFormat: 'opaque' };
  if (resource !== `${options.audience}/${format}` || !Object.hasOwn(KEYS, format)) throw new errors.InvalidTarget();
  return { ...server, accessTokenFormat: 'jwt', jwt: { sign: { alg: format } } };
}

function client(id, grantTypes) {
  return {
    client_id: id,
    client_secret: options['client-secret'],
    token_endpoint_auth_method: 'client_secret_basic',
    redirect_uris: [],
    response_types: [],
    grant_types: grantTypes,
    scope: 'mcp',
  };
}

/** A provider cannot change its keys. All keep their tokens in one memory, so the next one knows those of the last. */
function providerOf(generation) {
  const provider = new Provider(issuer, {
    clients: [client('machine', ['client_credentials']), client('gatehouse', [])],
    jwks: { keys: signingKeys(generation) },
    scopes: ['mcp'],
    cookies: { keys: ['development only: nobody signs in here'] },
    ttl: { ClientCredentials: LIFETIME },
    // A signed token of a machine names it as the subject. What introspection says of an opaque one does not by itself.
    extraTokenClaims: (_ctx, token) => ({ sub: token.clientId }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: (_ctx, asking) => asking.clientId === 'gatehouse' },
      revocation: { enabled: true, allowedPolicy: (_ctx, asking, token) => asking.clientId === token.clientId },
      resourceIndicators: { enabled: true, getResourceServerInfo: resourceServer },
    },
  });
  provider.on('server_error', (_ctx, error) => console.error(`server error: ${error.message}`));
  return provider.callback();
}

let generation = 1;
let serve = providerOf(generation);
createInterface({ input: process.stdin }).on('line', (line) => {
  if (line !== 'rotate') return;
  generation += 1;
  serve = providerOf(generation);
  console.log(JSON.stringify({ step: 'rotated' }));
});
createServer((request, response) => serve(request, response)).listen(port, '127.0.0.1', () =>
  console.log(JSON.stringify({ issuer })),
);
