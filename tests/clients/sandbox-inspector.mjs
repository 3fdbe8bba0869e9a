// The MCP Inspector's command line as a client of the sandboxes, with an API key. It is one process a command.
//
//   node sandbox-inspector.mjs MCP_URL --key KEY

import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runToEnd } from './child.mjs';
import { findNode22 } from './node22.mjs';
import { work } from './sandbox-steps.mjs';
import { run } from './steps.mjs';

const INSPECTOR = createRequire(import.meta.url).resolve(
  '@modelcontextprotocol/inspector/clients/launcher/build/index.js',
);

await run(async () => {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { key: { type: 'string' } } });
  const node = await findNode22();
  const home = await mkdtemp(join(tmpdir(), 'gatehouse-inspector-'));
  const env = { ...process.env, HOME: home, MCP_STORAGE_DIR: join(home, 'storage'), MCP_INSPECTOR_SECRET_STORE: 'file' };
  const common = [INSPECTOR, '--cli', positionals[0], '--transport', 'http', '--header', `x-ms-apikey: ${values.key}`];
  try {
    await work(async (name, args) => {
      const call = ['--method', 'tools/call', '--tool-name', name, '--tool-args-json', JSON.stringify(args)];
      const { code, stdout, stderr } = await runToEnd(node, [...common, '--format', 'json', ...call], { env });
      if (code !== 0) throw new Error(`the Inspector's ${name} ended with ${code}:\n${stdout}${stderr}`);
      const answer = JSON.parse(stdout);
      return answer.result ?? answer;
    });
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});
