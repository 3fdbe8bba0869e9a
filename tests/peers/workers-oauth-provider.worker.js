// The worker that `workers-oauth-provider.mjs` runs: authorization server and resource in one, as the package's README has it
// ("One Worker: OAuthProvider"). Who signs in is not asked, because only authenticated calls are measured.

import { OAuthProvider } from '@cloudflare/workers-oauth-provider';

/** Sends an authenticated request on to the MCP server, without the token, and with the user's name. */
const apiHandler = {
  async fetch(request, env, ctx) {
    const headers = new Headers(request.headers);
    headers.delete('authorization');
    headers.set('x-user', ctx.props.userId);
    return fetch(env.SERVER, { method: request.method, headers, body: request.body });
  },
};

/** Approves each authorization request at once. */
const defaultHandler = {
  async fetch(request, env) {
    if (new URL(request.url).pathname !== '/authorize') return new Response('not found', { status: 404 });
    const asked = await env.OAUTH_PROVIDER.parseAuthRequest(request);
    const { redirectTo } = await env.OAUTH_PROVIDER.completeAuthorization({
      request: asked,
      userId: 'alice',
      metadata: {},
      scope: asked.scope,
      // What a proxy keeps for its user: the tokens of the identity provider.
      props: { userId: 'alice', upstreamTokens: 'x'.repeat(1500) },
    });
    return Response.redirect(redirectTo, 302);
  },
};

export default new OAuthProvider({
  apiRoute: '/mcp',
  apiHandler,
  defaultHandler,
  authorizeEndpoint: '/authorize',
  tokenEndpoint: '/token',
  clientRegistrationEndpoint: '/register',
  resourceMetadata: { resource: RESOURCE },
  scopesSupported: ['mcp', 'offline_access'],
});
