// Cloudflare's workers-oauth-provider on workerd, the runtime of Cloudflare's Workers, with miniflare's store on this machine:
//
//     node workers-oauth-provider.mjs PORT SERVER
//
// protects the MCP server at the URL SERVER as http://127.0.0.1:PORT/mcp, and says `Serving` once it does.

import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';
import { Miniflare } from 'miniflare';

const [port, server] = process.argv.slice(2);
const bundled = await build({
  entryPoints: [fileURLToPath(new URL('workers-oauth-provider.worker.js', import.meta.url))],
  bundle: true,
  format: 'esm',
  external: ['cloudflare:*'],
  define: { RESOURCE: JSON.stringify(`http://127.0.0.1:${port}/mcp`) },
  write: false,
});
const miniflare = new Miniflare({
  modules: true,
  script: bundled.outputFiles[0].text,
  host: '127.0.0.1',
  port: Number(port),
  compatibilityDate: '2025-09-01',
  kvNamespaces: ['OAUTH_KV'],
  bindings: { SERVER: server },
});
await miniflare.ready;
console.log('Serving');
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, async () => {
    await miniflare.dispose();
    process.exit(0);
  });
}
