// Gets tokens from Gatehouse as a client would: discovery, registration, sign-in.
//
//   node token.mjs MCP_URL [--user alice]
//
// Prints {"access_token","refresh_token","token_type","expires_in","scope","client_id","redirect_uri","issuer","pages"}.

import { parseArgs } from 'node:util';
import { auth, extractWWWAuthenticateParams } from '@modelcontextprotocol/client';
import { OAuthSession } from './oauth-session.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { user: { type: 'string', default: 'alice' } },
});
if (positionals.length !== 1) throw new Error('usage: node token.mjs MCP_URL [--user NAME]');
const serverUrl = positionals[0];

const session = await OAuthSession.open('Token', options.user);
const discovery = { serverUrl, ...(await challenge(serverUrl)) };
await auth(session, discovery);
const parameters = await session.verifyState();
if (parameters.has('error'))
  throw new Error(`the sign-in failed: ${parameters.get('error')} ${parameters.get('error_description') ?? ''}`);
await auth(session, {
  ...discovery,
  authorizationCode: parameters.get('code'),
  iss: parameters.get('iss') ?? undefined,
});

const { access_token, refresh_token, token_type, expires_in, scope } = session.tokens();
console.log(
  JSON.stringify({
    access_token,
    refresh_token,
    token_type,
    expires_in,
    scope,
    client_id: session.clientInformation().client_id,
    redirect_uri: session.redirectUrl,
    issuer: session.discoveryState().authorizationServerUrl,
    pages: session.pages,
  }),
);
session.close();

/** What the server says about authorization to a client that has no token. */
async function challenge(url) {
  const posted = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' };
  // A stream of HTTP+SSE is opened by GET.
  const response = await fetch(url, new URL(url).pathname.endsWith('/sse') ? {} : posted);
  await response.body?.cancel();
  if (response.status !== 401) throw new Error(`expected 401 without a token, got ${response.status}`);
  const { resourceMetadataUrl, scope } = extractWWWAuthenticateParams(response);
  return { resourceMetadataUrl, scope };
}
