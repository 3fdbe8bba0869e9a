// Preloaded into the conformance runner (`node --import`), which cannot send a bearer token itself: adds
// `Authorization: Bearer $GATEHOUSE_BEARER` to every request to the origin $GATEHOUSE_ORIGIN that has no such header.
// The runner sends with `fetch`, with `undici.request` (both use undici's global dispatcher) and with `node:http`.

import http from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import { Agent, setGlobalDispatcher } from 'undici';

const { GATEHOUSE_BEARER: token, GATEHOUSE_ORIGIN: origin } = process.env;
if (!token || !origin) throw new Error('GATEHOUSE_BEARER and GATEHOUSE_ORIGIN must be set');
const authorization = `Bearer ${token}`;

/** An undici interceptor. Headers come as `[name, value, ...]`, as an iterable of pairs or as an object. */
const addBearer = (dispatch) => (options, handler) => {
  if (new URL(options.origin).origin !== origin) return dispatch(options, handler);
  const pairs = headerPairs(options.headers);
  if (!pairs.some(([name]) => String(name).toLowerCase() === 'authorization'))
    pairs.push(['authorization', authorization]);
  return dispatch({ ...options, headers: pairs.flat() }, handler);
};

function headerPairs(headers) {
  if (!headers) return [];
  if (Array.isArray(headers))
    return Array.from({ length: headers.length / 2 }, (_, i) => [headers[2 * i], headers[2 * i + 1]]);
  const pairs = typeof headers[Symbol.iterator] === 'function' ? [...headers] : Object.entries(headers);
  return pairs.flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
}

setGlobalDispatcher(new Agent().compose(addBearer));

const send = http.request;
http.request = function request(...args) {
  const outgoing = send.apply(this, args);
  if (`${outgoing.protocol}//${outgoing.getHeader('host')}` === origin || targetOf(args) === origin) {
    if (!outgoing.hasHeader('authorization')) outgoing.setHeader('authorization', authorization);
  }
  return outgoing;
};
syncBuiltinESMExports();

/** The origin that the arguments of `http.request` name, whatever `Host` header they set. */
function targetOf([first]) {
  if (first instanceof URL || typeof first === 'string') return new URL(first).origin;
  const { hostname, host = 'localhost', port = 80 } = first;
  return new URL(`http://${hostname ?? host}:${port}`).origin;
}
