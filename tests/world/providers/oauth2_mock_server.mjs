// oauth2-mock-server as its README starts it. It signs `johndoe` in without a page, and refreshes any refresh token.

import { OAuth2Server } from 'oauth2-mock-server';
import { arguments_, ready, versions, whenTold } from './program.mjs';

arguments_();
const server = new OAuth2Server();
await server.issuer.keys.generate('RS256');
await server.start(0, '127.0.0.1');
// It would call itself `localhost`, which some machines look for at another address.
server.issuer.url = `http://127.0.0.1:${server.address().port}`;
let isLocked = false;
// What its README has for a provider that refuses.
server.service.on('beforeResponse', (response) => {
  if (!isLocked) return;
  response.statusCode = 400;
  response.body = { error: 'invalid_grant' };
});
ready({
  issuer: server.issuer.url,
  client_id: 'gatehouse',
  subject: 'johndoe',
  versions: versions('oauth2-mock-server'),
});
whenTold('lock', () => {
  isLocked = true;
});
