// The official TypeScript SDKs as clients of a route that takes API keys: the key in a header, and no OAuth.
//
//   node api-key.mjs MCP_URL --key KEY [--header x-ms-apikey] [--sdk legacy|modern] [--tool echo] [--arguments JSON]
//
// With a key that is not good, it says what the SDK said of it. Either way it says which URLs it has asked.

import { parseArgs } from 'node:util';
import * as modern from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { run, step, textOf } from './steps.mjs';

const SDKS = { legacy: { Client, StreamableHTTPClientTransport }, modern };

await run(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      key: { type: 'string' },
      header: { type: 'string', default: 'x-ms-apikey' },
      sdk: { type: 'string', default: 'legacy' },
      tool: { type: 'string', default: 'echo' },
      arguments: { type: 'string', default: '{"message":"hello"}' },
    },
  });
  const sdk = SDKS[values.sdk];
  if (sdk === undefined || positionals.length !== 1) throw new Error('usage: api-key.mjs MCP_URL --key KEY [--sdk legacy|modern]');
  const url = new URL(positionals[0]);
  const asked = new Set();
  const transport = new sdk.StreamableHTTPClientTransport(url, {
    requestInit: { headers: { [values.header]: values.key } },
    fetch: (target, init) => {
      asked.add(new URL(String(target)).pathname);
      return fetch(target, init);
    },
  });
  const client = new sdk.Client({ name: 'gatehouse-tests-api-key', version: '1.0.0' });
  try {
    await client.connect(transport);
    const { tools } = await client.listTools();
    const result = await client.callTool({ name: values.tool, arguments: JSON.parse(values.arguments) });
    step('called', { tools: tools.length, text: textOf(result), asked: [...asked] });
  } catch (error) {
    step('refused', { error: String(error), asked: [...asked] });
  }
  await client.close();
});
