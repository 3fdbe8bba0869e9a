// An official TypeScript SDK's client at a REST API behind Gatehouse: it lists every tool, and calls each of them.
//
//   node rest-tools.mjs MCP_URL --sdk legacy|modern [--negotiation auto|legacy|modern] [--transport streamable-http|sse]
//
// Prints {"version","tools","called","failed":[...]}: a call has failed if the client throws, or the result is an error. The SDK holds
// every result against the tool's output schema.

import { parseArgs } from 'node:util';
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { sdk: { type: 'string' }, negotiation: { type: 'string', default: 'auto' }, transport: { type: 'string' } },
});
const url = new URL(positionals[0]);
const who = { name: 'gatehouse-tests-rest-tools', version: '1.0.0' };
const isModern = options.sdk === 'modern';
const mode = options.negotiation === 'modern' ? { pin: '2026-07-28' } : options.negotiation;
const client = isModern ? new ModernClient(who, { versionNegotiation: { mode } }) : new LegacyClient(who);
const OlderTransport = options.transport === 'sse' ? SSEClientTransport : LegacyTransport;
const transport = isModern ? new ModernTransport(url) : new OlderTransport(url);
await client.connect(transport);

/** A value that fits a schema of a tool. */
function sample(schema, depth = 0) {
  if (schema === true || schema === undefined || depth > 8) return 'text';
  if (schema.enum) return schema.enum[0];
  if (schema.const !== undefined) return schema.const;
  if (schema.default !== undefined) return schema.default;
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map((part) => sample(part, depth + 1)), ofRequired(schema, depth));
  const either = schema.oneOf ?? schema.anyOf;
  if (either) return sample(either[0], depth + 1);
  switch ([schema.type].flat()[0] ?? (schema.properties ? 'object' : undefined)) {
    case 'object':
      return ofRequired(schema, depth);
    case 'array':
      return [sample(schema.items, depth + 1)];
    case 'integer':
    case 'number':
      return schema.minimum ?? 1;
    case 'boolean':
      return true;
    default:
      return 'text';
  }
}

function ofRequired(schema, depth) {
  return Object.fromEntries((schema.required ?? []).map((name) => [name, sample(schema.properties?.[name], depth + 1)]));
}

const tools = [];
let cursor;
do {
  // SDK 2 gathers all pages by itself where it is not asked for one.
  const page = await client.listTools(cursor === undefined ? undefined : { cursor });
  tools.push(...page.tools);
  cursor = page.nextCursor;
} while (cursor !== undefined);

const failed = [];
for (const tool of tools) {
  if (!/^[a-zA-Z0-9_-]{1,64}$/.test(tool.name)) failed.push(`${tool.name}: no name that models take`);
  const params = { name: tool.name, arguments: sample(tool.inputSchema) };
  try {
    const result = await (isModern ? client.callTool(params) : client.callTool(params, undefined));
    if (result.isError) failed.push(`${tool.name}: ${result.content[0]?.text?.slice(0, 200)}`);
  } catch (error) {
    failed.push(`${tool.name}: ${String(error).slice(0, 300)}`);
  }
}
const names = new Set(tools.map(({ name }) => name));
if (names.size !== tools.length) failed.push('a name is there twice');
const version = client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion;
console.log(JSON.stringify({ version, tools: tools.length, called: tools.length, failed }));
await client.close();
