// `oidc-provider` in the shape of Microsoft Entra ID: for each tenant an issuer of version 1 and one of version 2, which share their
// keys, at the paths of Entra's metadata.
//
//   node entra.mjs --client-secret SECRET [--port 0]
//
// Prints {"authority":...} once it listens. `AUTHORITY/TENANT` is version 1, `AUTHORITY/TENANT/v2.0` version 2, and
// `AUTHORITY/organizations` serves every tenant. Metadata and keys are below these, as Entra has them; the token endpoint is where the
// metadata says.
//
// An application gets tokens of its own by client_credentials, and tokens of a user by `password` (Entra has that grant, too), both with
// `resource=api://mcp`. With `scope=openid` the answer to `password` also has an id_token. `resource=api://mcp/consumers` signs with the
// key that Entra publishes for personal accounts alone. The line `rotate` on stdin replaces all keys, and is answered by
// {"step":"rotated"}.

import { createHash, generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { Provider, errors } from 'oidc-provider';
import { findFreePort } from './loopback.mjs';

const { values: options } = parseArgs({
  options: { port: { type: 'string', default: '0' }, 'client-secret': { type: 'string' } },
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
    scp: user ? payload.scope : undefined,
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

function providerOf(version, tenant, keys) {
  const provider = new Provider(issuerOf(version, tenant), {
    clients: APPLICATIONS.map((id) => ({
      client_id: id,
      client_secret: options['client-secret'],
      token_endpoint_auth_method: 'client_secret_basic',
      redirect_uris: [],
      response_types: [],
      grant_types: ['client_credentials', 'password'],
      scope: 'openid user_impersonation',
    })),
    jwks: { keys },
    scopes: ['openid', 'user_impersonation'],
    cookies: { keys: ['development only: nobody signs in here'] },
    ttl: { ClientCredentials: LIFETIME, AccessToken: LIFETIME, IdToken: LIFETIME },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
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
  provider.on('server_error', (_ctx, error) => console.error(`server error: ${error.message}`));
  return provider;
}

function resourceServer(version, resource, [ofTenants, ofConsumers]) {
  const kid = { [API.uri]: ofTenants.kid, [`${API.uri}/consumers`]: ofConsumers.kid }[resource];
  if (!kid) throw new errors.InvalidTarget();
  // Tokens of version 1 name the application id URI, those of version 2 the application id.
  const audience = version === '1.0' ? API.uri : API.id;
  return { scope: 'user_impersonation', audience, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256', kid } } };
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
      return { path: `/${tenant}${version === '2.0' ? '/v2.0' : ''}`, serve: provider.callback() };
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
  found.serve(request, response);
}).listen(port, '127.0.0.1', () => console.log(JSON.stringify({ authority })));
