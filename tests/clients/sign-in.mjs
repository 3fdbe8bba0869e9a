// The browser without a screen as a program: what `$BROWSER` points to, and what the Python client starts.
//
//   node sign-in.mjs AUTHORIZATION_URL [--user alice]
//
// Prints {"landed":CALLBACK_WITHOUT_QUERY,"client_id","pages":[...]} when the client's callback was reached.

import { parseArgs } from 'node:util';
import { Browser } from './browser.mjs';

const { values, positionals } = parseArgs({ options: { user: { type: 'string' } }, allowPositionals: true });
const { redirectUri, pages } = await new Browser().signIn(positionals[0], values);
const clientId = new URL(positionals[0]).searchParams.get('client_id');
console.log(JSON.stringify({ landed: redirectUri, client_id: clientId, pages }));
