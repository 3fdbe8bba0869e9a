// `@modelcontextprotocol/server-everything` as an upstream MCP server.
//
//   node everything.mjs [--port 0]
//
// Prints {"url":...} once it answers. The server runs within this process, so it ends with it, however that ends.

import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { findFreePort } from './loopback.mjs';

const START_TIMEOUT_MS = 30_000;

const { values: options } = parseArgs({ options: { port: { type: 'string', default: '0' } } });
const port = Number(options.port) || (await findFreePort());
const url = `http://127.0.0.1:${port}/mcp`;

// The package has no API: it is a program that reads its transport from the command line and its port from PORT, and
// tells stdout about every request.
process.argv[2] = 'streamableHttp';
process.env.PORT = String(port);
console.log = () => {};
await import('@modelcontextprotocol/server-everything/dist/index.js');
await untilItAnswers();
process.stdout.write(`${JSON.stringify({ url })}\n`);

/** The server does not say on stdout when it listens, so ask until it answers anything at all. */
async function untilItAnswers() {
  const deadline = AbortSignal.timeout(START_TIMEOUT_MS);
  for (;;) {
    try {
      await (await fetch(url, { method: 'OPTIONS', signal: deadline })).body?.cancel();
      return;
    } catch (error) {
      if (deadline.aborted) throw new Error(`server-everything did not answer on port ${port}`, { cause: error });
      await delay(50);
    }
  }
}
