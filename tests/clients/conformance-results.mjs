// The official conformance runner as a child process, and the results it writes.

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runToEnd } from './child.mjs';
import { findNode22 } from './node22.mjs';

const RUNNER = createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/dist/index.js');
const TIMEOUT_MS = 10 * 60_000;
/** The runner's own total, of several scenarios or of one. */
const TOTAL = /^(?:Total|Passed): (\d+)(?: passed|\/\d+), (\d+) failed/m;

/**
 * Runs `conformance ARGS` and sums up the checks: {passed, failed, warnings, scenarios: {NAME: {passed, failed,
 * warnings, problems: [{id, status, message}]}}}. Fails if the runner wrote no results or its own total differs.
 * `nodeArguments` and `env` are for the Node.js process, `onOutput` and `signal` are those of `runToEnd`.
 */
export async function runConformance(args, { nodeArguments = [], env = process.env, ...child } = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'gatehouse-conformance-'));
  try {
    const command = [...nodeArguments, RUNNER, ...args, '-o', directory];
    const { code, stdout, stderr } = await runToEnd(await findNode22(), command, {
      ...child,
      env,
      timeoutMs: TIMEOUT_MS,
    });
    const results = await readResults(directory);
    const total = stdout.match(TOTAL);
    if (total === null || Number(total[1]) !== results.passed || Number(total[2]) !== results.failed) {
      const counted = `${results.passed} passed and ${results.failed} failed`;
      const printed = `${stdout.slice(-4000)}${stderr}`;
      throw new Error(`the runner ended with ${code}; its files say ${counted}, but it printed:\n${printed}`);
    }
    return results;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Each scenario has a directory, `server-NAME-TIMESTAMP` or `authorization-server-NAME-TIMESTAMP`, with `checks.json`. */
async function readResults(directory) {
  const sum = { passed: 0, failed: 0, warnings: 0, scenarios: {} };
  for (const name of (await readdir(directory)).sort()) {
    const checks = JSON.parse(await readFile(join(directory, name, 'checks.json'), 'utf8'));
    const scenario = name.replace(/^(authorization-server|server)-/, '').replace(/-\d{4}-\d\d-\d\dT[\d-]+Z$/, '');
    const count = (status) => checks.filter((check) => check.status === status).length;
    const totals = { passed: count('SUCCESS'), failed: count('FAILURE'), warnings: count('WARNING') };
    const problems = checks
      .filter(({ status }) => status === 'FAILURE' || status === 'WARNING')
      .map(({ id, status, errorMessage }) => ({ id, status, message: errorMessage }));
    sum.scenarios[scenario] = { ...totals, problems };
    for (const key of Object.keys(totals)) sum[key] += totals[key];
  }
  return sum;
}
