// Asks Gatehouse over TLS with Node's own clients: `https` for HTTP/1.1, and `http2` with many requests on one connection.
//
//   node http2.mjs ORIGIN CA_FILE ACCESS_TOKEN
//
// Prints {"version","serial","status"} of HTTP/1.1; {"protocol","serial","statuses"} of a hundred requests of HTTP/2; and
// {"status","type","early","progress","result"} of a call whose steps come as events: "early" says that the first one came before the end.

import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { request } from 'node:https';

const [origin, caFile, token] = process.argv.slice(2);
const ca = readFileSync(caFile);
const print = (line) => console.log(JSON.stringify(line));

await new Promise((resolve, reject) => {
  const asked = request(`${origin}/healthz`, { ca }, (answer) => {
    print({ version: answer.httpVersion, serial: answer.socket.getPeerCertificate().serialNumber, status: answer.statusCode });
    answer.resume().on('end', resolve);
  });
  asked.on('error', reject).end();
});

const session = connect(origin, { ca });
session.on('error', (error) => {
  throw error;
});

/** The answer's head, and its events as they come. */
function ask(headers, body) {
  const stream = session.request(headers);
  stream.setEncoding('utf8');
  stream.end(body);
  return new Promise((resolve, reject) => stream.on('error', reject).on('response', (head) => resolve({ head, stream })));
}

async function text({ stream }) {
  let all = '';
  for await (const piece of stream) all += piece;
  return all;
}

const statuses = new Set();
await Promise.all(
  Array.from({ length: 100 }, async () => {
    const answer = await ask({ ':path': '/.well-known/oauth-protected-resource/mcp' });
    statuses.add(answer.head[':status']);
    JSON.parse(await text(answer));
  }),
);
print({ protocol: session.alpnProtocol, serial: session.socket.getPeerCertificate().serialNumber, statuses: [...statuses] });

const post = {
  ':method': 'POST',
  ':path': '/mcp',
  authorization: `Bearer ${token}`,
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
};
const message = (id, method, params) => JSON.stringify({ jsonrpc: '2.0', id, method, params });
const initialize = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'gatehouse-tests', version: '1' },
};
const begun = await ask(post, message(1, 'initialize', initialize));
await text(begun);
const inSession = { ...post, 'mcp-session-id': begun.head['mcp-session-id'], 'mcp-protocol-version': '2025-11-25' };
await text(await ask(inSession, JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })));
const call = { name: 'stream_progress', arguments: { count: 3, interval_ms: 300 }, _meta: { progressToken: 'p' } };
const { head, stream } = await ask(inSession, message(2, 'tools/call', call));
let [all, early] = ['', false];
for await (const piece of stream) {
  all += piece;
  early ||= all.includes('notifications/progress') && !all.includes('"result"');
}
const progress = all.split('notifications/progress').length - 1;
print({ status: head[':status'], type: head['content-type'], early, progress, result: all.includes('Reported progress 3 times.') });
session.close();
