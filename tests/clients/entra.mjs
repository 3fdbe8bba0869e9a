// `oidc-provider` in the shape of Microsoft Entra ID: for each tenant an issuer of version 1 and one of version 2, which share their
// keys, at the paths of Entra's metadata.
//
//   node entra.mjs --client-secret SECRET [--redirect-uri URL] [--port 0]
//
// Prints {"authority":...} once it listens. `AUTHORITY/TENANT` is version 1, `AUTHORITY/TENANT/v2.0` version 2, and
// `AUTHORITY/organizations` serves every tenant. Metadata and keys are below these, as Entra has them; the token endpoint is where the
// metadata says.
//
// An application gets tokens of its own by client_credentials, and tokens of a user by `password` (Entra has that grant, too), both with
// `resource=api://mcp`. With `scope=openid` the answer to `password` also has an id_token. `resource=api://mcp/consumers` signs with the
// key that Entra publishes for personal accounts alone. The line `rotate` on stdin replaces all keys, and is answered by
// {"step":"rotated"}.
//
// With --redirect-uri, users sign in with a browser at the application of the MCP server, version 2: whoever the header x-person names is
// signed in and has consented. That application gets tokens on their behalf for api://orders: the scope api://orders/.default. Of a user
// called mallory it is told that they must do something else first (`interaction_required`, with a claims challenge).

import { createHash, generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { Provider, errors } from 'oidc-provider';
import { findFreePort } from './loopback.mjs';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    'client-secret': { type: 'string' },
    'redirect-uri': { type: 'string' },
  },
});
if (!options['client-secret']) throw new Error('--client-secret is missing');

const TENANTS = ['8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10', '5c3e7a10-2b4d-4e6f-8a91-b2c3d4e5f607'];
/** That of personal accounts. */
const CONSUMERS = '9188040d-6c67-4c5b-b112-36a304b66dad';
/** Serves all tenants. */
const ORGANIZATIONS = 'organizations';
/** The registration of the MCP server: its application id URI and its application id, at which it can also sign users in. */
const API = { uri: 'api://mcp', id: '2f6a3c1e-94b7-4a0d-8f25-6b1d0c9e7a34' };
/** Visual Studio Code, and an application that nobody has allowed. */
const APPLICATIONS = ['aebc6443-996d-45c2-90f0-388ff96faa56', '11111111-2222-4333-8444-555555555555', API.id];
/** The API of somebody else that the MCP server calls. */
const ORDERS = 'api://orders';
const ON_BEHALF_OF = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
/** What a conditional access policy wants before it lets the user go on. */
const CLAIMS_CHALLENGE = JSON.stringify({ access_token: { acrs: { essential: true, value: 'c1' } } });
/** Seconds. Longer than Gatehouse keeps anything, so that it is never the end of a token that a test sees. */
const LIFETIME = 4 * 3600;

// The issuers hold the port, so the port must be known before the providers exist.
const port = Number(options.port) || (await findFreePort());
const authority = `http://127.0.0.1:${port}`;

function issuerOf(version, tenant) {
  return version === '1.0' ? `https://sts.windows.net/${tenant}/` : `${authority}/${tenant}/v2.0`;
}

/** The key that signs for all tenants, and the one for personal accounts. Version 2 publishes both, each with its issuer; version 1 the first. */
function newKeys() {
  return ['tenants', 'consumers'].map((name) => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: `${name}-${randomUUID()}` };
  });
}

