#!/usr/bin/env bash
# What:     access tokens that are JWTs without a `jti` are the same where they are issued in the same second to the same user: a
#           client that has refreshed, and a test that compares the two, sees no new token. RFC 9068, section 2.2, wants a `jti`.
# Versions: oauth2-mock-server 9.3.0 (npm), Node.js 20 or newer (it asks for 22)
# Seen:     2026-11-28. Ten requests one after the other give one token or two.
# Needs:    bash, node, npm. Listens on a free port of 127.0.0.1. Ends by itself; fails where each token is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts oauth2-mock-server@9.3.0 >/dev/null 2>&1

cat >ask.mjs <<'NODE'
import { OAuth2Server } from 'oauth2-mock-server';

const server = new OAuth2Server();
await server.issuer.keys.generate('RS256');
await server.start(0, '127.0.0.1');
const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'any', client_id: 'client' });
const tokens = new Set();
for (let asked = 0; asked < 10; asked += 1) {
  const answer = await fetch(`http://127.0.0.1:${server.address().port}/token`, { method: 'POST', body });
  tokens.add((await answer.json()).access_token);
}
await server.stop();
console.log(tokens.size < 10 ? 'ten requests, fewer tokens' : `ten requests, ${tokens.size} tokens`);
NODE
node ask.mjs | tee seen.txt
[ "$(cat seen.txt)" = 'ten requests, fewer tokens' ]
