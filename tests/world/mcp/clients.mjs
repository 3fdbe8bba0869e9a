// Clients from npm: their MCP parts alone, without a model.
//
//   node clients.mjs NAME MCP_URL --document URL --browser PROGRAM
//
// Signs in, lists and calls `echo`; lets the tokens expire, lists and calls again; calls `get-sum`, for which the token lacks a scope.
// Prints one JSON line a step. A client that cannot do one of the last two says why, and is not at an end. Most register; the document is
// for those that cannot.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { installBrowserHook } from '../../clients/browser-hook.mjs';
import { runToEnd } from '../../clients/child.mjs';
import { findFreePort } from '../../clients/loopback.mjs';
import { letTokensExpire, run, step, textOf } from '../../clients/steps.mjs';
import { Installation } from './installation.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { document: { type: 'string' }, browser: { type: 'string' } },
});
const [name, url] = positionals;

/** Each opens a session: `names()` of the tools, `call(name, arguments)` with a text or an error, `timesOpened()`, `close()`.
 * `later()` where it has processes of its own, whose clocks pass, too. */
const CLIENTS = {
  '@ai-sdk/mcp': async () => {
    const { auth, createMCPClient } = await import('@ai-sdk/mcp');
    const installation = await Installation.listening('AI SDK');
    const open = () => createMCPClient({ transport: { type: 'http', url, authProvider: installation } });
    const redeem = () =>
      auth(installation, {
        serverUrl: url,
        authorizationCode: installation.response.get('code'),
        callbackState: installation.response.get('state'),
      });
    const client = await open().catch(async () => {
      await redeem();
      return open();
    });
    return {
      names: async () => Object.keys(await client.tools()),
      call: async (tool, toolArguments) => textOf(await client.callTool({ name: tool, arguments: toolArguments })),
      timesOpened: () => installation.timesOpened,
      close: () => client.close(),
    };
  },

  '@mastra/mcp': async () => {
    const { MCPClient, MCPOAuthClientProvider } = await import('@mastra/mcp');
    const browser = await Installation.listening('Mastra');
    const redirectUrl = `http://127.0.0.1:${await findFreePort()}/callback`;
    const provider = new MCPOAuthClientProvider({
      redirectUrl,
      clientMetadata: { ...browser.clientMetadata, redirect_uris: [redirectUrl] },
      // It does not register.
      clientMetadataUrl: options.document,
      onRedirectToAuthorization: (authorizationUrl) => {
        browser.signIn(authorizationUrl).catch((error) => console.error(error));
      },
    });
    const client = new MCPClient({ servers: { gatehouse: { url: new URL(url), authProvider: provider } } });
    await client.authenticate('gatehouse');
    const tools = async () => (await client.listToolsets()).gatehouse;
    return {
      names: async () => Object.keys(await tools()),
      call: async (tool, toolArguments) => {
        const result = await (await tools())[tool].execute(toolArguments, {});
        return result.content ? textOf(result) : JSON.stringify(result);
      },
      timesOpened: () => browser.timesOpened,
      close: () => client.disconnect(),
    };
  },

  '@langchain/mcp-adapters': async () => {
    const { MultiServerMCPClient } = await import('@langchain/mcp-adapters');
    const { auth } = await import('@modelcontextprotocol/sdk/client/auth.js');
    const installation = await Installation.listening('LangChain');
    const open = async () => {
      const servers = { gatehouse: { transport: 'http', url, authProvider: installation } };
      const client = new MultiServerMCPClient({ mcpServers: servers, throwOnLoadError: true });
      await client.initializeConnections();
      return client;
    };
    const client = await open().catch(async () => {
      await auth(installation, { serverUrl: url, authorizationCode: installation.response.get('code') });
      return open();
    });
    return {
      names: async () => (await (await client.getClient('gatehouse')).listTools()).tools.map((tool) => tool.name),
      call: async (tool, toolArguments) => {
        const found = (await client.getTools()).find((candidate) => candidate.name === tool);
        return String(await found.invoke(toolArguments));
      },
      timesOpened: () => installation.timesOpened,
      close: () => client.close(),
    };
  },

  'use-mcp': async () => {
    const { openPage } = await import('./use-mcp.mjs');
    const page = await openPage(url, options.browser);
    return { ...page, call: async (tool, toolArguments) => textOf(await page.call(tool, toolArguments)) };
  },

  mcporter: async () => {
    const home = await mkdtemp(join(tmpdir(), 'gatehouse-mcporter-'));
    const browser = await installBrowserHook(join(home, 'browser'), 'alice');
    const configuration = join(home, 'mcporter.json');
    // Without a fixed port, it forgets its registration with every command, and so cannot refresh.
    const oauthRedirectUrl = `http://127.0.0.1:${await findFreePort()}/callback`;
    const server = { baseUrl: url, auth: 'oauth', oauthRedirectUrl };
    await writeFile(configuration, JSON.stringify({ mcpServers: { gatehouse: server } }));
    let clock = {};
    const program = fileURLToPath(import.meta.resolve('mcporter').replace(/dist\/.*$/, 'dist/cli.js'));
    const mcporter = async (...words) => {
      const env = { ...process.env, ...browser.environment, ...clock, HOME: home, XDG_CONFIG_HOME: home, XDG_DATA_HOME: home };
      const args = [program, '--config', configuration, '--oauth-timeout', '60000', ...words];
      const { code, stdout, stderr } = await runToEnd(process.execPath, args, { env, timeoutMs: 90_000 });
      if (code !== 0) throw new Error(`mcporter ended with ${code}: ${stderr}${stdout}`);
      return stdout;
    };
    await mcporter('auth', 'gatehouse');
    return {
      names: async () => JSON.parse(await mcporter('list', 'gatehouse', '--json')).tools.map((tool) => tool.name),
      call: async (tool, toolArguments) =>
        (await mcporter('call', `gatehouse.${tool}`, '--args', JSON.stringify(toolArguments))).trim(),
      timesOpened: () => browser.timesOpened(),
      later: () => (clock = { NODE_OPTIONS: `--import=${import.meta.resolve('./later.mjs')}` }),
      close: () => rm(home, { recursive: true, force: true }),
    };
  },
};

/** A step that a client may be unable to do. */
async function attempt(stepName, action) {
  try {
    step(stepName, await action());
  } catch (error) {
    console.error(error);
    step(stepName, { reason: String(error.message ?? error) });
  }
}

await run(async () => {
  const session = await CLIENTS[name]();
  const opened = async () => ({ opened: await session.timesOpened() });
  step('signed-in', await opened());
  step('listed', { tools: (await session.names()).sort() });
  step('called', { text: await session.call('echo', { message: 'hello' }) });
  await letTokensExpire();
  await import('./later.mjs');
  session.later?.();
  await attempt('outlived', async () => {
    const text = await session.call('echo', { message: 'hello' });
    return { text, tools: (await session.names()).sort(), ...(await opened()) };
  });
  await attempt('stepped-up', async () => ({ text: await session.call('get-sum', { a: 2, b: 3 }), ...(await opened()) }));
  await session.close();
});
