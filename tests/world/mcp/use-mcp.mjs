// npm's use-mcp in Chromium: a page that signs its user in in a popup.

import { createServer } from 'node:http';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { rolldown } from 'rolldown';

const PATIENCE_MS = 60_000;

/** Opens the page before the MCP server at `url`, in the browser at `executablePath`. */
export async function openPage(url, executablePath) {
  const script = await bundle();
  const server = createServer((request, response) => {
    const isScript = request.url === '/page.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? script : '<!doctype html><title>Page</title><body></body><script src="/page.js" type="module"></script>');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  const context = await browser.newContext();
  context.setDefaultTimeout(PATIENCE_MS);
  let timesOpened = 0;
  const page = await context.newPage();
  page.on('console', (message) => console.error(message.text()));
  page.on('popup', (popup) => {
    timesOpened += 1;
    signIn(popup).catch((error) => console.error(error));
  });
  await page.goto(`http://127.0.0.1:${server.address().port}/?url=${encodeURIComponent(url)}`);
  await page.waitForFunction(() => ['ready', 'failed'].includes(window.mcp?.state));
  const [state, error] = await page.evaluate(() => [window.mcp.state, window.mcp.error]);
  if (state !== 'ready') throw new Error(`use-mcp: ${error}`);
  return {
    names: () => page.evaluate(() => window.mcp.tools.map((tool) => tool.name)),
    call: (name, toolArguments) =>
      page.evaluate(([tool, given]) => window.mcp.callTool(tool, given), [name, toolArguments]),
    timesOpened: () => timesOpened,
    close: async () => {
      await browser.close();
      server.close();
    },
  };
}

/** Fills in what the popup shows, as a person would, until it has closed itself. */
async function signIn(popup) {
  while (!popup.isClosed()) {
    const button = popup.locator('button[name=decision][value=approve], button[type=submit], button.login').first();
    await Promise.race([button.waitFor(), popup.waitForEvent('close')]);
    if (popup.isClosed()) return;
    const login = popup.locator('input[name=login]');
    if (await login.count()) {
      await login.fill('alice');
      await popup.locator('input[name=password]').fill('any password will do');
    }
    const address = popup.url();
    const left = popup.waitForURL((target) => target.href !== address);
    await button.click();
    await Promise.race([left, popup.waitForEvent('close')]).catch(() => {});
  }
}

/** The page's script with all that it imports. */
async function bundle() {
  const input = fileURLToPath(import.meta.resolve('./use-mcp-page.mjs'));
  const build = await rolldown({ input, platform: 'browser', transform: { define: { 'process.env.NODE_ENV': '"production"' } } });
  const { output } = await build.generate({ format: 'esm' });
  return output[0].code;
}
