// The official TypeScript SDK 2.x as a client of a route whose server acts in an account that the user has to link: it is led to the
// page by URL elicitation, and its call then works.
//
//   node sdk-connections.mjs MCP_URL --negotiation legacy|modern [--user alice]
//
// Prints {"step":"told","way","url"}, {"step":"linked","pages"} and {"step":"called","text"}.

import { parseArgs } from 'node:util';
import {
  Client,
  StreamableHTTPClientTransport,
  UnauthorizedError,
  UrlElicitationRequiredError,
} from '@modelcontextprotocol/client';
import { Browser } from './browser.mjs';
import { OAuthSession } from './oauth-session.mjs';
import { expect, run, step, textOf } from './steps.mjs';

const MODES = { legacy: 'legacy', modern: { pin: '2026-07-28' } };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { negotiation: { type: 'string' }, user: { type: 'string', default: 'alice' } },
});
const url = new URL(positionals[0]);
const { user } = values;

/** Opens the page as the person at the client does, in a browser of their own. */
async function link(address) {
  step('linked', { pages: await new Browser().link(address, { user }) });
}

async function connect(session) {
  const transport = new StreamableHTTPClientTransport(url, { authProvider: session });
  const client = new Client(
    { name: 'gatehouse-tests-sdk-connections', version: '1.0.0' },
    { capabilities: { elicitation: { url: {} } }, versionNegotiation: { mode: MODES[values.negotiation] } },
  );
  client.setRequestHandler('elicitation/create', async ({ params }) => {
    expect(params.mode === 'url', `an elicitation of the mode ${params.mode}`);
    step('told', { way: 'input-required', url: params.url });
    await link(params.url);
    return { action: 'accept' };
  });
  try {
    await client.connect(transport);
  } catch (error) {
    if (!UnauthorizedError.isInstance(error)) throw error;
    await transport.finishAuth(await session.verifyState());
    return connect(session);
  }
  return client;
}

await run(async () => {
  const session = await OAuthSession.open('Connections', user);
  const client = await connect(session);
  expect((await client.listTools()).tools.length > 0, 'nothing is listed without a link');
  const call = () => client.callTool({ name: 'echo', arguments: { message: 'hello' } });
  let result;
  try {
    result = await call();
  } catch (error) {
    if (!(error instanceof UrlElicitationRequiredError)) throw error;
    const [elicitation] = error.elicitations;
    step('told', { way: 'error', url: elicitation.url });
    await link(elicitation.url);
    result = await call();
  }
  step('called', { text: textOf(result) });
  await client.close();
  session.close();
});
