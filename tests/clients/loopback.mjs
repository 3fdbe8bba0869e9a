// Loopback sockets: the callback that a native client listens on, and ports for programs that want a number.

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';

/** Listens for one OAuth callback. `received` resolves to its parameters (`URLSearchParams`). */
export async function listenForCallback() {
  let deliver;
  const received = new Promise((resolve) => (deliver = resolve));
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://loopback');
    response.setHeader('connection', 'close');
    if (pathname !== '/callback') return void response.writeHead(404).end();
    response.end('You can close this window.');
    deliver(searchParams);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { redirectUri: `http://127.0.0.1:${server.address().port}/callback`, received, close: () => server.close() };
}

/** The ports that systems do not give out by themselves: those above are taken by whatever connects next. */
const [FIRST_PORT, PORTS] = [10_000, 20_000];

/** A port that was free a moment ago, for programs that cannot listen on port 0. */
export async function findFreePort() {
  for (;;) {
    const port = FIRST_PORT + randomInt(PORTS);
    const server = createTcpServer();
    const listening = once(server, 'listening').then(
      () => true,
      () => false,
    );
    server.listen(port, '127.0.0.1');
    if (!(await listening)) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
