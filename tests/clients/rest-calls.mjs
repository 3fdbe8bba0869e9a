// An official TypeScript SDK's client at a REST API behind Gatehouse: it lists every tool, and makes the calls that it is told.
//
//   node rest-calls.mjs MCP_URL --sdk legacy|modern --calls '[{"name","arguments"},...]'
//
// Prints {"version","tools":[name,...],"results":[...]}: the result of each call, in order. The SDK holds every result against the tool's
// output schema.

import { parseArgs } from 'node:util';
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { sdk: { type: 'string' }, calls: { type: 'string' } },
});
const url = new URL(positionals[0]);
const who = { name: 'gatehouse-tests-rest-calls', version: '1.0.0' };
const isModern = options.sdk === 'modern';
const client = isModern ? new ModernClient(who, { versionNegotiation: { mode: 'auto' } }) : new LegacyClient(who);
const transport = isModern ? new ModernTransport(url) : new LegacyTransport(url);
await client.connect(transport);

const tools = [];
let cursor;
do {
  const page = await client.listTools(cursor === undefined ? undefined : { cursor });
  tools.push(...page.tools.map(({ name }) => name));
  cursor = page.nextCursor;
} while (cursor !== undefined);

const results = [];
for (const call of JSON.parse(options.calls)) {
  results.push(await (isModern ? client.callTool(call) : client.callTool(call, undefined)));
}
const version = client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion;
console.log(JSON.stringify({ version, tools, results }));
await client.close();
