// What the clients on a TypeScript SDK are notified of by the servers with the tools of `servers/tools.mjs`.

import { randomUUID } from 'node:crypto';
import { expect, textOf } from './steps.mjs';

const STEPS = 3;
const MOST_ANNOUNCEMENTS = 100;

/** Watches for a change of the list of tools: `option` is for the `Client` of both SDKs. */
export class ToolListWatch {
  hasChanged = false;
  option = { tools: { autoRefresh: false, debounceMs: 0, onChanged: () => (this.hasChanged = true) } };
}

/**
 * Calls `count`, which ends when its progress has been seen, and `announce`, where the server has it, until the watch
 * has seen it: {progress: [1, 2, 3], list_changed: true}. `callTool(params, options)` calls a tool.
 */
export async function notificationsOf({ watch, tools, callTool }) {
  const progress = [];
  const name = randomUUID();
  let released;
  const onprogress = (notification) => {
    progress.push(notification.progress);
    if (notification.progress === STEPS) released = callTool({ name: 'release', arguments: { name } });
  };
  const counted = await callTool({ name: 'count', arguments: { steps: STEPS, name } }, { onprogress });
  expect(textOf(counted) === `Counted to ${STEPS}`, `unexpected: ${textOf(counted)}`);
  await released;
  if (!tools.some(({ name }) => name === 'announce')) return { progress };
  // What is announced before the stream for it is open is lost; clients open that stream beside their first calls.
  for (let calls = 0; !watch.hasChanged; calls += 1) {
    expect(calls < MOST_ANNOUNCEMENTS, 'the client was not told that the list of tools has changed');
    textOf(await callTool({ name: 'announce', arguments: {} }));
  }
  return { progress, list_changed: true };
}
