// A server behind Gatehouse that asks who calls, as functions on Azure do: Microsoft's own `@azure/functions` reads the headers of
// App Service. It answers every message with what that made of them, and with the other headers that it got.
//
//   node server-caller.mjs [--port 0]
//
// Prints {"url"} once it listens.

import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import functions from '@azure/functions';

const { values: options } = parseArgs({ options: { port: { type: 'string', default: '0' } } });

const server = createServer(async (incoming, outgoing) => {
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const { id = null } = JSON.parse(Buffer.concat(chunks).toString() || '{}');
  const result = { headers: incoming.headers, ...userOf(incoming) };
  outgoing.setHeader('content-type', 'application/json');
  outgoing.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
});
server.listen(Number(options.port), '127.0.0.1', () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}` }));
});

function userOf({ method, headers }) {
  const request = new functions.HttpRequest({ method, url: 'http://server.example/', headers: flat(headers) });
  try {
    return { user: request.user };
  } catch (error) {
    return { error: String(error) };
  }
}

/** One text for each header, as the runtime of Azure Functions has them. */
function flat(headers) {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}
