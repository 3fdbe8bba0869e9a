// What the two TypeScript SDK programs do, given the classes of their SDK.

import { OAuthSession } from './oauth-session.mjs';
import { expect, letTokensExpire, step, textOf } from './steps.mjs';

/**
 * Signs in, lists and calls; lets the tokens expire; lists and calls again, which must refresh silently.
 * `connect(session)` returns a connected client, `isUnauthorized(error)` recognises its demand for a sign-in, and
 * `redeem(session, parameters)` hands the authorization response to the SDK.
 */
export async function exercise({ clientName, user, tool, toolArguments, connect, isUnauthorized, redeem }) {
  const session = await OAuthSession.open(clientName, user);
  const client = await connect(session).catch(async (error) => {
    if (!isUnauthorized(error)) throw error;
    await redeem(session, await session.verifyState());
    return connect(session);
  });
  expect(session.authorizations === 1, 'the server did not ask for a sign-in');
  step('signed-in', { client_id: session.clientInformation().client_id, scope: session.tokens().scope });

  step('listed', { tools: (await client.listTools()).tools.length });
  step('called', { text: textOf(await client.callTool({ name: tool, arguments: toolArguments })) });

  const before = session.tokens();
  expect(before.refresh_token !== undefined, 'the server gave no refresh token');
  await letTokensExpire();
  const { tools } = await client.listTools();
  const text = textOf(await client.callTool({ name: tool, arguments: toolArguments }));
  const after = session.tokens();
  expect(after.access_token !== before.access_token, 'the access token is still the old one: nothing was refreshed');
  step('refreshed', {
    tools: tools.length,
    text,
    refreshes: session.tokenResponses - 1,
    rotated: after.refresh_token !== before.refresh_token,
    authorizations: session.authorizations,
  });
  await client.close();
  session.close();
}
