// An MCP server on the TypeScript SDK 1.x: protocol versions up to 2025-11-25, with sessions.
//
//   node server-legacy.mjs [--transport streamable-http|sse] [--protocol-version 2025-11-25] [--port 0]
//
// Prints {"url"} once it listens: /mcp, or /sse of the HTTP+SSE transport (2024-11-05), which has messages at /message.
// It agrees to --protocol-version and to no other.

import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { InitializeRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import express from 'express';
import { registerTools } from './servers/tools.mjs';

const { values: options } = parseArgs({
  options: {
    transport: { type: 'string', default: 'streamable-http' },
    'protocol-version': { type: 'string', default: '2025-11-25' },
    port: { type: 'string', default: '0' },
  },
});
const protocolVersion = options['protocol-version'];
const serve = { 'streamable-http': serveStreamableHttp, sse: serveEvents }[options.transport];
if (serve === undefined) throw new Error('--transport is streamable-http or sse');

const app = express();
app.disable('x-powered-by');
const path = serve(new Map());
const listener = app.listen(Number(options.port), '127.0.0.1', (error) => {
  if (error) throw error;
  console.log(JSON.stringify({ url: `http://127.0.0.1:${listener.address().port}${path}` }));
});

/** Streamable HTTP, with a session for each client. Its path. */
function serveStreamableHttp(sessions) {
  app.all('/mcp', async (req, res) => {
    const id = req.headers['mcp-session-id'];
    let transport = sessions.get(id);
    if (id !== undefined && transport === undefined) {
      const error = { code: -32001, message: 'Session not found' };
      return void res.status(404).json({ jsonrpc: '2.0', error, id: null });
    }
    if (transport === undefined) {
      transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (id) => void sessions.set(id, transport),
        onsessionclosed: (id) => void sessions.delete(id),
      });
      await createServer().connect(transport);
    }
    // Whatever is not `initialize` is refused by the transport itself: it belongs to no session.
    await transport.handleRequest(req, res);
  });
  return '/mcp';
}

/** HTTP+SSE: a stream of events is a session. Its path. */
function serveEvents(sessions) {
  app.get('/sse', async (_req, res) => {
    const transport = new SSEServerTransport('/message', res);
    sessions.set(transport.sessionId, transport);
    res.on('close', () => sessions.delete(transport.sessionId));
    await createServer().connect(transport);
  });
  app.post('/message', async (req, res) => {
    const transport = sessions.get(req.query.sessionId);
    if (transport === undefined) return void res.status(404).send('No such session');
    await transport.handlePostMessage(req, res);
  });
  return '/sse';
}

function createServer() {
  const serverInfo = { name: 'gatehouse-tests-server-legacy', version: '1.0.0' };
  const capabilities = { tools: { listChanged: true } };
  const mcp = new McpServer(serverInfo, { capabilities });
  // The SDK would agree to every version that it knows.
  mcp.server.setRequestHandler(InitializeRequestSchema, () => ({ protocolVersion, capabilities, serverInfo }));
  registerTools(mcp, {
    reportProgress: async ({ _meta, sendNotification }, progress, total) => {
      const progressToken = _meta?.progressToken;
      if (progressToken === undefined) return;
      await sendNotification({ method: 'notifications/progress', params: { progressToken, progress, total } });
    },
    listChanged: () => mcp.server.sendToolListChanged(),
  });
  return mcp;
}
