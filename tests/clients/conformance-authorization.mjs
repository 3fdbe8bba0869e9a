// The official conformance runner's `authorization` scenarios against Gatehouse's authorization server.
//
//   node conformance-authorization.mjs ISSUER --client-id ID --port PORT [--resource URI] [--user alice]
//
// The client must be registered with http://127.0.0.1:PORT/callback. Prints one line like conformance.mjs.

import { parseArgs } from 'node:util';
import { Browser } from './browser.mjs';
import { runConformance } from './conformance-results.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'client-id': { type: 'string' },
    port: { type: 'string' },
    resource: { type: 'string' },
    user: { type: 'string', default: 'alice' },
  },
});
if (positionals.length !== 1 || !options['client-id'] || !options.port) {
  throw new Error('usage: node conformance-authorization.mjs ISSUER --client-id ID --port PORT [--resource URI]');
}

const failedSignIn = new AbortController();
let signIn;
const args = ['authorization', '--url', positionals[0], '--client-id', options['client-id'], '--port', options.port];
if (options.resource) args.push('--resource', options.resource);
const run = runConformance(args, { onOutput: signInOnce, signal: failedSignIn.signal });
const results = await run.catch(async (error) => {
  await signIn; // if that failed, its reason is the better one
  throw error;
});
console.log(JSON.stringify(results));

/** The runner prints the authorization URL and waits up to five minutes for the callback. */
function signInOnce(output) {
  const url = output.match(/^https?:\/\/\S*[?&]code_challenge=\S*(?=\n)/m)?.[0];
  if (url === undefined || signIn !== undefined) return;
  signIn = new Browser().signIn(url, { user: options.user });
  signIn.catch(() => failedSignIn.abort());
}
