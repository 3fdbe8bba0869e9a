// The official TypeScript SDK 1.x (protocol versions up to 2025-11-25) as a client of Gatehouse.
//
//   node sdk-legacy.mjs MCP_URL [--transport streamable-http|sse] [--user alice] [--tool echo] [--arguments JSON]
//                       [who the client is: README.md]

import * as sdk from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { exercise } from './sdk-session.mjs';
import { parseClientArguments, run } from './steps.mjs';

const TRANSPORTS = { 'streamable-http': StreamableHTTPClientTransport, sse: SSEClientTransport };

await run(async () => {
  const { url, transport: name, ...options } = parseClientArguments({
    transport: { type: 'string', default: 'streamable-http' },
  });
  const Transport = TRANSPORTS[name];
  if (Transport === undefined) throw new Error('--transport is streamable-http or sse');
  let transport;
  await exercise({
    ...options,
    url,
    sdk,
    clientName: 'TypeScript SDK 1.x',
    connect: async (session, listChanged) => {
      transport = new Transport(url, { authProvider: session });
      const client = new Client({ name: 'gatehouse-tests-sdk-legacy', version: '1.0.0' }, { listChanged });
      await client.connect(transport);
      return client;
    },
    callTool: (client, params, options) => client.callTool(params, undefined, options),
    isUnauthorized: (error) => error instanceof UnauthorizedError,
    redeem: (_session, parameters) => transport.finishAuth(parameters.get('code')),
  });
});
