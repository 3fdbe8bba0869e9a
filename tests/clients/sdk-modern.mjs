// The official TypeScript SDK 2.x (both eras of the protocol) as a client of Gatehouse.
//
//   node sdk-modern.mjs MCP_URL [--negotiation auto|legacy|modern] [--user alice] [--tool echo] [--arguments JSON]
//                       [who the client is: README.md]

import * as sdk from '@modelcontextprotocol/client';
import { exercise } from './sdk-session.mjs';
import { parseClientArguments, run } from './steps.mjs';

const { Client, StreamableHTTPClientTransport, UnauthorizedError } = sdk;

/** What `--negotiation` means to the SDK; `modern` insists on one version. */
const NEGOTIATION = { auto: 'auto', legacy: 'legacy', modern: { pin: '2026-07-28' } };

await run(async () => {
  const { url, negotiation, ...options } = parseClientArguments({ negotiation: { type: 'string', default: 'auto' } });
  const mode = NEGOTIATION[negotiation];
  if (mode === undefined) throw new Error('--negotiation is auto, legacy or modern');
  let transport;
  await exercise({
    ...options,
    url,
    sdk,
    clientName: 'TypeScript SDK 2.x',
    connect: async (session, listChanged) => {
      transport = new StreamableHTTPClientTransport(url, { authProvider: session });
      const client = new Client(
        { name: 'gatehouse-tests-sdk-modern', version: '1.0.0' },
        { versionNegotiation: { mode }, listChanged },
      );
      await client.connect(transport);
      return client;
    },
    callTool: (client, params, options) => client.callTool(params, options),
    isUnauthorized: (error) => UnauthorizedError.isInstance?.(error) ?? error instanceof UnauthorizedError,
    redeem: (_session, parameters) => transport.finishAuth(parameters),
  });
});
