// The conversation between a client program and the Rust test that started it: one JSON line a step on stdout, and
// one line on stdin when the test has made the access tokens expire.

import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

/** Prints one step. */
export function step(name, details = {}) {
  console.log(JSON.stringify({ step: name, ...details }));
}

/** Says that the access tokens should expire now, and waits until the test says that they did. */
export async function letTokensExpire() {
  const lines = createInterface({ input: process.stdin });
  step('expire');
  for await (const line of lines) {
    if (line.trim() === 'continue') return;
    throw new Error(`expected the line “continue” on stdin, got “${line}”`);
  }
  throw new Error('stdin ended before the line “continue”');
}

/** Runs a client program: any failure becomes one reason on stderr and exit code 1. */
export async function run(program) {
  try {
    await program();
    step('done');
    process.exit(0);
  } catch (error) {
    console.error(error); // with its causes
    process.exit(1);
  }
}

/** The command line that all clients share: the MCP URL, who the client is, the user who signs in and the tool to call. */
export function parseClientArguments(more = {}) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      user: { type: 'string', default: 'alice' },
      tool: { type: 'string', default: 'echo' },
      arguments: { type: 'string' },
      'client-metadata-url': { type: 'string' },
      'client-id': { type: 'string' },
      'client-secret': { type: 'string' },
      'auth-method': { type: 'string', default: 'client_secret_basic' },
      'private-key': { type: 'string' },
      'client-credentials': { type: 'boolean', default: false },
      notifications: { type: 'boolean', default: false },
      open: { type: 'boolean', default: false },
      ...more,
    },
  });
  if (positionals.length !== 1) throw new Error('usage: CLIENT MCP_URL [--user NAME] [--tool NAME] [--arguments JSON]');
  const { arguments: json = values.tool === 'echo' ? '{"message":"hello"}' : '{}', ...others } = values;
  return {
    ...others,
    url: new URL(positionals[0]),
    isOpen: values.open,
    toolArguments: JSON.parse(json),
    identity: {
      metadataUrl: values['client-metadata-url'],
      id: values['client-id'],
      secret: values['client-secret'],
      authMethod: values['auth-method'],
      privateKey: values['private-key'],
      isMachine: values['client-credentials'],
    },
  };
}

/** The text of a tool result, which must not be an error. */
export function textOf(result) {
  const text = result.content?.find((part) => part.type === 'text')?.text;
  if (result.isError || text === undefined) throw new Error(`the tool failed: ${JSON.stringify(result)}`);
  return text;
}

/** Fails unless `condition` holds. */
export function expect(condition, reason) {
  if (!condition) throw new Error(reason);
}
