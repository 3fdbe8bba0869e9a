// The official TypeScript SDK 1.x (protocol versions up to 2025-11-25) as a client of Gatehouse.
//
//   node sdk-legacy.mjs MCP_URL [--user alice] [--tool echo] [--arguments JSON] [who the client is: README.md]

import * as sdk from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { exercise } from './sdk-session.mjs';
import { parseClientArguments, run } from './steps.mjs';

await run(async () => {
  const { url, ...options } = parseClientArguments();
  let transport;
  await exercise({
    ...options,
    url,
    sdk,
    clientName: 'TypeScript SDK 1.x',
    connect: async (session) => {
      transport = new StreamableHTTPClientTransport(url, { authProvider: session });
      const client = new Client({ name: 'gatehouse-tests-sdk-legacy', version: '1.0.0' });
      await client.connect(transport);
      return client;
    },
    isUnauthorized: (error) => error instanceof UnauthorizedError,
    redeem: (_session, parameters) => transport.finishAuth(parameters.get('code')),
  });
});
