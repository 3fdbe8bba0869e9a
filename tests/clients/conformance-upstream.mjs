// The MCP server behind Gatehouse in the conformance and streaming tests.
//
//   node conformance-upstream.mjs [--port 0] [--allowed-host HOSTNAME]... [--allowed-origin HOSTNAME]...
//
// Prints {"url":"http://127.0.0.1:PORT/mcp"} once it listens. One endpoint serves both eras of the protocol:
// sessions (up to 2025-11-25) and stateless requests (2026-07-28). Loopback names are always allowed as Host and
// Origin; the options add hostnames (without port), such as the public name of a gateway in front.

import { parseArgs } from 'node:util';
import { hostHeaderValidation, originValidation } from '@modelcontextprotocol/express';
import { toNodeHandler } from '@modelcontextprotocol/node';
import {
  createMcpHandler,
  isLegacyRequest,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
} from '@modelcontextprotocol/server';
import express from 'express';
import { createServer } from './conformance-upstream/fixtures.mjs';
import { Observation } from './conformance-upstream/observation.mjs';
import { sendHeadersAtOnce, sessionHandler } from './conformance-upstream/sessions.mjs';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    'allowed-host': { type: 'string', multiple: true, default: [] },
    'allowed-origin': { type: 'string', multiple: true, default: [] },
  },
});

const observation = new Observation();
const { tally } = observation;

const modernServer = () => createServer({ era: 'modern', tally, notifier: modern.notify });
const modern = createMcpHandler(modernServer, { legacy: 'reject' });
const legacy = sessionHandler(() => createServer({ era: 'legacy', tally }));

const app = express();
app.disable('x-powered-by');
app.use(hostHeaderValidation([...localhostAllowedHostnames(), ...options['allowed-host']]));
app.use(originValidation([...localhostAllowedOrigins(), ...options['allowed-origin']]));
app.get('/_test/closed', observation.closed);
app.get('/_test/requests', observation.requests);
app.all(
  '/mcp',
  observation.middleware,
  sendHeadersAtOnce,
  toNodeHandler({ fetch: async (request) => ((await isLegacyRequest(request)) ? legacy : modern.fetch)(request) }),
);

const listener = app.listen(Number(options.port), '127.0.0.1', (error) => {
  if (error) throw error;
  console.log(JSON.stringify({ url: `http://127.0.0.1:${listener.address().port}/mcp` }));
});
