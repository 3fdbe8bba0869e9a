// The MCP Inspector's command line as a client of Gatehouse. It is one process a command, so the second run has
// nothing but the stored tokens.
//
//   node inspector.mjs MCP_URL [--era legacy|modern|auto] [--transport http|sse] [--user alice] [--tool echo]
//                      [--arguments JSON] [who the client is: README.md]

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installBrowserHook } from './browser-hook.mjs';
import { runToEnd } from './child.mjs';
import { findFreePort } from './loopback.mjs';
import { findNode22 } from './node22.mjs';
import { expect, letTokensExpire, parseClientArguments, run, step, textOf } from './steps.mjs';

const INSPECTOR = createRequire(import.meta.url).resolve(
  '@modelcontextprotocol/inspector/clients/launcher/build/index.js',
);

await run(async () => {
  const options = parseClientArguments({
    era: { type: 'string', default: 'auto' },
    transport: { type: 'string', default: 'http' },
  });
  const home = await mkdtemp(join(tmpdir(), 'gatehouse-inspector-'));
  try {
    await exercise(await installInspector({ home, ...options }), options);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});

async function exercise(inspector, { tool, toolArguments, notifications }) {
  const list = async () => (await inspector.request('tools/list')).tools.length;
  const call = async () =>
    textOf(
      await inspector.request('tools/call', ['--tool-name', tool, '--tool-args-json', JSON.stringify(toolArguments)]),
    );

  const tools = await list();
  step('signed-in', { client_id: await inspector.clientId(), browser_opened: await inspector.timesOpened() });
  step('listed', { tools });
  step('called', { text: await call() });
  // One process a command, and it prints the answer only.
  if (notifications) return;

  const before = await inspector.storedTokens();
  await letTokensExpire();
  const refreshed = { tools: await list(), text: await call() };
  const after = await inspector.storedTokens();
  const opened = await inspector.timesOpened();
  expect(opened === 1, `the browser was opened ${opened} times`);
  expect(after.access_token !== before.access_token, 'the access token is still the old one: nothing was refreshed');
  step('refreshed', { ...refreshed, rotated: after.refresh_token !== before.refresh_token, browser_opened: opened });
}

/**
 * Sets up one installation of the Inspector, with its stored state below `home`. `request` runs one of its commands
 * and returns the result of the MCP request; `storedTokens` are those it would use next; `timesOpened` tells how
 * often it opened the browser, `clientId` for which client id.
 */
async function installInspector({ home, url, identity, user, era, transport }) {
  const node = await findNode22();
  const browser = await installBrowserHook(join(home, 'browser'), user);
  const env = {
    ...process.env,
    ...browser.environment,
    HOME: home,
    MCP_STORAGE_DIR: join(home, 'storage'),
    MCP_INSPECTOR_SECRET_STORE: 'file', // never the keyring of the machine
    MCP_AUTO_OPEN_ENABLED: 'true',
  };
  const callback = `http://127.0.0.1:${await findFreePort()}/oauth/callback`;
  const common = [
    INSPECTOR,
    '--cli',
    url.href,
    '--transport',
    transport,
    '--protocol-era',
    era,
    '--callback-url',
    callback,
    '--format',
    'json',
    // Without any of these it registers. How it presents a secret is its own choice.
    ...(identity.metadataUrl ? ['--client-metadata-url', identity.metadataUrl] : []),
    ...(identity.id ? ['--client-id', identity.id] : []),
    ...(identity.secret ? ['--client-secret', identity.secret] : []),
  ];

  const request = async (method, more = []) => {
    const { code, stdout, stderr } = await runToEnd(node, [...common, '--method', method, ...more], { env });
    if (code !== 0)
      throw new Error(`the Inspector's ${method} ended with ${code}:\n${stdout}${stderr}${await browser.log()}`);
    const answer = JSON.parse(stdout);
    return answer.result ?? answer;
  };
  const storedTokens = async () => {
    const { secrets } = JSON.parse(await readFile(join(home, 'storage', 'secrets.json'), 'utf8'));
    const tokens = Object.entries(secrets).filter(([name]) => name.includes(':tokens:'));
    expect(tokens.length === 1, `the Inspector keeps ${tokens.length} sets of tokens`);
    return JSON.parse(tokens[0][1]);
  };
  return { request, storedTokens, timesOpened: browser.timesOpened, clientId: browser.clientId };
}
