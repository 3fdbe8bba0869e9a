// better-auth 1.6 with its plugin `oidc-provider`, which signs id_tokens with the keys of the plugin `jwt`, on a
// store without foreign keys.

import { betterAuth } from 'better-auth-1.6';
import { memoryAdapter } from 'better-auth-1.6/adapters/memory';
import { admin, jwt, oidcProvider } from 'better-auth-1.6/plugins';
import { serve, USER } from './better_auth_site.mjs';
import { arguments_, freePort, ready, versions, whenTold } from './program.mjs';

const { redirectUri, clientSecret } = arguments_();
const port = await freePort();
const origin = `http://127.0.0.1:${port}`;
const database = {
  user: [],
  session: [],
  account: [],
  verification: [],
  jwks: [],
  oauthApplication: [],
  oauthAccessToken: [],
  oauthConsent: [],
};
const auth = betterAuth({
  baseURL: origin,
  secret: crypto.randomUUID(),
  database: memoryAdapter(database),
  emailAndPassword: { enabled: true },
  telemetry: { enabled: false },
  plugins: [
    jwt(),
    admin(),
    oidcProvider({
      loginPage: '/sign-in',
      consentPage: '/consent',
      useJWTPlugin: true,
      accessTokenExpiresIn: 120,
      trustedClients: [
        {
          clientId: 'gatehouse',
          clientSecret,
          name: 'Gatehouse',
          type: 'web',
          redirectUrls: [redirectUri],
          disabled: false,
          metadata: {},
        },
      ],
    }),
  ],
});
const { user } = await auth.api.signUpEmail({ body: USER });
await serve(auth, port, '/api/auth', (query) => ({
  accept: true,
  consent_code: new URLSearchParams(query).get('consent_code'),
}));
ready({
  issuer: origin,
  metadata_url: `${origin}/api/auth/.well-known/openid-configuration`,
  client_id: 'gatehouse',
  subject: user.id,
  versions: versions('better-auth-1.6'),
});
const { internalAdapter } = await auth.$context;
whenTold('lock', () => internalAdapter.updateUser(user.id, { banned: true }));
whenTold('delete', () => internalAdapter.deleteUser(user.id));
