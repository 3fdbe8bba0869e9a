// An MCP server on the TypeScript SDK 2.x: 2026-07-28, and with --both-eras also sessions up to 2025-11-25.
//
//   node server-modern.mjs [--both-eras] [--port 0]
//
// Prints {"url"} once it listens.

import { parseArgs } from 'node:util';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, isLegacyRequest, McpServer } from '@modelcontextprotocol/server';
import express from 'express';
import { sendHeadersAtOnce, sessionHandler } from './conformance-upstream/sessions.mjs';
import { registerTools } from './servers/tools.mjs';

const { values: options } = parseArgs({
  options: { 'both-eras': { type: 'boolean', default: false }, port: { type: 'string', default: '0' } },
});
const modern = createMcpHandler(() => createServer(() => modern.notify.toolsChanged()), { legacy: 'reject' });
const legacy = sessionHandler(() => createServer((mcp) => mcp.server.sendToolListChanged()));

async function handle(request) {
  const isLegacy = options['both-eras'] && (await isLegacyRequest(request));
  return isLegacy ? legacy(request) : modern.fetch(request);
}

const app = express();
app.disable('x-powered-by');
app.all('/mcp', sendHeadersAtOnce, toNodeHandler({ fetch: handle }));
const listener = app.listen(Number(options.port), '127.0.0.1', (error) => {
  if (error) throw error;
  console.log(JSON.stringify({ url: `http://127.0.0.1:${listener.address().port}/mcp` }));
});

function createServer(listChanged) {
  const serverInfo = { name: 'gatehouse-tests-server-modern', version: '1.0.0' };
  const mcp = new McpServer(serverInfo, { capabilities: { tools: { listChanged: true } } });
  registerTools(mcp, {
    reportProgress: async ({ mcpReq }, progress, total) => {
      const progressToken = mcpReq._meta?.progressToken;
      if (progressToken === undefined) return;
      await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total } });
    },
    listChanged: () => listChanged(mcp),
  });
  return mcp;
}
