// One MCP server instance with every fixture: per session for 2025 clients, per request for 2026-07-28 clients.

import { randomBytes } from 'node:crypto';
import { createRequestStateCodec, McpServer } from '@modelcontextprotocol/server';
import { registerInputTools } from './input-tools.mjs';
import { registerPrompts } from './prompts.mjs';
import { registerResources, serveSubscriptions } from './resources.mjs';
import { registerTools } from './tools.mjs';

const requestStates = createRequestStateCodec({ key: randomBytes(32), bind: (ctx) => ctx.mcpReq.method });

/**
 * A new server instance. `era` is `legacy` or `modern`; `tally` counts `stream_progress` calls; `notifier`
 * publishes list changes to the subscription streams of the modern era.
 */
export function createServer({ era, tally, notifier }) {
  const server = new McpServer(
    { name: 'gatehouse-conformance-upstream', version: '1.0.0' },
    {
      capabilities: {
        tools: { listChanged: true },
        prompts: { listChanged: true },
        resources: { listChanged: true, subscribe: true },
        logging: {},
        completions: {},
      },
      requestState: { verify: requestStates.verify },
    },
  );
  const announce =
    era === 'modern'
      ? notifier
      : { toolsChanged: () => server.sendToolListChanged(), promptsChanged: () => server.sendPromptListChanged() };

  registerTools(server, { announce, tally });
  registerInputTools(server, requestStates.mint);
  registerPrompts(server);
  registerResources(server);
  if (era === 'legacy') serveSubscriptions(server, new Set());
  return server;
}
