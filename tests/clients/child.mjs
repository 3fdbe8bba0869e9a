// Child processes that run to their end.

import { spawn } from 'node:child_process';

/**
 * Runs a program; returns its exit code and what it printed. `onOutput` sees all of stdout so far as it comes;
 * `signal` ends the program, which then counts as failed.
 */
export async function runToEnd(command, args, { env, signal, timeoutMs = 60_000, onOutput = () => {} } = {}) {
  const limits = { signal, timeout: timeoutMs, killSignal: 'SIGKILL' };
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'], ...limits });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => onOutput((stdout += chunk)));
  child.stderr.setEncoding('utf8').on('data', (chunk) => (stderr += chunk));
  let failure;
  child.on('error', (error) => (failure = error));
  const code = await new Promise((resolve) => child.on('close', (code, killedBy) => resolve(code ?? killedBy)));
  if (failure) throw failure;
  return { code, stdout, stderr };
}
