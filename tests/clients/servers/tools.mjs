// The tools of the two TypeScript servers; both SDKs register them in the same way. `python_server.py` has the same.

import { z } from 'zod';

const text = (value) => ({ content: [{ type: 'text', text: value }] });

/** What `count` waits for, by name. */
const gates = new Map();

function gate(name) {
  if (!gates.has(name)) {
    let open;
    const opened = new Promise((resolve) => (open = resolve));
    gates.set(name, { open, opened });
  }
  return gates.get(name);
}

/**
 * `echo` answers what it is told; `count` reports progress and answers when `release` has been called with its name,
 * which a client does that has seen the progress; `announce` has `listChanged` tell the client outside of any request
 * that the list of tools has changed. `reportProgress(context, done, total)` sends progress as the SDK has it.
 */
export function registerTools(server, { reportProgress, listChanged }) {
  const echo = { description: 'Says it again', inputSchema: z.object({ message: z.string() }) };
  server.registerTool('echo', echo, ({ message }) => text(`Echo: ${message}`));

  const count = { description: 'Counts', inputSchema: z.object({ steps: z.number().int(), name: z.string() }) };
  server.registerTool('count', count, async ({ steps, name }, context) => {
    for (let done = 1; done <= steps; done += 1) await reportProgress(context, done, steps);
    await gate(name).opened;
    return text(`Counted to ${steps}`);
  });
  const release = { description: 'Lets a count end', inputSchema: z.object({ name: z.string() }) };
  server.registerTool('release', release, ({ name }) => {
    gate(name).open();
    return text('Released');
  });

  server.registerTool('announce', { description: 'Says that the tools have changed' }, async () => {
    await listChanged();
    return text('Announced');
  });
}
