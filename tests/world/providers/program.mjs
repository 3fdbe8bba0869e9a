// What the providers' programs in JavaScript share. Each is told `--redirect-uri URL --client-secret SECRET`, prints a
// line of JSON once it serves, and does what the lines on its standard input say. It ends with its input.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

// Standard output is for the lines to the test; what libraries say there is for who looks into a failure.
console.log = console.info = console.error;

/** What the program was told. */
export function arguments_() {
  const { values } = parseArgs({
    options: { 'redirect-uri': { type: 'string' }, 'client-secret': { type: 'string' } },
  });
  for (const name of ['redirect-uri', 'client-secret']) {
    if (values[name] === undefined) throw new Error(`--${name} is missing`);
  }
  return { redirectUri: values['redirect-uri'], clientSecret: values['client-secret'] };
}

/** A port that was free a moment ago: issuers hold their port, so it is needed before the program listens. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** The packages with the versions that run, for people. */
export function versions(...packages) {
  const version = (name) => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version;
  return packages.map((name) => `${name.replace(/-[0-9.]+$/, '')} ${version(name)}`).join(', ');
}

/** Says that the program serves. */
export function ready(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const actions = new Map();

/** Does `action` when the line `word` comes, and says so. */
export function whenTold(word, action) {
  actions.set(word, action);
}

const lines = createInterface({ input: process.stdin });
lines.on('line', async (line) => {
  await actions.get(line)?.();
  ready({ step: line });
});
lines.on('close', () => process.exit(0));
