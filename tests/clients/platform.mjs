// A platform that gives its machines tokens: a Kubernetes cluster, GitHub Actions, or SPIRE with its OIDC discovery provider.
//
//   node platform.mjs --platform kubernetes|github|spiffe --audience URL [--issuer URL]
//
// Prints {"origin":...} once it serves its metadata and its keys. For each line of JSON on its standard input it prints {"token":...}:
//
//   {"now": SECONDS, "set": {claims}, "unset": [names], "header": {members}, "key": "own" | "other"}
//
// The claims are those of a real token of the platform, with other names and numbers.

import { createServer } from 'node:http';
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { SignJWT, calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';

const { values: options } = parseArgs({
  options: { platform: { type: 'string' }, audience: { type: 'string' }, issuer: { type: 'string' } },
});
const platforms = {
  kubernetes: { alg: 'RS256', typ: undefined, lifetime: 3600, claims: kubernetes },
  github: { alg: 'RS256', typ: 'JWT', lifetime: 300, claims: github },
  spiffe: { alg: 'ES256', typ: 'JWT', lifetime: 300, claims: spiffe },
};
const platform = platforms[options.platform];
if (!platform) throw new Error('--platform must be kubernetes, github or spiffe');

const own = await generateKeyPair(platform.alg, { extractable: true });
// What an attacker has: a key of the same kind, which is in no key set.
const other = await generateKeyPair(platform.alg, { extractable: true });
const jwk = { ...(await exportJWK(own.publicKey)), alg: platform.alg, use: 'sig' };
jwk.kid = await calculateJwkThumbprint(jwk);

const server = createServer((request, response) => {
  const documents = {
    '/.well-known/openid-configuration': { issuer: issuer(), jwks_uri: `${origin()}/openid/v1/jwks` },
    '/openid/v1/jwks': { keys: [jwk] },
  };
  const document = documents[request.url];
  response.writeHead(document ? 200 : 404, { 'content-type': 'application/json' });
  response.end(JSON.stringify(document ?? {}));
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
console.log(JSON.stringify({ origin: origin() }));

for await (const line of createInterface({ input: process.stdin })) {
  const { now, set = {}, unset = [], header = {}, key = 'own' } = JSON.parse(line);
  const claims = { ...platform.claims(now), ...set };
  for (const name of unset) delete claims[name];
  const { privateKey } = key === 'own' ? own : other;
  const token = new SignJWT(claims).setProtectedHeader({ alg: platform.alg, kid: jwk.kid, typ: platform.typ, ...header });
  console.log(JSON.stringify({ token: await token.sign(privateKey) }));
}
server.close();

function origin() {
  return `http://127.0.0.1:${server.address().port}`;
}

function issuer() {
  return options.issuer ?? origin();
}

function usual(now) {
  return { iss: issuer(), iat: now, exp: now + platform.lifetime };
}

// A projected service account token (Kubernetes, "TokenRequest").
function kubernetes(now) {
  return {
    ...usual(now),
    aud: [options.audience],
    jti: randomUUID(),
    nbf: now,
    sub: 'system:serviceaccount:agents:reporter',
    'kubernetes.io': {
      namespace: 'agents',
      node: { name: 'node-1', uid: randomUUID() },
      pod: { name: 'reporter-5c7f', uid: randomUUID() },
      serviceaccount: { name: 'reporter', uid: 'f8a2c0de-0000-4000-8000-000000000001' },
    },
  };
}

// The token of a job (GitHub, "OpenID Connect reference").
function github(now) {
  return {
    ...usual(now),
    aud: options.audience,
    jti: randomUUID(),
    nbf: now - 5,
    sub: 'repo:acme/site:ref:refs/heads/main',
    ref: 'refs/heads/main',
    ref_type: 'branch',
    ref_protected: 'true',
    sha: 'b7af675b7af675b7af675b7af675b7af675b7af6',
    repository: 'acme/site',
    repository_id: '123456789',
    repository_owner: 'acme',
    repository_owner_id: '65',
    repository_visibility: 'private',
    run_id: '987654321',
    run_number: '17',
    run_attempt: '1',
    actor: 'octocat',
    actor_id: '12',
    workflow: 'deploy',
    workflow_ref: 'acme/site/.github/workflows/deploy.yml@refs/heads/main',
    job_workflow_ref: 'acme/site/.github/workflows/deploy.yml@refs/heads/main',
    event_name: 'push',
    runner_environment: 'github-hosted',
  };
}

// A JWT-SVID, as SPIRE makes it where `jwt_issuer` is set.
function spiffe(now) {
  return { ...usual(now), aud: [options.audience], sub: 'spiffe://example.org/ns/prod/sa/billing-eu' };
}
