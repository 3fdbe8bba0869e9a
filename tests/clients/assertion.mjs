// Verifies an assertion of who calls, as an MCP server in Node.js would: with `jose` and the published key set.
//
//   node assertion.mjs --keys URL --issuer URL --audience URL
//
// Reads assertions from standard input, one a line, and prints {"claims", "header"} or {"error"} for each. The key set is read anew
// where an assertion names a key that it does not have.

import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const { values: options } = parseArgs({
  options: { keys: { type: 'string' }, issuer: { type: 'string' }, audience: { type: 'string' } },
});
const keys = createRemoteJWKSet(new URL(options.keys), { cooldownDuration: 0 });
const expected = {
  issuer: options.issuer,
  audience: options.audience,
  typ: 'gatehouse-caller+jwt',
  algorithms: ['ES256', 'EdDSA'],
  requiredClaims: ['sub', 'exp', 'iat', 'jti'],
};

for await (const assertion of createInterface({ input: process.stdin })) {
  try {
    const { payload: claims, protectedHeader: header } = await jwtVerify(assertion, keys, expected);
    console.log(JSON.stringify({ claims, header }));
  } catch (error) {
    console.log(JSON.stringify({ error: error.code ?? String(error) }));
  }
}
