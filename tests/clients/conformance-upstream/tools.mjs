// Tools that need no input from the client while they run.
// Names and results are those that the official conformance runner asks for, except `stream_progress`.

import { setTimeout as delay } from 'node:timers/promises';
import { fromJsonSchema } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { PNG, WAV } from './media.mjs';

const text = (value) => ({ content: [{ type: 'text', text: value }] });

/**
 * Registers the tools on `server`. `announce.toolsChanged()` and `announce.promptsChanged()` tell subscribers of
 * a changed list; `tally` adds one to a counter of `stream_progress` calls.
 */
export function registerTools(server, { announce, tally }) {
  registerContent(server);
  registerNotifications(server, tally);
  registerSchemas(server);
  registerListChanges(server, announce);
}

function registerContent(server) {
  const embedded = (uri, mimeType, value) => ({ type: 'resource', resource: { uri, mimeType, text: value } });
  const image = { type: 'image', data: PNG, mimeType: 'image/png' };

  server.registerTool('test_simple_text', { description: 'Returns one text' }, () =>
    text('This is a simple text response for testing.'),
  );
  server.registerTool('test_image_content', { description: 'Returns an image' }, () => ({ content: [image] }));
  server.registerTool('test_audio_content', { description: 'Returns a sound' }, () => ({
    content: [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }],
  }));
  server.registerTool('test_embedded_resource', { description: 'Returns an embedded resource' }, () => ({
    content: [embedded('test://embedded-resource', 'text/plain', 'This is an embedded resource content.')],
  }));
  server.registerTool('test_multiple_content_types', { description: 'Returns text, an image and a resource' }, () => ({
    content: [
      { type: 'text', text: 'Multiple content types test:' },
      image,
      embedded('test://mixed-content-resource', 'application/json', JSON.stringify({ test: 'data', value: 123 })),
    ],
  }));
  server.registerTool('test_error_handling', { description: 'Always fails' }, () => {
    throw new Error('This tool intentionally returns an error for testing');
  });
}

function registerNotifications(server, tally) {
  const progress = (ctx, done, total) => {
    const progressToken = ctx.mcpReq._meta?.progressToken;
    if (progressToken === undefined) return undefined;
    const params = { progressToken, progress: done, total };
    return ctx.mcpReq.notify({ method: 'notifications/progress', params });
  };

  server.registerTool('test_tool_with_progress', { description: 'Reports progress three times' }, async (ctx) => {
    await progress(ctx, 0, 100);
    await delay(50);
    await progress(ctx, 50, 100);
    await delay(50);
    await progress(ctx, 100, 100);
    return text('Progress was reported.');
  });

  server.registerTool(
    'stream_progress',
    {
      description: 'Reports progress `count` times, `interval_ms` apart, then returns',
      inputSchema: z.object({
        count: z.number().int().min(1).max(10_000),
        interval_ms: z.number().int().min(0).max(60_000),
      }),
    },
    async ({ count, interval_ms }, ctx) => {
      tally('calls_started');
      try {
        for (let done = 1; done <= count; done += 1) {
          await delay(interval_ms, undefined, { signal: ctx.mcpReq.signal });
          await progress(ctx, done, count);
        }
        tally('calls_completed');
        return text(`Reported progress ${count} times.`);
      } catch (error) {
        tally('calls_cancelled');
        throw error;
      }
    },
  );

  const logThrice = async (ctx, messages) => {
    for (const message of messages) {
      await ctx.mcpReq.log('info', message);
      await delay(50);
    }
  };
  server.registerTool('test_tool_with_logging', { description: 'Logs while it runs' }, async (ctx) => {
    await logThrice(ctx, ['Tool execution started', 'Tool processing data', 'Tool execution completed']);
    return text('The tool logged three messages.');
  });
  server.registerTool(
    'test_logging_tool',
    { description: 'Logs, if the request asks for a log level' },
    async (ctx) => {
      await logThrice(ctx, ['This may only be seen by a client that set a log level']);
      return text('The tool logged one message.');
    },
  );

  server.registerTool(
    'test_reconnection',
    { description: 'Closes its event stream before it answers' },
    async (ctx) => {
      ctx.http?.closeSSE?.();
      await delay(100);
      return text('This result was fetched after a reconnection.');
    },
  );
}

function registerSchemas(server) {
  server.registerTool(
    'json_schema_2020_12_tool',
    {
      description: 'Tool with JSON Schema 2020-12 features',
      inputSchema: fromJsonSchema({
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        type: 'object',
        $defs: {
          address: {
            $anchor: 'addressDef',
            type: 'object',
            properties: { street: { type: 'string' }, city: { type: 'string' } },
          },
        },
        properties: {
          name: { type: 'string' },
          address: { $ref: '#/$defs/address' },
          contactMethod: { type: 'string', enum: ['phone', 'email'] },
          phone: { type: 'string' },
          email: { type: 'string' },
        },
        allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
        if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
        then: { required: ['phone'] },
        else: { required: ['email'] },
        additionalProperties: false,
      }),
    },
    (contact) => text(JSON.stringify(contact)),
  );

  server.registerTool(
    'test_header_parameter',
    {
      description: 'Its argument is also sent as the header Mcp-Param-Region',
      inputSchema: fromJsonSchema({
        type: 'object',
        properties: { region: { type: 'string', 'x-mcp-header': 'Region' } },
        required: ['region'],
      }),
    },
    ({ region }) => text(region),
  );
}

function registerListChanges(server, announce) {
  server.registerTool('test_trigger_tool_change', { description: 'Announces a changed list of tools' }, () => {
    announce.toolsChanged();
    return text('Announced.');
  });
  server.registerTool('test_trigger_prompt_change', { description: 'Announces a changed list of prompts' }, () => {
    announce.promptsChanged();
    return text('Announced.');
  });
}