/** The same id for the same text: of a user or an application in a tenant (`oid`), and of a user at an application (`sub`). */
function idOf(...texts) {
  const digest = createHash('sha256').update(texts.join('/')).digest('hex');
  return `${digest.slice(0, 8)}-${digest.slice(8, 12)}-4${digest.slice(13, 16)}-8${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
}

/** What Microsoft's reference of access token claims has; what is not there is not in Entra's tokens. */
function accessToken(version, tenant, token, { payload }) {
  const application = token.clientId;
  const user = token.accountId;
  const same = {
    aud: payload.aud,
    iss: payload.iss,
    iat: payload.iat,
    nbf: payload.iat,
    exp: payload.exp,
    aio: randomUUID(),
    oid: idOf(tenant, user ?? application),
    rh: randomUUID(),
    roles: user ? undefined : ['Mcp.Call'],
    scp: user ? payload.scope?.replaceAll(`${API.uri}/`, '') : undefined,
    sub: user ? idOf(tenant, user, application) : idOf(tenant, application),
    tid: tenant,
    uti: randomUUID(),
    ver: version,
  };
  if (version === '1.0') {
    const person = user && { acr: '1', amr: ['pwd'], family_name: 'Example', given_name: user, ipaddr: '192.0.2.7', name: user };
    const named = user && { unique_name: `${user}@example.test`, upn: `${user}@example.test` };
    return { ...same, appid: application, appidacr: '1', ...person, ...named };
  }
  const person = user && { name: user, preferred_username: `${user}@example.test` };
  return { ...same, azp: application, azpacr: '1', ...person };
}

/** The registration of an application; that of the MCP server signs users in, where it is said how. */
function application(id) {
  const signsIn = id === API.id && options['redirect-uri'] !== undefined;
  return {
    client_id: id,
    client_secret: options['client-secret'],
    token_endpoint_auth_method: 'client_secret_basic',
    redirect_uris: signsIn ? [options['redirect-uri']] : [],
    response_types: signsIn ? ['code'] : [],
    grant_types: ['client_credentials', 'password', ...(signsIn ? ['authorization_code', 'refresh_token', ON_BEHALF_OF] : [])],
    scope: `openid profile offline_access user_impersonation ${API.uri}/user_impersonation`,
  };
}

function providerOf(version, tenant, keys) {
  const provider = new Provider(issuerOf(version, tenant), {
    clients: APPLICATIONS.map(application),
    interactions: { url: (_ctx, { uid }) => `${issuerOf(version, tenant)}/interaction/${uid}` },
    claims: { openid: ['sub', 'tid', 'oid', 'ver'], profile: ['name', 'preferred_username'] },
    conformIdTokenClaims: false,
    jwks: { keys },
    scopes: ['openid', 'profile', 'offline_access', 'user_impersonation', `${API.uri}/user_impersonation`],
    cookies: { keys: ['development only: nobody signs in here'] },
    ttl: { ClientCredentials: LIFETIME, AccessToken: LIFETIME, IdToken: LIFETIME },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => userClaims(tenant, id) }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        // Entra takes the resource from the names of scopes; `oidc-provider` wants a parameter.
        defaultResource: (_ctx, client) => (client.responseTypes.includes('code') ? API.uri : undefined),
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, resource) => resourceServer(version, resource, keys),
      },
    },
    formats: {
      customizers: {
        jwt: (_ctx, token, jwt) => {
          jwt.header = { typ: 'JWT' };
          jwt.payload = accessToken(version, tenant, token, jwt);
        },
      },
    },
  });
  const ofUser = (ctx) => grantToUser(provider, version, tenant, keys, ctx);
  provider.registerGrantType('password', ofUser, ['username', 'password', 'scope', 'resource']);
  const onBehalf = (ctx) => grantOnBehalf(provider, version, tenant, keys, ctx);
  provider.registerGrantType(ON_BEHALF_OF, onBehalf, ['assertion', 'requested_token_use', 'scope']);
  provider.on('server_error', (_ctx, error) => console.error(`server error: ${error.message}`));
  return provider;
}

/** What id_tokens say of a user. */
function userClaims(tenant, user) {
  return { sub: user, tid: tenant, oid: idOf(tenant, user), ver: '2.0', name: user, preferred_username: `${user}@example.test` };
}

function resourceServer(version, resource, [ofTenants, ofConsumers]) {
  const kid = { [API.uri]: ofTenants.kid, [`${API.uri}/consumers`]: ofConsumers.kid, [ORDERS]: ofTenants.kid }[resource];
  if (!kid) throw new errors.InvalidTarget();
  // Tokens of version 1 name the application id URI, those of version 2 the application id.
  const own = version === '1.0' ? API.uri : API.id;
  const audience = resource === ORDERS ? ORDERS : own;
  return { scope: `user_impersonation ${API.uri}/user_impersonation`, audience, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256', kid } } };
}

async function grantToUser(provider, version, tenant, keys, ctx) {
  const { client, params } = ctx.oidc;
  const token = new provider.AccessToken({ accountId: params.username, client, gty: 'password', scope: 'user_impersonation' });
  token.resourceServer = new provider.ResourceServer(params.resource, resourceServer(version, params.resource, keys));
  ctx.body = { access_token: await token.save(), expires_in: token.expiration, token_type: token.tokenType };
  if (!params.scope?.split(' ').includes('openid')) return;
  const idToken = new provider.IdToken({ sub: idOf(tenant, params.username, client.clientId) }, { ctx });
  idToken.scope = 'openid';
  const claims = { tid: tenant, oid: idOf(tenant, params.username), name: params.username, uti: randomUUID(), ver: version };
  for (const [name, value] of Object.entries(claims)) idToken.set(name, value);
  ctx.body.id_token = await idToken.issue({ use: 'idtoken' });
}

/** The on-behalf-of flow: the user's token for the MCP server becomes one for the API that is named by its scope. */
async function grantOnBehalf(provider, version, tenant, keys, ctx) {
  const { client, params } = ctx.oidc;
  if (params.requested_token_use !== 'on_behalf_of') throw new errors.InvalidRequest('requested_token_use is missing');
  if (params.scope !== `${ORDERS}/.default`) throw new errors.InvalidScope('not an API that is known', params.scope);
  const checks = { issuer: issuerOf(version, tenant), audience: version === '1.0' ? API.uri : API.id };
  const known = createLocalJWKSet({ keys: keys.map(({ kty, n, e, kid, alg }) => ({ kty, n, e, kid, alg })) });
  const { payload } = await jwtVerify(params.assertion ?? '', known, checks).catch(() => {
    throw new errors.InvalidGrant('the assertion does not count');
  });
  if (!payload.scp?.split(' ').includes('user_impersonation')) throw new errors.InvalidGrant('the assertion is not of a user');
  if (payload.name === 'mallory') {
    ctx.status = 400;
    ctx.body = { error: 'interaction_required', error_codes: [50076], suberror: 'basic_action', claims: CLAIMS_CHALLENGE };
    return;
  }
  const token = new provider.AccessToken({ accountId: payload.name, client, gty: ON_BEHALF_OF, scope: 'user_impersonation' });
  token.resourceServer = new provider.ResourceServer(ORDERS, resourceServer(version, ORDERS, keys));
  ctx.body = { access_token: await token.save(), expires_in: token.expiration, token_type: token.tokenType };
}

/** Signs in whom the header names, and has them consent to everything. */
async function signIn(provider, request, response) {
  const { params } = await provider.interactionDetails(request, response);
  const accountId = request.headers['x-person'];
  const grant = new provider.Grant({ accountId, clientId: params.client_id });
  grant.addOIDCScope(`openid profile offline_access ${API.uri}/user_impersonation`);
  grant.addResourceScope(API.uri, `user_impersonation ${API.uri}/user_impersonation`);
  const result = { login: { accountId }, consent: { grantId: await grant.save() } };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

/** What Entra says otherwise than `oidc-provider`: for which tenants its keys are, and one endpoint for all tenants. */
function inShape(version, tenant) {
  return async (ctx, next) => {
    await next();
    if (ctx.path === '/jwks') {
      const [ofTenants, ofConsumers] = ctx.body.keys;
      const bound = (key, tenant) => ({ ...key, issuer: issuerOf(version, tenant) });
      const keys = version === '1.0' ? [ofTenants] : [bound(ofTenants, '{tenantid}'), bound(ofConsumers, CONSUMERS)];
      ctx.body = { keys };
    }
    if (ctx.path.startsWith('/.well-known/') && tenant === ORGANIZATIONS) {
      ctx.body = { ...ctx.body, issuer: issuerOf(version, '{tenantid}') };
    }
  };
}

/** By their paths, the longer one first. */
function allProviders() {
  const keys = newKeys();
  return ['2.0', '1.0'].flatMap((version) =>
    [...TENANTS, ORGANIZATIONS].map((tenant) => {
      const provider = providerOf(version, tenant, keys);
      provider.use(inShape(version, tenant));
      const path = `/${tenant}${version === '2.0' ? '/v2.0' : ''}`;
      return { path, serve: provider.callback(), signIn: (request, response) => signIn(provider, request, response) };
    }),
  );
}

let providers = allProviders();
createInterface({ input: process.stdin }).on('line', (line) => {
  if (line !== 'rotate') return;
  providers = allProviders();
  console.log(JSON.stringify({ step: 'rotated' }));
});
createServer((request, response) => {
  const found = providers.find(({ path }) => request.url.startsWith(`${path}/`));
  if (!found) return void response.writeHead(404).end();
  // As a framework mounts it: the metadata then has the whole paths.
  request.originalUrl = request.url;
  request.url = request.url.slice(found.path.length);
  if (request.url.startsWith('/interaction/')) return void found.signIn(request, response);
  found.serve(request, response);
}).listen(port, '127.0.0.1', () => console.log(JSON.stringify({ authority })));
