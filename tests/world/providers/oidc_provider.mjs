// `oidc-provider` as it is without any configuration but its clients and accounts: its keys, pages, scopes, lifetimes
// and rules for refresh tokens are those that it comes with.

import { Provider } from 'oidc-provider';
import { arguments_, freePort, ready, versions, whenTold } from './program.mjs';

const { redirectUri, clientSecret } = arguments_();
const issuer = `http://127.0.0.1:${await freePort()}`;
const locked = new Set();
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'gatehouse',
      client_secret: clientSecret,
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
    },
  ],
  findAccount: (_ctx, sub) => (locked.has(sub) ? undefined : { accountId: sub, claims: () => ({ sub }) }),
});
provider.on('server_error', (_ctx, error) => console.error(`server error: ${error.message}`));
provider.listen(new URL(issuer).port, '127.0.0.1', () =>
  ready({ issuer, client_id: 'gatehouse', subject: 'alice', versions: versions('oidc-provider') }),
);
whenTold('lock', () => locked.add('alice'));
