// What the two TypeScript SDK programs do, given the classes of their SDK.

import { OAuthSession } from './oauth-session.mjs';
import { notificationsOf, ToolListWatch } from './notifications.mjs';
import { expect, letTokensExpire, step, textOf } from './steps.mjs';

/** How the keys of `--private-key` sign. */
const ALGORITHM = 'ES256';

/**
 * Signs in, lists and calls; lets the tokens expire; lists and calls again, which must renew them silently. With
 * `notifications` it says what it is notified of instead, and is done. A server that `isOpen` needs no sign-in.
 * `sdk` has the SDK's providers for clients that sign or act for themselves, `connect(session, listChanged)` returns a
 * connected client that has this option, `callTool(client, params, options)` calls a tool, `isUnauthorized(error)`
 * recognises its demand for a sign-in, and `redeem(session, parameters)` hands the authorization response to the SDK.
 */
export async function exercise({ url, identity, tool, toolArguments, notifications, connect, callTool, ...others }) {
  const opening = identity.isMachine ? connectMachine : connectForUser;
  const watch = new ToolListWatch();
  const open = (session) => connect(session, watch.option);
  const { session, client } = await opening({ issuer: url.origin, identity, connect: open, ...others });
  const clientId = identity.isMachine ? identity.id : session.clientId;
  step('signed-in', { client_id: clientId, scope: session.tokens()?.scope });

  const listed = (await client.listTools()).tools;
  step('listed', { tools: listed.length });
  step('called', { text: textOf(await client.callTool({ name: tool, arguments: toolArguments })) });

  if (notifications) {
    const call = (params, options) => callTool(client, params, options);
    step('notified', await notificationsOf({ watch, tools: listed, callTool: call }));
    await client.close();
    return session.close?.();
  }

  const before = session.tokens();
  if (identity.isMachine) expect(before.refresh_token === undefined, 'a machine was given a refresh token');
  else expect(before.refresh_token !== undefined, 'the server gave no refresh token');
  await letTokensExpire();
  const { tools } = await client.listTools();
  const text = textOf(await client.callTool({ name: tool, arguments: toolArguments }));
  const after = session.tokens();
  expect(after.access_token !== before.access_token, 'the access token is still the old one: nothing was refreshed');
  step('refreshed', {
    tools: tools.length,
    text,
    refreshes: identity.isMachine ? undefined : session.tokenResponses - 1,
    rotated: after.refresh_token !== before.refresh_token,
    authorizations: identity.isMachine ? 0 : session.authorizations,
  });
  await client.close();
  session.close?.();
}

/** Connects with a user's sign-in. */
async function connectForUser({ clientName, user, identity, isOpen, issuer, sdk, connect, isUnauthorized, redeem }) {
  const { privateKey, metadataUrl, id } = identity;
  const subject = metadataUrl ?? id;
  const addClientAuthentication =
    privateKey && sdk.createPrivateKeyJwtAuth({ issuer: subject, subject, privateKey, alg: ALGORITHM });
  const session = await OAuthSession.open(clientName, user, { identity, issuer, addClientAuthentication });
  const client = await connect(session).catch(async (error) => {
    if (!isUnauthorized(error)) throw error;
    await redeem(session, await session.verifyState());
    return connect(session);
  });
  expect(session.authorizations === (isOpen ? 0 : 1), 'the server did not ask for a sign-in');
  return { session, client };
}

/** Connects with the client's own credentials: the SDK's providers cannot send a user anywhere. */
async function connectMachine({ clientName, identity, issuer, sdk, connect }) {
  const { id: clientId, secret: clientSecret, privateKey } = identity;
  const who = { clientId, clientName, expectedIssuer: issuer };
  const session = privateKey
    ? new sdk.PrivateKeyJwtProvider({ ...who, privateKey, algorithm: ALGORITHM })
    : new sdk.ClientCredentialsProvider({ ...who, clientSecret });
  return { session, client: await connect(session) };
}
