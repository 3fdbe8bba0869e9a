// An MCP server as the MCP extension of Azure Functions serves one: HTTP+SSE (2024-11-05) below `/runtime/webhooks/mcp`, for whoever
// has the host's key, with the tools of Microsoft's sample "Secure Remote MCP Servers". On the TypeScript SDK 1.x.
//
//   node functions-server.mjs --key KEY [--port 0]
//
// Prints {"url"} once it listens. It answers 401 without the key, and 400 to anybody who passes on the token of the client.

import { parseArgs } from 'node:util';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import express from 'express';
import { z } from 'zod';

const { values: options } = parseArgs({ options: { key: { type: 'string' }, port: { type: 'string', default: '0' } } });
if (!options.key) throw new Error('--key is required');

const BASE = '/runtime/webhooks/mcp';
const text = (value) => ({ content: [{ type: 'text', text: value }] });
const sessions = new Map();
const snippets = new Map();

const app = express();
app.disable('x-powered-by');
app.use((req, res, next) => {
  if (req.headers['x-functions-key'] !== options.key) return void res.status(401).end();
  if (req.headers.authorization !== undefined) return void res.status(400).end();
  next();
});
app.get(`${BASE}/sse`, async (_req, res) => {
  const transport = new SSEServerTransport(`${BASE}/message`, res);
  sessions.set(transport.sessionId, transport);
  res.on('close', () => sessions.delete(transport.sessionId));
  await createServer().connect(transport);
});
app.post(`${BASE}/message`, async (req, res) => {
  const transport = sessions.get(req.query.sessionId);
  if (transport === undefined) return void res.status(404).end();
  await transport.handlePostMessage(req, res);
});
const listener = app.listen(Number(options.port), '127.0.0.1', (error) => {
  if (error) throw error;
  console.log(JSON.stringify({ url: `http://127.0.0.1:${listener.address().port}${BASE}/sse` }));
});

function createServer() {
  const server = new McpServer({ name: 'functions-server', version: '1.0.0' });
  server.registerTool('hello_mcp', { description: 'Hello world.' }, () => text('Hello I am MCPTool!'));
  const name = { snippetname: z.string() };
  server.registerTool('get_snippet', { description: 'Retrieve a snippet by name.', inputSchema: name }, (asked) =>
    text(snippets.get(asked.snippetname) ?? 'No snippet found'),
  );
  const named = { ...name, snippet: z.string() };
  server.registerTool('save_snippet', { description: 'Save a snippet with a name.', inputSchema: named }, (saved) => {
    snippets.set(saved.snippetname, saved.snippet);
    return text(`Snippet '${saved.snippetname}' saved successfully`);
  });
  return server;
}
