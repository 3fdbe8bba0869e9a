// The official TypeScript SDKs as clients of the sandboxes, with an API key.
//
//   node sandbox.mjs MCP_URL --key KEY [--sdk legacy|modern]

import { parseArgs } from 'node:util';
import * as modern from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { work } from './sandbox-steps.mjs';
import { run } from './steps.mjs';

const SDKS = { legacy: { Client, StreamableHTTPClientTransport }, modern };

await run(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { key: { type: 'string' }, sdk: { type: 'string', default: 'legacy' } },
  });
  const sdk = SDKS[values.sdk];
  if (sdk === undefined || positionals.length !== 1) throw new Error('usage: sandbox.mjs MCP_URL --key KEY [--sdk legacy|modern]');
  const transport = new sdk.StreamableHTTPClientTransport(new URL(positionals[0]), {
    requestInit: { headers: { 'x-ms-apikey': values.key } },
  });
  const client = new sdk.Client({ name: 'gatehouse-tests-sandbox', version: '1.0.0' });
  await client.connect(transport);
  await work((name, args) => client.callTool({ name, arguments: args }));
  await client.close();
});
