// better-auth 1.7 with the plugin that follows `oidc-provider`, in a package of its own.

import { oauthProvider } from '@better-auth/oauth-provider';
import { betterAuth } from 'better-auth';
import { memoryAdapter } from 'better-auth/adapters/memory';
import { admin, jwt } from 'better-auth/plugins';
import { serve, USER } from './better_auth_site.mjs';
import { arguments_, freePort, ready, versions, whenTold } from './program.mjs';

const OAUTH_TABLES = Object.keys(oauthProvider({ loginPage: '/', consentPage: '/' }).schema);
const { redirectUri, clientSecret } = arguments_();
const port = await freePort();
const origin = `http://127.0.0.1:${port}`;
const database = Object.fromEntries(
  ['user', 'session', 'account', 'verification', 'jwks'].concat(OAUTH_TABLES).map((table) => [table, []]),
);
const auth = betterAuth({
  baseURL: origin,
  secret: crypto.randomUUID(),
  database: memoryAdapter(database),
  emailAndPassword: { enabled: true },
  telemetry: { enabled: false },
  plugins: [
    jwt(),
    admin(),
    oauthProvider({
      loginPage: '/sign-in',
      consentPage: '/consent',
      accessTokenExpiresIn: 120,
      generateClientSecret: () => clientSecret,
    }),
  ],
});
const { user } = await auth.api.signUpEmail({ body: USER });
// Whoever is signed in may create clients, where `clientPrivileges` does not say otherwise.
const { headers } = await auth.api.signInEmail({ body: USER, returnHeaders: true });
const cookie = headers.getSetCookie().map((line) => line.split(';')[0]).join('; ');
const client = await auth.api.adminCreateOAuthClient({
  headers: new Headers({ cookie }),
  body: {
    client_name: 'Gatehouse',
    // Of a `web` application it takes https alone, on the loopback interface, too.
    application_type: 'native',
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    scope: 'openid profile offline_access',
  },
});
await serve(auth, port, '/api/auth', (query) => ({ accept: true, oauth_query: query }));
ready({
  issuer: `${origin}/api/auth`,
  client_id: client.client_id,
  subject: user.id,
  versions: versions('@better-auth/oauth-provider', 'better-auth'),
});
const { internalAdapter } = await auth.$context;
whenTold('lock', () => internalAdapter.updateUser(user.id, { banned: true }));
whenTold('delete', () => internalAdapter.deleteUser(user.id));
