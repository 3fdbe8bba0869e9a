// npm's `mcp-remote` (the bridge from stdio clients to remote servers) as a client of Gatehouse.
//
//   node mcp-remote.mjs MCP_URL [--protocol legacy|auto] [--transport http-first|sse-first|http-only|sse-only]
//                       [--user alice] [--tool echo] [--arguments JSON] [who the client is: README.md]

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { installBrowserHook } from './browser-hook.mjs';
import { findFreePort } from './loopback.mjs';
import { notificationsOf, ToolListWatch } from './notifications.mjs';
import { expect, letTokensExpire, parseClientArguments, run, step, textOf } from './steps.mjs';

const PROXY = createRequire(import.meta.url).resolve('mcp-remote/dist/proxy.js');

await run(async () => {
  const options = parseClientArguments({
    protocol: { type: 'string', default: 'legacy' },
    transport: { type: 'string', default: 'http-first' },
  });
  const home = await mkdtemp(join(tmpdir(), 'gatehouse-gateway-remote-'));
  try {
    await exercise({ home, ...options });
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});

async function exercise({ home, url, identity, user, tool, toolArguments, isOpen, notifications, ...options }) {
  const configuration = join(home, 'configuration');
  const browser = await installBrowserHook(join(home, 'browser'), user);
  const callbackPort = await findFreePort();
  const timesToOpen = identity.isMachine || isOpen ? 0 : 1;
  const connection = [url.href, String(callbackPort), '--host', '127.0.0.1', '--allow-http'];
  const how = ['--protocol', options.protocol, '--transport', options.transport];
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [PROXY, ...connection, ...how, ...identityArguments(identity)],
    env: { ...process.env, ...browser.environment, HOME: home, MCP_REMOTE_CONFIG_DIR: configuration },
    stderr: 'pipe',
  });
  let diagnostics = '';
  transport.stderr.on('data', (chunk) => (diagnostics += chunk));
  const watch = new ToolListWatch();
  const client = new Client({ name: 'gatehouse-tests-mcp-remote', version: '1.0.0' }, { listChanged: watch.option });
  try {
    await client.connect(transport);
    const clientId = identity.isMachine ? identity.id : await browser.clientId();
    step('signed-in', { client_id: clientId, browser_opened: await browser.timesOpened() });
    const listed = (await client.listTools()).tools;
    step('listed', { tools: listed.length });
    step('called', { text: textOf(await client.callTool({ name: tool, arguments: toolArguments })) });

    if (notifications) {
      const callTool = (params, options) => client.callTool(params, undefined, options);
      return step('notified', await notificationsOf({ watch, tools: listed, callTool }));
    }

    const before = await storedTokens(configuration);
    await letTokensExpire();
    const { tools } = await client.listTools();
    const text = textOf(await client.callTool({ name: tool, arguments: toolArguments }));
    const after = await storedTokens(configuration);
    const opened = await browser.timesOpened();
    expect(opened === timesToOpen, `the browser was opened ${opened} times`);
    expect(after.access_token !== before.access_token, 'the access token is still the old one: nothing was refreshed');
    const rotated = after.refresh_token !== before.refresh_token;
    step('refreshed', { tools: tools.length, text, rotated, browser_opened: opened });
  } catch (error) {
    throw new Error(`mcp-remote failed; its log:\n${diagnostics}\nThe browser's log:\n${await browser.log()}`, {
      cause: error,
    });
  } finally {
    await client.close();
  }
}

/** What tells mcp-remote who it is; without any of it, it registers. */
function identityArguments({ metadataUrl, id, secret, authMethod, isMachine }) {
  const information = id && {
    client_id: id,
    ...(secret && { client_secret: secret, token_endpoint_auth_method: authMethod }),
  };
  return [
    ...(metadataUrl ? ['--client-metadata-url', metadataUrl] : []),
    ...(information ? ['--static-oauth-client-info', JSON.stringify(information)] : []),
    ...(isMachine ? ['--client-credentials'] : []),
  ];
}

/** The tokens that mcp-remote keeps below its configuration directory. */
async function storedTokens(configuration) {
  const names = await readdir(configuration, { recursive: true });
  const files = names.filter((name) => name.endsWith('_tokens.json'));
  expect(files.length === 1, `mcp-remote keeps ${files.length} token files: ${names.join(', ')}`);
  return JSON.parse(await readFile(join(configuration, files[0]), 'utf8'));
}
